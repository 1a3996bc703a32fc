"""Fine-tuning: from settings to a saved and evaluated run."""

from sitrep.training.job import train

__all__ = ["train"]
