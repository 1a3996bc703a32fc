"""The whole of ``scripts/evaluate.py``, and the part of it that ends a training run."""

import json
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from sitrep import checkpoint as layout
from sitrep.checkpoint import Checkpoint, open_checkpoint
from sitrep.config import Context, DataSettings, EvaluateDataSettings, EvaluateSettings, TrainSettings
from sitrep.config_text import as_plain
from sitrep.data import LoadedData, SourceFile, load_data, load_test
from sitrep.data.loading import columns_of
from sitrep.data.split import digest
from sitrep.errors import UserError
from sitrep.evaluation import behaviour
from sitrep.evaluation.analysis import analyse
from sitrep.evaluation.baselines import Baseline, baselines
from sitrep.evaluation.errors import with_neighbours, write_errors
from sitrep.evaluation.provenance import cost, environment
from sitrep.evaluation.report import ERRORS_SHOWN, render, render_markdown
from sitrep.evaluation.results import Results, compute, describe_set, passages_of
from sitrep.files import complete_folder, point_latest
from sitrep.inference.embedding import Embedder
from sitrep.inference.outputs import open_output
from sitrep.inference.predictor import Predictor
from sitrep.pages import figure
from sitrep.sentences import LabelledSentence

NEIGHBOURS_FROM = 20_000
"""Training units, drawn at random, among which the neighbours of errors are looked for."""


def evaluate(settings: EvaluateSettings) -> Path:
    """Score a checkpoint and leave a complete result directory, or none.

    Returns:
        The result directory.

    Raises:
        UserError: For anything wrong with the checkpoint, the data or the place to write to.
    """
    began = time.perf_counter()
    with complete_folder(settings.output_dir) as (partial, folder):
        checkpoint = open_checkpoint(settings.checkpoint)
        trained_on = _training_data(checkpoint)
        if settings.data.test_files:
            recorded = checkpoint.record.data if checkpoint.record else {}
            columns = columns_of(recorded | _given(settings.data))
            sentences, sources, left_out = load_test(settings.data.test_files, columns, checkpoint.label_set)
        elif isinstance(trained_on, LoadedData):
            sentences, sources, left_out = trained_on.split.test, trained_on.sources, trained_on.left_out
        else:
            remedy = "name the data to score with data.test_files=[FILE]"
            raise UserError(f"checkpoint={settings.checkpoint}: {trained_on}; {remedy}")
        reference: Sequence[Baseline] | str = "they were turned off with baselines=false"
        if settings.baselines:
            reference = trained_on if isinstance(trained_on, str) else baselines(trained_on.split.train, sentences)
        data = {
            "test": describe_set(sentences, checkpoint.labels),
            "left_out_none": left_out,
            "seen_in_training": _seen(sentences, trained_on) if isinstance(trained_on, LoadedData) else None,
            "sources": _as_json(sources),
        }
        predictor = Predictor(checkpoint, settings.inference, calibrated=settings.calibrated)
        results = _results(predictor, sentences, reference, data, {}, settings.behaviour, settings.behaviour_files)
        if isinstance(trained_on, LoadedData) and settings.neighbours:
            results = add_neighbours(results, trained_on.split.train)
        results.environment.update(cost(began, predictor.device.type, results.environment["scoring_seconds"]))
        write_results(partial, results, settings)
    point_latest(folder, "evaluate")
    print_summary(results, folder, Console(stderr=True))
    return folder


def evaluate_split(predictor: Predictor, data: LoadedData, training: dict[str, Any]) -> Results:
    """Score a freshly trained checkpoint on its test split, baselines beside it."""
    sets = {name: describe_set(part, predictor.labels) for name, part in data.split.parts().items()}
    about = {**sets, "left_out_none": data.left_out, "seen_in_training": 0, "sources": _as_json(data.sources)}
    reference = baselines(data.split.train, data.split.test)
    return _results(predictor, data.split.test, reference, about, training)


def add_neighbours(results: Results, train: Sequence[LabelledSentence]) -> Results:
    """Put the training units most like it beside each error that the report shows."""
    shown, rest = results.errors[:ERRORS_SHOWN], results.errors[ERRORS_SHOWN:]
    if not shown:
        return results
    if len(train) > NEIGHBOURS_FROM:
        train = random.Random(0).sample(train, NEIGHBOURS_FROM)
    embedder = Embedder()
    vectors = embedder.embed([error.sentence.text for error in shown])
    found = with_neighbours(shown, vectors, train, embedder.embed([sentence.text for sentence in train]))
    return replace(results, errors=[*found, *rest])


def write_results(folder: Path, results: Results, settings: TrainSettings | EvaluateSettings) -> None:
    """Write settings, metrics, report, predictions, errors and environment into a result directory."""
    plain = as_plain(settings)
    (folder / layout.CONFIG).write_text(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True), encoding="utf-8")
    _write_json(folder / layout.METRICS, results.metrics())
    _write_json(folder / layout.ENVIRONMENT, results.environment)
    with open_output(str(folder / layout.PREDICTIONS)) as write:
        for prediction in results.predictions:
            write(prediction)
    write_errors(folder / layout.ERRORS, results.errors)
    (folder / layout.REPORT).write_text(render(results, plain), encoding="utf-8")
    (folder / layout.REPORT_MARKDOWN).write_text(render_markdown(results, plain), encoding="utf-8")


