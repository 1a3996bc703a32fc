"""Examine labelled data before anything is trained on it."""

from sitrep.config import CheckSettings
from sitrep.hydra_entry import job


@job("check_data", CheckSettings)
def main(settings: CheckSettings) -> None:
    """Look for errors, duplicates, leaks, odd texts and suspected label errors in labelled data, and write a report."""
    from sitrep.doctor import check_data

    check_data(settings)


if __name__ == "__main__":
    main()
