"""Everything that a report and ``metrics.json`` tell, computed once."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sitrep.evaluation.analysis import Analysis
from sitrep.evaluation.baselines import Baseline
from sitrep.evaluation.errors import Misclassification, misclassifications
from sitrep.evaluation.label_sets import LabelSetScores, score_label_sets
from sitrep.evaluation.metrics import Scores, score
from sitrep.labels import CLASSES
from sitrep.sentences import LabelledSentence, Passage, Prediction, carried_fields

SCHEMA_VERSION = 2
"""Of ``metrics.json``; docs/evaluation.md says what it holds."""

TOLERABLE_RISKS = (0.01, 0.02, 0.05, 0.1)
"""Shares of errors for which ``metrics.json`` says how many units can be accepted."""


@dataclass(frozen=True)
class Results:
    """A scored labelling with its baselines and its origin.

    Attributes:
        labels: In the order of the taxonomy.
        scores: Of the model.
        analysis: Everything else that follows from predictions and checkpoint.
        label_sets: Of the classes that it gave, where it answers with every class that applies; else ``None``.
        baselines: Title and scores of each baseline, by name.
        without_baselines: Why there are none; empty where there are.
        errors: All of them, those that the model was surest of first.
        sentences: The scored units.
        predictions: One each, in their order.
        data: Units, articles and labels of every set, the files they came from, and ``seen_in_training``: how many
            test units have a text that the model was trained or chosen on, ``None`` where that is not known.
        training: History and speed of the training, where this is a training run.
        environment: Versions and machine.
        notes: What a reader has to know before believing the figures.
    """

    labels: tuple[str, ...]
    scores: Scores
    analysis: Analysis
    label_sets: LabelSetScores | None
    baselines: dict[str, tuple[str, Scores]]
    without_baselines: str
    errors: list[Misclassification]
    sentences: Sequence[LabelledSentence]
    predictions: Sequence[Prediction]
    data: dict[str, Any]
    training: dict[str, Any]
    environment: dict[str, Any]
    notes: list[str]

    def metrics(self) -> dict[str, Any]:
        """The content of ``metrics.json``."""
        return {
            "schema_version": SCHEMA_VERSION,
            **_scores_as_json(self.scores),
            "labels": list(self.labels),
            **_analysis_as_json(self.analysis),
            "label_sets": None if self.label_sets is None else asdict(self.label_sets),
            "baselines": {name: _scores_as_json(scores) for name, (_, scores) in self.baselines.items()},
            "errors": len(self.errors),
            "notes": self.notes,
            "data": self.data,
            "training": self.training,
        }


def compute(
    sentences: Sequence[LabelledSentence],
    predictions: Sequence[Prediction],
    labels: tuple[str, ...],
    analysis: Analysis,
    reference: Sequence[Baseline] | str,
    data: dict[str, Any],
    training: dict[str, Any],
    environment: dict[str, Any],
    thresholds: dict[str, float] | None = None,
) -> Results:
    """Score predictions and gather what is told about them.

    Args:
        sentences: Units with their true labels.
        predictions: One each, in the same order.
        labels: All labels in order.
        analysis: As in :class:`Results`.
        reference: The baselines, or why there are none.
        data: As in :class:`Results`.
        training: As in :class:`Results`; empty outside training.
        environment: As in :class:`Results`.
        thresholds: Of the classes, where the model answers with every class that applies.
    """
    true = [sentence.label for sentence in sentences]
    predicted = [prediction.label for prediction in predictions]
    scores = score(true, predicted, labels)
    found = () if isinstance(reference, str) else reference
    return Results(
        labels=labels,
        scores=scores,
        analysis=analysis,
        label_sets=_score_label_sets(sentences, predictions, thresholds) if thresholds else None,
        baselines={item.name: (item.title, score(true, item.predicted, labels)) for item in found},
        without_baselines=reference if isinstance(reference, str) else "",
        errors=misclassifications(sentences, predictions),
        sentences=sentences,
        predictions=predictions,
        data=data,
        training=training,
        environment=environment,
        notes=_notes(scores, predictions, data),
    )


def _score_label_sets(
    sentences: Sequence[LabelledSentence], predictions: Sequence[Prediction], thresholds: dict[str, float]
) -> LabelSetScores:
    probabilities = np.array([[prediction.probabilities[name] for name in CLASSES] for prediction in predictions])
    given = [prediction.labels or () for prediction in predictions]
    return score_label_sets([sentence.labels for sentence in sentences], given, probabilities, thresholds)


def passages_of(sentences: Sequence[LabelledSentence]) -> list[Passage]:
    """Labelled sentences as the predictor takes them; ``true_label`` and ``true_labels`` are carried along."""
    return [
        Passage(
            s.id,
            s.article_id,
            s.position,
            0,
            len(s.text),
            s.text,
            {"true_label": s.label, "true_labels": list(s.labels), **carried_fields(s.fields)},
        )
        for s in sentences
    ]


def describe_set(sentences: Sequence[LabelledSentence], labels: Sequence[str]) -> dict[str, Any]:
    """Units, articles, and units by label of one set."""
    counts = Counter(sentence.label for sentence in sentences)
    return {
        "units": len(sentences),
        "articles": len({sentence.article_id for sentence in sentences}),
        "labels": {label: counts[label] for label in labels},
    }


def _notes(scores: Scores, predictions: Sequence[Prediction], data: dict[str, Any]) -> list[str]:
    notes = []
    if data["seen_in_training"]:
        notes.append(f"{data['seen_in_training']} of these units have a text that the model was trained or chosen on.")
    elif data["seen_in_training"] is None:
        notes.append("Whether the model was trained on any of these units is not known.")
    absent = [label for label in CLASSES if scores.per_class[label].support == 0]
    if absent:
        notes.append(
            f"No unit of these data is {' or '.join(absent)}: recall is undefined there. A class that was not "
            "predicted either is left out of macro-F1; one that was predicted counts as 0."
        )
    cut = sum(prediction.truncated for prediction in predictions)
    if cut:
        notes.append(f"{cut} units were longer than the model reads and were judged by their beginning.")
    return notes


def _scores_as_json(scores: Scores) -> dict[str, Any]:
    return {
        "macro_f1_four": scores.macro_f1_four,
        "accuracy": scores.accuracy,
        "per_class": {label: asdict(figures) for label, figures in scores.per_class.items()},
        "confusion_rows_true": scores.confusion.tolist(),
    }


def _analysis_as_json(analysis: Analysis) -> dict[str, Any]:
    curve = analysis.risk_coverage
    abstention = {
        "target_precision": analysis.target_precision,
        "thresholds": analysis.accept,
        "review": None if analysis.review is None else asdict(analysis.review),
        "risk_coverage_area": None if curve is None else curve.area,
        "coverage_at_risk": {} if curve is None else {str(risk): curve.coverage_at(risk) for risk in TOLERABLE_RISKS},
    }
    return {
        "intervals": asdict(analysis.intervals),
        "ceiling": None if analysis.ceiling is None else asdict(analysis.ceiling),
        "calibration": None if analysis.calibration is None else asdict(analysis.calibration),
        "abstention": abstention,
        "counts": None if analysis.counts is None else asdict(analysis.counts),
        "slices": [asdict(item) for item in analysis.slices],
        "behaviour": [asdict(outcome) for outcome in analysis.behaviour],
        "missing": analysis.missing,
    }
