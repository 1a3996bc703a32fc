"""The whole of ``scripts/evaluate.py``: checkpoint, data, scores, report."""

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from sitrep.data.leakage import seen_units
from sitrep.data.loading import LoadedData, SourceFile, columns_of, load_test
from sitrep.data.reading import check_source
from sitrep.data.recorded import training_data_of
from sitrep.data.split import describe_set
from sitrep.errors import UserError
from sitrep.evaluation.provenance import cost
from sitrep.evaluation.scoring import add_neighbours, behaviour_tests, score_checkpoint
from sitrep.inference.predictor import Predictor
from sitrep.model.baselines import Baseline, baselines
from sitrep.model.checkpoint import Checkpoint, open_checkpoint
from sitrep.report.evaluation import print_summary
from sitrep.report.result_folder import write_results
from sitrep.sentences import LabelledSentence
from sitrep.settings import EvaluateDataSettings, EvaluateSettings
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
        # What the user named comes first: a mistake in it is told before anything slow begins.
        check_label_map(settings.data.label_map, checkpoint.taxonomy)
        for source in settings.data.test_files:
            check_source(source)
        tests = behaviour_tests(checkpoint.taxonomy, settings.behaviour_files) if settings.behaviour else None
        trained_on = training_data_of(checkpoint, settings.training_data)
        sentences, sources, left_out = _scored_data(settings, checkpoint, trained_on)
        reference: Sequence[Baseline] | str = "they were turned off with baselines=false"
        if settings.baselines:
            reference = trained_on if isinstance(trained_on, str) else baselines(trained_on.split.train, sentences)
        data = {
            "test": describe_set(sentences, checkpoint.labels),
            "left_out": left_out,
            "seen_in_training": _seen(checkpoint, trained_on, sentences),
            "sources": [asdict(source) for source in sources],
        }
        predictor = Predictor.from_checkpoint(
            checkpoint,
            calibrated=settings.calibrated,
            engine=settings.engine,
            precision=settings.inference.precision,
            batch_tokens=settings.inference.batch_tokens,
            speaker=checkpoint.knows_speakers and any(unit.speaker for unit in sentences),
        )
        results = score_checkpoint(checkpoint, predictor, settings.calibrated, sentences, reference, data, tests)
        if isinstance(trained_on, LoadedData) and settings.neighbours:
            results = add_neighbours(results, trained_on.split.train)
        results.environment.update(cost(began, predictor.engine.device, results.environment["scoring_seconds"]))
        write_results(partial, results, settings)
    point_latest(folder, "evaluate")
    print_summary(results, folder, Console(stderr=True))
    return folder


def _seen(checkpoint: Checkpoint, trained_on: LoadedData | str, sentences: Sequence[LabelledSentence]) -> int | None:
    """How many units have a text that the model was trained or chosen on; ``None`` if none is known, but may be.

    What was fitted on the pages of a user says so by its digests; a checkpoint that was adapted before there were any
    is known by its validation figures, which are not those of the training's validation split.
    """
    digests = checkpoint.record.adapted_to if checkpoint.record else []
    known = () if isinstance(trained_on, str) else trained_on.known_to_the_model
    seen = seen_units(known, sentences, digests)
    fit = checkpoint.validation
    all_known = isinstance(trained_on, LoadedData) and (
        fit is None or bool(digests) or fit.is_of(trained_on.split.validation)
    )
    return seen if seen or all_known else None


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


def _given(settings: EvaluateDataSettings) -> dict[str, Any]:
    given = {name: value for name, value in asdict(settings).items() if name != "test_files"}
    return {name: value for name, value in given.items() if value not in (None, {})}
