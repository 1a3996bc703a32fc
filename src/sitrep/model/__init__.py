"""The model: encoding of inputs, classifier, backbones, checkpoints, what was fitted on validation, hardware."""
