"""The ways to make a checkpoint better with labels, each measured on pages that it did not learn from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sitrep.adaptation.cross_fitting import CandidateLogits
from sitrep.adaptation.own_units import OwnUnits
from sitrep.decisions import classes_that_apply, label_of, probabilities_of
from sitrep.labels import Task
from sitrep.metrics.abstention import acceptable
from sitrep.metrics.calibration import (
    LEAST_PROBABILITY,
    cautious_temperature,
    expected_calibration_error,
    outcome_pairs,
    reliability_bins,
)
from sitrep.metrics.intervals import Interval, score_intervals
from sitrep.metrics.moved_reliability import fit_curve, least_confidence, move_curve
from sitrep.metrics.multilabel import choose_thresholds, membership
from sitrep.metrics.resampling import article_confusions, effective_articles, effective_number, resample
from sitrep.metrics.scores import rates
from sitrep.metrics.significance import Difference, difference
from sitrep.model.checkpoint import Checkpoint
from sitrep.sentences import LabelledSentence

AS_IS = "as it is"
RECALIBRATED = "recalibrated"
TRAINED = "trained on"
DRAWS = 2000


@dataclass(frozen=True)
class Fitted:
    """What is fitted on labelled units, and said of others.

    Attributes:
        temperature: That the logits are divided by.
        least: Least confidence that is accepted; ``None``: none is.
        thresholds: Least probability of each class that applies; empty with one label a sentence.
    """

    temperature: float
    least: float | None
    thresholds: dict[str, float]


@dataclass(frozen=True)
class Candidate:
    """One way, and how it does on the user's pages.

    Attributes:
        name: In words.
        share: Of the way to the weights that were trained on; 0: none.
        predicted: Label of each unit that measures.
        macro_f1: Over them; ``None`` where a class is neither given nor true.
        interval: Of the macro-F1, by pages.
        gain: In macro-F1 over the checkpoint as it is.
        log_loss: Mean over units, in nats.
        log_loss_gain: By how much it lies below that of the checkpoint as it is.
        calibration_error: Expected, of the label given.
        accepted: Share of the units accepted unread; ``None`` where nothing decides.
        right: Share of right ones among them; ``None`` if none is.
    """

    name: str
    share: float
    predicted: tuple[str, ...]
    macro_f1: float | None
    interval: Interval | None
    gain: Difference
    log_loss: float
    log_loss_gain: Difference
    calibration_error: float
    accepted: float | None
    right: float | None


class Measurement:
    """Measures candidates on the units that were drawn at random.

    Args:
        checkpoint: As it is.
        own: The user's units.
        reference: Units that no candidate learnt from; none: nothing is accepted unread.
        target_precision: Wanted share of right labels among those accepted.
        seed: Of the draws of pages.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        own: OwnUnits,
        reference: Sequence[LabelledSentence],
        target_precision: float,
        seed: int,
    ) -> None:
        self.taxonomy, self.task = checkpoint.taxonomy, checkpoint.task
        self.checkpoint = checkpoint
        self.own = own
        self.target_precision = target_precision
        self.seed = seed
        self.names = checkpoint.class_names
        self.truth = self._truth(own.sentences)
        self.reference_truth = self._truth(reference)
        measuring = own.measuring
        self.true = [s.label for s, counts in zip(own.sentences, measuring, strict=True) if counts]
        self.pages = [page for page, counts in zip(own.pages, measuring, strict=True) if counts]

    def candidates(self, answers: Mapping[float, CandidateLogits]) -> list[Candidate]:
        """Every way in the order of the table: as it is, recalibrated, trained on."""
        as_is = self._as_it_is(answers[0.0])
        ways = [(AS_IS, 0.0, as_is), (RECALIBRATED, 0.0, self._recalibrated(answers[0.0]))]
        ways += [(TRAINED, share, self._recalibrated(answers[share])) for share in answers if share]
        return [self._candidate(name, share, way, as_is) for name, share, way in ways]

    def fit(self, answers: CandidateLogits) -> Fitted:
        """What is fitted on all of the units that measure, for a candidate that is kept."""
        return self._fit(answers, self.own.measuring)

    def _truth(self, sentences: Sequence[LabelledSentence]) -> np.ndarray:
        sets = [s.labels if self.task is Task.multi_label else (s.label,) for s in sentences]
        return np.asarray(membership(sets, self.names), dtype=np.float64).reshape(len(sentences), len(self.names))

    def _fit(self, answers: CandidateLogits, units: np.ndarray) -> Fitted:
        temperature = self._temperature(answers.own[units], self.truth[units])
        probabilities = probabilities_of(answers.own[units], self.task, temperature)
        if self.task is Task.multi_label:
            thresholds = choose_thresholds(self.truth[units].astype(bool), probabilities, self.names)
            return Fitted(temperature, None, thresholds)
        least = None
        if len(answers.reference):
            known = probabilities_of(answers.reference, self.task, temperature)
            curve = fit_curve(known.max(axis=1), _right(known, self.reference_truth))
            confidence, right = probabilities.max(axis=1), _right(probabilities, self.truth[units])
            least = least_confidence(move_curve(curve, confidence, right), confidence, right, self.target_precision)
        return Fitted(temperature, least, {})

    def _temperature(self, logits: np.ndarray, truth: np.ndarray) -> float:
        probabilities = probabilities_of(logits, self.task)
        if self.task is Task.multi_label:
            return cautious_temperature(outcome_pairs(probabilities), truth.astype(int).ravel())
        return cautious_temperature(probabilities, truth.argmax(axis=1))

    def _recalibrated(self, answers: CandidateLogits) -> "_Way":
        """Each fold by what was fitted on the others."""
        logits = answers.own.copy()
        accepted = np.zeros(len(logits), dtype=bool)
        predicted = np.empty(len(logits), dtype=object)
        for fold in np.unique(self.own.folds):
            inside = self.own.folds == fold
            fitted = self._fit(answers, self.own.measuring & ~inside)
            logits[inside] /= fitted.temperature
            probabilities = probabilities_of(logits[inside], self.task)
            predicted[inside] = self._labels(probabilities, fitted.thresholds)
            accepted[inside] = acceptable(probabilities, self.names, dict.fromkeys(self.names, fitted.least))
        return self._way(logits, predicted, accepted if len(answers.reference) else None)

    def _as_it_is(self, answers: CandidateLogits) -> "_Way":
        probabilities = probabilities_of(answers.own, self.task)
        predicted = np.array(self._labels(probabilities, self.checkpoint.thresholds), dtype=object)
        validation, accepted = self.checkpoint.validation, None
        if validation and validation.acceptance_thresholds:
            accepted = acceptable(probabilities, self.names, validation.acceptance_thresholds)
        return self._way(answers.own, predicted, accepted)

    def _labels(self, probabilities: np.ndarray, thresholds: Mapping[str, float]) -> list[str]:
        if self.task is Task.single_label:
            return [self.names[number] for number in probabilities.argmax(axis=1)]
        return label_of(classes_that_apply(probabilities, thresholds, self.taxonomy), self.taxonomy)

    def _way(self, logits: np.ndarray, predicted: np.ndarray, accepted: np.ndarray | None) -> "_Way":
        kept = self.own.measuring
        return _Way(
            probabilities_of(logits[kept], self.task),
            tuple(predicted[kept]),
            None if accepted is None else accepted[kept],
        )

    def _candidate(self, name: str, share: float, way: "_Way", as_is: "_Way") -> Candidate:
        labels = self.taxonomy.labels
        both = [article_confusions(self.true, each.predicted, labels, self.pages) for each in (way, as_is)]
        stacked = np.stack(both, axis=1)
        drawn = rates(resample(stacked, DRAWS, self.seed), self.taxonomy).macro_f1
        figures = rates(stacked.sum(axis=0), self.taxonomy).macro_f1
        pages = float(effective_articles(both[0], self.taxonomy).macro_f1)
        losses = np.stack([self._losses(as_is), self._losses(way)], axis=1)
        right = np.array([true == given for true, given in zip(self.true, way.predicted, strict=True)])
        accepted = way.accepted
        return Candidate(
            name=name,
            share=share,
            predicted=way.predicted,
            macro_f1=float(figures[0]) if np.isfinite(figures[0]) else None,
            interval=score_intervals(both[0], self.taxonomy, DRAWS, self.seed).macro_f1,
            gain=difference(figures, drawn, pages),
            log_loss=float(losses[:, 1].mean()),
            log_loss_gain=self._mean_difference(losses),
            calibration_error=self._calibration_error(way),
            accepted=None if accepted is None else float(accepted.mean()),
            right=float(right[accepted].mean()) if accepted is not None and accepted.any() else None,
        )

    def _losses(self, way: "_Way") -> np.ndarray:
        truth = self.truth[self.own.measuring]
        likely = np.clip(way.probabilities, LEAST_PROBABILITY, 1)
        losses = -(truth * np.log(likely)).sum(axis=1)
        if self.task is Task.multi_label:
            losses -= ((1 - truth) * np.log(np.clip(1 - way.probabilities, LEAST_PROBABILITY, 1))).sum(axis=1)
        return np.asarray(losses)

    def _mean_difference(self, losses: np.ndarray) -> Difference:
        """Difference of two means over units, drawn by pages."""
        homes = np.unique(np.array(self.pages, dtype=object), return_inverse=True)[1]
        sums = np.stack([np.bincount(homes, column) for column in (*losses.T, np.ones(len(losses)))], axis=1)
        drawn = resample(sums, DRAWS, self.seed)
        pages = float(effective_number(sums[:, 2:])[0])
        return difference(losses.mean(axis=0), drawn[:, :2] / drawn[:, 2:], pages)

    def _calibration_error(self, way: "_Way") -> float:
        if self.task is Task.single_label:
            right = _right(way.probabilities, self.truth[self.own.measuring])
            return expected_calibration_error(reliability_bins(way.probabilities.max(axis=1), right))
        pairs = outcome_pairs(way.probabilities)[:, 1]
        return expected_calibration_error(reliability_bins(pairs, self.truth[self.own.measuring].ravel()))


def best_of(candidates: Sequence[Candidate]) -> Candidate:
    """The one whose probabilities lose least on pages that it did not learn from."""
    return min(candidates, key=lambda candidate: candidate.log_loss)


@dataclass(frozen=True)
class _Way:
    """Answers of a candidate for the units that measure."""

    probabilities: np.ndarray
    predicted: tuple[str, ...]
    accepted: np.ndarray | None


def _right(probabilities: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Whether the most probable output is true of each unit."""
    return np.asarray(truth[np.arange(len(truth)), probabilities.argmax(axis=1)] > 0)
