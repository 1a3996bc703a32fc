"""How good each method becomes with few and with all labelled articles of the shipped corpus.

    python benchmarks/learning_curve.py [other=FILE] [seeds=1,2,3] [sizes=10,25,50,100,200,0] [results=FOLDER]
        [picture=FILE] [ROW...]

Articles are drawn at random from the training split (size 0: all of them); validation and test are those of
`make train`. Rows, `other` and `results` are those of `benchmarks/accuracy.py`; without rows it is `default` and every
peer. Draws `picture` (docs/learning_curve.svg) and prints the table.
"""

import statistics
from pathlib import Path

from accuracy import DEFAULT, OTHER, OWN, PEER, Run, arguments, measure, score_sets, settings_of
from peers import PEERS

from sitrep.data.loading import load_data

PICTURE = Path(__file__).parents[1] / "docs" / "learning_curve.svg"
TITLES = {OWN: "own test split", OTHER: "other pages"}

Curves = dict[str, dict[int, list[Run]]]


def main() -> None:
    """Train every row with every size and seed, print the table, draw the picture."""
    options, rows = arguments({"other", "seeds", "sizes", "results", "picture"})
    rows = rows or [DEFAULT, *(PEER + name for name in PEERS)]
    seeds = [int(seed) for seed in options.get("seeds", "1,2,3").split(",")]
    base = settings_of(DEFAULT, seeds[0])
    split = load_data(base.data, base.labels.label_set).split
    scored = score_sets(split, options.get("other"))
    results = Path(options["results"]) if "results" in options else None
    sizes = [int(size) for size in options.get("sizes", "10,25,50,100,200,0").split(",")]
    whole = len(split.article_ids()["train"])
    curves: Curves = {row: {} for row in rows}
    for size in sizes:
        for row in rows:
            curves[row][size or whole] = [measure(row, seed, size, split, scored, results) for seed in seeds]
    for name in scored:
        print_table(curves, name)
    draw(curves, list(scored), Path(options.get("picture", PICTURE)))


def print_table(curves: Curves, name: str) -> None:
    """Mean and standard deviation of macro-F1 by number of articles."""
    print(f"\n{TITLES[name]}\n")
    print("| articles | " + " | ".join(map(title_of, curves)) + " |\n|" + "---|" * (len(curves) + 1))
    for size in next(iter(curves.values())):
        values = [[run.figures[name] for run in runs[size]] for runs in curves.values()]
        cells = [f"{statistics.mean(each):.3f} ± {statistics.pstdev(each):.3f}" for each in values]
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
                spread = [statistics.pstdev(each) for each in values.values()]
                width = 2.4 if row == DEFAULT else 1.2
                axes.errorbar(list(values), means, spread, label=title_of(row), marker="o", capsize=3, linewidth=width)
            axes.set_xscale("log")
            sizes = list(next(iter(curves.values())))
            axes.set_xticks(sizes, [str(size) for size in sizes])
            axes.minorticks_off()
            axes.set_xlabel("articles trained on")
            axes.set_title(TITLES[name])
            axes.grid(alpha=0.3)
        panels[0][0].set_ylabel("macro-F1 over the four classes")
        panels[0][-1].legend(loc="lower right")
        figure.savefig(picture, metadata={"Date": None})


if __name__ == "__main__":
    main()
