"""Time, memory and size of the evaluation report, from predictions that are there already.

    python benchmarks/report.py [units=100000] [articles=5000]

The units are those of the shipped corpus over and over under new article ids, about a tenth of them labelled wrongly,
with a checkpoint's validation figures made in the same way. What the model itself takes is not counted: behaviour tests
and neighbours are passes of a model.
"""

import resource
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from sitrep.model.checkpoint import Checkpoint
from sitrep.settings import Context, EvaluateSettings, Pooling
from sitrep.data.reading import SHIPPED, Columns, read_labelled
from sitrep.evaluation.run import write_results
from sitrep.evaluation.analysis import analyse
from sitrep.evaluation.provenance import environment
from sitrep.evaluation.results import compute, describe_set, passages_of
from sitrep.cli.composition import compose, typed
from sitrep.labels import LabelSet, Task
from sitrep.sentences import LabelledSentence, Prediction
from sitrep.model.validation_fit import ValidationFit

SURENESS = 2.55
"""By how much the true label's logit stands above the noise: about a tenth of the labels come out wrong."""
VALIDATION = 2000
LABELS = LabelSet.five.names


def made(units: int, articles: int) -> tuple[list[LabelledSentence], list[Prediction]]:
    """Units and their predictions."""
    chance = np.random.default_rng(0)
    corpus = read_labelled(SHIPPED, Columns())
    each = units // articles
    sentences = [
        replace(corpus[n % len(corpus)], id=f"u{n}", article_id=f"a{n // each}", position=n % each)
        for n in range(units)
    ]
    true = np.array([LABELS.index(sentence.label) for sentence in sentences])
    logits = chance.normal(size=(units, len(LABELS))) + SURENESS * np.eye(len(LABELS))[true]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    predictions = [
        Prediction(passage, LABELS[int(row.argmax())], dict(zip(LABELS, row.tolist(), strict=True)))
        for passage, row in zip(passages_of(sentences), probabilities, strict=True)
    ]
    return sentences, predictions


def main() -> None:
    """Make one report and print what it took."""
    options = dict(argument.split("=", 1) for argument in sys.argv[1:])
    units, articles = int(options.get("units", "100000")), int(options.get("articles", "5000"))
    sentences, predictions = made(units, articles)
    true = [LABELS.index(s.label) for s in sentences[:VALIDATION]]
    given = [LABELS.index(p.label) for p in predictions[:VALIDATION]]
    homes = [n // 30 for n in range(VALIDATION)]
    accept: dict[str, float | None] = dict.fromkeys(LABELS, 0.8)
    fit = ValidationFit(list(LABELS), true, given, homes, 1.1, "", {}, 0.95, accept)
    checkpoint = Checkpoint(
        Path(), LABELS, LabelSet.five, Task.single_label, {}, 256, Context.none, Pooling.cls, 256, None, fit
    )
    settings = typed(compose(Path(__file__).parents[1] / "configs", "evaluate", EvaluateSettings, []), EvaluateSettings)
    about = {"test": describe_set(sentences, LABELS), "seen_in_training": 0, "left_out_none": 0, "sources": []}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, cpu = time.perf_counter(), time.process_time()
    analysis = analyse(sentences, predictions, checkpoint, calibrated=True)
    results = compute(sentences, predictions, LABELS, analysis, "not asked for", about, {}, environment("cpu", "fp32"))
    with tempfile.TemporaryDirectory() as folder:
        write_results(Path(folder), results, settings)
        size = (Path(folder) / "report.html").stat().st_size
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print("| units | errors | seconds | CPU seconds | peak memory (MiB) | before (MiB) | report.html (MB) |")
    print("|---|---|---|---|---|---|---|")
    figures = [f"{seconds:.1f}", f"{cpu:.1f}", f"{peak / 1024:.0f}", f"{before / 1024:.0f}", f"{size / 1e6:.2f}"]
    print(f"| {units:,} | {len(results.errors):,} | " + " | ".join(figures) + " |")


if __name__ == "__main__":
    main()
