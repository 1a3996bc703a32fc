"""Several seeds of one run: how far apart they lie, and which weights are kept."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sitrep.model import checkpoint as layout

if TYPE_CHECKING:
    import torch

SEEDS = "seeds"
"""Folder of the single runs inside the run directory."""
SOUP = "soup"
"""What is kept where it is the mean of the runs' weights."""


@dataclass(frozen=True)
class SeedRun:
    """One of several runs.

    Attributes:
        seed: That it was trained with.
        folder: Its run directory, while it is being made.
        validation: Macro-F1 on validation.
        macro_f1: On the test split; ``None`` where it is undefined.
        f1: On the test split, by label that the headline averages.
    """

    seed: int
    folder: Path
    validation: float
    macro_f1: float | None
    f1: Mapping[str, float | None]


def median_run(runs: Sequence[SeedRun]) -> SeedRun:
    """The run in the middle on validation; of two in the middle the lower one. The test split has no say in it."""
    return sorted(runs, key=lambda run: (run.validation, run.seed))[(len(runs) - 1) // 2]


def mean_weights(folders: Sequence[Path]) -> "dict[str, torch.Tensor]":
    """The mean of the weights of checkpoints of one shape (a "model soup"), by name.

    That makes sense for runs that began at the same point, classification layer included: Wortsman et al., "Model
    soups", ICML 2022.
    """
    import torch
    from safetensors.torch import load_file

    total: dict[str, torch.Tensor] = {}
    for folder in folders:
        for path in layout.weight_files(folder):
            for name, weight in load_file(path).items():
                total[name] = total[name] + weight.double() if name in total else weight.double()
    return {name: (weight / len(folders)).to(torch.float32) for name, weight in total.items()}


def compare_seeds(runs: Sequence[SeedRun], soup: float, kept: str) -> dict[str, Any]:
    """What ``metrics.json`` and the report tell of the runs.

    Args:
        runs: At least two.
        soup: Macro-F1 of the mean of their weights on validation.
        kept: ``"soup"``, or the seed whose weights were kept.
    """
    figures = [run.macro_f1 or 0.0 for run in runs]
    return {
        "runs": [
            {
                "seed": run.seed,
                "validation_macro_f1": run.validation,
                "macro_f1": run.macro_f1,
                "f1": dict(run.f1),
            }
            for run in runs
        ],
        "mean": statistics.mean(figures),
        "standard_deviation": statistics.stdev(figures),
        "soup_validation_macro_f1": soup,
        "kept": kept,
    }
