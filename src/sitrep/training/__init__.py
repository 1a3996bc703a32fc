"""Fine-tuning: from settings to a saved and evaluated run."""
