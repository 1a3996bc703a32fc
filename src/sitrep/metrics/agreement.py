"""How far two labellings of the same units agree."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sitrep.labels import Taxonomy
from sitrep.metrics.intervals import Interval, chance_corrected_interval
from sitrep.metrics.resampling import effective_number, resample
from sitrep.metrics.scores import score


@dataclass(frozen=True)
class Agreement:
    """One labelling against another of the same units; no figure depends on which is called the first.

    Attributes:
        units: How many have both labels.
        raw: Share of them with the same label twice.
        kappa: Cohen's kappa, the agreement beyond what the readers' label counts give by chance; ``None`` where both
            gave all units one and the same label.
        macro_f1: Macro-F1 of either reader against the other; ``None`` if neither used any.
        f1: By label; ``None`` for one that neither used.
    """

    units: int
    raw: float
    kappa: float | None
    macro_f1: float | None
    f1: dict[str, float | None]


def agreement(first: Sequence[str], second: Sequence[str], taxonomy: Taxonomy) -> Agreement:
    """Compare two labellings.

    Kappa is that of Cohen, "A coefficient of agreement for nominal scales" (Educational and Psychological
    Measurement, 1960), as scikit-learn has it. F1 between readers as a measure of agreement: Hripcsak and Rothschild,
    "Agreement, the F-measure, and reliability in information retrieval" (JAMIA, 2005).

    Args:
        first: A label a unit.
        second: Another for each, in the same order.
        taxonomy: All labels.

    Raises:
        ValueError: If the lengths differ, there are no units, or a label is unknown.
    """
    from sklearn.metrics import cohen_kappa_score

    scores = score(first, second, taxonomy)
    constant = len({*first, *second}) == 1  # chance alone agrees fully: zero divided by zero
    return Agreement(
        units=len(first),
        raw=scores.accuracy,
        kappa=None if constant else float(cohen_kappa_score(first, second)),
        macro_f1=scores.macro_f1,
        f1={label: figures.f1 for label, figures in scores.per_class.items()},
    )


def kappas(confusions: np.ndarray) -> np.ndarray:
    """Cohen's kappa of any number of confusion matrices at once.

    Args:
        confusions: Counts, shape (..., labels, labels).

    Returns:
        Shape (...); NaN where chance alone agrees fully.
    """
    seen, chance = _agreements(confusions)
    return np.asarray(np.divide(seen - chance, 1 - chance, out=np.full(seen.shape, np.nan), where=chance < 1))


def kappa_interval(confusions: np.ndarray, draws: int, seed: int) -> Interval | None:
    """95 % interval of Cohen's kappa by bootstrap over whole articles.

    Args:
        confusions: By article, as of :func:`sitrep.metrics.resampling.article_confusions`.
        draws: Number of draws.
        seed: Of the draws.

    Returns:
        ``None`` where kappa is undefined, or the articles are fewer than two in effect.
    """
    whole = confusions.sum(axis=0)
    value = float(kappas(whole))
    if np.isnan(value):
        return None
    articles = float(effective_number(confusions.sum(axis=(1, 2))))
    expected = 1 - float(_agreements(whole)[1])
    return chance_corrected_interval(value, kappas(resample(confusions, draws, seed)), articles, expected)


def _agreements(confusions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The agreement that is seen, and the one that chance would give."""
    units = confusions.sum(axis=(-2, -1))
    seen = np.trace(confusions, axis1=-2, axis2=-1) / units
    chance = (confusions.sum(axis=-1) * confusions.sum(axis=-2)).sum(axis=-1) / units**2
    return np.asarray(seen), np.asarray(chance)
