"""Several seeds of one run: how far apart they lie, and which weights are kept."""

import json
import shutil
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sitrep.inference.predictor import Predictor
from sitrep.model import checkpoint as layout
from sitrep.model.checkpoint_record import MEMBERS
from sitrep.model.validation_fit import ValidationFit
from sitrep.settings import Precision
from sitrep.storage.complete import complete_file, link_or_copy, read_json
from sitrep.storage.sealed import fault_in, hashes_of, sync_files
from sitrep.training.training_checkpoints import DONE
from sitrep.training.validation_fitting import validation_macro_f1

if TYPE_CHECKING:
    import torch

SEEDS = "seeds"
"""Folder of the single runs inside the run directory."""
SOUP = "soup"
"""What is kept where it is the mean of the runs' weights."""
ENSEMBLE = "ensemble"
"""What is kept where all runs answer, with the mean of their probabilities."""


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


def write_done(folder: Path, run: SeedRun, told: dict[str, Any]) -> None:
    """Note that the training with a seed is over and was scored, and remove its training checkpoints.

    Args:
        folder: Of these.
        run: What came out; its files are put on the disk.
        told: What is told of the training.
    """
    sync_files(run.folder)
    figures = {"validation": run.validation, "macro_f1": run.macro_f1, "f1": dict(run.f1)}
    content = {"run": figures, "told": told, "files": hashes_of(run.folder / layout.CHECKPOINT)}
    with complete_file(folder / DONE, overwrite=True, durable=True) as partial:
        partial.write_text(json.dumps(content), encoding="utf-8")
    for stage in folder.iterdir():
        if stage.is_dir():
            shutil.rmtree(stage)


def read_done(folder: Path, seed: int, place: Path) -> tuple[SeedRun, dict[str, Any]] | None:
    """What :func:`write_done` noted; ``None`` if it noted nothing, or the run is no more what it was.

    Args:
        folder: Of the training checkpoints.
        seed: Of the run.
        place: Its run directory.
    """
    if not (folder / DONE).exists():
        return None
    content = read_json(folder / DONE)
    if fault_in(place / layout.CHECKPOINT, content["files"]):
        return None
    return SeedRun(seed, place, **content["run"]), content["told"]


def median_run(runs: Sequence[SeedRun]) -> SeedRun:
    """The run in the middle on validation; of two in the middle the lower one. The test split has no say in it."""
    return sorted(runs, key=lambda run: (run.validation, run.seed))[(len(runs) - 1) // 2]


def mean_weights(folders: Sequence[Path]) -> "dict[str, torch.Tensor]":
    """The mean of the weights of checkpoints of one shape (a "model soup"), by name.

    That makes sense for runs that began at the same point, classification layer included: Wortsman et al., "Model
    soups", ICML 2022.
    """
    return _mean([layout.weight_files(folder) for folder in folders])


def mean_speakers(folders: Sequence[Path]) -> "dict[str, torch.Tensor]":
    """As :func:`mean_weights`, of the heads that say who speaks."""
    return _mean([[folder / layout.SPEAKER] for folder in folders])


def _mean(models: Sequence[Sequence[Path]]) -> "dict[str, torch.Tensor]":
    """The mean of the weights of models, each in one file or more."""
    import torch
    from safetensors.torch import load_file

    total: dict[str, torch.Tensor] = {}
    for path in chain.from_iterable(models):
        for name, weight in load_file(path).items():
            total[name] = total[name] + weight.double() if name in total else weight.double()
    return {name: (weight / len(models)).to(torch.float32) for name, weight in total.items()}


def copy_checkpoint(run: SeedRun, checkpoint: Path) -> None:
    """Make the checkpoint of a run that of all; the weights, which nobody writes to again, are not stored twice."""

    def copy(source: str, target: str) -> None:
        (link_or_copy if source.endswith(".safetensors") else shutil.copy2)(source, target)

    shutil.copytree(run.folder / layout.CHECKPOINT, checkpoint, copy_function=copy)


def make_ensemble(
    checkpoint: Path, runs: Sequence[SeedRun], fit_on: Callable[[Predictor], ValidationFit], precision: Precision
) -> float:
    """Make a checkpoint an ensemble of the runs, and fit on validation what it answers as one.

    The weights of the runs, which nobody writes to again, are not stored twice.

    Args:
        checkpoint: Of one run, or of the mean of their weights.
        runs: Whose probabilities are averaged.
        fit_on: Fits what is fitted on validation.
        precision: That is computed in.

    Returns:
        Its macro-F1 on validation.
    """
    record = layout.open_checkpoint(str(checkpoint)).record
    assert record is not None
    for run in runs:
        member = checkpoint / MEMBERS / str(run.seed)
        member.mkdir(parents=True)
        trained = run.folder / layout.CHECKPOINT
        speakers = [trained / layout.SPEAKER] if (trained / layout.SPEAKER).is_file() else []
        for path in [*layout.weight_files(trained), *trained.glob("*.safetensors.index.json"), *speakers]:
            link_or_copy(path, member / path.name)
    replace(record, files=layout.recorded_files(checkpoint)).write(checkpoint)
    predictor = Predictor.from_checkpoint(checkpoint, calibrated=False, precision=precision)
    fit = fit_on(predictor)
    fit.write(checkpoint)
    replace(record, files=layout.recorded_files(checkpoint)).write(checkpoint)
    return validation_macro_f1(predictor, fit)


def compare_seeds(runs: Sequence[SeedRun], soup: float, ensemble: float | None) -> dict[str, Any]:
    """What ``metrics.json`` and the report tell of the runs, and which of them are kept.

    Args:
        runs: At least two.
        soup: Macro-F1 of the mean of their weights on validation.
        ensemble: Of the mean of their probabilities, where that is kept; else ``None``.
    """
    median = median_run(runs)
    weights = SOUP if soup > median.validation else str(median.seed)
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
        "ensemble_validation_macro_f1": ensemble,
        "kept": weights if ensemble is None else ENSEMBLE,
        "weights": weights,
    }
