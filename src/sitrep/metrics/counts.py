"""How many units of each label a set holds: the classifier's counts, corrected for its known errors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

TAIL = 0.975
"""Quantile of the upper end of a 95 % interval."""
SUM_WEIGHT = 1e3
"""Weight of the equation that the shares sum to one, beside those of the single labels."""
LEAST_SINGULAR_VALUE = 0.05
"""Of the confusion matrix; below it some labels are given so alike that no count can be told from them."""


@dataclass(frozen=True)
class LabelledUnits:
    """Units whose true label is known: those of validation.

    Attributes:
        true: Index of the true label, shape (units,).
        predicted: Index of the label that the model gave, shape (units,).
        articles: Article of each unit, shape (units,); any values that can be compared.
    """

    true: np.ndarray
    predicted: np.ndarray
    articles: np.ndarray


@dataclass(frozen=True)
class PredictedUnits:
    """Units of the set that is to be counted.

    Attributes:
        predicted: Index of the label that the model gave, shape (units,).
        articles: Article of each unit, shape (units,).
    """

    predicted: np.ndarray
    articles: np.ndarray


@dataclass(frozen=True)
class Count:
    """Units of one label in a set.

    Attributes:
        raw: Units that the model gave the label.
        corrected: Estimate of the units that have it; ``None`` where it cannot be estimated.
        low: Lower end of the 95 % interval of the units that have it; ``None`` where there is no interval.
        high: Upper end.
    """

    raw: int
    corrected: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class CorrectedCounts:
    """Counts of every label in one set.

    Attributes:
        counts: By label, in the order of the taxonomy.
        note: Why an estimate or an interval is missing; empty where none is.
    """

    counts: dict[str, Count]
    note: str


def corrected_counts(validation: LabelledUnits, target: PredictedUnits, labels: Sequence[str]) -> CorrectedCounts:
    """Estimate how many units of each label the target set holds, with a 95 % interval of that very number.

    If the set holds ``n`` units of each true label and the model confuses labels at the rates ``M`` (rows true), it
    is expected to give ``M' n``. The rates are taken from validation and the equation is solved for ``n >= 0`` with
    the right sum by least squares: Rogan & Gladen, "Estimating prevalence from the results of a screening test",
    1978; Forman, "Quantifying counts and costs via classification", 2008; Hopkins & King, "A method of automated
    nonparametric content analysis for social science", 2010. Every rate starts from a pseudo-count of one over the
    number of labels (Perks, "Some observations on inverse probability", 1947), so that no rate is exactly zero.

    The interval is about the finite number of units in this set, not about a population that it was drawn from. Two
    things make the estimate miss it: the rates come from few articles, and in this set the model errs more or less
    often than on average. Both are measured by leaving out one validation article after the other (Efron & Stein,
    "The jackknife estimate of variance", 1981), so that errors that come together in an article widen the interval.
    Its width takes Student's t with the degrees of freedom that the articles' influences have (Satterthwaite, "An
    approximate distribution of estimates of variance components", 1946). It is never narrower than units that err each
    for itself allow.

    It assumes that a unit of a given true label is confused as often in the target set as in validation; the shares
    of the labels may differ freely (label shift: Lipton et al., "Detecting and correcting for label shift with black
    box predictors", 2018). It fails where that does not hold: other sources, another language or period, or articles
    of a kind in which the model errs more. Validation units must be a fair sample, and none that the model was
    trained on.

    Args:
        validation: Units with true and predicted labels.
        target: Units of the set to be counted.
        labels: All labels; an index points into them.

    Returns:
        Counts by label. ``corrected`` is ``None`` for a label without validation units (the others then assume that
        the target holds none of it), for every label if validation is empty or cannot tell labels apart. ``low`` and
        ``high`` are ``None`` besides where either set comes from one article.
    """
    raw = np.bincount(target.predicted, minlength=len(labels))
    confusion = _confusion_by_article(validation, len(labels))
    present = np.flatnonzero(confusion.sum(axis=(0, 2)))
    unsolvable = _unsolvable(confusion, present)
    if unsolvable or not len(target.predicted):
        return CorrectedCounts(
            {label: Count(int(count)) for label, count in zip(labels, raw, strict=True)},
            unsolvable or "the set holds no units",
        )
    absent = [label for index, label in enumerate(labels) if index not in present]
    notes = [f"no validation unit is {' or '.join(absent)}; the set is taken to hold none"] if absent else []
    corrected = _constrained(_rates(confusion.sum(axis=0))[present], raw)
    margin = None
    if len(confusion) < 2 or len(np.unique(target.articles)) < 2:
        notes.append("an interval needs two articles in validation and two in the set")
    else:
        dispersion = max(1.0, _unit_weighted_length(target.articles) / _unit_weighted_length(validation.articles))
        margin = _margin(confusion[:, present], corrected, raw, dispersion)
    found = {
        labels[label]: _count(raw, label, corrected[place], margin[:, place] if margin is not None else None)
        for place, label in enumerate(present.tolist())
    }
    counts = {label: found.get(label, Count(int(raw[index]))) for index, label in enumerate(labels)}
    return CorrectedCounts(counts, "; ".join(notes))


def _count(raw: np.ndarray, label: int, corrected: float, ends: np.ndarray | None) -> Count:
    if ends is None:
        return Count(int(raw[label]), float(corrected))
    # The estimate is kept from below zero but the ends are not, so that they may lie on one side of it.
    low, high = np.clip([min(ends[0], corrected), max(ends[1], corrected)], 0, raw.sum())
    return Count(int(raw[label]), float(corrected), float(low), float(high))


def _unsolvable(confusion: np.ndarray, present: np.ndarray) -> str:
    if not len(present):
        return "validation holds no units"
    rates = _rates(confusion.sum(axis=0))[present]
    if np.linalg.svd(rates, compute_uv=False).min() < LEAST_SINGULAR_VALUE:
        return "on validation the model gives two labels so much alike that their counts cannot be told apart"
    return ""


def _confusion_by_article(units: LabelledUnits, labels: int) -> np.ndarray:
    """Counts of shape (articles, labels, labels): article, true label, predicted label."""
    names, articles = np.unique(units.articles, return_inverse=True)
    confusion = np.zeros((len(names), labels, labels))
    np.add.at(confusion, (articles, units.true, units.predicted), 1)
    return confusion


def _rates(confusion: np.ndarray) -> np.ndarray:
    """Shares of the predicted labels within each true label, shape (..., true, predicted)."""
    smoothed = confusion + 1 / confusion.shape[-1]
    return np.asarray(smoothed / smoothed.sum(axis=-1, keepdims=True))


def _constrained(rates: np.ndarray, raw: np.ndarray) -> np.ndarray:
    """Counts of the true labels, none below zero, that explain the raw counts best; they sum to the units."""
    from scipy.optimize import nnls

    equations = np.vstack([rates.T, np.full(len(rates), SUM_WEIGHT)])
    shares = nnls(equations, np.append(raw / raw.sum(), SUM_WEIGHT))[0]
    return np.asarray(shares / shares.sum() * raw.sum())


def _margin(confusion: np.ndarray, corrected: np.ndarray, raw: np.ndarray, dispersion: float) -> np.ndarray:
    """Ends of the intervals, shape (2, true labels), not yet kept within the possible.

    They are laid around the solution without the bound at zero: at a bound an estimate no longer spreads as the
    jackknife or the bootstrap would have it (Andrews, "Inconsistency of the bootstrap when a parameter is on the
    boundary of the parameter space", 2000).
    """
    from scipy.stats import norm, t

    total = confusion.sum(axis=0)
    without = _rates(total - confusion)
    estimates = np.linalg.pinv(np.swapaxes(without, 1, 2)) @ raw
    from_rates = estimates - estimates.mean(axis=0)
    # What one article does to the rates of a label that has V validation units is worth sqrt(V n) units of error
    # in a set that holds n: the variance of a sum of n like units, n / V of that of V.
    scale = np.sqrt(total.sum(axis=1) * corrected * dispersion)
    inverse = np.linalg.pinv(_rates(total).T)
    from_set = np.einsum("t,atp,lp->al", scale, without - without.mean(axis=0), inverse)
    influence = from_rates**2 + from_set**2
    squares = influence.sum(axis=0)
    fourth = np.maximum((influence**2).sum(axis=0), np.finfo(float).tiny)
    freedom = np.maximum(3 * squares**2 / fourth - 1, 1)  # 3: the fourth moment of a normal variable
    by_articles = t.ppf(TAIL, freedom) * np.sqrt((len(confusion) - 1) / len(confusion) * squares)
    half = np.maximum(by_articles, norm.ppf(TAIL) * _error_of_independent_units(total, corrected, inverse))
    centre = inverse @ raw
    return np.stack([centre - half, centre + half])


def _error_of_independent_units(total: np.ndarray, corrected: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    """Standard errors of the counts if units erred each for itself: the least that can be.

    Without it the interval would vanish where validation shows no error, as all articles are then alike.
    """
    rates, units = _rates(total), total.sum(axis=1)
    scatter = np.einsum("tp,lp->tlp", rates, inverse)
    variance = (scatter * inverse).sum(axis=2) - scatter.sum(axis=2) ** 2  # of one unit's part, (true, corrected)
    return np.asarray(np.sqrt((corrected**2 / units + corrected) @ np.maximum(variance, 0)))


def _unit_weighted_length(articles: np.ndarray) -> float:
    """Units of the article that the mean unit stands in."""
    units = np.unique(articles, return_counts=True)[1]
    return float((units**2).sum() / units.sum())
