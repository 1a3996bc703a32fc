"""Say whether runs that were scored on the same units differ by more than chance."""

from sitrep.cli.start import run_script

if __name__ == "__main__":
    run_script("compare")
