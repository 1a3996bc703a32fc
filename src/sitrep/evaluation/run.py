"""The whole of ``scripts/evaluate.py``: checkpoint, data, scores, report."""

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from sitrep.data.loading import LoadedData, SourceFile, columns_of, load_data, load_test
from sitrep.data.split import describe_set, digest
from sitrep.errors import UserError
from sitrep.evaluation.provenance import cost
from sitrep.evaluation.scoring import BehaviourQuestions, add_neighbours, score_checkpoint
from sitrep.inference.predictor import Predictor
from sitrep.model.baselines import Baseline, baselines
from sitrep.model.checkpoint import Checkpoint, open_checkpoint
from sitrep.report.evaluation import print_summary
from sitrep.report.result_folder import write_results
from sitrep.sentences import LabelledSentence
from sitrep.settings import DataSettings, EvaluateDataSettings, EvaluateSettings
from sitrep.settings.rules import check_label_map
from sitrep.storage.complete import complete_folder, point_latest


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
            "sources": [asdict(source) for source in sources],
        }
        predictor = Predictor.from_checkpoint(
            checkpoint,
            calibrated=settings.calibrated,
            precision=settings.inference.precision,
            batch_tokens=settings.inference.batch_tokens,
        )
        questions = BehaviourQuestions(settings.behaviour, settings.behaviour_files)
        results = score_checkpoint(checkpoint, predictor, settings.calibrated, sentences, reference, data, questions)
        if isinstance(trained_on, LoadedData) and settings.neighbours:
            results = add_neighbours(results, trained_on.split.train)
        results.environment.update(cost(began, predictor.engine.device, results.environment["scoring_seconds"]))
        write_results(partial, results, settings)
    point_latest(folder, "evaluate")
    print_summary(results, folder, Console(stderr=True))
    return folder


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
