"""Time, memory and size of the evaluation report, from predictions that are there already.

    python benchmarks/report.py [units=100000] [articles=5000]

The units are those of the shipped corpus over and over under new article ids, about a tenth of them labelled wrongly,
with a checkpoint's validation figures made in the same way. What the model itself takes is not counted: behaviour tests
and neighbours are passes of a model.
"""

import resource
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
from arguments import options

from sitrep.cli.composition import compose_settings
from sitrep.data.reading import SHIPPED, Columns, read_labelled
from sitrep.data.split import describe_set
from sitrep.decisions import probabilities_of
from sitrep.evaluation.analysis import analyse
from sitrep.evaluation.provenance import environment
from sitrep.evaluation.results import compute, passages_of
from sitrep.labels import Task, shipped_taxonomy
from sitrep.model.checkpoint import Checkpoint
from sitrep.model.hardware import PrecisionChoice
from sitrep.model.validation_fit import ValidationFit
from sitrep.report.result_folder import write_results
from sitrep.sentences import LabelledSentence, Prediction
from sitrep.settings import Context, EvaluateSettings, Precision

SURENESS = 2.55
"""By how much the true label's logit stands above the noise: about a tenth of the labels come out wrong."""
VALIDATION = 2000
TAXONOMY = shipped_taxonomy("five")
LABELS = TAXONOMY.labels


def made(units: int, articles: int) -> tuple[list[LabelledSentence], list[Prediction]]:
    """Units and their predictions."""
    rng = np.random.default_rng(0)
    corpus = read_labelled(SHIPPED, Columns())
    each = units // articles
    sentences = [
        replace(corpus[n % len(corpus)], id=f"u{n}", article_id=f"a{n // each}", position=n % each)
        for n in range(units)
    ]
    true = np.array([LABELS.index(sentence.label) for sentence in sentences])
    logits = rng.normal(size=(units, len(LABELS))) + SURENESS * np.eye(len(LABELS))[true]
    predictions = [
        Prediction(passage, LABELS[int(row.argmax())], dict(zip(LABELS, row.tolist(), strict=True)))
        for passage, row in zip(passages_of(sentences), probabilities_of(logits, Task.single_label), strict=True)
    ]
    return sentences, predictions


def main() -> None:
    """Make one report and print what it took."""
    given = options("units", "articles")
    units, articles = int(given.get("units", "100000")), int(given.get("articles", "5000"))
    sentences, predictions = made(units, articles)
    true = [LABELS.index(s.label) for s in sentences[:VALIDATION]]
    predicted = [LABELS.index(p.label) for p in predictions[:VALIDATION]]
    accept: dict[str, float | None] = dict.fromkeys(LABELS, 0.8)
    fit = ValidationFit(list(LABELS), true, predicted, [n // 30 for n in range(len(true))], 1.1, "", {}, 0.95, accept)
    checkpoint = Checkpoint(Path(), TAXONOMY, Task.single_label, 256, Context.none, 256, None, fit)
    settings = compose_settings("evaluate", EvaluateSettings, [])
    made_with = environment("cpu", PrecisionChoice(Precision.fp32, "no model runs"))
    about = {"test": describe_set(sentences, LABELS), "seen_in_training": 0, "left_out": 0, "sources": []}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began, cpu = time.perf_counter(), time.process_time()
    analysis = analyse(sentences, predictions, checkpoint, calibrated=True)
    results = compute(sentences, predictions, TAXONOMY, analysis, "not asked for", about, {}, made_with)
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