def print_summary(results: Results, folder: Path, console: Console) -> None:
    """A short table, the headline beside the baselines, and where the report lies."""
    table = Table(title=f"{len(results.sentences)} test units of {results.data['test']['articles']} articles")
    for heading in ("label", "precision", "recall", "F1", "units"):
        table.add_column(heading, justify="left" if heading == "label" else "right")
    for label, figures in results.scores.per_class.items():
        cells = [figure(figures.precision), figure(figures.recall), figure(figures.f1), str(figures.support)]
        table.add_row(label, *cells)
    console.print(table)
    interval = results.analysis.intervals.macro_f1_four
    bounds = f" (95 % interval {figure(interval.low)} to {figure(interval.high)})" if interval else ""
    console.print(
        f"macro-F1 over the four classes: [bold]{figure(results.scores.macro_f1_four)}[/bold]{bounds}",
        highlight=False,
        soft_wrap=True,
    )
    if sets := results.label_sets:
        console.print(
            f"every class that applies: macro-F1 {figure(sets.macro_f1)}, "
            f"mean average precision {figure(sets.mean_average_precision)}",
            highlight=False,
            soft_wrap=True,
        )
    for title, scores in results.baselines.values():
        console.print(f"  {title}: {figure(scores.macro_f1_four)}", highlight=False, soft_wrap=True)
    if seeds := results.training.get("seeds"):
        spread = f"mean {figure(seeds['mean'])}, standard deviation {figure(seeds['standard_deviation'])}"
        kept = (
            "the mean of their weights"
            if seeds["kept"] == "soup"
            else f"seed {seeds['kept']}, the median on validation"
        )
        names = ", ".join(str(run["seed"]) for run in seeds["runs"])
        console.print(f"seeds {names}: {spread}; kept: {kept}", highlight=False, soft_wrap=True)
    for note in results.notes:
        console.print(f"note: {note}", highlight=False, soft_wrap=True)
    console.print(f"report: {folder / layout.REPORT}", highlight=False, soft_wrap=True)


def _results(
    predictor: Predictor,
    sentences: Sequence[LabelledSentence],
    reference: Sequence[Baseline] | str,
    data: dict[str, Any],
    training: dict[str, Any],
    asked: bool = True,
    behaviour_files: Sequence[str] = (),
) -> Results:
    # Before any scoring, so that a broken file is not found after the work is done.
    tests = behaviour.load_tests([*behaviour.shipped_files(), *behaviour_files]) if asked else []
    began = time.perf_counter()
    predictions = list(predictor.predict(passages_of(sentences)))
    seconds = time.perf_counter() - began

    def label(texts: Sequence[str]) -> Sequence[str]:
        return predictor.choose(predictor.score(texts).probabilities)[0]

    ask = label if asked else None
    analysis = analyse(sentences, predictions, predictor.checkpoint, predictor.calibrated, ask, tests)
    made_with = environment(predictor.device.type, predictor.precision.name)
    made_with["scoring_seconds"] = round(seconds, 2)
    checkpoint = predictor.checkpoint
    thresholds = checkpoint.thresholds
    results = compute(
        sentences, predictions, predictor.labels, analysis, reference, data, training, made_with, thresholds
    )
    if checkpoint.context is Context.none and checkpoint.is_plain:
        return results
    how = f"With model.context={checkpoint.context.name} and model.pooling={checkpoint.pooling.name}"
    if checkpoint.is_plain:
        note = (
            f"{how} a plain pipeline of transformers loads the checkpoint, but reads each sentence without its context."
        )
    else:
        note = f"{how} the checkpoint is read by sitrep alone; a plain pipeline of transformers refuses it."
    return replace(results, notes=[*results.notes, note])


def _training_data(checkpoint: Checkpoint) -> LoadedData | str:
    """The data that a checkpoint was trained on, if it is still there and the same; else what is the matter."""
    record = checkpoint.record
    if record is None or not record.data:
        return "the checkpoint does not say what it was trained on"
    try:
        settings = DataSettings(**record.data)
        for name in ("train_files", "validation_files", "test_files"):
            setattr(settings, name, [_from_base(source, checkpoint) for source in getattr(settings, name)])
        data = load_data(settings, checkpoint.label_set)
    except (UserError, TypeError, ValueError) as error:
        return f"its training data cannot be read again ({error})"
    if data.split.digests() != record.split:
        return "its training data has changed since"
    return data


def _from_base(source: str, checkpoint: Checkpoint) -> str:
    """A relative path of the record, as seen from here."""
    assert checkpoint.record is not None
    moved = checkpoint.folder / checkpoint.record.base / source
    return str(moved) if not Path(source).is_absolute() and moved.exists() else source


def _seen(sentences: Sequence[LabelledSentence], data: LoadedData) -> int:
    """Number of units whose text the model was trained or chosen on."""
    if digest(sentences) == digest(data.split.test):
        return 0
    seen = {sentence.text for part in (data.split.train, data.split.validation) for sentence in part}
    return sum(sentence.text in seen for sentence in sentences)


def _given(settings: EvaluateDataSettings) -> dict[str, Any]:
    given = {name: value for name, value in asdict(settings).items() if name != "test_files"}
    return {name: value for name, value in given.items() if value not in (None, {})}


def _as_json(sources: Sequence[SourceFile]) -> list[dict[str, Any]]:
    return [asdict(source) for source in sources]


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
