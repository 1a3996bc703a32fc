"""Differences between two runs, and the tests that tell them from chance.

Three questions have three answers. Would other articles show the same difference? The articles are drawn anew with
replacement, with the same draw for both runs (a paired bootstrap over clusters: Davison and Hinkley, "Bootstrap
Methods and their Application", 1997, section 3.8; Cameron, Gelbach and Miller, "Bootstrap-Based Improvements for
Inference with Clustered Errors", 2008). Is one run right more often where the two part? McNemar's test. Would another
seed of training show the same difference? Welch's t-test on the figures of the seeds.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sitrep.metrics.intervals import CONFIDENCE, Interval
from sitrep.metrics.resampling import ROUNDING, standard_error
from sitrep.metrics.scores import defined


@dataclass(frozen=True)
class Difference:
    """A figure of the first run less that of the second.

    Attributes:
        value: ``None`` where the figure is undefined in either run.
        interval: 95 % interval by paired bootstrap over articles. ``None`` where the value is, where its
            units are of fewer than two articles in effect, or where it is the same in every draw without being 0.
        p: Two-sided, of no difference; ``None`` where the interval is.
        p_adjusted: By Holm's method over all pairs of runs.
    """

    value: float | None
    interval: Interval | None
    p: float | None
    p_adjusted: float | None


@dataclass(frozen=True)
class Disagreement:
    """McNemar's exact test: of the units that one run alone has right, does each run have half?

    It takes units for independent, which those of one article are not, so its p is too small where they err together.

    Attributes:
        only_first_right: Units that the first run alone has right.
        only_second_right: Units that the second run alone has right.
        p: Two-sided; 1 if there is no such unit.
        p_adjusted: By Holm's method over all pairs of runs.
    """

    only_first_right: int
    only_second_right: int
    p: float
    p_adjusted: float | None


@dataclass(frozen=True)
class SeedNoise:
    """The difference of macro-F1 beside the spread that the seed of training makes.

    Attributes:
        standard_deviations: Of macro-F1 over the seeds of either run; ``None`` for a run of one seed.
        mean_difference: Mean over the seeds of the first run less that of the second; ``None`` unless both have two.
        p: Two-sided, by Welch's t-test; ``None`` unless both have two seeds whose figures differ.
        p_adjusted: By Holm's method over all pairs of runs.
    """

    standard_deviations: tuple[float | None, float | None]
    mean_difference: float | None
    p: float | None
    p_adjusted: float | None


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Adjust p-values for their number: Holm, "A Simple Sequentially Rejective Multiple Test Procedure", 1979.

    Args:
        p_values: Of the tests; ``None`` where there was none, which does not count.

    Returns:
        Adjusted values in the same order.
    """
    known = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    largest = 0.0
    for rank, (p, index) in enumerate(known):
        largest = max(largest, min(1.0, (len(known) - rank) * p))
        adjusted[index] = largest
    return adjusted


def difference(values: np.ndarray, drawn: np.ndarray, articles: float) -> Difference:
    """A difference with its interval and p, from the spread of the draws and Student's t.

    Both come from one distribution, so that the interval leaves out 0 just where p is below 0.05. Student's t
    with ``articles - 1`` degrees takes the place of the normal distribution, which is too narrow where articles are
    few (Cameron, Gelbach and Miller, 2008).

    Args:
        values: The figure of both runs in the data, shape (2,); NaN where it is undefined.
        drawn: The same in each draw, shape (draws, 2).
        articles: Effective number of articles, as of :func:`sitrep.metrics.resampling.effective_articles`.
    """
    from scipy import stats

    value = defined(values[0] - values[1])
    if value is None or articles < 2:
        return Difference(value, None, None, None)
    spread = standard_error(drawn[:, 0] - drawn[:, 1], articles)
    if not spread:
        same = abs(value) < ROUNDING
        return Difference(value, Interval(0.0, 0.0), 1.0, None) if same else Difference(value, None, None, None)
    width = float(stats.t.ppf((1 + CONFIDENCE) / 2, articles - 1) * spread)
    p = float(2 * stats.t.sf(abs(value) / spread, articles - 1))
    return Difference(value, Interval(value - width, value + width), p, None)


def disagreement(first: Sequence[bool], second: Sequence[bool]) -> Disagreement:
    """McNemar's test in its exact form.

    McNemar, "Note on the Sampling Error of the Difference Between Correlated Proportions or Percentages", 1947.

    Args:
        first: Whether the first run has each unit right.
        second: Whether the second has.
    """
    from scipy import stats

    only_first = sum(a and not b for a, b in zip(first, second, strict=True))
    only_second = sum(b and not a for a, b in zip(first, second, strict=True))
    apart = only_first + only_second
    p = float(stats.binomtest(only_first, apart, 0.5).pvalue) if apart else 1.0
    return Disagreement(only_first, only_second, p, None)


def seed_noise(first: Sequence[float], second: Sequence[float]) -> SeedNoise:
    """Welch's t-test on the seeds' macro-F1: Welch, "The Generalization of 'Student's' Problem", 1947.

    Args:
        first: Figures of the first run's seeds; fewer than two say nothing of their noise.
        second: Of the second run's.
    """
    from scipy import stats

    spread_first, spread_second = (statistics.stdev(run) if len(run) > 1 else None for run in (first, second))
    spreads = (spread_first, spread_second)
    if spread_first is None or spread_second is None:
        return SeedNoise(spreads, None, None, None)
    apart = statistics.mean(first) - statistics.mean(second)
    flat = max(spread_first, spread_second) < ROUNDING
    p = None if flat else float(stats.ttest_ind(first, second, equal_var=False).pvalue)
    return SeedNoise(spreads, apart, p, None)
