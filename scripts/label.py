"""Labels of your own pages: choose, label, agree, adapt, count."""

from sitrep.cli.start import run_script

if __name__ == "__main__":
    run_script("label")
