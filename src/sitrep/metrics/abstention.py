"""Which predictions to accept and which to put before an analyst."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

STEPS = 10
"""Thresholds tried for a class, at equal shares of its units."""
CONFIDENCE = 0.9
"""Of one class's promise that fresh units reach the wanted precision."""


USUAL_SHARE = 0.3
"""Of units that are accepted on pages unlike the training data, as far as such were measured (`docs/labelling.md`)."""
STEP_OF_LABELS = 50


@dataclass(frozen=True)
class RiskCoverage:
    """Errors among the units that a threshold on the confidence accepts, for every threshold.

    Attributes:
        coverage: Share of all units accepted, rising to 1; one entry for each distinct confidence.
        risk: Share of errors among them.
        confidence: The threshold: the lowest confidence accepted.
        area: Under the curve: the mean risk over all coverages (AURC). It is 0 where nothing is wrong.
    """

    coverage: np.ndarray
    risk: np.ndarray
    confidence: np.ndarray
    area: float

    def coverage_at(self, risk: float) -> float:
        """Greatest share of units that can be accepted with at most this share of errors among them, or 0."""
        return float(self.coverage[self.risk <= risk].max(initial=0.0))


@dataclass(frozen=True)
class Acceptance:
    """What thresholds do to one set of predictions.

    Attributes:
        units: Units with this predicted label.
        accepted: Those of them at or above the threshold.
        right: Those of the accepted whose label is true.
        review_share: Share of the units that goes to review; ``None`` without units.
        precision: Share of the accepted that is right; ``None`` if none is accepted.
        low: Lower end of its 95 % interval (Wilson, "Probable inference", 1927); ``None`` if none is accepted.
        high: Upper end.
    """

    units: int
    accepted: int
    right: int
    review_share: float | None
    precision: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Review:
    """What thresholds do to a set, in all and by predicted label.

    Attributes:
        total: Over all labels.
        per_class: By label, in the order of the taxonomy.
    """

    total: Acceptance
    per_class: dict[str, Acceptance]


def risk_coverage(true: np.ndarray, probabilities: np.ndarray) -> RiskCoverage:
    """Accept units in the order of their confidence and follow the share of errors.

    El-Yaniv & Wiener, "On the foundations of noise-free selective classification", 2010; Geifman & El-Yaniv,
    "Selective classification for deep neural networks", 2017. Units of equal confidence enter together. For the
    area each unit counts with the risk of the step that it enters in.

    Args:
        true: Indices of the true labels, shape (units,).
        probabilities: Shape (units, labels).

    Raises:
        ValueError: If there are no units.
    """
    if not len(true):
        raise ValueError("no units to accept")
    wrong = probabilities.argmax(axis=1) != true
    confidence, group, sizes = np.unique(-probabilities.max(axis=1), return_inverse=True, return_counts=True)
    accepted = np.cumsum(sizes)
    risk = np.cumsum(np.bincount(group, weights=wrong)) / accepted
    return RiskCoverage(accepted / len(true), risk, -confidence, float((risk * sizes).sum() / len(true)))


def thresholds(
    true: np.ndarray,
    probabilities: np.ndarray,
    articles: np.ndarray,
    labels: Sequence[str],
    target_precision: float,
) -> dict[str, float | None]:
    """Choose for each class the lowest probability at which its predictions can be accepted unread.

    Precision on the units that a threshold was chosen on is too good. Hence a threshold is only taken if the lower
    90 % confidence bound of its precision (Clopper & Pearson, "The use of confidence or fiducial limits", 1934)
    reaches the target, and thresholds are tried from the strictest downwards in up to 10 steps of equal size until
    the first that fails (fixed sequence testing: Angelopoulos et al., "Learn then test", 2021). Steps with too few
    units to pass even without an error are passed over. Units of one article err together, so that the bound takes
    the units for as many as they are worth (Korn & Graubard, "Confidence intervals for proportions with small
    expected number of positive counts", 1998).

    The promise for each class: in at most one of ten validation sets the chosen threshold falls short of the target
    on fresh units of the same kind. It is no promise for other sources, nor for all classes at once.

    Args:
        true: Indices of the true labels of validation, shape (units,).
        probabilities: Shape (units, labels). Thresholds hold for probabilities of the same temperature only.
        articles: Article of each unit, shape (units,).
        labels: Names, in the order of the columns.
        target_precision: Wanted share of right labels among those accepted, between 0 and 1.

    Returns:
        Thresholds by label; ``None`` where none reaches the target: everything of that class goes to review.
    """
    predicted = probabilities.argmax(axis=1)
    right = predicted == true
    homes = np.unique(articles, return_inverse=True)[1]
    correlation = _correlation(right, predicted, homes)
    chosen: dict[str, float | None] = {}
    for index, label in enumerate(labels):
        own = predicted == index
        chosen[label] = _threshold(probabilities[own, index], right[own], homes[own], correlation, target_precision)
    return chosen


