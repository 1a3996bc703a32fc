"""Fine-tune a transformer, evaluate it, write the report."""

from sitrep.config import TrainSettings
from sitrep.hydra_entry import job


@job("train", TrainSettings)
def main(settings: TrainSettings) -> None:
    """Fine-tune a transformer on labelled sentences, evaluate it on held-out articles, and write a report."""
    from sitrep.training import train

    train(settings)


if __name__ == "__main__":
    main()
