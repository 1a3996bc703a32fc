"""Weights that training leaves as they were pretrained: those of the words, and of the lower layers."""

from collections.abc import Sequence
from typing import Any

import torch

from sitrep.errors import UserError
from sitrep.settings import ModelSettings

FROZEN_LAYERS = {"packaged:minilm": 2, "packaged:mpnet": 4}
"""By backbone, where nothing else is asked for: a third, for a quarter of the time of a step (`docs/accuracy.md`)."""


def freeze(model: Any, settings: ModelSettings) -> None:
    """Leave the vectors of the words and the lower layers out of training, in place.

    Args:
        model: A classifier of ``transformers`` with pretrained weights; matrices of LoRA beside a layer share its lot.
        settings: Say how many layers.

    Raises:
        UserError: If the encoder has fewer layers, or none that can be told.
    """
    encoder = model.base_model
    encoder.get_input_embeddings().weight.requires_grad_(False)
    wanted = settings.frozen_layers
    if wanted is None:
        is_whole = settings.layers is None and not settings.lora.rank
        wanted = FROZEN_LAYERS.get(settings.name, 0) if is_whole else 0
    if not wanted:
        return
    prefix, layers = named_layers(model)
    if wanted > len(layers):
        there = len(layers) or "no layers that can be told"
        raise UserError(f"model.frozen_layers={wanted}: {settings.name} has {there}")
    for name, weights in encoder.named_parameters():
        if name.startswith(f"{prefix}."):
            break
        weights.requires_grad_(False)  # what makes the first layer's input
    for layer in layers[:wanted]:
        layer.requires_grad_(False)


def named_layers(model: Any) -> tuple[str, Sequence[Any]]:
    """The name of the encoder's list of layers within it, and the list; an empty one where it cannot be told."""
    count = getattr(model.config, "num_hidden_layers", None)
    named = model.base_model.named_modules()
    lists = ((name, part) for name, part in named if isinstance(part, torch.nn.ModuleList) and len(part) == count)
    return next(lists, ("", ()))
