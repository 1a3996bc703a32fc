"""Heads beside the classifier's own that say who speaks in a sentence, and how.

They learn together with the classifier, and have a file of their own beside it: the folder stays a plain classifier.
"""

import json
from pathlib import Path

import safetensors
import safetensors.torch
import torch

from sitrep.errors import UserError
from sitrep.model.checkpoint import SPEAKER
from sitrep.speakers import NAMES

SPREAD = 0.02
"""Standard deviation of the first weights, as BERT's own head begins."""


class SpeakerHeads(torch.nn.ModuleDict):  # type: ignore[misc]
    """One for each of :data:`sitrep.speakers.NAMES`, with a hidden layer as wide as what they stand on.

    Args:
        size: Of the vectors that they stand on.
    """

    def __init__(self, size: int) -> None:
        super().__init__({name: _head(size, len(answers)) for name, answers in NAMES.items()})

    def forward(self, vectors: torch.Tensor) -> dict[str, torch.Tensor]:
        """Logits by name; their last axis are the answers in the place of the vectors' size."""
        return {name: head(vectors) for name, head in self.items()}

    def write(self, folder: Path) -> None:
        """Write them into a checkpoint folder, the names of their answers with them."""
        names = {name: json.dumps(answers) for name, answers in NAMES.items()}
        weights = {name: value.detach().cpu().contiguous() for name, value in self.state_dict().items()}
        safetensors.torch.save_file(weights, folder / SPEAKER, names)


def _head(size: int, answers: int) -> torch.nn.Module:
    layers = [torch.nn.Linear(size, size), torch.nn.Linear(size, answers)]
    for layer in layers:
        torch.nn.init.normal_(layer.weight, std=SPREAD)
        torch.nn.init.zeros_(layer.bias)
    return torch.nn.Sequential(layers[0], torch.nn.GELU(), layers[1])


def read_heads(folder: Path) -> SpeakerHeads:
    """The heads in a checkpoint folder, in evaluation.

    Raises:
        UserError: If they are damaged, or of other names than this version's.
    """
    path = folder / SPEAKER
    try:
        with safetensors.safe_open(path, "pt") as file:
            names = {name: tuple(json.loads(answers)) for name, answers in (file.metadata() or {}).items()}
            weights = {name: file.get_tensor(name) for name in file.keys()}
        if names != NAMES:
            raise UserError(f"{path}: its names are {names}, this version's {NAMES}")
        if "speech.weight" in weights:
            raise UserError(f"{path}: was made by an earlier version; train again")
        heads = SpeakerHeads(weights["speech.0.weight"].shape[1])
        heads.load_state_dict(weights)
    except (OSError, ValueError, KeyError, RuntimeError, safetensors.SafetensorError) as error:
        raise UserError(f"{path}: cannot be read: {' '.join(str(error).split())[:200]}") from None
    heads.eval()
    return heads