def labels_to_back(target_precision: float) -> int:
    """How many units, drawn at random and labelled, can back the promise of a precision on pages of their kind.

    So many that the accepted among them, all of them right, have a lower bound that reaches the target.

    Args:
        target_precision: Wanted share of right labels among those accepted, between 0 and 1.

    Returns:
        A multiple of 50.
    """
    accepted = np.log(1 - CONFIDENCE) / np.log(target_precision)
    return int(np.ceil(accepted / USUAL_SHARE / STEP_OF_LABELS)) * STEP_OF_LABELS


def strictest(chosen: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    """The highest threshold of each class that any kind of page asks for.

    What is promised for pages like those of one kind holds on others only by luck. A kind with too few units of a
    class, or too many errors, to promise anything for it has no say in it where another kind has.

    Args:
        chosen: Thresholds by label, of each kind for itself.
    """
    asked = {label: [value for each in chosen if (value := each[label]) is not None] for label in chosen[0]}
    return {label: max(values) if values else None for label, values in asked.items()}


def _threshold(
    probability: np.ndarray, right: np.ndarray, articles: np.ndarray, correlation: float, target: float
) -> float | None:
    if not len(right):
        return None
    falling = np.sort(probability)[::-1]
    chosen = None
    for place in np.unique(np.ceil(np.arange(1, STEPS + 1) * len(falling) / STEPS).astype(np.int64)) - 1:
        accepted = probability >= falling[place]
        articles_units = np.bincount(articles[accepted])
        worth = _effective_units(articles_units, correlation)
        if _lower_bound(worth, worth) < target:
            continue
        if _lower_bound(worth * float(right[accepted].mean()), worth) < target:
            break
        chosen = float(falling[place])
    return chosen


def _lower_bound(right: float, units: float) -> float:
    from scipy.stats import beta

    return float(beta.ppf(1 - CONFIDENCE, right, units - right + 1)) if right > 0 else 0.0


def _effective_units(articles_units: np.ndarray, correlation: float) -> float:
    """Independent units that are worth as much: ``n / (1 + (k - 1) correlation)``, ``k`` to the mean unit's article.

    Kish, "Survey sampling", 1965.
    """
    units = float(articles_units.sum())
    fellows = float((articles_units**2).sum()) / units - 1
    return units / (1 + correlation * fellows)


def _correlation(right: np.ndarray, predicted: np.ndarray, articles: np.ndarray) -> float:
    """Correlation of two units of one article in being right, apart from what their predicted labels explain.

    Estimated by analysis of variance (Fisher, "Statistical methods for research workers", 1925), from 0 to 1.
    0 where every article holds one unit, or there is one article only.
    """
    units = np.bincount(articles).astype(np.float64)
    if not 1 < len(units) < len(right):
        return 0.0
    labels = np.bincount(predicted)
    residual = right - (np.bincount(predicted, weights=right) / np.maximum(labels, 1))[predicted]
    explained = float((np.bincount(articles, weights=residual) ** 2 / units).sum())
    between = explained / (len(units) - 1)
    within = (float((residual**2).sum()) - explained) / (len(right) - len(units))
    size = (len(right) - float((units**2).sum()) / len(right)) / (len(units) - 1)
    spread = between + (size - 1) * within
    return float(np.clip((between - within) / spread, 0, 1)) if spread > 0 else 0.0


def review(
    true: np.ndarray, probabilities: np.ndarray, labels: Sequence[str], thresholds: Mapping[str, float | None]
) -> Review:
    """Count what the thresholds accept in a set, and how much of that is right.

    Args:
        true: Indices of the true labels, shape (units,).
        probabilities: Shape (units, labels).
        labels: Names, in the order of the columns.
        thresholds: By label, chosen on other units than these.
    """
    predicted = probabilities.argmax(axis=1)
    accepted = acceptable(probabilities, labels, thresholds)
    right = accepted & (predicted == true)
    tallies = [np.bincount(predicted[chosen], minlength=len(labels)).tolist() for chosen in (..., accepted, right)]
    per_class = {label: _acceptance(*counts) for label, *counts in zip(labels, *tallies, strict=True)}
    return Review(_acceptance(len(true), int(accepted.sum()), int(right.sum())), per_class)


def acceptable(probabilities: np.ndarray, labels: Sequence[str], thresholds: Mapping[str, float | None]) -> np.ndarray:
    """Which units are accepted unread.

    Args:
        probabilities: Shape (units, labels).
        labels: Names, in the order of the columns.
        thresholds: Least probability by label; one that is missing or ``None`` is never accepted.

    Returns:
        Booleans, shape (units,).
    """
    least = np.array([np.inf if thresholds.get(label) is None else thresholds[label] for label in labels], dtype=float)
    return np.asarray(probabilities.max(axis=1, initial=0.0) >= least[probabilities.argmax(axis=1)])


def _acceptance(units: int, accepted: int, right: int) -> Acceptance:
    from scipy.stats import binomtest

    share = 1 - accepted / units if units else None
    if not accepted:
        return Acceptance(units, accepted, right, share, None, None, None)
    interval = binomtest(right, accepted).proportion_ci(method="wilson")
    return Acceptance(units, accepted, right, share, right / accepted, float(interval.low), float(interval.high))
