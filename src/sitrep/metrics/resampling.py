"""Counts by article, and draws of whole articles.

Units of one article are not independent: they share author, event and noise of the page, and a model that misreads an
article misreads several of its units. So whole articles are drawn with replacement, never single units (the cluster
bootstrap: Davison and Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8; Cameron, Gelbach and
Miller, "Bootstrap-Based Improvements for Inference with Clustered Errors", 2008).
"""

from collections.abc import Sequence

import numpy as np

from sitrep.labels import Taxonomy
from sitrep.metrics.scores import Rates, cells

WEIGHTS_AT_ONCE = 4_000_000
"""Weights of articles that are held in memory together, 8 bytes each in three arrays."""
ROUNDING = 1e-9
"""Figures that are equal but for the order of additions lie closer than this; a real spread is wider."""


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
    rng = np.random.default_rng(seed)
    flat = counts.reshape(articles, -1).astype(np.float64)
    totals = np.empty((draws, flat.shape[1]))
    step = max(1, WEIGHTS_AT_ONCE // articles)
    for start in range(0, draws, step):
        rows = min(step, draws - start)
        drawn = rng.integers(articles, size=(rows, articles))
        drawn += articles * np.arange(rows)[:, np.newaxis]  # one count over all draws of the chunk
        weights = np.bincount(drawn.ravel(), minlength=rows * articles).reshape(rows, articles)
        totals[start : start + rows] = weights @ flat
    return totals.reshape(draws, *counts.shape[1:])


def standard_error(drawn: np.ndarray, articles: float) -> float:
    """Standard deviation of a figure over the draws, those in which it is undefined left out.

    It is raised by ``sqrt(m / (m - 1))``: drawing from ``m`` articles spreads as if these were all there are.

    Args:
        drawn: The figure in each draw; NaN where it is undefined.
        articles: Effective number of articles, ``m``; at least two.

    Returns:
        0 if the figure is the same in every draw.
    """
    known = drawn[~np.isnan(drawn)]
    spread = float(known.std() * np.sqrt(articles / (articles - 1)))
    return spread if spread > ROUNDING else 0.0


def effective_articles(confusions: np.ndarray, taxonomy: Taxonomy) -> Rates:
    """How many articles of one size say as much of each figure as these of many sizes.

    Kish's effective number, ``(sum n)^2 / sum n^2`` ("Survey Sampling", 1965), where ``n`` are an article's units that
    stand in the figure's denominator. It is the number of articles where these are equal, and less the more
    unequal they are: a label that one article holds in plenty is known little better than from that article alone.

    Args:
        confusions: Counts by article, shape (articles, labels, labels).
        taxonomy: Says which labels the macro average is over.

    Returns:
        The number for each figure, in the place where :func:`sitrep.metrics.scores.rates` has the figure; 0 where
        it is undefined.
    """
    support, predicted = confusions.sum(axis=2), confusions.sum(axis=1)
    either = support + predicted
    averaged = [taxonomy.labels.index(label) for label in taxonomy.averaged]
    return Rates(
        precision=effective_number(predicted),
        recall=effective_number(support),
        f1=effective_number(either),
        macro_f1=effective_number(either[:, averaged].sum(axis=1)),
        accuracy=effective_number(support.sum(axis=1)),
    )


def effective_number(units: np.ndarray) -> np.ndarray:
    """Kish's effective number of articles, as in :func:`effective_articles`.

    Args:
        units: Of each article, shape (articles, ...).

    Returns:
        Shape (...).
    """
    total = units.sum(axis=0).astype(np.float64)
    return np.asarray(total**2 / np.maximum((units.astype(np.float64) ** 2).sum(axis=0), 1))
