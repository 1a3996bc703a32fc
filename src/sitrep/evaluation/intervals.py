"""95 % intervals of the figures, by bootstrap over whole articles.

Units of one article are not independent: they share author, event and noise of the page, and a model that misreads
an article misreads several of its units. So whole articles are drawn with replacement, never single units (the cluster
bootstrap: Davison and Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8; Cameron, Gelbach and
Miller, "Bootstrap-Based Improvements for Inference with Clustered Errors", 2008).

The spread of the draws is the standard error of a figure. The interval is laid around the figure's log odds, with
Student's t for the number of articles that have a say in it (Korn and Graubard, "Analysis of Health Surveys", 1999,
for proportions of clustered samples). Intervals out of the quantiles of the draws (Efron and Tibshirani, "An
Introduction to the Bootstrap", 1993, chapters 13 and 14) cover the truth too seldom at the usual numbers of articles;
``benchmarks/intervals.py`` measures both.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sitrep.evaluation.metrics import Rates, cells, rates

CONFIDENCE = 0.95
WEIGHTS_AT_ONCE = 4_000_000
"""Weights of articles that are held in memory together, 8 bytes each in three arrays."""
ROUNDING = 1e-9
"""Figures that are equal but for the order of additions lie closer than this; a real spread is wider."""


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
        precision: ``None`` where precision is undefined, or fewer than two articles have a say in it.
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
        macro_f1_four: Of macro-F1 over the four classes.
        accuracy: Of accuracy.
        per_class: By label, in the order of the taxonomy.
        articles: Number of articles that were drawn from.
        draws: Number of draws.
        missing: Why there are no intervals at all; empty where there are.
    """

    macro_f1_four: Interval | None
    accuracy: Interval | None
    per_class: dict[str, ClassIntervals]
    articles: int
    draws: int
    missing: str


def article_confusions(
    true: Sequence[str], predicted: Sequence[str], labels: Sequence[str], article_ids: Sequence[str]
) -> np.ndarray:
    """Count units by article, true label and predicted label.

    Args:
        true: The label of each unit.
        predicted: The label that was given to it.
        labels: All labels, in the order of rows and columns.
        article_ids: The article of each unit.

    Returns:
        Counts, shape (articles, labels, labels); articles in the order in which they first occur.

    Raises:
        ValueError: If the lengths differ or a label is unknown.
    """
    if not len(true) == len(predicted) == len(article_ids):
        raise ValueError(f"{len(true)} true labels, {len(predicted)} predicted ones, {len(article_ids)} article ids")
    index = {article: number for number, article in enumerate(dict.fromkeys(article_ids))}
    counts = np.zeros((len(index), len(labels), len(labels)), dtype=np.int64)
    articles = np.array([index[article] for article in article_ids], dtype=np.int64)
    np.add.at(counts, (articles, *cells(true, predicted, labels)), 1)
    return counts


