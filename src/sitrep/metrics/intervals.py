"""95 % intervals of the figures, by bootstrap over whole articles.

The spread of the draws is the standard error of a figure. The interval is laid around the figure's log odds, with
Student's t for the effective number of articles (Korn and Graubard, "Analysis of Health Surveys", 1999, for
proportions of clustered samples). Intervals out of the quantiles of the draws (Efron and Tibshirani, "An
Introduction to the Bootstrap", 1993, chapters 13 and 14) cover the truth too seldom at the usual numbers of articles;
``benchmarks/intervals.py`` measures both.
"""

from dataclasses import dataclass

import numpy as np

from sitrep.labels import Taxonomy
from sitrep.metrics.resampling import ROUNDING, effective_articles, resample, standard_error
from sitrep.metrics.scores import Rates, rates

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """Bounds of a 95 % interval.

    Attributes:
        low: Lower bound.
        high: Upper bound.
    """

    low: float
    high: float


@dataclass(frozen=True)
class ClassIntervals:
    """Intervals of one label's figures, as :func:`rate_interval` gives them.

    Attributes:
        precision: ``None`` where precision is undefined, or its units are of fewer than two articles in effect.
        recall: Likewise.
        f1: Likewise.
    """

    precision: Interval | None
    recall: Interval | None
    f1: Interval | None


@dataclass(frozen=True)
class ScoreIntervals:
    """Intervals of all figures of one labelling.

    Attributes:
        macro_f1: Of macro-F1.
        accuracy: Of accuracy.
        per_class: By label, in the order of the taxonomy.
        articles: Number of articles that were drawn from.
        draws: Number of draws.
        missing: Why there are no intervals at all; empty where there are.
    """

    macro_f1: Interval | None
    accuracy: Interval | None
    per_class: dict[str, ClassIntervals]
    articles: int
    draws: int
    missing: str


def rate_interval(value: float, drawn: np.ndarray, articles: float) -> Interval | None:
    """The 95 % interval of a figure between 0 and 1: its log odds and Student's t, with ``articles - 1`` degrees.

    A figure of exactly 0 or 1 is the same in every draw. Its interval is the exact one of Clopper and Pearson ("The
    Use of Confidence or Fiducial Limits", 1934) with the articles as trials, as if each article were right or wrong
    as a whole: wider than needed where units of an article do not err together.

    Args:
        value: The figure in the data; NaN where it is undefined.
        drawn: The figure in each draw; NaN where it is undefined.
        articles: Effective number of articles, as of
            :func:`sitrep.metrics.resampling.effective_articles`.

    Returns:
        ``None`` if the figure is undefined, if its units are of fewer than two articles in effect, or if it lies
        between 0 and 1 and yet does not differ between draws.
    """
    from scipy import special, stats

    if np.isnan(value) or articles < 2:
        return None
    tail = (1 - CONFIDENCE) / 2
    if value == 1:
        return Interval(float(tail ** (1 / articles)), 1.0)
    if value == 0:
        return Interval(0.0, float(1 - tail ** (1 / articles)))
    spread = standard_error(drawn, articles)
    if not spread:
        return None
    width = stats.t.ppf(1 - tail, articles - 1) * spread / (value * (1 - value))
    centre = special.logit(value)
    return Interval(float(special.expit(centre - width)), float(special.expit(centre + width)))


def chance_corrected_interval(value: float, drawn: np.ndarray, articles: float, expected: float) -> Interval | None:
    """The 95 % interval of an agreement beyond chance, such as alpha or kappa.

    These are 1 less the disagreement that is seen over the one that chance would give. That ratio has no upper bound
    at 1, so its logarithm takes the place of the log odds of :func:`rate_interval`.

    Args:
        value: The figure in the data, 1 at most.
        drawn: The figure in each draw; NaN where it is undefined.
        articles: Effective number of articles.
        expected: The disagreement that chance would give, 0 to 1. Where all agree, which no draw contradicts, the
            bound is that of Clopper and Pearson for the disagreement, over this.

    Returns:
        ``None`` if the articles are fewer than two in effect, or the figure does not differ between draws.
    """
    from scipy import stats

    if articles < 2:
        return None
    tail = (1 - CONFIDENCE) / 2
    if value > 1 - ROUNDING:
        unseen = 1 - tail ** (1 / articles)
        return Interval(max(-1.0, float(1 - unseen / expected)), 1.0)
    spread = standard_error(drawn, articles)
    if not spread:
        return None
    factor = np.exp(stats.t.ppf(1 - tail, articles - 1) * spread / (1 - value))
    return Interval(max(-1.0, float(1 - (1 - value) * factor)), float(1 - (1 - value) / factor))


def score_intervals(confusions: np.ndarray, taxonomy: Taxonomy, draws: int, seed: int) -> ScoreIntervals:
    """95 % intervals of every figure that :func:`sitrep.metrics.scores.score` gives.

    There are none for a single article: each draw would be that article again, and nothing in the data says how far
    another one would lie from it.

    Args:
        confusions: Counts by article, shape (articles, labels, labels), as of
            :func:`sitrep.metrics.resampling.article_confusions`.
        taxonomy: Names in that order.
        draws: Number of draws.
        seed: Of the draws.

    Raises:
        ValueError: If there is no article.
    """
    articles = len(confusions)
    if not articles:
        raise ValueError("no articles to draw from")
    if articles == 1:
        nothing = {label: ClassIntervals(None, None, None) for label in taxonomy.labels}
        reason = "all units are of one article, which does not tell how far articles differ"
        return ScoreIntervals(None, None, nothing, articles, draws, reason)
    found = rates(confusions.sum(axis=0), taxonomy)
    drawn = rates(resample(confusions, draws, seed), taxonomy)
    effective = effective_articles(confusions, taxonomy)
    return ScoreIntervals(
        macro_f1=rate_interval(float(found.macro_f1), drawn.macro_f1, float(effective.macro_f1)),
        accuracy=rate_interval(float(found.accuracy), drawn.accuracy, float(effective.accuracy)),
        per_class={
            label: _class_intervals(found, drawn, effective, index) for index, label in enumerate(taxonomy.labels)
        },
        articles=articles,
        draws=draws,
        missing="",
    )


def _class_intervals(found: Rates, drawn: Rates, articles: Rates, index: int) -> ClassIntervals:
    return ClassIntervals(
        precision=rate_interval(float(found.precision[index]), drawn.precision[:, index], articles.precision[index]),
        recall=rate_interval(float(found.recall[index]), drawn.recall[:, index], articles.recall[index]),
        f1=rate_interval(float(found.f1[index]), drawn.f1[:, index], articles.f1[index]),
    )
