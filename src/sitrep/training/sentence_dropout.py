"""Dropout of the classification head that is drawn for each sentence by itself."""

from typing import Any

import torch

_MASK = 0xFFFFFFFF
_ODD = (0x7FEB352D, 0x5A2D3C5B, 0x3C6EF35F)
"""Below 2^31, so that a product with 32 bits stays within 64."""


class SentenceDropout(torch.nn.Module):  # type: ignore[misc]
    """Dropout whose choice hangs on seed, step, sentence and place alone.

    PyTorch draws it for a batch in one go. Cut into the shares of several processes, or into parts that follow each
    other, the same batch would then be dropped elsewhere, and the same settings would give other weights.

    Args:
        share: Of the values that are dropped.
        place: In the head; its dropouts draw apart.
        seed: Of the run.
    """

    def __init__(self, share: float, place: int, seed: int) -> None:
        super().__init__()
        self.share = share
        self.place = place
        self.seed = seed
        self.step = 0
        self.numbers: torch.Tensor | None = None

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        """Drop in training; the first axis are sentences, told by :meth:`HeadDropouts.prepare` before."""
        if not self.training or not self.share:
            return given
        if self.numbers is None or len(self.numbers) != len(given):
            return torch.nn.functional.dropout(given, self.share)
        kept = uniform(self.numbers, (self.seed, self.place, self.step), given[0].numel()) >= self.share
        return given * kept.reshape(given.shape) / (1 - self.share)


class HeadDropouts:
    """All dropouts of a classifier's head, which become :class:`SentenceDropout`, and those that already are.

    Args:
        model: A classifier of ``transformers``; its encoder is left as it is.
        seed: Of the run.
    """

    def __init__(self, model: Any, seed: int) -> None:
        self.parts: list[SentenceDropout] = []
        encoder = model.base_model
        for parent in [module for module in model.modules() if not _within(module, encoder)]:
            for name, child in list(parent.named_children()):
                share = child.share if isinstance(child, SentenceDropout) else getattr(child, "p", 0.0)
                if isinstance(child, torch.nn.Dropout | SentenceDropout) and share:
                    self.parts.append(SentenceDropout(share, len(self.parts), seed))
                    setattr(parent, name, self.parts[-1])

    def prepare(self, numbers: torch.Tensor, step: int) -> None:
        """Tell the sentences of the batch that comes, and the step that it is of."""
        for part in self.parts:
            part.numbers, part.step = numbers.flatten(), step


def uniform(rows: torch.Tensor, draw: tuple[int, ...], width: int) -> torch.Tensor:
    """Numbers from 0 to 1 of shape (rows, width), the same for a row wherever and beside whatever it stands.

    Args:
        rows: Any whole numbers.
        draw: What tells one drawing from another.
        width: Numbers a row.
    """
    mixed = rows & _MASK
    for number in draw:
        mixed = _scramble(mixed + number * _ODD[2])
    columns = torch.arange(width, device=rows.device)
    return _scramble(mixed[:, None] + _scramble(columns)[None]).float() / (_MASK + 1)


def _scramble(given: torch.Tensor) -> torch.Tensor:
    mixed = given & _MASK
    for odd in _ODD[:2]:
        mixed = ((mixed ^ (mixed >> 16)) * odd) & _MASK
    return mixed ^ (mixed >> 15)


def _within(module: Any, encoder: Any) -> bool:
    return any(module is other for other in encoder.modules())