def resample(counts: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Draw as many articles as there are, with replacement, and add up their counts; ``draws`` times.

    Arrays with the same number of articles get the same draws from the same seed, so that two runs can be compared
    draw by draw. The weights are made and multiplied in chunks, of about 100 MB at any number of articles.

    Args:
        counts: Shape (articles, ...); at least one article.
        draws: Number of draws.
        seed: Of the draws.

    Returns:
        Totals, shape (draws, ...).
    """
    articles = len(counts)
    generator = np.random.default_rng(seed)
    flat = counts.reshape(articles, -1).astype(np.float64)
    totals = np.empty((draws, flat.shape[1]))
    step = max(1, WEIGHTS_AT_ONCE // articles)
    for start in range(0, draws, step):
        rows = min(step, draws - start)
        drawn = generator.integers(articles, size=(rows, articles))
        drawn += articles * np.arange(rows)[:, np.newaxis]  # one count over all draws of the chunk
        weights = np.bincount(drawn.ravel(), minlength=rows * articles).reshape(rows, articles)
        totals[start : start + rows] = weights @ flat
    return totals.reshape(draws, *counts.shape[1:])


def standard_error(drawn: np.ndarray, articles: int) -> float:
    """Standard deviation of a figure over the draws, those in which it is undefined left out.

    It is raised by ``sqrt(m / (m - 1))``: drawing from ``m`` articles spreads as if these were all there are.

    Args:
        drawn: The figure in each draw; NaN where it is undefined.
        articles: Number of articles that have a say in the figure, ``m``; at least two.

    Returns:
        0 if the figure is the same in every draw.
    """
    known = drawn[~np.isnan(drawn)]
    spread = float(known.std() * np.sqrt(articles / (articles - 1)))
    return spread if spread > ROUNDING else 0.0


def rate_interval(value: float, drawn: np.ndarray, articles: int) -> Interval | None:
    """The 95 % interval of a figure between 0 and 1: its log odds and Student's t, with ``articles - 1`` degrees.

    A figure of exactly 0 or 1 is the same in every draw. Its interval is the exact one of Clopper and Pearson ("The
    Use of Confidence or Fiducial Limits", 1934) with the articles as trials, as if each article were right or wrong
    as a whole: wider than needed where units of an article do not err together.

    Args:
        value: The figure in the data; NaN where it is undefined.
        drawn: The figure in each draw; NaN where it is undefined.
        articles: Number of articles that have a say in the figure.

    Returns:
        ``None`` if the figure is undefined, if fewer than two articles have a say in it, or if it lies between
        0 and 1 and yet does not differ between draws.
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


def score_intervals(confusions: np.ndarray, labels: Sequence[str], draws: int, seed: int) -> ScoreIntervals:
    """95 % intervals of every figure that :func:`sitrep.evaluation.metrics.score` gives.

    There are none for a single article: each draw would be that article again, and nothing in the data says how far
    another one would lie from it.

    Args:
        confusions: Counts by article, shape (articles, labels, labels), as of :func:`article_confusions`.
        labels: Names in that order.
        draws: Number of draws.
        seed: Of the draws.

    Raises:
        ValueError: If there is no article.
    """
    articles = len(confusions)
    if not articles:
        raise ValueError("no articles to draw from")
    if articles == 1:
        nothing = {label: ClassIntervals(None, None, None) for label in labels}
        reason = "all units are of one article, which does not tell how far articles differ"
        return ScoreIntervals(None, None, nothing, articles, draws, reason)
    found = rates(confusions.sum(axis=0), labels)
    drawn = rates(resample(confusions, draws, seed), labels)
    return ScoreIntervals(
        macro_f1_four=rate_interval(float(found.macro_f1_four), drawn.macro_f1_four, articles),
        accuracy=rate_interval(float(found.accuracy), drawn.accuracy, articles),
        per_class={label: _class_intervals(confusions, found, drawn, index) for index, label in enumerate(labels)},
        articles=articles,
        draws=draws,
        missing="",
    )


def articles_with(confusions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers of articles in which each label was given, is true, or either: who has a say in precision, recall, F1.

    Args:
        confusions: Shape (articles, labels, labels).

    Returns:
        Three arrays of shape (labels,).
    """
    given, held = confusions.sum(axis=1) > 0, confusions.sum(axis=2) > 0
    return given.sum(axis=0), held.sum(axis=0), (given | held).sum(axis=0)


def _class_intervals(confusions: np.ndarray, found: Rates, drawn: Rates, index: int) -> ClassIntervals:
    given, held, either = (int(numbers[index]) for numbers in articles_with(confusions))
    return ClassIntervals(
        precision=rate_interval(float(found.precision[index]), drawn.precision[:, index], given),
        recall=rate_interval(float(found.recall[index]), drawn.recall[:, index], held),
        f1=rate_interval(float(found.f1[index]), drawn.f1[:, index], either),
    )
