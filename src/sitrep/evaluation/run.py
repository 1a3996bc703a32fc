"""The whole of ``scripts/evaluate.py``, and the part of it that ends a training run."""

import json
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from sitrep.data.loading import LoadedData, SourceFile, columns_of, load_data, load_test
from sitrep.data.split import describe_set, digest
from sitrep.errors import UserError
from sitrep.evaluation import behaviour
from sitrep.evaluation.analysis import analyse
from sitrep.evaluation.misclassifications import with_neighbours, write_errors
from sitrep.evaluation.provenance import cost, environment
from sitrep.evaluation.results import Results, compute, passages_of
from sitrep.inference.embedding import Embedder
from sitrep.inference.outputs import open_output
from sitrep.inference.predictor import Predictor
from sitrep.labels import shipped_taxonomy
from sitrep.model import checkpoint as layout
from sitrep.model.baselines import Baseline, baselines
from sitrep.model.checkpoint import Checkpoint, open_checkpoint
from sitrep.report.evaluation import ERRORS_SHOWN, print_summary, render, render_markdown
from sitrep.sentences import LabelledSentence
from sitrep.settings import Context, DataSettings, EvaluateDataSettings, EvaluateSettings, TrainSettings
from sitrep.settings.description import as_plain
from sitrep.settings.rules import check_label_map
from sitrep.storage.complete import complete_folder, point_latest

NEIGHBOURS_FROM = 20_000
"""Training units, drawn at random, among which the neighbours of errors are looked for."""


@dataclass(frozen=True)
class BehaviourQuestions:
    """Which behaviour tests a model is asked.

    Attributes:
        asked: Whether it is asked any.
        files: Of the user's own tests, beside those that are shipped.
    """

    asked: bool = True
    files: Sequence[str] = ()


def evaluate(settings: EvaluateSettings) -> Path:
    """Score a checkpoint and leave a complete result directory, or none.

    Returns:
        The result directory.

    Raises:
        UserError: For anything wrong with the checkpoint, the data or the place to write to.
    """
    began = time.perf_counter()
    with complete_folder(settings.output_dir) as (partial, folder):
        settings = replace(settings, output_dir=str(folder))
        checkpoint = open_checkpoint(settings.checkpoint)
        check_label_map(settings.data.label_map, checkpoint.taxonomy)
        trained_on = _training_data(checkpoint)
        sentences, sources, left_out = _scored_data(settings, checkpoint, trained_on)
        reference: Sequence[Baseline] | str = "they were turned off with baselines=false"
        if settings.baselines:
            reference = trained_on if isinstance(trained_on, str) else baselines(trained_on.split.train, sentences)
        data = {
            "test": describe_set(sentences, checkpoint.labels),
            "left_out": left_out,
            "seen_in_training": _seen(sentences, trained_on) if isinstance(trained_on, LoadedData) else None,
            "sources": _as_json(sources),
        }
        predictor = Predictor.from_checkpoint(
            checkpoint,
            calibrated=settings.calibrated,
            precision=settings.inference.precision,
            batch_tokens=settings.inference.batch_tokens,
        )
        questions = BehaviourQuestions(settings.behaviour, settings.behaviour_files)
        results = _score(checkpoint, predictor, settings.calibrated, sentences, reference, data, questions)
        if isinstance(trained_on, LoadedData) and settings.neighbours:
            results = add_neighbours(results, trained_on.split.train)
        results.environment.update(cost(began, predictor.engine.device, results.environment["scoring_seconds"]))
        write_results(partial, results, settings)
    point_latest(folder, "evaluate")
    print_summary(results, folder, Console(stderr=True))
    return folder


def evaluate_split(checkpoint: Checkpoint, predictor: Predictor, data: LoadedData, training: dict[str, Any]) -> Results:
    """Score a freshly trained checkpoint on its test split, baselines beside it."""
    sets = {name: describe_set(part, checkpoint.labels) for name, part in data.split.parts().items()}
    about = {**sets, "left_out": data.left_out, "seen_in_training": 0, "sources": _as_json(data.sources)}
    reference = baselines(data.split.train, data.split.test)
    results = _score(checkpoint, predictor, True, data.split.test, reference, about, BehaviourQuestions())
    return replace(results, training=training)


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


def _score(
    checkpoint: Checkpoint,
    predictor: Predictor,
    calibrated: bool,
    sentences: Sequence[LabelledSentence],
    reference: Sequence[Baseline] | str,
    data: dict[str, Any],
    questions: BehaviourQuestions,
) -> Results:
    # Before any scoring, so that a broken file is not found after the work is done.
    tests = _behaviour_tests(checkpoint, questions)
    began = time.perf_counter()
    predictions = list(predictor.predict(passages_of(sentences)))
    seconds = time.perf_counter() - began
    label = predictor.label if questions.asked else None
    analysis = analyse(sentences, predictions, checkpoint, calibrated, label, tests)
    made_with = environment(predictor.engine.device, predictor.engine.precision)
    made_with["scoring_seconds"] = round(seconds, 2)
    results = compute(
        sentences,
        predictions,
        checkpoint.taxonomy,
        analysis,
        reference,
        data,
        {},
        made_with,
        checkpoint.thresholds,
    )
    if checkpoint.context is Context.none:
        return results
    note = (
        f"With model.context={checkpoint.context.name} a plain pipeline of transformers loads the checkpoint, "
        "but reads each sentence without its context."
    )
    return replace(results, notes=[*results.notes, note])


def _behaviour_tests(checkpoint: Checkpoint, questions: BehaviourQuestions) -> list[behaviour.BehaviourTest]:
    """The shipped tests where the model has a label that they are about, and the user's own."""
    if not questions.asked:
        return []
    ours = set(shipped_taxonomy("four").labels) & set(checkpoint.labels)
    shipped = behaviour.load_tests(behaviour.shipped_files()) if ours else []
    return [*shipped, *behaviour.load_tests(questions.files, checkpoint.taxonomy)]


def _scored_data(
    settings: EvaluateSettings, checkpoint: Checkpoint, trained_on: LoadedData | str
) -> tuple[Sequence[LabelledSentence], Sequence[SourceFile], int]:
    """The units to score, where they come from, and how many were left out."""
    if settings.data.test_files:
        recorded = checkpoint.record.data if checkpoint.record else {}
        columns = columns_of(recorded | _given(settings.data))
        return load_test(settings.data.test_files, columns, checkpoint.taxonomy)
    if isinstance(trained_on, LoadedData):
        return trained_on.split.test, trained_on.sources, trained_on.left_out
    remedy = "name the data to score with data.test_files=[FILE]"
    raise UserError(f"checkpoint={settings.checkpoint}: {trained_on}; {remedy}")


def _training_data(checkpoint: Checkpoint) -> LoadedData | str:
    """The data that a checkpoint was trained on, if it is still there and the same; else what is the matter."""
    record = checkpoint.record
    if record is None or not record.data:
        return "the checkpoint does not say what it was trained on"
    try:
        settings = DataSettings(**record.data)
        for name in ("train_files", "validation_files", "test_files"):
            setattr(settings, name, [_from_base(source, checkpoint) for source in getattr(settings, name)])
        data = load_data(settings, checkpoint.taxonomy)
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
