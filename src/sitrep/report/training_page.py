"""``training.html``: how the loss and the validation figure went, also of a run that goes on or was cut off."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sitrep.report.plots import COLOURS, STYLES, picture_axes, svg_of, thinned
from sitrep.report.rendering import render_page
from sitrep.storage.complete import complete_file, shown
from sitrep.training.seeds import SEEDS
from sitrep.training.step_records import STEP_LOG, VALIDATION, read_step_log

TRAINING_PAGE = "training.html"
SMOOTHED = 0.05
"""Share of the steps that the mean of a curve is taken over."""
SIZE = (6.2, 3.4)


@dataclass(frozen=True)
class TrainingCurve:
    """One training of a run.

    Attributes:
        name: In the pictures.
        steps: Its records of steps.
        epochs: Its records of validation.
    """

    name: str
    steps: Sequence[Mapping[str, Any]]
    epochs: Sequence[Mapping[str, Any]]

    @classmethod
    def of(cls, name: str, records: Sequence[Mapping[str, Any]]) -> "TrainingCurve":
        """Out of a log; where an epoch was validated twice, as after a break, the last one counts."""
        epochs = {record["step"]: record for record in records if VALIDATION in record}
        steps = {record["step"]: record for record in records if "loss" in record}
        return cls(name, list(steps.values()), list(epochs.values()))

    @property
    def best(self) -> Mapping[str, Any] | None:
        """The record of the epoch that did best on validation."""
        known = [record for record in self.epochs if record[VALIDATION] is not None]
        return max(known, key=lambda record: record[VALIDATION]) if known else None

    def row(self) -> dict[str, Any]:
        """What the table says of it."""
        last: Mapping[str, Any] = max([*self.steps, *self.epochs], key=lambda record: record["seconds"])
        speeds = [record["sentences_per_second"] for record in self.steps if record["sentences_per_second"]]
        peaks = [record["gpu_peak_bytes"] for record in self.steps if "gpu_peak_bytes" in record]
        return {
            "name": self.name,
            "steps": len(self.steps),
            "epochs": last["epoch"],
            "seconds": last["seconds"],
            "time": last["time"],
            "speed": float(np.median(speeds)) if speeds else None,
            "memory": max((record["memory_bytes"] for record in self.steps), default=None),
            "gpu_memory": max(peaks) if peaks else None,
            "loss": smoothed([record["loss"] for record in self.steps])[-1] if self.steps else None,
            "best": self.best,
        }


def write_training_page(folder: Path) -> None:
    """Write ``training.html`` into a run's folder out of its ``training.jsonl``, or those of its seeds."""
    curves = read_curves(folder)
    if not curves:
        return
    with complete_file(folder / TRAINING_PAGE, overwrite=True) as partial:
        partial.write_text(shown(training_page(curves)), encoding="utf-8")


def read_curves(folder: Path) -> list[TrainingCurve]:
    """The trainings of a run that have done a step."""
    logs = {"training": folder / STEP_LOG}
    logs |= {f"seed {path.parent.name}": path for path in sorted(folder.glob(f"{SEEDS}/*/{STEP_LOG}"))}
    found = [TrainingCurve.of(name, read_step_log(path)) for name, path in logs.items()]
    return [curve for curve in found if curve.steps]


def training_page(curves: Sequence[TrainingCurve]) -> str:
    """The page as HTML."""
    pictures = {
        "Loss": _steps_svg(curves, "loss", "training loss"),
        "Validation": _validation_svg(curves),
        "Speed": _steps_svg(curves, "sentences_per_second", "sentences a second"),
        "Learning rate": _steps_svg(curves[:1], "learning_rate", "learning rate", smooth=False),
    }
    rows = [curve.row() for curve in curves]
    shown_pictures = {name: svg for name, svg in pictures.items() if svg}
    return render_page("training.html.j2", rows=rows, pictures=shown_pictures, figure_name=VALIDATION)


def smoothed(values: Sequence[float | None]) -> np.ndarray:
    """A running mean over the last twentieth of the steps, and fewer at the beginning; gaps are passed over."""
    known = np.array([np.nan if value is None else value for value in values], dtype=float)
    width = max(1, round(SMOOTHED * len(known)))
    total = np.cumsum(np.insert(np.nan_to_num(known), 0, 0.0))
    count = np.cumsum(np.insert((~np.isnan(known)).astype(float), 0, 0.0))
    ends = np.arange(1, len(known) + 1)
    starts = np.maximum(ends - width, 0)
    with np.errstate(invalid="ignore"):
        mean: np.ndarray = (total[ends] - total[starts]) / (count[ends] - count[starts])
    return mean


def _steps_svg(curves: Sequence[TrainingCurve], name: str, y: str, smooth: bool = True) -> str | None:
    words = []
    with picture_axes("step", y, SIZE) as (figure, axes):
        for place, curve in enumerate(curves):
            steps = np.array([record["step"] for record in curve.steps], dtype=float)
            values = [record.get(name) for record in curve.steps]
            style = _style(place)
            if not any(value is not None for value in values):
                continue
            raw = np.array([np.nan if value is None else value for value in values], dtype=float)
            mean = smoothed(values) if smooth else raw
            if smooth and len(curves) == 1:
                axes.plot(steps, raw, color=style["color"], linewidth=0.8, alpha=0.3)
            axes.plot(*thinned(steps, mean), **style, linewidth=1.6, label=curve.name)
            words.append(f"{curve.name}: {mean[0]:.4g} at step {steps[0]:g}, {mean[-1]:.4g} at step {steps[-1]:g}")
        if not words:
            return None
        axes.set_ylim(bottom=0)
        if len(curves) > 1:
            axes.legend(frameon=False, fontsize=9)
        return svg_of(figure, f"{y.capitalize()} by step. {'; '.join(words)}.")


def _validation_svg(curves: Sequence[TrainingCurve]) -> str | None:
    if not any(curve.best for curve in curves):
        return None
    words = []
    with picture_axes("epoch", "macro-F1 on validation", SIZE) as (figure, axes):
        for place, curve in enumerate(curves):
            known = [record for record in curve.epochs if record[VALIDATION] is not None]
            if not known:
                continue
            epochs, figures = ([record[key] for record in known] for key in ("epoch", VALIDATION))
            axes.plot(epochs, figures, marker="o", markersize=4, linewidth=1.6, label=curve.name, **_style(place))
            told = ", ".join(f"{value:.3f} at epoch {epoch:g}" for epoch, value in zip(epochs, figures, strict=True))
            words.append(f"{curve.name}: {told}")
        axes.xaxis.get_major_locator().set_params(integer=True)
        if len(curves) > 1:
            axes.legend(frameon=False, fontsize=9)
        return svg_of(figure, f"Macro-F1 on validation by epoch. {'; '.join(words)}.")


def _style(place: int) -> dict[str, Any]:
    return {"color": COLOURS[place % len(COLOURS)], "linestyle": STYLES[place // len(COLOURS) % len(STYLES)]}
