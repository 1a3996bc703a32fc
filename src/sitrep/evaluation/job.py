"""The whole of ``scripts/evaluate.py``, and the part of it that ends a training run."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table

from sitrep import checkpoint as layout
from sitrep.checkpoint import Checkpoint, open_checkpoint
from sitrep.config import DataSettings, EvaluateDataSettings, EvaluateSettings, TrainSettings, as_plain
from sitrep.data import LoadedData, SourceFile, load_data, load_test
from sitrep.data.loading import columns_of
from sitrep.data.split import digest
from sitrep.errors import UserError
from sitrep.evaluation.baselines import Baseline, baselines
from sitrep.evaluation.provenance import environment
from sitrep.evaluation.report import render
from sitrep.evaluation.results import Results, compute, describe_set, passages_of
from sitrep.files import complete_folder, point_latest, refuse_existing
from sitrep.inference.outputs import open_output
from sitrep.inference.predictor import Predictor
from sitrep.sentences import LabelledSentence

DEFAULT_COLUMNS = {
    "text_field": "text",
    "label_field": "label",
    "labels_field": "labels",
    "article_id_field": "article_id",
    "position_field": "position",
    "id_field": "id",
    "label_map": {},
}
"""For checkpoints that another program made, which say nothing of their data."""


def evaluate(settings: EvaluateSettings) -> Path:
    """Score a checkpoint and leave a complete result directory, or none.

    Returns:
        The result directory.

    Raises:
        UserError: For anything wrong with the checkpoint, the data or the place to write to.
    """
    console = Console(stderr=True)
    folder = Path(settings.output_dir)
    refuse_existing(folder, False, "choose another output_dir or remove it")
    checkpoint = open_checkpoint(settings.checkpoint)
    trained_on = _training_data(checkpoint)
    if settings.data.test_files:
        recorded = checkpoint.record.data if checkpoint.record else {}
        columns = columns_of(DEFAULT_COLUMNS | recorded | _given(settings.data))
        sentences, sources, left_out = load_test(settings.data.test_files, columns, checkpoint.label_set)
    else:
        if not isinstance(trained_on, LoadedData):
            raise UserError(
                f"checkpoint={settings.checkpoint}: {trained_on}; name the data to score with data.test_files=[FILE]"
            )
        sentences, sources, left_out = trained_on.split.test, trained_on.sources, trained_on.left_out
    reference: Sequence[Baseline] | str = "they were turned off with baselines=false"
    if settings.baselines:
        reference = trained_on if isinstance(trained_on, str) else baselines(trained_on.split.train, sentences)
    predictor = Predictor(checkpoint, settings.inference)
    data = {"test": describe_set(sentences, checkpoint.labels), "left_out_none": left_out, "sources": _as_json(sources)}
    results = _results(predictor, sentences, reference, data, {})
    if isinstance(trained_on, LoadedData):
        results.notes.extend(_overlap(sentences, trained_on))
    with complete_folder(folder) as partial:
        write_results(partial, results, settings)
    point_latest(folder)
    print_summary(results, folder, console)
    return folder


def evaluate_split(predictor: Predictor, data: LoadedData, training: dict[str, Any]) -> Results:
    """Score a freshly trained checkpoint on its test split, baselines beside it."""
    sets = {name: describe_set(part, predictor.labels) for name, part in data.split.parts().items()}
    about = {**sets, "left_out_none": data.left_out, "sources": _as_json(data.sources)}
    reference = baselines(data.split.train, data.split.test)
    return _results(predictor, data.split.test, reference, about, training)


def write_results(folder: Path, results: Results, settings: TrainSettings | EvaluateSettings) -> None:
    """Write ``config.yaml``, ``metrics.json``, ``report.html``, ``predictions.jsonl`` and ``environment.json``."""
    plain = as_plain(settings)
    (folder / layout.CONFIG).write_text(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True), encoding="utf-8")
    _write_json(folder / layout.METRICS, results.metrics())
    _write_json(folder / layout.ENVIRONMENT, results.environment)
    with open_output(str(folder / layout.PREDICTIONS), results.labels) as write:
        for prediction in results.predictions:
            write(prediction)
    (folder / layout.REPORT).write_text(render(results, plain), encoding="utf-8")


def print_summary(results: Results, folder: Path, console: Console) -> None:
    """A short table, the headline beside the baselines, and where the report lies."""
    table = Table(title=f"{len(results.sentences)} test units of {results.data['test']['articles']} articles")
    for heading in ("label", "precision", "recall", "F1", "units"):
        table.add_column(heading, justify="left" if heading == "label" else "right")
    for label, figures in results.scores.per_class.items():
        cells = [_figure(figures.precision), _figure(figures.recall), _figure(figures.f1), str(figures.support)]
        table.add_row(label, *cells)
    console.print(table)
    console.print(
        f"macro-F1 over the four classes: [bold]{_figure(results.scores.macro_f1_four)}[/bold]", highlight=False
    )
    for title, scores in results.baselines.values():
        console.print(f"  {title}: {_figure(scores.macro_f1_four)}", highlight=False, soft_wrap=True)
    for note in results.notes:
        console.print(f"note: {note}", highlight=False, soft_wrap=True)
    console.print(f"report: {folder / layout.REPORT}", highlight=False, soft_wrap=True)


def _results(
    predictor: Predictor,
    sentences: Sequence[LabelledSentence],
    reference: Sequence[Baseline] | str,
    data: dict[str, Any],
    training: dict[str, Any],
) -> Results:
    predictions = list(predictor.predict(passages_of(sentences)))
    made_with = environment(predictor.device.type, predictor.precision.name)
    return compute(sentences, predictions, predictor.labels, reference, data, training, made_with)


def _training_data(checkpoint: Checkpoint) -> LoadedData | str:
    """The data that a checkpoint was trained on, if it is still there and the same; else what is the matter."""
    record = checkpoint.record
    if record is None or not record.data:
        return "the checkpoint does not say what it was trained on"
    try:
        data = load_data(DataSettings(**record.data), checkpoint.label_set)
    except UserError as error:
        return f"its training data cannot be read again ({error})"
    if data.split.digests() != record.split:
        return "its training data has changed since"
    return data


def _overlap(sentences: Sequence[LabelledSentence], data: LoadedData) -> list[str]:
    """A note if the scored data holds what the model was trained on."""
    if digest(sentences) == digest(data.split.test):
        return []
    seen = {sentence.text for part in (data.split.train, data.split.validation) for sentence in part}
    shared = sum(sentence.text in seen for sentence in sentences)
    return [f"{shared} of these units have a text that the model was trained or chosen on."] if shared else []


def _given(settings: EvaluateDataSettings) -> dict[str, Any]:
    given = {name: value for name, value in asdict(settings).items() if name != "test_files"}
    return {name: value for name, value in given.items() if value not in (None, {})}


def _as_json(sources: Sequence[SourceFile]) -> list[dict[str, Any]]:
    return [asdict(source) for source in sources]


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
