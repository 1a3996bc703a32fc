"""Precision, recall and F1 by class, and their macro average."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sitrep.labels import Taxonomy


@dataclass(frozen=True)
class ClassScores:
    """Figures of one label; ``None`` where the definition divides zero by zero.

    Attributes:
        precision: Share of the units given this label that have it. Undefined if none was given it.
        recall: Share of the units that have this label that were given it. Undefined if none has it.
        f1: Harmonic mean, ``2 tp / (2 tp + fp + fn)``. Undefined only if no unit has or was given the label.
        support: Units that have the label.
        predicted: Units that were given it.
    """

    precision: float | None
    recall: float | None
    f1: float | None
    support: int
    predicted: int


@dataclass(frozen=True)
class Scores:
    """All figures of one labelling against another.

    Attributes:
        per_class: By label, in the order of the taxonomy.
        macro_f1: Mean F1 over the labels that the taxonomy averages, the negative one left out of the mean but not of
            the errors. Classes without a defined F1 are left out; ``None`` if no class has one.
        accuracy: Share of all units given their label.
        confusion: Shape (labels, labels); rows are the true labels, columns the predicted ones.
    """

    per_class: dict[str, ClassScores]
    macro_f1: float | None
    accuracy: float
    confusion: np.ndarray


@dataclass(frozen=True)
class Rates:
    """Figures of any number of confusion matrices at once; NaN where the definition divides zero by zero.

    Attributes:
        precision: Shape (..., labels), as are recall and F1; the definitions are those of :class:`ClassScores`.
        recall: By label.
        f1: By label.
        macro_f1: Shape (...), as in :class:`Scores`.
        accuracy: Shape (...). Undefined if there are no units.
    """

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    macro_f1: np.ndarray
    accuracy: np.ndarray


def rates(confusions: np.ndarray, taxonomy: Taxonomy) -> Rates:
    """Compute the figures of confusion matrices, all matrices in one pass.

    Args:
        confusions: Counts, shape (..., labels, labels); rows true, columns predicted, in the order of the taxonomy.
        taxonomy: Says which labels the macro average is over.
    """
    hits = np.diagonal(confusions, axis1=-2, axis2=-1)
    support, predicted = confusions.sum(axis=-1), confusions.sum(axis=-2)
    f1 = _quotient(2 * hits, support + predicted)
    averaged = f1[..., [taxonomy.labels.index(label) for label in taxonomy.averaged]]
    return Rates(
        precision=_quotient(hits, predicted),
        recall=_quotient(hits, support),
        f1=f1,
        macro_f1=_quotient(np.nansum(averaged, axis=-1), (~np.isnan(averaged)).sum(axis=-1)),
        accuracy=_quotient(hits.sum(axis=-1), support.sum(axis=-1)),
    )


def score(true: Sequence[str], predicted: Sequence[str], taxonomy: Taxonomy) -> Scores:
    """Compare two labellings of the same units.

    The figures are those of scikit-learn's ``f1_score(..., zero_division=nan)``: a class that is absent
    from both labellings is left out of the mean, one that was predicted but never true counts as 0.

    Args:
        true: The label of each unit.
        predicted: The label that was given to it.
        taxonomy: All labels, in the order of the rows and columns of the confusion matrix.

    Raises:
        ValueError: If the lengths differ, nothing is to be scored, or a label is unknown.
    """
    if len(true) != len(predicted):
        raise ValueError(f"{len(true)} true labels against {len(predicted)} predicted ones")
    if not true:
        raise ValueError("no units to score")
    confusion = confusion_matrix(true, predicted, taxonomy.labels)
    figures = rates(confusion, taxonomy)
    return Scores(
        per_class={label: _class_scores(figures, confusion, index) for index, label in enumerate(taxonomy.labels)},
        macro_f1=defined(figures.macro_f1),
        accuracy=float(figures.accuracy),
        confusion=confusion,
    )


def defined(value: np.ndarray | float) -> float | None:
    """A figure as a number; ``None`` where it is NaN, for which JSON has no word."""
    return None if np.isnan(value) else float(value)


def confusion_matrix(true: Sequence[str], predicted: Sequence[str], labels: Sequence[str]) -> np.ndarray:
    """Count units by true label (rows) and predicted label (columns), in the order of ``labels``."""
    matrix = np.zeros((len(labels), len(labels)), dtype=np.int64)
    np.add.at(matrix, cells(true, predicted, labels), 1)
    return matrix


def cells(true: Sequence[str], predicted: Sequence[str], labels: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of the confusion matrix that each unit counts in.

    Raises:
        ValueError: If a label is unknown.
    """
    index = {label: number for number, label in enumerate(labels)}
    unknown = (set(true) | set(predicted)) - set(index)
    if unknown:
        raise ValueError(f"labels {sorted(unknown)} are not among {list(labels)}")
    rows, columns = ([index[label] for label in side] for side in (true, predicted))
    return np.array(rows, dtype=np.int64), np.array(columns, dtype=np.int64)


def _class_scores(figures: Rates, confusion: np.ndarray, index: int) -> ClassScores:
    return ClassScores(
        precision=defined(figures.precision[index]),
        recall=defined(figures.recall[index]),
        f1=defined(figures.f1[index]),
        support=int(confusion[index].sum()),
        predicted=int(confusion[:, index].sum()),
    )


def _quotient(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    quotient = np.full(np.shape(numerator), np.nan)
    np.divide(numerator, denominator, out=quotient, where=np.asarray(denominator > 0))
    return quotient
