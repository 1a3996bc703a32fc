"""Everything that a report and ``metrics.json`` tell, computed once."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from sitrep.evaluation.analysis import DRAWS, SEED, Analysis
from sitrep.evaluation.misclassifications import Misclassification, misclassifications
from sitrep.evaluation.speaker_scores import SpeakerScores, score_speakers
from sitrep.labels import Taxonomy
from sitrep.metrics.abstention import labels_to_back
from sitrep.metrics.multilabel import MultilabelScores, score_multilabel
from sitrep.metrics.scores import Scores, score
from sitrep.model.baselines import Baseline
from sitrep.sentences import UNFAMILIAR_VOCABULARY, LabelledSentence, Passage, Prediction, carried_fields

SCHEMA_VERSION = 4
"""Of ``metrics.json``; docs/evaluation.md says what it holds."""

STRANGE_SHARE = 0.05
"""Of units on pages unlike the training data, from which on a report says what to do about it; 0.01 are by chance."""

TOLERABLE_RISKS = (0.01, 0.02, 0.05, 0.1)
"""Shares of errors for which ``metrics.json`` says how many units can be accepted."""


@dataclass(frozen=True)
class Results:
    """A scored labelling with its baselines and its origin.

    Attributes:
        taxonomy: Of the labels.
        scores: Of the model.
        analysis: Everything else that follows from predictions and checkpoint.
        multilabel: Of the classes that it gave, where it answers with every class that applies; else ``None``.
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
        speakers: Figures of who speaks and how, by name; empty where the units or the model do not say it.
    """

    taxonomy: Taxonomy
    scores: Scores
    analysis: Analysis
    multilabel: MultilabelScores | None
    baselines: dict[str, tuple[str, Scores]]
    without_baselines: str
    errors: list[Misclassification]
    sentences: Sequence[LabelledSentence]
    predictions: Sequence[Prediction]
    data: dict[str, Any]
    training: dict[str, Any]
    environment: dict[str, Any]
    notes: list[str]
    speakers: dict[str, SpeakerScores] = field(default_factory=dict)

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label, in the order of the taxonomy."""
        return self.taxonomy.labels

    @property
    def headline(self) -> str:
        """What the headline figure is, in words."""
        return headline_of(self.taxonomy)

    def metrics(self) -> dict[str, Any]:
        """The content of ``metrics.json``."""
        return {
            "schema_version": SCHEMA_VERSION,
            **_scores_as_json(self.scores),
            "labels": list(self.labels),
            "averaged": list(self.taxonomy.averaged),
            "negative": self.taxonomy.negative,
            **_analysis_as_json(self.analysis),
            "multilabel": None if self.multilabel is None else asdict(self.multilabel),
            "speakers": {name: scores.as_plain() for name, scores in self.speakers.items()},
            "baselines": {name: _scores_as_json(scores) for name, (_, scores) in self.baselines.items()},
            "errors": len(self.errors),
            "notes": self.notes,
            "data": self.data,
            "training": self.training,
        }


def headline_of(taxonomy: Taxonomy) -> str:
    """What the headline figure is, in words: ``macro-F1 over the four classes``."""
    numbers = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten"}
    count = len(taxonomy.averaged)
    return f"macro-F1 over the {numbers.get(count, str(count))} classes"


