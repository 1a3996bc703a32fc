"""Curves of the report as SVG text: reliability, risk against coverage, precision against recall.

Text and axes take the colour of the text around the picture (``currentColor``); the background is transparent.
"""

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any

import numpy as np

from sitrep.metrics.abstention import RiskCoverage
from sitrep.metrics.calibration import Calibration, CalibrationFigures

INK = "#123457"
"""Stands for the colour of the page's text until the SVG is written; no other colour of a picture."""
COLOURS = ("#2f86d1", "#d9682a", "#1f9d75", "#c2669f", "#8a8f98")
"""Told apart by people who see no red or green, and legible on white and on near black."""
STYLES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))
SPOKEN = (0.25, 0.5, 0.75, 1.0)
"""Coverages whose risk is told to screen readers."""
RUNNING_ID = re.compile(
    r' id="(?:figure|axes|patch|text|line2d|legend|xtick|ytick|matplotlib\.axis|\w*Collection)_\d+"'
)
COLUMNS = 90
"""Strips of equal width that a long curve is thinned out by; at most two points are kept in each."""


def reliability_svg(calibration: Calibration) -> str:
    """Draw accuracy over confidence, before and after the temperature, with 95 % intervals of the accuracy."""
    shown = [("as it comes", calibration.before)]
    if calibration.after is not None:
        shown.append((f"at temperature {calibration.temperature:.2f}", calibration.after))
    with picture_axes("confidence of the predicted label", "share that is right") as (figure, axes):
        axes.plot([0, 1], [0, 1], color=INK, linewidth=0.8, alpha=0.5)
        for place, (name, figures) in enumerate(shown):
            _draw_bins(axes, figures, name, place)
        axes.set(xlim=(0, 1), ylim=(0, 1))
        axes.legend(frameon=False, loc="upper left")
        words = "; ".join(
            f"{name}: expected calibration error {figures.expected_calibration_error:.3f}, the least sure "
            f"{figures.bins[0].units} units have confidence {figures.bins[0].confidence:.2f} and are right in "
            f"{figures.bins[0].accuracy:.0%}, the surest {figures.bins[-1].units} have "
            f"{figures.bins[-1].confidence:.2f} and are right in {figures.bins[-1].accuracy:.0%}"
            for name, figures in shown
        )
        return svg_of(figure, f"Reliability diagram. {words}.")


def risk_coverage_svg(curve: RiskCoverage) -> str:
    """Draw the share of errors among the accepted units over the share of units accepted."""
    coverage, risk = thinned(curve.coverage, curve.risk)
    with picture_axes("share of units accepted, surest first", "share of errors among them") as (figure, axes):
        axes.plot(coverage, risk, color=COLOURS[0], linewidth=1.8)
        axes.set(xlim=(0, 1), ylim=(0, max(0.05, 1.05 * float(risk.max()))))
        shares = ", ".join(
            f"{risk:.1%} of the surest {share:.0%}"
            for share, risk in zip(SPOKEN, np.interp(SPOKEN, curve.coverage, curve.risk), strict=True)
        )
        return svg_of(figure, f"Risk-coverage curve, area {curve.area:.4f}. Wrong are {shares}.")


def precision_recall_svg(true: np.ndarray, probabilities: np.ndarray, labels: Sequence[str]) -> str:
    """Draw precision over recall of each label that occurs, with its average precision (scikit-learn's).

    Args:
        true: Indices of the true labels, shape (units,).
        probabilities: Shape (units, labels).
        labels: Names, in the order of the columns.
    """
    from sklearn.metrics import average_precision_score, precision_recall_curve

    words = []
    with picture_axes("recall", "precision") as (figure, axes):
        for place, label in enumerate(labels):
            if not (true == place).any():
                words.append(f"{label}: none in these data")
                continue
            precision, recall, _ = precision_recall_curve(true == place, probabilities[:, place])
            average = average_precision_score(true == place, probabilities[:, place])
            words.append(f"{label}: average precision {average:.3f}")
            x, y = thinned(recall[::-1], precision[::-1])
            named = f"{label} ({average:.2f})"
            axes.plot(x, y, color=COLOURS[place], linestyle=STYLES[place], linewidth=1.6, label=named)
        axes.set(xlim=(0, 1), ylim=(0, 1.02))
        if axes.lines:
            axes.legend(frameon=False, loc="lower left", fontsize=9)
        return svg_of(figure, f"Precision-recall curves. {'; '.join(words)}.")


def thinned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Leave out points of a curve that nobody would see missing.

    In each of 90 strips of equal width the lowest and the highest point stay, as do the first and the last of all.

    Args:
        x: Never falling, shape (points,).
        y: Shape (points,).
    """
    if len(x) <= 2 * COLUMNS:
        return x, y
    strips = np.minimum((x - x[0]) / max(x[-1] - x[0], np.finfo(float).tiny) * COLUMNS, COLUMNS - 1).astype(np.int64)
    starts = np.flatnonzero(np.diff(strips, prepend=-1))
    kept = {0, len(x) - 1}
    for start, end in zip(starts, np.append(starts[1:], len(x)), strict=True):
        kept |= {int(start + y[start:end].argmin()), int(start + y[start:end].argmax())}
    places = sorted(kept)
    return x[places], y[places]


def _draw_bins(axes: Any, figures: CalibrationFigures, name: str, place: int) -> None:
    confidence, accuracy, low, high = np.array([(b.confidence, b.accuracy, b.low, b.high) for b in figures.bins]).T
    spread = np.maximum([accuracy - low, high - accuracy], 0)
    style = {"color": COLOURS[place], "linestyle": STYLES[place], "marker": "os"[place], "markersize": 4}
    axes.errorbar(confidence, accuracy, spread, label=name, linewidth=1.4, elinewidth=0.8, capsize=2, **style)


@contextmanager
def picture_axes(x: str, y: str, size: tuple[float, float] = (6.2, 4.4)) -> Iterator[tuple[Any, Any]]:
    """Axes in the style of the pages; ``size`` is in inches, ``x`` and ``y`` are what they say."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    ink = {f"{part}.color": INK for part in ("text", "xtick", "ytick")}
    style = {"svg.fonttype": "none", "svg.hashsalt": "sitrep", "font.family": "sans-serif", "font.size": 10}
    with pyplot.rc_context({**style, **ink, "axes.edgecolor": INK, "axes.labelcolor": INK}):
        figure, axes = pyplot.subplots(figsize=size, layout="constrained")
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        axes.grid(color=INK, alpha=0.15)
        axes.spines[["top", "right"]].set_visible(False)
        try:
            yield figure, axes
        finally:
            pyplot.close(figure)


def svg_of(figure: Any, words: str) -> str:
    """A figure as SVG text for a page, with what it shows in words for those who do not see it."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    svg = buffer.getvalue()
    # Several pictures stand in one page: drop the running numbers, which nothing points to, so that no id is twice.
    svg = RUNNING_ID.sub("", svg)
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    return svg.replace("<svg", f'<svg role="img" aria-label="{escape(words)}"', 1)
