"""What each training setting gains, and what a user would train instead, over several seeds side by side.

    python benchmarks/accuracy.py [other=FILE] [seeds=1,2,3] [articles=N] [results=FOLDER] ROW...

A ROW is one or more settings joined by `;`, such as `model.context=article` or `trainer.r_drop=1;trainer.epochs=4`;
`default` changes nothing; `peer:NAME` is one of `benchmarks/peers.py` (extra `bench`). All are trained on the training
split of the shipped corpus, or on N articles drawn from it by the seed, and scored on its test split and on `other`,
with pages read whole where the model reads context; `alone` is the test split with every sentence read alone. The last
two columns are the p-values of "this row differs from `default`": a paired bootstrap over articles of the difference
between the means over the seeds. Finished runs are kept in `results`, so that a table that broke off goes on where it
stopped, and another table can share its rows.
"""

import hashlib
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from peers import PEERS, macro_f1

from sitrep.model.checkpoint import open_checkpoint, record_of
from sitrep.settings import InferenceSettings, TrainSettings
from sitrep.data.split import Split
from sitrep.data.loading import load_data
from sitrep.data.reading import Columns, read_labelled
from sitrep.report.comparison import p_value
from sitrep.metrics.scores import rates
from sitrep.metrics.resampling import article_confusions, effective_articles, resample
from sitrep.evaluation.results import passages_of
from sitrep.metrics.significance import Difference, difference
from sitrep.cli.composition import compose, typed
from sitrep.inference.predictor import Predictor
from sitrep.labels import LabelSet
from sitrep.sentences import LabelledSentence
from sitrep.training.fine_tuning import fine_tune, save_model

CONFIGS = Path(__file__).parents[1] / "configs"
DEFAULT = "default"
PEER = "peer:"
OWN, OTHER = "own test", "other"
DRAWS = 2000

