"""Export a checkpoint for prediction without PyTorch."""

from sitrep.cli.start import run_script

if __name__ == "__main__":
    run_script("export")
