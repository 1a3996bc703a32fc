"""Score a checkpoint on labelled data and write the report."""

from sitrep.cli.start import run_script

if __name__ == "__main__":
    run_script("evaluate")
