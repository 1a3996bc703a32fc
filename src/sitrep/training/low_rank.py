"""LoRA: small matrices that are trained beside the encoder's frozen weights, and become part of them at the end.

Hu et al., "LoRA: Low-rank adaptation of large language models", ICLR 2022.
"""

from typing import Any

import torch

from sitrep.errors import UserError, is_installed, not_installed
from sitrep.settings import LoraSettings

HEAD_OF_ENCODER = "pooler"
"""Part of some encoders that belongs to the head by its use: it may be drawn at random, and is trained whole."""


class LowRankEncoder:
    """A classifier whose encoder is trained by LoRA; its head is trained as ever.

    Args:
        model: A classifier of ``transformers``; its encoder is changed in place.
        settings: ``rank`` above 0.

    Raises:
        UserError: If ``peft`` is missing, or the encoder has no linear layers.
    """

    def __init__(self, model: Any, settings: LoraSettings) -> None:
        if not is_installed("peft"):
            raise not_installed("peft")
        from peft import LoraConfig, LoraModel

        encoder = model.base_model
        layers = [
            name for name, part in encoder.named_modules() if isinstance(part, torch.nn.Linear) and not _is_head(name)
        ]
        if not layers:
            raise UserError(f"model.lora.rank={settings.rank}: this backbone has no linear layers to train beside")
        alpha = settings.alpha if settings.alpha is not None else 2 * settings.rank
        config = LoraConfig(r=settings.rank, lora_alpha=alpha, target_modules=layers)
        self._tuner = LoraModel(encoder, config, "default")
        for name, weights in encoder.named_parameters():
            weights.requires_grad = weights.requires_grad or _is_head(name)

    def merge(self) -> None:
        """Add the products to the weights that they stood beside; the encoder is again of its own kind."""
        self._tuner.merge_and_unload()


def _is_head(name: str) -> bool:
    return HEAD_OF_ENCODER in name.split(".")
