"""Say whether runs that were scored on the same units differ by more than chance."""

from sitrep.config import CompareSettings
from sitrep.hydra_entry import job


@job("compare", CompareSettings)
def main(settings: CompareSettings) -> None:
    """Compare two or more runs that were scored on the same units, test their differences, and write a report."""
    from sitrep.evaluation.comparison_job import compare

    compare(settings)


if __name__ == "__main__":
    main()
