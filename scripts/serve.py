"""Serve a checkpoint over HTTP."""

from sitrep.cli.start import run_script

if __name__ == "__main__":
    run_script("serve")