Sets = dict[str, tuple[LabelledSentence, ...]]


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        figures: By column of the table.
        predicted: Labels that were given, by scored set.
    """

    figures: dict[str, float]
    predicted: dict[str, list[str]]


def settings_of(row: str, seed: int) -> TrainSettings:
    """Settings of a row that is not a peer."""
    overrides = [] if row == DEFAULT else row.split(";")
    return typed(compose(CONFIGS, "train", TrainSettings, [*overrides, f"seed={seed}"]), TrainSettings)


def draw_articles(split: Split, articles: int, seed: int) -> Split:
    """A training split of some articles; 0: all. Validation and test stay as they are."""
    there = split.article_ids()["train"]
    chosen = set(random.Random(seed).sample(there, articles or len(there)))
    return Split(tuple(unit for unit in split.train if unit.article_id in chosen), split.validation, split.test)


def train_ours(settings: TrainSettings, split: Split, scored: Sets) -> Run:
    """Fine-tune, save the checkpoint, load it as a user does, and score."""
    with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryDirectory() as folder:
        trained = fine_tune(settings, split, Path(scratch))
        save_model(trained, Path(folder))
        record_of(Path(folder), settings.model, settings.labels.label_set).write(Path(folder))
        predictor = Predictor(open_checkpoint(folder), InferenceSettings(settings.trainer.precision, None, 8192))
        predicted: dict[str, list[str]] = {}
        seconds = 0.0
        for name, units in scored.items():
            began = time.perf_counter()
            predicted[name] = [prediction.label for prediction in predictor.predict(passages_of(units))]
            seconds += time.perf_counter() - began
        alone, _ = predictor.choose(predictor.score([unit.text for unit in split.test]).probabilities)
    units_scored = sum(map(len, scored.values()))
    figures = {
        "validation": trained.validation,
        f"{OWN}, alone": macro_f1(split.test, alone),
        "training seconds": trained.seconds,
        "trained/s": trained.sentences / trained.seconds,
        "predicted/s": units_scored / seconds,
    }
    return Run(figures, predicted)


def train_peer(name: str, split: Split, scored: Sets, seed: int) -> Run:
    """Fit a peer and let it label every set."""
    texts = [unit.text for units in scored.values() for unit in units]
    began = time.perf_counter()
    labels = iter(PEERS[name](split.train, split.validation, texts, seed))
    seconds = time.perf_counter() - began
    predicted = {key: [next(labels) for _ in units] for key, units in scored.items()}
    return Run({"seconds": seconds}, predicted)


def measure(row: str, seed: int, articles: int, split: Split, scored: Sets, results: Path | None) -> Run:
    """Train once, or take the run that is kept from before."""
    drawn = draw_articles(split, articles, seed)
    settings = None if row.startswith(PEER) else settings_of(row, seed)
    kept = None
    if results:
        digests = "".join(sorted(split.digests().values())) + "".join(unit.text for unit in scored.get(OTHER, ()))
        name = hashlib.sha256(f"{row}|{seed}|{articles}|{digests}".encode()).hexdigest()[:16]
        kept = results / f"{name}.json"
        if kept.exists():
            content = json.loads(kept.read_text(encoding="utf-8"))
            return Run(content["figures"], content["predicted"])
    if settings is None:
        run = train_peer(row.removeprefix(PEER), drawn, scored, seed)
    else:
        run = train_ours(settings, drawn, scored)
    figures = {name: macro_f1(units, run.predicted[name]) for name, units in scored.items()} | run.figures
    run = Run(figures, run.predicted)
    told = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
    print(f"{row}, seed {seed}, {articles or 'all'} articles: {told}", flush=True)
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        about = {"row": row, "seed": seed, "articles": articles}
        kept.write_text(json.dumps(about | asdict(run)) + "\n", encoding="utf-8")
    return run


def compare(units: Sequence[LabelledSentence], ours: Sequence[Run], others: Sequence[Run], name: str) -> Difference:
    """The difference between the mean macro-F1 of two rows, as `scripts/compare.py` tests that of two runs."""
    labels = LabelSet.five.names
    true, articles = [unit.label for unit in units], [unit.article_id for unit in units]

    def counted(runs: Sequence[Run]) -> np.ndarray:
        return np.stack([article_confusions(true, run.predicted[name], labels, articles) for run in runs], axis=1)

    def mean(counts: np.ndarray) -> np.ndarray:
        figures: np.ndarray = rates(counts, labels).macro_f1.mean(axis=-1)
        return figures

    tables = [counted(runs) for runs in (ours, others)]
    values = np.array([float(mean(table.sum(axis=0))) for table in tables])
    drawn = np.stack([mean(resample(table, DRAWS, seed=0)) for table in tables], axis=1)
    effective = effective_articles(sum(table.sum(axis=1) for table in tables), labels)
    return difference(values, drawn, float(effective.macro_f1))


def print_table(table: dict[str, list[Run]], scored: Sets) -> None:
    """Mean and standard deviation over the seeds, and the p-values against the default."""
    first = [OWN, OTHER] if OTHER in scored else [OWN]
    found = dict.fromkeys(name for runs in table.values() for name in runs[0].figures if name not in first)
    columns = [*first, *found]
    tested = [f"p, {name}" for name in first] if DEFAULT in table and len(table) > 1 else []
    print("\n| row | " + " | ".join([*columns, *tested]) + " |\n|" + "---|" * (len(columns) + len(tested) + 1))
    for row, runs in table.items():
        cells = []
        for column in columns:
            values = [run.figures[column] for run in runs if column in run.figures]
            spread = (
                f" ± {statistics.stdev(values):.3f}" if len(values) > 1 and column in [*first, "validation"] else ""
            )
            digits = 0 if column.endswith("/s") or column == "seconds" else 3
            cells.append(f"{statistics.mean(values):.{digits}f}{spread}" if values else "")
        for column in tested:
            name = column.removeprefix("p, ")
            cells.append("" if row == DEFAULT else p_value(compare(scored[name], table[DEFAULT], runs, name).p))
        print(f"| `{row}` | " + " | ".join(cells) + " |")


def score_sets(split: Split, other: str | None) -> Sets:
    """The own test split and, if given, the file to score besides."""
    scored: Sets = {OWN: split.test}
    if other:
        scored[OTHER] = tuple(read_labelled(os.path.expanduser(other), Columns()))
    return scored


def arguments(names: Collection[str]) -> tuple[dict[str, str], list[str]]:
    """Part the command line into options of these names and the rest, which may hold a `=` of its own."""
    options = [item for item in sys.argv[1:] if item.split("=")[0] in names]
    return dict(item.split("=", 1) for item in options), [item for item in sys.argv[1:] if item not in options]


def main() -> None:
    """Measure every row with every seed and print the table."""
    options, rows = arguments({"other", "seeds", "articles", "results"})
    rows = rows or [DEFAULT]
    seeds = [int(seed) for seed in options.get("seeds", "1,2,3").split(",")]
    base = settings_of(DEFAULT, seeds[0])
    split = load_data(base.data, base.labels.label_set).split
    scored = score_sets(split, options.get("other"))
    results = Path(options["results"]) if "results" in options else None
    articles = int(options.get("articles", "0"))
    table = {row: [measure(row, seed, articles, split, scored, results) for seed in seeds] for row in rows}
    print_table(table, scored)


if __name__ == "__main__":
    main()
