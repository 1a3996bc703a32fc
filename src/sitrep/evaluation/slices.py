"""Figures by slice: how well the model does on each kind of unit, and where it does worse than elsewhere.

Many slices are looked at, so some come out low by chance alone: believe :attr:`Slice.worse`, which allows for their
number, and take any other low figure as a question, not as an answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sitrep.evaluation.properties import carried_columns, derived_columns
from sitrep.labels import Taxonomy
from sitrep.metrics.scores import score
from sitrep.metrics.significance import holm
from sitrep.sentences import LabelledSentence

SMALL_UNITS = 20
FEWEST_ARTICLES = 5
LEVEL = 0.05


@dataclass(frozen=True)
class Slice:
    """Figures of the units that share one value of a column.

    Attributes:
        column: What was sliced by.
        value: What these units have there.
        units: How many there are.
        articles: How many articles they come from.
        macro_f1: As :func:`sitrep.metrics.scores.score` defines it, on these units alone: a class that neither
            occurs nor is predicted in the slice is left out of the mean, one that is predicted but never true counts as
            0. Slices that hold different classes are therefore not to be compared by it.
        accuracy: Share of these units given their label.
        difference: Accuracy of the slice minus that of all other units; ``None`` if there are no others.
        difference_interval: 95 % bounds of the difference; ``None`` where it is not tested.
        p_value: Of no difference, two-sided, before any correction; ``None`` where it is not tested: in small slices,
            and where the slice or the rest comes from fewer than 5 articles.
        worse: Whether the accuracy is below that of the rest beyond chance, at 5 % over all slices tested.
        small: Whether there are fewer than 20 units, too few to say anything.
    """

    column: str
    value: str
    units: int
    articles: int
    macro_f1: float | None
    accuracy: float
    difference: float | None
    difference_interval: tuple[float, float] | None
    p_value: float | None
    worse: bool
    small: bool


def slices(
    sentences: Sequence[LabelledSentence],
    predicted: Sequence[str],
    taxonomy: Taxonomy,
) -> list[Slice]:
    """Score each slice of each column that the rows carry and of each property of the units themselves.

    Args:
        sentences: Units with their true labels.
        predicted: The label that each was given.
        taxonomy: All labels.

    Returns:
        Worst accuracy first, small slices after the others. The order goes by accuracy, not by macro-F1, since every
        slice has it in the same sense, whichever classes it holds. No sentences have no slices.

    Raises:
        ValueError: If the lengths differ or a label is unknown.
    """
    test_set = _TestSet(sentences, predicted, taxonomy)
    columns = [*carried_columns(sentences).items(), *derived_columns(sentences).items()]
    found = []
    for column, values in columns:
        codes = {value: code for code, value in enumerate(sorted({value for value in values if value is not None}))}
        coded = np.array([-1 if value is None else codes[value] for value in values])
        found += [test_set.slice_of(column, value, np.flatnonzero(coded == code)) for value, code in codes.items()]
    adjusted = holm([item.p_value for item in found])
    flagged = [
        replace(item, worse=p is not None and p < LEVEL and item.difference is not None and item.difference < 0)
        for item, p in zip(found, adjusted, strict=True)
    ]
    return sorted(flagged, key=lambda item: (item.small, item.accuracy, -item.units))


@dataclass(frozen=True)
class ClusteredDifference:
    """Accuracy of some units against that of the rest.

    Attributes:
        value: The difference.
        interval: 95 % bounds.
        p_value: Of no difference, two-sided.
    """

    value: float
    interval: tuple[float, float]
    p_value: float


def clustered_difference(units: np.ndarray, right: np.ndarray) -> ClusteredDifference:
    """Test the accuracy of some units against that of the rest, when units of one article are right or wrong together.

    The difference is the slope of a regression of right on inside; its variance sums the residuals by article before
    it squares them (Liang and Zeger, "Longitudinal data analysis using generalized linear models", Biometrika 1986).
    It is scaled by G / (G - 1) and referred to Student's t with G - 1 degrees of freedom (Bester, Conley and Hansen,
    "Inference with dependent data using cluster covariance estimators", Journal of Econometrics 2011), where G is the
    smaller of the numbers of articles inside and outside, as the smaller side limits what can be known.

    Args:
        units: How many units each article has inside the slice and outside, shape (2, articles).
        right: How many of these were given their label, shape (2, articles).

    Returns:
        The p-value is 1 where the variance and the difference are both zero, 0 where the variance alone is.

    Raises:
        ValueError: If either side comes from fewer than two articles: there is no variance between them.
    """
    from scipy.stats import t

    clusters = int(np.count_nonzero(units, axis=1).min())
    if clusters < 2:
        raise ValueError("units of at least two articles are wanted inside and outside")
    totals = units.sum(axis=1, keepdims=True)
    means = right.sum(axis=1, keepdims=True) / totals
    inside, outside = (right - means * units) / totals
    error = float(np.sqrt(clusters / (clusters - 1) * np.sum((inside - outside) ** 2)))
    value = float(means[0, 0] - means[1, 0])
    reach = error * float(t.ppf(1 - LEVEL / 2, clusters - 1))
    p_value = float(2 * t.sf(abs(value) / error, clusters - 1)) if error else float(value == 0)
    return ClusteredDifference(value, (max(-1.0, value - reach), min(1.0, value + reach)), p_value)


class _TestSet:
    """The scored units in the forms that their slices are taken from."""

    def __init__(
        self,
        sentences: Sequence[LabelledSentence],
        predicted: Sequence[str],
        taxonomy: Taxonomy,
    ) -> None:
        if len(sentences) != len(predicted):
            raise ValueError(f"{len(sentences)} sentences against {len(predicted)} predicted labels")
        self.taxonomy = taxonomy
        self.true = np.array([sentence.label for sentence in sentences], dtype=object)
        self.predicted = np.array(predicted, dtype=object)
        self.articles = np.array([sentence.article_id for sentence in sentences], dtype=object)
        numbers: dict[str, int] = {}
        self.article = np.array([numbers.setdefault(name, len(numbers)) for name in self.articles], dtype=np.int64)
        self.right = (self.true == self.predicted).astype(float)
        self.units_by_article = np.bincount(self.article)
        self.right_by_article = np.bincount(self.article, weights=self.right)

    def slice_of(self, column: str, value: str, members: np.ndarray) -> Slice:
        """Figures of the units at the indices ``members``; ``worse`` is left open."""
        true, predicted = self.true[members].tolist(), self.predicted[members].tolist()
        articles = self.articles[members].tolist()
        scores = score(true, predicted, self.taxonomy)
        small = len(members) < SMALL_UNITS
        tested = None if small else self._against_the_rest(members)
        others = len(self.true) - len(members)
        rest = (self.right.sum() - self.right[members].sum()) / others if others else None
        return Slice(
            column=column,
            value=value,
            units=len(members),
            articles=len(set(articles)),
            macro_f1=scores.macro_f1,
            accuracy=scores.accuracy,
            difference=None if rest is None else float(scores.accuracy - rest),
            difference_interval=tested.interval if tested else None,
            p_value=tested.p_value if tested else None,
            worse=False,
            small=small,
        )

    def _against_the_rest(self, members: np.ndarray) -> ClusteredDifference | None:
        article, count = self.article[members], len(self.units_by_article)
        inside = np.bincount(article, minlength=count)
        units = np.stack([inside, self.units_by_article - inside])
        if np.count_nonzero(units, axis=1).min() < FEWEST_ARTICLES:
            return None
        inside_right = np.bincount(article, weights=self.right[members], minlength=count)
        return clustered_difference(units, np.stack([inside_right, self.right_by_article - inside_right]))
