"""What each training setting gains, and what a user would train instead, over several seeds side by side.

    python benchmarks/accuracy.py [other=FILE[,FILE...]] [seeds=1,2,3] [articles=N] [results=FOLDER] ROW...

A ROW is one or more settings joined by `;`, such as `model.context=article` or `trainer.epochs=4;model.dropout=null`;
`default` changes nothing; `peer:NAME` is one of `benchmarks/peers.py` (extra `bench`). All are trained on the training
split of the shipped corpus, or on N articles drawn from it by the seed, and scored on its test split and on each file
of `other`, which has a column of its own under the file's name. Pages are read whole where the model reads context;
`own test, alone` is then the test split with every sentence read alone. The last columns are the p-values of "this row
differs from `default`": a paired bootstrap over articles of the difference between the means over the seeds.

Finished runs are kept in `results`, so that a table that broke off goes on where it stopped, and another table can
share its rows. A run is found again if its settings, those that it did not name included, and all units are the same;
a change of the program is not seen, so begin an empty folder after one.

The default number of epochs is that of `make train` where a row learns from all of the corpus. Articles that are drawn
from it are other data, and get what the program gives other data, unless the row says otherwise.
"""

import hashlib
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from arguments import part_arguments
from peers import PEERS, Peer, macro_f1

from sitrep.cli.composition import compose_settings
from sitrep.data.loading import load_data
from sitrep.data.reading import Columns, read_labelled
from sitrep.data.split import Split
from sitrep.evaluation.results import passages_of
from sitrep.inference.predictor import Predictor
from sitrep.inference.torch_engine import TorchEngine
from sitrep.labels import Task, Taxonomy, shipped_taxonomy
from sitrep.metrics.resampling import article_confusions, effective_articles, resample
from sitrep.metrics.scores import rates
from sitrep.metrics.significance import Difference, difference
from sitrep.report.comparison import p_value
from sitrep.sentences import LabelledSentence
from sitrep.settings import Context, DataSettings, TrainSettings
from sitrep.settings.description import as_plain
from sitrep.settings.training import OTHER_EPOCHS
from sitrep.training.fine_tuning import fine_tune
from sitrep.training.validation_fitting import fit_on_validation

DEFAULT, PEER, OWN = "default", "peer:", "own test"
OPTIONS = ("other", "seeds", "results")
TAXONOMY = shipped_taxonomy("five")
DRAWS = 2000

Sets = Mapping[str, Sequence[LabelledSentence]]


@dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
        figures: By column of the table.
        predicted: Labels that were given, by scored set.
    """

    figures: dict[str, float]
    predicted: dict[str, list[str]]


@dataclass(frozen=True)
class Experiment:
    """What the rows of a table share.

    Attributes:
        split: Of the shipped corpus.
        scored: The test split, and each other set.
        seeds: Of the runs of a row.
        results: Folder of finished runs; ``None``: none are kept.
    """

    split: Split
    scored: Sets
    seeds: Sequence[int]
    results: Path | None

    @classmethod
    def from_options(cls, given: Mapping[str, str]) -> "Experiment":
        """The experiment that the options ``OPTIONS`` of a command line ask for."""
        split = load_data(DataSettings(), TAXONOMY).split
        seeds = [int(seed) for seed in given.get("seeds", "1,2,3").split(",")]
        results = Path(given["results"]) if "results" in given else None
        return cls(split, {OWN: split.test} | read_others(given.get("other", "")), seeds, results)

    def measure(self, row: str, seed: int, articles: int) -> Run:
        """Train a row once on some articles (0: all), or take the run that is kept from before."""
        split = draw_articles(self.split, articles, seed)
        corpus = not articles
        kept = self.results / f"{key_of(row, seed, split, self.scored, corpus)}.json" if self.results else None
        if kept and kept.exists():
            content = json.loads(kept.read_text(encoding="utf-8"))
            return Run(content["figures"], content["predicted"])
        run = train(row, seed, split, TAXONOMY, self.scored, corpus)
        told = ", ".join(f"{name} {value:.4g}" for name, value in run.figures.items())
        print(f"{row}, seed {seed}, {articles or 'all'} articles: {told}", flush=True)
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            about = {"row": row, "seed": seed, "articles": articles}
            kept.write_text(json.dumps(about | asdict(run)) + "\n", encoding="utf-8")
        return run


def read_others(files: str) -> dict[str, tuple[LabelledSentence, ...]]:
    """Labelled files, their names parted by commas, by the name of each without its ending.

    Raises:
        SystemExit: If two have one name.
    """
    paths = [Path(file).expanduser() for file in files.split(",") if file]
    if len({OWN, *(path.stem for path in paths)}) <= len(paths):
        sys.exit(f"{files}: each file needs a name of its own, other than {OWN!r}")
    return {path.stem: tuple(read_labelled(str(path), Columns(), TAXONOMY)) for path in paths}


def settings_of(row: str, seed: int, corpus: bool) -> TrainSettings:
    """Settings of a row that is not a peer.

    Args:
        row: As on the command line.
        seed: Of the run.
        corpus: Whether it learns from the whole of the shipped corpus, for which the default of the epochs was chosen.

    Raises:
        SystemExit: If it changes what all rows share.
    """
    changes = [] if row == DEFAULT else row.split(";")
    settings = compose_settings("train", TrainSettings, [*changes, f"seed={seed}"])
    if (settings.data, settings.labels) != (DataSettings(), TrainSettings.labels):
        sys.exit(f"{row}: data and labels are those of the table and cannot be changed for a row")
    if corpus or settings.trainer.epochs is not None:
        return settings
    return replace(settings, trainer=replace(settings.trainer, epochs=OTHER_EPOCHS))


def key_of(row: str, seed: int, split: Split, scored: Sets, corpus: bool) -> str:
    """What a finished run is kept under: a hash of all that its figures follow from, but the program itself."""
    made_by: Any = [row, seed]
    if not row.startswith(PEER):
        made_by = as_plain(settings_of(row, seed, corpus))
        del made_by["output_dir"]
    return hashlib.sha256(json.dumps([made_by, repr(split), repr(scored)]).encode()).hexdigest()[:16]


def draw_articles(split: Split, articles: int, seed: int) -> Split:
    """A training split of some articles; 0: all. Validation and test stay as they are."""
    there = split.article_ids()["train"]
    chosen = set(random.Random(seed).sample(there, articles or len(there)))
    return Split(tuple(unit for unit in split.train if unit.article_id in chosen), split.validation, split.test)


def train(row: str, seed: int, split: Split, taxonomy: Taxonomy, scored: Sets, corpus: bool) -> Run:
    """Train a row once, on the whole corpus or other data, and score it: macro-F1 of each set, and more."""
    if row.startswith(PEER):
        run = train_peer(PEERS[row.removeprefix(PEER)], seed, split, scored)
    else:
        run = train_ours(settings_of(row, seed, corpus), split, taxonomy, scored)
    figures = {name: macro_f1(units, run.predicted[name], taxonomy) for name, units in scored.items()}
    return Run(figures | run.figures, run.predicted)


def train_ours(settings: TrainSettings, split: Split, taxonomy: Taxonomy, scored: Sets) -> Run:
    """Fine-tune, and label every set as a checkpoint of the model would."""
    with tempfile.TemporaryDirectory() as scratch:
        trained = fine_tune(settings, split, taxonomy, Path(scratch))
    engine = TorchEngine(trained.model, trained.device, trained.precision)
    predictor = Predictor(engine, trained.encoder, taxonomy, settings.task)
    if settings.task is Task.multi_label:
        predictor.thresholds |= fit_on_validation(predictor, split.validation, settings.target_precision).thresholds
    began = time.perf_counter()
    predicted = {name: [p.label for p in predictor.predict(passages_of(units))] for name, units in scored.items()}
    seconds = time.perf_counter() - began
    figures = {
        "validation": trained.validation,
        "training seconds": trained.seconds,
        "trained/s": trained.sentences / trained.seconds,
        "predicted/s": sum(map(len, scored.values())) / seconds,
    }
    if settings.model.context is not Context.none:
        name, units = next(iter(scored.items()))
        figures[f"{name}, alone"] = macro_f1(units, predictor.label([unit.text for unit in units]), taxonomy)
    return Run(figures, predicted)


def train_peer(peer: Peer, seed: int, split: Split, scored: Sets) -> Run:
    """Fit a peer and let it label every set."""
    began = time.perf_counter()
    labels = iter(peer(split.train, split.validation, [unit.text for units in scored.values() for unit in units], seed))
    seconds = time.perf_counter() - began
    return Run({"seconds": seconds}, {name: [next(labels) for _ in units] for name, units in scored.items()})


def compare(units: Sequence[LabelledSentence], name: str, ours: Sequence[Run], others: Sequence[Run]) -> Difference:
    """The difference between the mean macro-F1 of two rows, as `scripts/compare.py` tests that of two runs."""
    true, articles = [unit.label for unit in units], [unit.article_id for unit in units]

    def counted(runs: Sequence[Run]) -> np.ndarray:
        tables = [article_confusions(true, run.predicted[name], TAXONOMY.labels, articles) for run in runs]
        return np.stack(tables, axis=1)

    def mean(counts: np.ndarray) -> np.ndarray:
        return np.asarray(rates(counts, TAXONOMY).macro_f1.mean(axis=-1))

    tables = [counted(runs) for runs in (ours, others)]
    values = np.array([float(mean(table.sum(axis=0))) for table in tables])
    drawn = np.stack([mean(resample(table, DRAWS, seed=0)) for table in tables], axis=1)
    effective = effective_articles(sum(table.sum(axis=1) for table in tables), TAXONOMY)
    return difference(values, drawn, float(effective.macro_f1))


def with_spread(values: Sequence[float]) -> str:
    """The mean over the seeds and, if there are several, the standard deviation."""
    spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.3f}{spread}"


def print_table(table: dict[str, list[Run]], scored: Sets) -> None:
    """Mean and standard deviation over the seeds, and the p-values against the default."""
    columns = list(dict.fromkeys([*scored, *(name for runs in table.values() for name in runs[0].figures)]))
    tested = list(scored) if DEFAULT in table and len(table) > 1 else []
    print("\n| row | " + " | ".join([*columns, *(f"p, {name}" for name in tested)]) + " |")
    print("|" + "---|" * (len(columns) + len(tested) + 1))
    for row, runs in table.items():
        cells = []
        for column in columns:
            values = [run.figures[column] for run in runs if column in run.figures]
            cost = column.endswith(("/s", "seconds"))
            cells.append("" if not values else f"{statistics.mean(values):.0f}" if cost else with_spread(values))
        for name in tested:
            found = None if row == DEFAULT else compare(scored[name], name, table[DEFAULT], runs)
            cells.append(p_value(found.p) if found else "")
        print(f"| `{row}` | " + " | ".join(cells) + " |")


def main() -> None:
    """Measure every row with every seed and print the table."""
    given, rows = part_arguments({*OPTIONS, "articles"})
    experiment = Experiment.from_options(given)
    articles = int(given.get("articles", "0"))
    table = {row: [experiment.measure(row, seed, articles) for seed in experiment.seeds] for row in rows or [DEFAULT]}
    print_table(table, experiment.scored)


if __name__ == "__main__":
    main()