def compute(
    sentences: Sequence[LabelledSentence],
    predictions: Sequence[Prediction],
    taxonomy: Taxonomy,
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
        taxonomy: Of the labels.
        analysis: As in :class:`Results`.
        reference: The baselines, or why there are none.
        data: As in :class:`Results`.
        training: As in :class:`Results`; empty outside training.
        environment: As in :class:`Results`.
        thresholds: Of the classes, where the model answers with every class that applies.
    """
    true = [sentence.label for sentence in sentences]
    predicted = [prediction.label for prediction in predictions]
    scores = score(true, predicted, taxonomy)
    found = () if isinstance(reference, str) else reference
    return Results(
        taxonomy=taxonomy,
        scores=scores,
        analysis=analysis,
        multilabel=_score_multilabel(sentences, predictions, thresholds) if thresholds else None,
        baselines={item.name: (item.title, score(true, item.predicted, taxonomy)) for item in found},
        without_baselines=reference if isinstance(reference, str) else "",
        errors=misclassifications(sentences, predictions),
        sentences=sentences,
        predictions=predictions,
        data=data,
        training=training,
        environment=environment,
        notes=[*_notes(scores, taxonomy, predictions, data), *_notes_on_strange_pages(predictions, analysis)],
        speakers=score_speakers(sentences, predictions, DRAWS, SEED),
    )


def passages_of(sentences: Sequence[LabelledSentence]) -> list[Passage]:
    """Labelled sentences as the predictor takes them; what is known of each is carried along as ``true_label`` etc."""
    return [
        Passage(
            s.id,
            s.article_id,
            s.position,
            0,
            len(s.text),
            s.text,
            {"true_label": s.label, "true_labels": list(s.labels), **_true_speaker(s), **carried_fields(s.fields)},
        )
        for s in sentences
    ]


def _true_speaker(sentence: LabelledSentence) -> dict[str, str]:
    known = {"true_speech": sentence.speech, "true_speaker": sentence.speaker}
    return {name: value for name, value in known.items() if value is not None}


def _score_multilabel(
    sentences: Sequence[LabelledSentence], predictions: Sequence[Prediction], thresholds: dict[str, float]
) -> MultilabelScores:
    probabilities = np.array([[prediction.probabilities[name] for name in thresholds] for prediction in predictions])
    given = [prediction.labels or () for prediction in predictions]
    return score_multilabel([sentence.labels for sentence in sentences], given, probabilities, thresholds)


def _notes(scores: Scores, taxonomy: Taxonomy, predictions: Sequence[Prediction], data: dict[str, Any]) -> list[str]:
    notes = []
    if data["seen_in_training"]:
        notes.append(f"{data['seen_in_training']} of these units have a text that the model was trained or chosen on.")
    elif data["seen_in_training"] is None:
        notes.append("Whether the model was trained on any of these units is not known.")
    absent = [label for label in taxonomy.averaged if scores.per_class[label].support == 0]
    if absent:
        notes.append(
            f"No unit of these data is {' or '.join(absent)}: recall is undefined there. A class that was not "
            "predicted either is left out of macro-F1; one that was predicted counts as 0."
        )
    cut = sum(prediction.truncated for prediction in predictions)
    if cut:
        notes.append(f"{cut} units were longer than the model reads and were judged by their beginning.")
    return notes


def _notes_on_strange_pages(predictions: Sequence[Prediction], analysis: Analysis) -> Iterator[str]:
    """What is unlike the training data, and what would back a promise there."""
    strange = sum(prediction.unfamiliar == UNFAMILIAR_VOCABULARY for prediction in predictions)
    target = analysis.target_precision
    if target and strange > STRANGE_SHARE * len(predictions):
        wanted = f"{labels_to_back(target)} labels of such pages can back a precision of {target:g}: draw them with"
        yield (
            f"{strange} of {len(predictions)} units stand on pages unlike the training data, by their words, and are "
            f"never accepted. {wanted} `scripts/label.py select`, and hand them to `scripts/label.py adapt`."
        )


def _scores_as_json(scores: Scores) -> dict[str, Any]:
    return {
        "macro_f1": scores.macro_f1,
        "macro_f1_four": scores.macro_f1,  # its name before there were other taxonomies, kept for programs
        "accuracy": scores.accuracy,
        "per_class": {label: asdict(figures) for label, figures in scores.per_class.items()},
        "confusion_rows_true": scores.confusion.tolist(),
    }


def _analysis_as_json(analysis: Analysis) -> dict[str, Any]:
    curve = analysis.risk_coverage
    abstention = {
        "target_precision": analysis.target_precision,
        "thresholds": analysis.acceptance_thresholds,
        "review": None if analysis.review is None else asdict(analysis.review),
        "risk_coverage_area": None if curve is None else curve.area,
        "coverage_at_risk": {} if curve is None else {str(risk): curve.coverage_at(risk) for risk in TOLERABLE_RISKS},
    }
    return {
        "intervals": asdict(analysis.intervals),
        "ceiling": None if analysis.ceiling is None else asdict(analysis.ceiling),
        "calibration": None if analysis.calibration is None else asdict(analysis.calibration),
        "abstention": abstention,
        "slices": [asdict(item) for item in analysis.slices],
        "behaviour": [asdict(outcome) for outcome in analysis.behaviour],
        "missing": analysis.missing,
    }
