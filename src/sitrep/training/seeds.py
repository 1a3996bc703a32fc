"""Several seeds of one run: how far apart they lie, and which weights are kept."""

import shutil
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sitrep import checkpoint as layout
from sitrep.checkpoint import read_record
from sitrep.evaluation.results import Results
from sitrep.labels import CLASSES

SEEDS = "seeds"
"""Folder of the single runs inside the run directory."""


@dataclass(frozen=True)
class SeedRun:
    """One of several runs.

    Attributes:
        seed: That it was trained with.
        folder: Its run directory, while it is being made.
        results: On the test split.
    """

    seed: int
    folder: Path
    results: Results

    @property
    def validation(self) -> float:
        """Macro-F1 over the four classes on validation."""
        return float(self.results.training["validation_macro_f1_four"])


def median_run(runs: Sequence[SeedRun]) -> SeedRun:
    """The run in the middle on validation; of two in the middle the lower one. The test split has no say in it."""
    return sorted(runs, key=lambda run: (run.validation, run.seed))[(len(runs) - 1) // 2]


def average_weights(runs: Sequence[SeedRun], folder: Path) -> None:
    """Write a checkpoint whose weights are the mean of the runs' (a "model soup").

    That makes sense for runs that began at the same point, classification layer included: Wortsman et al., "Model
    soups", ICML 2022.

    Args:
        runs: With checkpoints of one shape.
        folder: Checkpoint folder to write; it must not exist.
    """
    import torch
    from safetensors.torch import load_file, save_file

    first, *others = [run.folder / layout.CHECKPOINT for run in runs]
    shutil.copytree(first, folder)
    for path in layout.weight_files(folder):
        total = {name: weight.double() for name, weight in load_file(path).items()}
        for other in others:
            for name, weight in load_file(other / path.name).items():
                total[name] += weight.double()
        mean = {name: (weight / len(runs)).to(torch.float32) for name, weight in total.items()}
        save_file(mean, path, metadata={"format": "pt"})


def keep_checkpoint(source: Path, target: Path, base: str) -> None:
    """Put a checkpoint in its place, with the record that holds there.

    Args:
        source: Checkpoint folder.
        target: The same or another one.
        base: As in the record.
    """
    if source != target:
        shutil.copytree(source, target)
    record = read_record(target)
    assert record is not None
    replace(record, files=layout.recorded_files(target), base=base).write(target)


def compare_seeds(runs: Sequence[SeedRun], soup: float, kept: str) -> dict[str, Any]:
    """What ``metrics.json`` and the report tell of the runs.

    Args:
        runs: At least two.
        soup: Macro-F1 of the averaged weights on validation.
        kept: ``"soup"``, or the seed whose weights were kept.
    """
    figures = [float(run.results.scores.macro_f1_four or 0) for run in runs]
    return {
        "runs": [
            {
                "seed": run.seed,
                "validation_macro_f1_four": run.validation,
                "macro_f1_four": run.results.scores.macro_f1_four,
                "f1": {label: run.results.scores.per_class[label].f1 for label in CLASSES},
            }
            for run in runs
        ],
        "mean": statistics.mean(figures),
        "standard_deviation": statistics.stdev(figures),
        "soup_validation_macro_f1_four": soup,
        "kept": kept,
    }
