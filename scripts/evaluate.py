"""Score a checkpoint on labelled data and write the report."""

from sitrep.config import EvaluateSettings
from sitrep.hydra_entry import job


@job("evaluate", EvaluateSettings)
def main(settings: EvaluateSettings) -> None:
    """Score a checkpoint on its own test split, or on any labelled file, and write a report."""
    from sitrep.evaluation import evaluate

    evaluate(settings)


if __name__ == "__main__":
    main()
