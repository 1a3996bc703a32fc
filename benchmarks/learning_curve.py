"""How good each method becomes with few and with all labelled articles of the shipped corpus.

    python benchmarks/learning_curve.py [other=FILE[,FILE...]] [seeds=1,2,3] [sizes=10,25,50,100,200,0]
        [results=FOLDER] [picture=FILE] [ROW...]

Articles are drawn at random from the training split (size 0: all of them); validation and test are those of
`make train`. Rows, their epochs, `other` and `results` are those of `benchmarks/accuracy.py`; without rows it is
`default` and every peer. Prints a table for each scored set and draws `picture` (docs/learning_curve.svg).
"""

import statistics
from pathlib import Path

from accuracy import DEFAULT, OPTIONS, PEER, Experiment, Run, with_spread
from arguments import part_arguments
from peers import PEERS

PICTURE = Path(__file__).parents[1] / "docs" / "learning_curve.svg"

Curves = dict[str, dict[int, list[Run]]]


def main() -> None:
    """Train every row with every size and seed, print the tables, draw the picture."""
    given, rows = part_arguments({*OPTIONS, "sizes", "picture"})
    experiment = Experiment.from_options(given)
    whole = len(experiment.split.article_ids()["train"])
    rows = rows or [DEFAULT, *(PEER + name for name in PEERS)]
    curves: Curves = {row: {} for row in rows}
    for size in map(int, given.get("sizes", "10,25,50,100,200,0").split(",")):
        for row in rows:
            curves[row][size or whole] = [experiment.measure(row, seed, size) for seed in experiment.seeds]
    for name in experiment.scored:
        print_table(curves, name)
    draw(curves, list(experiment.scored), Path(given.get("picture", PICTURE)))


def print_table(curves: Curves, name: str) -> None:
    """Mean and standard deviation of macro-F1 by number of articles."""
    print(f"\n{name}\n")
    print("| articles | " + " | ".join(map(title_of, curves)) + " |\n|" + "---|" * (len(curves) + 1))
    for size in next(iter(curves.values())):
        cells = [with_spread([run.figures[name] for run in runs[size]]) for runs in curves.values()]
        print(f"| {size} | " + " | ".join(cells) + " |")


def title_of(row: str) -> str:
    """A row as a reader of the table knows it."""
    return "sitrep" if row == DEFAULT else row.removeprefix(PEER)


def draw(curves: Curves, names: list[str], picture: Path) -> None:
    """Curves of the means with bars of one standard deviation, a panel for each scored set."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    with pyplot.rc_context({"svg.fonttype": "none", "svg.hashsalt": "sitrep", "font.family": "sans-serif"}):
        figure, panels = pyplot.subplots(
            1, len(names), figsize=(5.2 * len(names), 4.2), layout="constrained", sharey=True, squeeze=False
        )
        for name, axes in zip(names, panels[0], strict=True):
            for row, by_size in curves.items():
                values = {size: [run.figures[name] for run in runs] for size, runs in by_size.items()}
                means = [statistics.mean(each) for each in values.values()]
                spread = [statistics.stdev(each) if len(each) > 1 else 0 for each in values.values()]
                width = 2.4 if row == DEFAULT else 1.2
                axes.errorbar(list(values), means, spread, label=title_of(row), marker="o", capsize=3, linewidth=width)
            axes.set_xscale("log")
            sizes = list(next(iter(curves.values())))
            axes.set_xticks(sizes, [str(size) for size in sizes])
            axes.minorticks_off()
            axes.set_xlabel("articles trained on")
            axes.set_title(name)
            axes.grid(alpha=0.3)
        panels[0][0].set_ylabel("macro-F1 over the four classes")
        panels[0][-1].legend(loc="lower right")
        figure.savefig(picture, metadata={"Date": None})


if __name__ == "__main__":
    main()
