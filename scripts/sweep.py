"""Search for the settings that train best, and tell how to train with them."""

from sitrep.cli.start import run_script

if __name__ == "__main__":
    run_script("sweep")
