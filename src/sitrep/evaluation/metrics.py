"""Precision, recall and F1 by class, and their macro average over the four classes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sitrep.labels import CLASSES


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
        macro_f1_four: Mean F1 over the four classes, ``none`` left out of the mean but not of the errors.
            Classes without a defined F1 are left out; ``None`` if no class has one.
        accuracy: Share of all units given their label.
        confusion: Shape (labels, labels); rows are the true labels, columns the predicted ones.
    """

    per_class: dict[str, ClassScores]
    macro_f1_four: float | None
    accuracy: float
    confusion: np.ndarray


def score(true: Sequence[str], predicted: Sequence[str], labels: Sequence[str]) -> Scores:
    """Compare two labellings of the same units.

    The figures are those of scikit-learn's ``f1_score(..., zero_division=nan)``: a class that is absent
    from both labellings is left out of the mean, one that was predicted but never true counts as 0.

    Args:
        true: The label of each unit.
        predicted: The label that was given to it.
        labels: All labels, in the order of the rows and columns of the confusion matrix.

    Raises:
        ValueError: If the lengths differ, nothing is to be scored, or a label is unknown.
    """
    if len(true) != len(predicted):
        raise ValueError(f"{len(true)} true labels against {len(predicted)} predicted ones")
    if not true:
        raise ValueError("no units to score")
    confusion = confusion_matrix(true, predicted, labels)
    per_class = {label: _class_scores(confusion, index) for index, label in enumerate(labels)}
    defined = [f1 for label in CLASSES if label in per_class and (f1 := per_class[label].f1) is not None]
    return Scores(
        per_class=per_class,
        macro_f1_four=sum(defined) / len(defined) if defined else None,
        accuracy=float(np.trace(confusion) / confusion.sum()),
        confusion=confusion,
    )


def confusion_matrix(true: Sequence[str], predicted: Sequence[str], labels: Sequence[str]) -> np.ndarray:
    """Count units by true label (rows) and predicted label (columns), in the order of ``labels``."""
    index = {label: number for number, label in enumerate(labels)}
    unknown = (set(true) | set(predicted)) - set(index)
    if unknown:
        raise ValueError(f"labels {sorted(unknown)} are not among {list(labels)}")
    matrix = np.zeros((len(labels), len(labels)), dtype=np.int64)
    np.add.at(matrix, ([index[label] for label in true], [index[label] for label in predicted]), 1)
    return matrix


def _class_scores(confusion: np.ndarray, index: int) -> ClassScores:
    hits = int(confusion[index, index])
    support = int(confusion[index].sum())
    predicted = int(confusion[:, index].sum())
    return ClassScores(
        precision=hits / predicted if predicted else None,
        recall=hits / support if support else None,
        f1=2 * hits / (support + predicted) if support + predicted else None,
        support=support,
        predicted=predicted,
    )
