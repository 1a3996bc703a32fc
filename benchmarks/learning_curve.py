"""How good the default model becomes with 25, 50, 100, 200 and all training articles of the shipped corpus.

    python benchmarks/learning_curve.py [other=FILE] [seeds=3] [sizes=25,50,100,200,0]

Articles are drawn at random from the training split (size 0: all of them); validation and test are those of
`make train`. `other` is any labelled file to score besides. Writes `docs/learning_curve.svg` and prints the table.
"""

import random
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from accuracy import loaded, macro_f1

from sitrep.config import TrainSettings
from sitrep.data import Split, load_data
from sitrep.data.reading import Columns, read_labelled
from sitrep.evaluation.baselines import tfidf_logistic_regression
from sitrep.evaluation.results import passages_of
from sitrep.hydra_entry import compose, typed
from sitrep.sentences import LabelledSentence
from sitrep.training.fine_tuning import FineTuned, fine_tune, save_model

PROJECT = Path(__file__).parents[1]
Figures = dict[str, dict[int, list[float]]]


def predict(trained: FineTuned, sentences: Sequence[LabelledSentence], settings: TrainSettings) -> list[str]:
    """Labels of a model that is still in memory, by way of a saved checkpoint, as a user gets them."""
    with tempfile.TemporaryDirectory() as folder:
        save_model(trained, Path(folder))
        predictor = loaded(settings, Path(folder))
        return [prediction.label for prediction in predictor.predict(passages_of(sentences))]


def main() -> None:
    """Train every size with every seed, print the table, draw the picture."""
    options = dict(argument.split("=", 1) for argument in sys.argv[1:])
    sizes = [int(size) for size in options.get("sizes", "25,50,100,200,0").split(",")]
    settings = typed(compose(PROJECT / "configs", "train", TrainSettings, []), TrainSettings)
    labels = settings.labels.label_set.names
    split = load_data(settings.data, settings.labels.label_set).split
    scored = {"own test split": split.test}
    if "other" in options:
        scored["other"] = tuple(read_labelled(options["other"], Columns()))
    figures: Figures = {f"{name}, {method}": {} for name in scored for method in ("sitrep", "TF-IDF")}
    articles = split.article_ids()["train"]
    for size in sizes:
        for seed in range(1, int(options.get("seeds", "3")) + 1):
            chosen = set(random.Random(seed).sample(articles, size or len(articles)))
            train = tuple(sentence for sentence in split.train if sentence.article_id in chosen)
            settings.seed = seed
            with tempfile.TemporaryDirectory() as scratch:
                trained = fine_tune(settings, Split(train, split.validation, split.test), Path(scratch))
            for name, sentences in scored.items():
                found = macro_f1(sentences, predict(trained, sentences, settings), labels)
                plain = macro_f1(sentences, tfidf_logistic_regression(train, sentences).predicted, labels)
                figures[f"{name}, sitrep"].setdefault(len(chosen), []).append(found)
                figures[f"{name}, TF-IDF"].setdefault(len(chosen), []).append(plain)
                print(f"{len(chosen)} articles, seed {seed}, {name}: {found:.3f}, TF-IDF {plain:.3f}", flush=True)
    print_table(figures)
    draw(figures)


def print_table(figures: Figures) -> None:
    """Mean and standard deviation by number of articles."""
    sizes = sorted(next(iter(figures.values())))
    print("\n| articles | " + " | ".join(figures) + " |\n|" + "---|" * (len(figures) + 1))
    for size in sizes:
        cells = [f"{statistics.mean(v[size]):.3f} ± {statistics.pstdev(v[size]):.3f}" for v in figures.values()]
        print(f"| {size} | " + " | ".join(cells) + " |")


def draw(figures: Figures) -> None:
    """Curves of the means with bars of one standard deviation."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    with pyplot.rc_context({"svg.fonttype": "none", "svg.hashsalt": "sitrep", "font.family": "sans-serif"}):
        figure, axes = pyplot.subplots(figsize=(7, 4.2), layout="constrained")
        for name, values in figures.items():
            sizes = sorted(values)
            means = [statistics.mean(values[size]) for size in sizes]
            spread = [statistics.pstdev(values[size]) for size in sizes]
            style = "-" if "sitrep" in name else "--"
            axes.errorbar(sizes, means, spread, label=name, linestyle=style, marker="o", capsize=3)
        axes.set_xlabel("articles trained on")
        axes.set_ylabel("macro-F1 over the four classes")
        axes.grid(alpha=0.3)
        axes.legend()
        figure.savefig(PROJECT / "docs" / "learning_curve.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
