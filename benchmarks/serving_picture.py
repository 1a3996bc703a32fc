"""The picture of `benchmarks/serving.py`: what servers answer, and how late, against what is asked of them."""

from dataclasses import dataclass
from pathlib import Path

LOOKS = ("o-", "s--", "^:", "d-.")


@dataclass(frozen=True)
class Point:
    """One load of one server: requests a second that were offered and answered, and the p99 in seconds."""

    offered: float
    answered: float
    p99: float


def draw(curves: dict[str, list[Point]], picture: Path) -> None:
    """Throughput on the left, p99 on the right."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    with pyplot.rc_context({"svg.fonttype": "none", "svg.hashsalt": "sitrep", "font.family": "sans-serif"}):
        figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 4), layout="constrained")
        for (name, points), look in zip(curves.items(), LOOKS, strict=False):
            offered = [point.offered for point in points]
            left.plot(offered, [point.answered for point in points], look, label=name, markersize=4)
            right.plot(offered, [point.p99 for point in points], look, label=name, markersize=4)
        most = max(point.offered for points in curves.values() for point in points)
        left.plot([0, most], [0, most], color="0.7", linewidth=0.8, label="all that is offered", zorder=0)
        top = max(point.answered for points in curves.values() for point in points)
        left.set(ylabel="answered in time, requests/s", ylim=(0, 1.15 * top))
        right.set(ylabel="p99 of the answered, s", yscale="log")
        for panel in (left, right):
            panel.set(xlabel="offered, requests/s", xlim=(0, None))
            panel.grid(color="0.9")
            panel.spines[["top", "right"]].set_visible(False)
        left.legend(frameon=False, fontsize="small")
        figure.savefig(picture, format="svg", metadata={"Date": None})
        pyplot.close(figure)
