"""Examine labelled data before anything is trained on it."""

from sitrep.cli.start import run_script

if __name__ == "__main__":
    run_script("check_data")
