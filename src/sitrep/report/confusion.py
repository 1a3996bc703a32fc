"""Pictures of the report as SVG text to be put into the page."""

from collections.abc import Sequence

import numpy as np

from sitrep.report.plots import svg_of


def confusion_svg(confusion: np.ndarray, labels: Sequence[str]) -> str:
    """Draw a confusion matrix; each row is shaded by its shares, each cell shows count and share.

    Args:
        confusion: Counts, shape (labels, labels); rows true, columns predicted.
        labels: Names in that order.

    Returns:
        An ``<svg>`` element with a title for screen readers.
    """
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    totals = confusion.sum(axis=1, keepdims=True)
    shares = np.divide(confusion, totals, out=np.zeros(confusion.shape), where=totals > 0)
    shown = [label.replace("_", "\n") for label in labels]
    with pyplot.rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": "sitrep", "font.family": "sans-serif", "font.size": 10}
    ):
        figure, axes = pyplot.subplots(figsize=(6.2, 5.2), layout="constrained")
        axes.pcolormesh(shares, cmap="Blues", vmin=0, vmax=1, edgecolors="white", linewidth=2)
        axes.invert_yaxis()
        centres = np.arange(len(labels)) + 0.5
        axes.set_xticks(centres, shown)
        axes.set_yticks(centres, shown)
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        for row in range(len(labels)):
            for column in range(len(labels)):
                axes.text(
                    column + 0.5,
                    row + 0.5,
                    f"{confusion[row, column]}\n{shares[row, column]:.0%}",
                    ha="center",
                    va="center",
                    color="white" if shares[row, column] > 0.55 else "#16202c",
                )
        svg = svg_of(figure, _in_words(confusion, labels))
        pyplot.close(figure)
    return svg


def _in_words(confusion: np.ndarray, labels: Sequence[str]) -> str:
    rows = []
    for label, counts in zip(labels, confusion, strict=True):
        parts = ", ".join(f"{count} {name}" for name, count in zip(labels, counts, strict=True) if count)
        rows.append(f"true {label}: {parts or 'none in these data'}")
    return "Confusion matrix. " + "; ".join(rows) + "."
