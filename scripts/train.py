"""Fine-tune a transformer, evaluate it, write the report."""

from sitrep.cli.start import run_script

if __name__ == "__main__":
    run_script("train")
