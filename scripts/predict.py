"""Label the sentences of articles or rows."""

from sitrep.cli.start import run_script

if __name__ == "__main__":
    run_script("predict")
