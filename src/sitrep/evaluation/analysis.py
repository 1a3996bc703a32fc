"""What can be said of scored predictions beyond their scores: how sure, how well meant, where, and at what."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from sitrep.checkpoint import Checkpoint
from sitrep.evaluation import behaviour
from sitrep.evaluation.abstention import Review, RiskCoverage, review, risk_coverage
from sitrep.evaluation.agreement import Agreement, ceiling_of
from sitrep.evaluation.calibration import Calibration, apply_temperature, calibration_at, outcome_pairs
from sitrep.evaluation.counts import CorrectedCounts, LabelledUnits, PredictedUnits, corrected_counts
from sitrep.evaluation.intervals import ScoreIntervals, score_intervals
from sitrep.evaluation.label_sets import membership
from sitrep.evaluation.resampling import article_confusions
from sitrep.evaluation.slices import Slice, slices
from sitrep.labels import Task
from sitrep.sentences import LabelledSentence, Prediction
from sitrep.validation import ValidationFit, number_articles

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
        ceiling: Agreement of two readers on the scored units.
        calibration: Of the probabilities, as they come and at the checkpoint's temperature.
        risk_coverage: Errors among the surest units, for every share of them.
        review: What the checkpoint's thresholds accept, and how much of it is right.
        accept: These thresholds by label; ``None``: never accepted.
        target_precision: That they were chosen for; ``None`` without thresholds.
        counts: Units of each label in the scored set, corrected for the errors on validation.
        slices: Figures by slice, worst first.
        behaviour: Outcomes of the behaviour tests.
        missing: Why a part is ``None`` or empty, by its name here.
    """

    intervals: ScoreIntervals
    ceiling: Agreement | None
    calibration: Calibration | None
    risk_coverage: RiskCoverage | None
    review: Review | None
    accept: dict[str, float | None]
    target_precision: float | None
    counts: CorrectedCounts | None
    slices: list[Slice]
    behaviour: list[behaviour.Outcome]
    missing: dict[str, str]


def analyse(
    sentences: Sequence[LabelledSentence],
    predictions: Sequence[Prediction],
    checkpoint: Checkpoint,
    calibrated: bool,
    predict: Callable[[Sequence[str]], Sequence[str]] | None = None,
    tests: Sequence[behaviour.BehaviourTest] = (),
) -> Analysis:
    """Work out every part that the predictions and the checkpoint allow.

    Args:
        sentences: Units with their true labels.
        predictions: One each, in the same order.
        checkpoint: That made them.
        calibrated: Whether the probabilities are those at the checkpoint's temperature.
        predict: From texts to labels, for the behaviour tests; ``None`` leaves them out.
        tests: That it is asked.
    """
    labels = checkpoint.labels
    true = [sentence.label for sentence in sentences]
    given = [prediction.label for prediction in predictions]
    articles = [sentence.article_id for sentence in sentences]
    parts = _Probabilities(sentences, predictions, checkpoint, calibrated)
    fit = checkpoint.validation
    missing = {}
    counts = None
    if fit:
        counts = _counts(fit, [labels.index(label) for label in given], articles)
    else:
        missing["counts"] = NO_VALIDATION
    ceiling = ceiling_of(sentences)
    if ceiling is None:
        missing["ceiling"] = "these units have been labelled once; columns first_label and second_label are wanted"
    if predict is None:
        missing["behaviour"] = "they were turned off with behaviour=false"
    if not parts.review:
        missing["review"] = SEVERAL if checkpoint.task is Task.multi_label else NO_VALIDATION
        if fit and not calibrated:
            missing["review"] = "thresholds hold for calibrated probabilities (calibrated=false)"
    if parts.risk is None:
        missing["risk_coverage"] = SEVERAL
    return Analysis(
        intervals=score_intervals(article_confusions(true, given, labels, articles), labels, DRAWS, SEED),
        ceiling=ceiling,
        calibration=parts.calibration,
        risk_coverage=parts.risk,
        review=parts.review,
        accept=fit.accept if fit and parts.review else {},
        target_precision=fit.target_precision if fit and parts.review else None,
        counts=counts,
        slices=slices(sentences, given, labels),
        behaviour=behaviour.run(predict, tests, labels) if predict else [],
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
        found = np.array([[p.probabilities[name] for name in checkpoint.outputs] for p in predictions])
        several = checkpoint.task is Task.multi_label
        labels: Sequence[str] = OUTCOMES if several else checkpoint.labels
        rows = outcome_pairs(found) if several else found
        if several:
            true = membership([s.labels for s in sentences]).astype(int).ravel()
        else:
            true = np.array([checkpoint.labels.index(s.label) for s in sentences])
        as_it_comes = apply_temperature(rows, 1 / temperature) if calibrated and temperature else rows
        self.calibration = calibration_at(as_it_comes, true, labels, temperature, note)
        self.risk: RiskCoverage | None = None if several else risk_coverage(true, found)
        usable = fit is not None and fit.accept and calibrated and not several
        self.review: Review | None = review(true, found, checkpoint.labels, fit.accept) if usable and fit else None


def _counts(fit: ValidationFit, given: list[int], articles: Sequence[str]) -> CorrectedCounts:
    validation = LabelledUnits(np.array(fit.true), np.array(fit.predicted), np.array(fit.articles))
    return corrected_counts(
        validation, PredictedUnits(np.array(given), np.array(number_articles(articles))), fit.labels
    )
