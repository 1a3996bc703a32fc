"""Krippendorff's alpha: how far any number of coders agree beyond chance, also where each labelled a part of the units.

Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), by coincidences: each unit adds one for each pair of
its labels, divided by one less than how many it has, so that a unit counts for as many labels as it got. The
coincidences are kept by page, so that whole pages can be drawn with replacement
(:mod:`sitrep.metrics.resampling`); a library that gives alpha alone would have to be called for each draw.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sitrep.metrics.intervals import Interval, chance_corrected_interval
from sitrep.metrics.resampling import effective_number, resample

RELIABLE, TENTATIVE = 0.8, 0.667
"""What Krippendorff asks for: "Content Analysis" (2004), chapter 11. From the first on, conclusions may rest on such
labels; from the second on, tentative ones."""


@dataclass(frozen=True)
class Alpha:
    """Krippendorff's alpha of some labels.

    Attributes:
        value: 1 where all agree, 0 where they agree as chance has it; ``None`` where it is undefined.
        interval: 95 % interval by bootstrap over whole pages; ``None`` where the value is, or the pages are too few.
        labels: How many labels it is about: those of units that two coders or more labelled.
        undefined: Why there is no value; empty where there is one.
    """

    value: float | None
    interval: Interval | None
    labels: int
    undefined: str = ""


def coincidences(units: Sequence[Sequence[int]], pages: Sequence[str], values: int) -> np.ndarray:
    """Coincidences of labels, by page.

    Args:
        units: For each unit the labels that it got, as numbers from 0 on; units with fewer than two add nothing.
        pages: The page of each unit.
        values: How many different labels there can be.

    Returns:
        Shape (pages, values, values), symmetric; pages in the order in which they first occur.

    Raises:
        ValueError: If the lengths differ.
    """
    numbers = {page: number for number, page in enumerate(dict.fromkeys(pages))}
    made = np.zeros((len(numbers), values, values))
    for labels, page in zip(units, pages, strict=True):
        if len(labels) < 2:
            continue
        counts = np.bincount(labels, minlength=values).astype(np.float64)
        pairs = np.outer(counts, counts) - np.diag(counts)
        made[numbers[page]] += pairs / (len(labels) - 1)
    return made


def alphas(coincident: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """Alpha of coincidences, all tables in one pass.

    Args:
        coincident: Shape (..., values, values).
        distances: Between two labels, 0 to 1, shape (values, values), symmetric, 0 on the diagonal.

    Returns:
        Shape (...); NaN where no two labels differ, so that chance alone agrees fully, or where there are none.
    """
    totals = coincident.sum(axis=-1)
    observed = (coincident * distances).sum(axis=(-2, -1))
    expected = np.einsum("...c,ck,...k->...", totals, distances, totals)
    ratio = np.divide(observed, expected, out=np.full(observed.shape, np.nan), where=expected > 0)
    return np.asarray(1 - (totals.sum(axis=-1) - 1) * ratio)


def alpha(
    coincident: np.ndarray, distances: np.ndarray, draws: int, seed: int, telling: Sequence[bool] | None = None
) -> Alpha:
    """Alpha with its interval.

    Args:
        coincident: By page, as of :func:`coincidences`.
        distances: As of :func:`alphas`.
        draws: Of whole pages.
        seed: Of the draws.
        telling: Which labels the figure is about, of which the pages have more or fewer; ``None``: all.
    """
    whole = coincident.sum(axis=0)
    totals = whole.sum(axis=1)
    labels = round(float(totals.sum()))
    value = float(alphas(whole, distances))
    if np.isnan(value):
        return Alpha(None, None, labels)
    expected = float(totals @ distances @ totals) / (labels * (labels - 1))
    by_page = coincident.sum(axis=2)[:, slice(None) if telling is None else np.array(telling)].sum(axis=1)
    drawn = alphas(resample(coincident, draws, seed), distances)
    interval = chance_corrected_interval(value, drawn, float(effective_number(by_page)), expected)
    return Alpha(value, interval, labels)


def nominal_distances(values: int) -> np.ndarray:
    """Any two labels are as different as any other two."""
    return 1 - np.eye(values)


def one_against_the_rest(chosen: Sequence[bool]) -> np.ndarray:
    """Two labels differ if one is among the chosen and the other is not."""
    inside = np.array(chosen, dtype=bool)
    return np.asarray(inside[:, np.newaxis] != inside, dtype=np.float64)


def masi_distances(sets: Sequence[frozenset[str]]) -> np.ndarray:
    """How different sets of classes are: 1 less the share in common, which counts less where neither holds the other.

    Passonneau, "Measuring Agreement on Set-valued Items (MASI) for Semantic and Pragmatic Annotation" (LREC 2006).
    Two empty sets, which that leaves open, are the same.
    """
    return np.array([[_masi_distance(one, other) for other in sets] for one in sets])


def _masi_distance(one: frozenset[str], other: frozenset[str]) -> float:
    if one == other:
        return 0.0
    common = one & other
    if not common:
        return 1.0
    monotonicity = 2 / 3 if common in (one, other) else 1 / 3
    return 1 - len(common) / len(one | other) * monotonicity
