"""Weights that stay near the pretrained ones, which carry over better to pages unlike the training data."""

from typing import Any


class PretrainedWeights:
    """The encoder's weights as they were before training, to be mixed into the trained ones.

    Weights on the line between the pretrained and the fine-tuned ones do nearly as well on data like the training
    data and better elsewhere: Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022. The
    classification layer, which began at random, stays as it was trained.

    Args:
        model: Before training; its encoder is copied.
    """

    def __init__(self, model: Any) -> None:
        self.weights = {name: weight.detach().clone() for name, weight in model.base_model.state_dict().items()}

    def mix_into(self, model: Any, share: float) -> None:
        """Move the trained encoder by ``share`` (0 to 1) of the way back, in place."""
        import torch

        with torch.no_grad():
            for name, weight in model.base_model.state_dict().items():
                if weight.is_floating_point():
                    weight.lerp_(self.weights[name].to(weight.device), share)
