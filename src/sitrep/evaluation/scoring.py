"""A checkpoint scored on labelled units: predictions, figures, baselines, behaviour tests, neighbours of errors."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

from sitrep.data.leakage import seen_units
from sitrep.data.loading import LoadedData
from sitrep.data.split import describe_set
from sitrep.evaluation import behaviour
from sitrep.evaluation.analysis import analyse
from sitrep.evaluation.misclassifications import ERRORS_SHOWN, with_neighbours
from sitrep.evaluation.provenance import environment
from sitrep.evaluation.results import Results, compute, passages_of
from sitrep.evaluation.shared_words import sharing_words
from sitrep.inference.embedding import Embedder
from sitrep.inference.predictor import Predictor
from sitrep.labels import Task, Taxonomy, shipped_taxonomy
from sitrep.model.baselines import Baseline, baselines
from sitrep.model.checkpoint import Checkpoint
from sitrep.sentences import LabelledSentence
from sitrep.settings import Context

CANDIDATES = 10
"""Training units that share most words with an error, among which its neighbours are looked for."""


def evaluate_split(checkpoint: Checkpoint, predictor: Predictor, data: LoadedData, training: dict[str, Any]) -> Results:
    """Score a freshly trained checkpoint on its test split, baselines beside it."""
    sets = data.split.parts() | ({"calibration": data.calibration} if data.calibration else {})
    about = {
        **{name: describe_set(part, checkpoint.labels) for name, part in sets.items()},
        "left_out": data.left_out,
        "seen_in_training": seen_units(data.known_to_the_model, data.split.test),
        "sources": [asdict(source) for source in data.sources],
    }
    reference = baselines(data.split.train, data.split.test)
    tests = behaviour_tests(checkpoint.taxonomy)
    results = score_checkpoint(checkpoint, predictor, True, data.split.test, reference, about, tests)
    return replace(results, training=training)


def score_checkpoint(
    checkpoint: Checkpoint,
    predictor: Predictor,
    calibrated: bool,
    sentences: Sequence[LabelledSentence],
    reference: Sequence[Baseline] | str,
    data: dict[str, Any],
    tests: Sequence[behaviour.BehaviourTest] | None,
) -> Results:
    """Let a checkpoint label units, and work out all figures.

    Args:
        checkpoint: That is scored.
        predictor: That was loaded from it.
        calibrated: Whether with its temperature.
        sentences: Units with their true labels.
        reference: The baselines on the same units, or why there are none.
        data: What is told of the data, as in :class:`sitrep.evaluation.results.Results`.
        tests: Behaviour tests that it is asked; ``None``: they were turned off.
    """
    began = time.perf_counter()
    predictions = list(predictor.predict(passages_of(sentences)))
    seconds = time.perf_counter() - began
    label = predictor.label if tests is not None else None
    analysis = analyse(sentences, predictions, checkpoint, calibrated, label, tests or ())
    made_with = environment(predictor.engine.device, predictor.engine.precision, predictor.engine.name.name)
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
        predictor.thresholds if checkpoint.task is Task.multi_label else {},
    )
    return replace(results, notes=[*results.notes, *_notes_on_plain_pipelines(checkpoint)])


def _notes_on_plain_pipelines(checkpoint: Checkpoint) -> Iterator[str]:
    """Where a program that knows only ``transformers`` gets other answers than ours."""
    if checkpoint.context is not Context.none:
        yield (
            f"With model.context={checkpoint.context.name} a plain pipeline of transformers loads the checkpoint, "
            "but reads each sentence without its context."
        )
    if checkpoint.members:
        yield (
            f"The checkpoint is an ensemble of {len(checkpoint.members)} models and answers with the mean of their "
            "probabilities. A plain pipeline of transformers loads it, but answers with one model."
        )


def add_neighbours(results: Results, train: Sequence[LabelledSentence]) -> Results:
    """Put the training units most like it, among those that share words with it, beside each error that is shown."""
    shown, rest = results.errors[:ERRORS_SHOWN], results.errors[ERRORS_SHOWN:]
    if not shown:
        return results
    texts = [error.sentence.text for error in shown]
    near = [train[place] for place in sharing_words(texts, [sentence.text for sentence in train], CANDIDATES)]
    embedder = Embedder()
    found = with_neighbours(shown, embedder.embed(texts), near, embedder.embed([sentence.text for sentence in near]))
    return replace(results, errors=[*found, *rest])


def behaviour_tests(taxonomy: Taxonomy, files: Sequence[str] = ()) -> list[behaviour.BehaviourTest]:
    """The shipped tests where the taxonomy has a label that they are about, and those of the user's files.

    Raises:
        UserError: If a file is missing or wrong.
    """
    ours = set(shipped_taxonomy("four").labels) & set(taxonomy.labels)
    shipped = behaviour.load_tests(behaviour.shipped_files()) if ours else []
    return [*shipped, *behaviour.load_tests(files, taxonomy)]
