"""What can be said of scored predictions beyond their scores: how sure, how well meant, where, and at what."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sitrep.evaluation import behaviour
from sitrep.evaluation.second_reading import ceiling_of
from sitrep.evaluation.slices import Slice, slices
from sitrep.labels import Task
from sitrep.metrics.abstention import Review, RiskCoverage, review, risk_coverage
from sitrep.metrics.agreement import Agreement
from sitrep.metrics.calibration import Calibration, apply_temperature, calibration_at, outcome_pairs
from sitrep.metrics.intervals import ScoreIntervals, score_intervals
from sitrep.metrics.multilabel import membership
from sitrep.metrics.resampling import article_confusions
from sitrep.model.checkpoint import Checkpoint
from sitrep.sentences import LabelledSentence, Prediction

DRAWS = 2000
SEED = 0
NO_VALIDATION = "the checkpoint holds no figures of its validation split"
SEVERAL = "the model answers with every class that applies"
OUTCOMES = ("does not apply", "applies")


@dataclass(frozen=True)
class Analysis:
    """Parts of a report; one that is missing has its reason in ``missing``.

    Attributes:
        intervals: Of the scores, by bootstrap over articles.
        ceiling: Agreement of two readings of the scored units.
        calibration: Of the probabilities, as they come and at the checkpoint's temperature.
        risk_coverage: Errors among the surest units, for every share of them.
        review: What the checkpoint's thresholds accept, and how much of it is right.
        acceptance_thresholds: These thresholds by label; ``None``: never accepted.
        target_precision: That they were chosen for; ``None`` without thresholds.
        slices: Figures by slice, worst first.
        behaviour: Outcomes of the behaviour tests.
        missing: Why a part is ``None`` or empty, by its name here.
    """

    intervals: ScoreIntervals
    ceiling: Agreement | None
    calibration: Calibration | None
    risk_coverage: RiskCoverage | None
    review: Review | None
    acceptance_thresholds: dict[str, float | None]
    target_precision: float | None
    slices: list[Slice]
    behaviour: list[behaviour.Outcome]
    missing: dict[str, str]


def analyse(
    sentences: Sequence[LabelledSentence],
    predictions: Sequence[Prediction],
    checkpoint: Checkpoint,
    calibrated: bool,
    label: Callable[[Sequence[str]], Sequence[str]] | None = None,
    tests: Sequence[behaviour.BehaviourTest] = (),
) -> Analysis:
    """Work out every part that the predictions and the checkpoint allow.

    Args:
        sentences: Units with their true labels.
        predictions: One each, in the same order.
        checkpoint: That made them.
        calibrated: Whether the probabilities are those at the checkpoint's temperature.
        label: From texts to labels, for the behaviour tests; ``None`` leaves them out.
        tests: That it is asked.
    """
    labels = checkpoint.labels
    true = [sentence.label for sentence in sentences]
    given = [prediction.label for prediction in predictions]
    articles = [sentence.article_id for sentence in sentences]
    parts = _Probabilities(sentences, predictions, checkpoint, calibrated)
    fit = checkpoint.validation
    missing = {}
    ceiling = ceiling_of(sentences, checkpoint.taxonomy)
    if ceiling is None:
        missing["ceiling"] = "these units have been labelled once; columns first_label and second_label are wanted"
    if label is None:
        missing["behaviour"] = "they were turned off with behaviour=false"
    elif not tests:
        missing["behaviour"] = "the shipped ones are about other labels than these"
    if not parts.review:
        missing["review"] = SEVERAL if checkpoint.task is Task.multi_label else NO_VALIDATION
        if fit and not calibrated:
            missing["review"] = "thresholds hold for calibrated probabilities (calibrated=false)"
    if parts.risk is None:
        missing["risk_coverage"] = SEVERAL
    confusions = article_confusions(true, given, labels, articles)
    return Analysis(
        intervals=score_intervals(confusions, checkpoint.taxonomy, DRAWS, SEED),
        ceiling=ceiling,
        calibration=parts.calibration,
        risk_coverage=parts.risk,
        review=parts.review,
        acceptance_thresholds=fit.acceptance_thresholds if fit and parts.review else {},
        target_precision=fit.target_precision if fit and parts.review else None,
        slices=slices(sentences, given, checkpoint.taxonomy),
        behaviour=behaviour.run(label, tests, labels) if label else [],
        missing=missing,
    )


class _Probabilities:
    """The parts that rest on probabilities, of one label or of every class that applies."""

    def __init__(
        self,
        sentences: Sequence[LabelledSentence],
        predictions: Sequence[Prediction],
        checkpoint: Checkpoint,
        calibrated: bool,
    ) -> None:
        fit = checkpoint.validation
        temperature = fit.temperature if fit else None
        note = fit.temperature_note if fit else NO_VALIDATION
        classes = checkpoint.class_names
        found = np.array([[p.probabilities[name] for name in classes] for p in predictions])
        several = checkpoint.task is Task.multi_label
        labels: Sequence[str] = OUTCOMES if several else checkpoint.labels
        rows = outcome_pairs(found) if several else found
        if several:
            true = membership([s.labels for s in sentences], classes).astype(int).ravel()
        else:
            true = np.array([checkpoint.labels.index(s.label) for s in sentences])
        as_it_comes = apply_temperature(rows, 1 / temperature) if calibrated and temperature else rows
        self.calibration = calibration_at(as_it_comes, true, labels, temperature, note)
        self.risk: RiskCoverage | None = None if several else risk_coverage(true, found)
        self.review: Review | None = None
        if fit is not None and fit.acceptance_thresholds and calibrated and not several:
            self.review = review(true, found, checkpoint.labels, fit.acceptance_thresholds)
