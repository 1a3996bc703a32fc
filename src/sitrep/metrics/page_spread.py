"""How far a share that is estimated from labels of units on drawn pages can lie from the truth.

Pages are drawn, and units of them, so that the variance is that between the totals of pages (ultimate clusters: Hansen,
Hurwitz and Madow, "Sample Survey Methods and Theory", 1953), each held against a weight of the model and a mean that
were made without it (jackknife). It is taken as if pages were drawn with replacement, times the share of the units that
is not labelled: too wide rather than too narrow, as long as units of a page are not more unlike than those of two.

The weight of the model is the one that makes the variance least, in [0, 1] (Angelopoulos, Duchi and Zrnic, "PPI++",
2023; for sums over pages Montanari, "Post-sampling efficient QR-prediction in large-sample surveys", 1987): a useless
model gets 0, and labels alone are left.
"""

from dataclasses import dataclass, replace

import numpy as np

TAIL = 0.975
"""Quantile of the upper end of a 95 % interval."""
HALF = 0.5


@dataclass(frozen=True)
class RandomLabels:
    """Units drawn at random and labelled.

    Attributes:
        has: Whether each unit has each class, shape (units, classes), as 0 and 1.
        probabilities: What the model says of it, shape (units, classes).
        pages: Its page, shape (units,); any values that can be compared.
        inclusion: Probability with which the design draws it, shape (units,), in (0, 1].
    """

    has: np.ndarray
    probabilities: np.ndarray
    pages: np.ndarray
    inclusion: np.ndarray

    def of(self, members: np.ndarray) -> "RandomLabels":
        """Those where a mask holds."""
        return RandomLabels(
            self.has[members], self.probabilities[members], self.pages[members], self.inclusion[members]
        )

    @property
    def weights(self) -> np.ndarray:
        """Of each label; they sum to one."""
        return np.asarray(1 / self.inclusion / (1 / self.inclusion).sum())

    @property
    def effective(self) -> float:
        """How many labels of equal weight tell as much (Kish, "Survey Sampling", 1965)."""
        return float(1 / (self.weights**2).sum())

    def mean(self, values: np.ndarray) -> float:
        """Weighted mean of a figure of each label."""
        return float(self.weights @ values)


@dataclass(frozen=True)
class Spread:
    """Variance of a share, and what it rests on.

    Attributes:
        between: Between pages, as if they were drawn from infinitely many.
        unseen: What errors add that no label has shown yet.
        fraction: Of the set that is labelled.
        labels: Number of them.
        pages: Number of them.
        degrees: Of freedom; 0: one less than there are pages.
    """

    between: float
    unseen: float
    fraction: float
    labels: int
    pages: int
    degrees: int = 0

    def __post_init__(self) -> None:
        if not self.degrees:
            object.__setattr__(self, "degrees", self.pages - 1)

    @property
    def variance(self) -> float:
        """Of the share; none is left where every unit is labelled."""
        return (1 - self.fraction) * (self.between + self.unseen)

    @property
    def quantile(self) -> float:
        """Of Student's t."""
        from scipy import special

        return float(special.stdtrit(self.degrees, TAIL))

    def grown(self, times: float) -> "Spread":
        """With so many times the labels, on so many times the pages."""
        return replace(
            self,
            between=self.between / times,
            unseen=self.unseen / times**2,
            fraction=min(1.0, self.fraction * times),
            labels=round(self.labels * times),
            degrees=round((self.degrees + 1) * times) - 1,
        )


class LabelledPages:
    """Sums over the labels of each page, and what follows from them.

    Args:
        labels: Units that were drawn at random.
        units: Of the set that they were drawn from.

    Attributes:
        number: Of the pages.
    """

    def __init__(self, labels: RandomLabels, units: int) -> None:
        names, self._page = np.unique(labels.pages, return_inverse=True)
        self.number = len(names)
        self._weights = labels.weights
        self._labels = len(labels.weights)
        self._fraction = 1.0 if labels.effective > units - HALF else labels.effective / units
        self._one = float((labels.weights**2).mean())  # what an error of one label adds to the variance
        self._size = self._sums(np.ones(self._labels))

    def design_effect(self, has: np.ndarray) -> float | None:
        """Variance of the share of a class over what labels of as many pages would have; at least 1.

        ``None`` where all labels say the same.
        """
        off = has - self._weights @ has
        alone = float(((self._weights * off) ** 2).sum()) * self._labels / max(1, self._labels - 1)
        return max(1.0, self._between(self._sums(off)) / alone) if has.min() < has.max() else None

    def slopes(self, has: np.ndarray, probability: np.ndarray) -> tuple[float, np.ndarray]:
        """The weight of the model with which the variance is least: by all pages, and by all but each.

        One more unit, of another class, which the model gives 1, keeps it from being trusted for want of labels.
        """
        y, x, w = self._sums(has), self._sums(probability), self._size
        whole = self._slope(y, x, w, np.zeros(1))
        return float(whole[0]), self._slope(y, x, w, np.ones(self.number))

    def _slope(self, y: np.ndarray, x: np.ndarray, w: np.ndarray, without: np.ndarray) -> np.ndarray:
        """Regression of totals of pages on each other, all centred, with each page there or (1) left out."""
        rest = 1 - without * w
        a, b = (1 - without) * y.sum() + without * (y.sum() - y), (1 - without) * x.sum() + without * (x.sum() - x)
        a, b = a / rest, b / rest  # means over the pages that are there
        product = (y * x).sum() - a * (w * x).sum() - b * (w * y).sum() + a * b * (w * w).sum()
        square = (x * x).sum() - 2 * b * (w * x).sum() + b * b * (w * w).sum()
        product = product - without * (y - w * a) * (x - w * b)
        square = square - without * (x - w * b) ** 2
        return np.asarray(np.clip(product / (square + self._one), 0, 1))

    def spread(self, has: np.ndarray, probability: np.ndarray, slopes: np.ndarray, effect: float) -> Spread:
        """Spread of the mean error of the weighted model.

        To what the labels show two errors are added that none may have shown yet: a unit of the class that the model
        gives 0, and one of another class that it gives 1 (as Bonett and Price, "Adjusted Wald Confidence Interval for
        a Difference of Binomial Proportions Based on Paired Data", 2012, do); each weighs as much as labels of the
        class that stand together in a page.

        Args:
            has: Whether each label is of the class, as 0 and 1.
            probability: That the model gives it.
            slopes: Weight of the model for each page, made without it.
            effect: Design effect of the class.
        """
        y, x, w = self._sums(has), self._sums(probability), self._size
        errors = y - slopes * x
        others = ((y.sum() - y) - slopes * (x.sum() - x)) / np.maximum(1 - w, np.finfo(float).tiny)
        totals = (errors - w * others) * (1 - 1 / self.number)
        unseen = self._one * (1 + float(slopes.mean()) ** 2) * effect
        return Spread(self._between(totals), unseen, self._fraction, self._labels, self.number)

    def borrowed(self, whole: Spread) -> Spread:
        """The spread of all pages, for as few as there are here."""
        times = whole.pages / self.number
        return Spread(
            between=whole.between * times,
            unseen=whole.unseen * times,
            fraction=self._fraction,
            labels=self._labels,
            pages=self.number,
            degrees=whole.degrees,
        )

    def _sums(self, values: np.ndarray) -> np.ndarray:
        return np.bincount(self._page, self._weights * values, self.number)

    def _between(self, totals: np.ndarray) -> float:
        return float((totals**2).sum() * self.number / (self.number - 1)) if self.number > 1 else 0.0
