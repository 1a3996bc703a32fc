"""How many units of a class a set holds: every unit's probability, put right by labels of units drawn at random.

The estimate is the model's own count, weighted, plus what the labels say that it misses::

    count = weight * (sum of the probabilities) + sum over the labels of (label - weight * probability) / inclusion

which holds whatever the model is worth, as every unit came into the sample with a known probability: the difference
estimator of survey sampling (Särndal, Swensson and Wretman, "Model Assisted Survey Sampling", 1992), known as
prediction-powered inference (Angelopoulos et al., "Prediction-powered inference", Science 2023) and as design-based
supervised learning (Egami et al., "Using Imperfect Surrogates for Downstream Inference", 2023). The sum over the
labels is divided by that of 1 / inclusion and multiplied by the units (Hájek). :mod:`sitrep.metrics.page_spread` tells
how the weight is chosen and how far the estimate can lie from the truth. ``benchmarks/audit.py`` measures how often the
intervals hold it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sitrep.metrics.page_spread import HALF, TAIL, LabelledPages, RandomLabels, Spread

FEWEST_PAGES = 5
"""Labelled pages of a group below which its spread is taken to be that of all pages."""


@dataclass(frozen=True)
class Estimate:
    """Units of a class.

    Attributes:
        estimate: How many there are.
        low: Lower end of the 95 % interval.
        high: Upper end.
    """

    estimate: float
    low: float
    high: float

    def within(self, least: float, most: float) -> "Estimate":
        """The same, between two numbers."""
        return Estimate(*(min(max(value, least), most) for value in (self.estimate, self.low, self.high)))


@dataclass(frozen=True)
class MoreLabels:
    """What more would halve an interval.

    Attributes:
        labels: Units to be drawn and labelled besides.
        pages: That they come from, if each gives as many as now.
    """

    labels: int
    pages: int


@dataclass(frozen=True)
class ClassCount:
    """What is known of the units of one class.

    Attributes:
        count: By model and labels.
        labels_only: By the labels alone.
        found: Labels of the class.
        weight: Of the model, in [0, 1].
        share: Of the units, which ``count`` is made of.
        spread: Of the share.
    """

    count: Estimate
    labels_only: Estimate
    found: int
    weight: float
    share: float
    spread: Spread

    def within(self, least: float, most: float) -> "ClassCount":
        """The same, none of its figures beyond the units that are known to be of the class, or not known not to be."""
        return replace(self, count=self.count.within(least, most), labels_only=self.labels_only.within(least, most))

    @property
    def to_halve(self) -> MoreLabels | None:
        """What would halve the interval of the share; ``None`` where there is none, or nothing left to label.

        Found by bisection, as Student's t and what no label has shown yet shrink too.
        """
        least, most = 1.0, 1 / self.spread.fraction
        half = self._width(least) / 2
        if not half:
            return None
        for _ in range(25):
            middle = (least + most) / 2
            least, most = (middle, most) if self._width(middle) > half else (least, middle)
        return MoreLabels(math.ceil((most - 1) * self.spread.labels), math.ceil((most - 1) * self.spread.pages))

    def _width(self, times: float) -> float:
        low, high = _wilson(self.share, self.spread.grown(times))
        return high - low


@dataclass(frozen=True)
class Fit:
    """What the labels of the whole set say of one class, for the set and its groups.

    Attributes:
        weight: Of the model, in [0, 1].
        design_effect: Labels of a page that tell as much of the class as one of a page of its own; at least 1.
        spread: Of the share.
    """

    weight: float
    design_effect: float
    spread: Spread


def fit_classes(labels: RandomLabels, units: int) -> list[Fit]:
    """Weight of the model and spread for each class.

    Args:
        labels: Of two pages at least.
        units: Of the whole set.
    """
    pages = LabelledPages(labels, units)
    effects = [pages.design_effect(has) for has in labels.has.T]
    known = [effect for effect in effects if effect is not None]
    # A class that no label has, or every one, does not show how it clusters: take it for the worst of the others.
    unknown = max(known, default=len(labels.pages) / pages.number)
    found = []
    for has, probability, effect in zip(labels.has.T, labels.probabilities.T, effects, strict=True):
        weight, without_page = pages.slopes(has, probability)
        spread = pages.spread(has, probability, without_page, effect or unknown)
        found.append(Fit(weight, effect or unknown, spread))
    return found


def count_set(labels: RandomLabels, units: int, probability_sums: np.ndarray, fits: Sequence[Fit]) -> list[ClassCount]:
    """Count each class in the whole set.

    Where the model has no weight, as with a class that no label has, the interval is that of the labels alone.

    Args:
        labels: As :func:`fit_classes` got them.
        units: Of the whole set.
        probability_sums: Over all units, shape (classes,).
        fits: Of the classes.
    """
    return [_count(labels, units, place, sums, fit, fit.spread) for place, (sums, fit) in _each(probability_sums, fits)]


def count_group(
    labels: RandomLabels, units: int, probability_sums: np.ndarray, fits: Sequence[Fit]
) -> list[ClassCount]:
    """Count each class in a part of the set, such as the pages of one outlet.

    The weight of the model is that of the whole set, its mean error is the group's own. From ``FEWEST_PAGES`` labelled
    pages on, so is the spread of the error; below, that of all pages is taken. Counts of groups need not sum to those
    of the whole, as each is put right by its own labels.

    Args:
        labels: Of units of the group; one at least.
        units: Of the group.
        probability_sums: Over its units, shape (classes,).
        fits: Of the classes, over the whole set.
    """
    pages = LabelledPages(labels, units)
    found = []
    for place, (sums, fit) in _each(probability_sums, fits):
        spread = pages.borrowed(fit.spread)
        if pages.number >= FEWEST_PAGES:
            slopes = np.full(pages.number, fit.weight)
            own = pages.spread(labels.has[:, place], labels.probabilities[:, place], slopes, fit.design_effect)
            spread = replace(own, unseen=spread.unseen)
        found.append(_count(labels, units, place, sums, fit, spread))
    return found


def _each(sums: np.ndarray, fits: Sequence[Fit]) -> "enumerate[tuple[float, Fit]]":
    return enumerate(zip(sums.tolist(), fits, strict=True))


def _count(
    labels: RandomLabels, units: int, place: int, probability_sum: float, fit: Fit, spread: Spread
) -> ClassCount:
    has, probability = labels.has[:, place], labels.probabilities[:, place]
    alone = _labels_alone(labels, has, fit.design_effect, spread)
    share = fit.weight * probability_sum / units + labels.mean(has - fit.weight * probability)
    low, high = _wilson(share, spread)
    if has.min() == has.max():  # nothing in a group that speaks against none, or all
        low, high = (low, 1.0) if has[0] else (0.0, high)
    if not fit.weight:
        share, low, high = alone
    return ClassCount(
        count=_in_units(units, (share, low, high)),
        labels_only=_in_units(units, alone),
        found=int(has.sum()),
        weight=fit.weight,
        share=share,
        spread=spread,
    )


def _in_units(units: int, shares: tuple[float, float, float]) -> Estimate:
    estimate, low, high = (units * min(max(share, 0.0), 1.0) for share in shares)
    return Estimate(estimate, min(low, estimate), max(high, estimate))


def _wilson(share: float, spread: Spread) -> tuple[float, float]:
    """Score interval of a share (Wilson, "Probable inference", 1927) for as many labels as have its variance.

    Unlike the share plus and minus its error it leans to the side on which there is room, as rare classes need.
    """
    nearest = HALF / spread.labels
    inside = min(max(share, nearest), 1 - nearest)
    trials = max(1.0, inside * (1 - inside) / max(spread.variance, np.finfo(float).tiny))
    square = spread.quantile**2 / trials
    share = min(max(share, 0.0), 1.0)
    half = float(np.sqrt(square * share * (1 - share) + square**2 / 4))
    return (share + square / 2 - half) / (1 + square), (share + square / 2 + half) / (1 + square)


def _labels_alone(labels: RandomLabels, has: np.ndarray, effect: float, spread: Spread) -> tuple[float, float, float]:
    """Share and exact interval for as many labels as tell as much.

    Korn and Graubard, "Confidence intervals for proportions with small expected number of positive counts estimated
    from survey data", 1998.
    """
    from scipy import special

    share = labels.mean(has)
    left = (1 - spread.fraction) * effect
    if not left:
        return share, share, share
    # A group has its degrees of freedom from all pages, and may have more of them than labels.
    degrees = min(1.0, special.stdtrit(len(has) - 1, TAIL) / spread.quantile) if len(has) > 1 else 1.0
    trials = labels.effective / left * degrees**2
    hits = share * trials
    low = special.betaincinv(hits, trials - hits + 1, 1 - TAIL) if hits > 0 else 0.0
    high = special.betaincinv(hits + 1, trials - hits, TAIL) if hits < trials else 1.0
    return share, float(low), float(high)
