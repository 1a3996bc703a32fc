"""Figures of models that answer with every class that applies."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class MultilabelClassScores:
    """Figures of one class; ``None`` where the definition divides zero by zero.

    Attributes:
        average_precision: Mean precision over the ranks of the units that have the class, which no threshold enters;
            undefined if none has it.
        precision: Share of the units that were given the class that have it.
        recall: Share of the units that have it that were given it.
        f1: Their harmonic mean.
        support: Units that have the class.
        predicted: Units that were given it.
        threshold: Least probability with which it is given.
    """

    average_precision: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    support: int
    predicted: int
    threshold: float


@dataclass(frozen=True)
class MultilabelScores:
    """Figures of all classes.

    Attributes:
        per_class: By class, in the order of the taxonomy.
        macro_f1: Mean F1 over the classes that have one; ``None`` if none has.
        mean_average_precision: The same of average precision.
        exact_matches: Share of the units whose classes are all right.
    """

    per_class: dict[str, MultilabelClassScores]
    macro_f1: float | None
    mean_average_precision: float | None
    exact_matches: float


def membership(label_sets: Sequence[Sequence[str]], classes: Sequence[str]) -> np.ndarray:
    """Which classes are in each set: booleans of shape (units, classes), in the order of ``classes``."""
    found = [[name in labels for name in classes] for labels in label_sets]
    return np.array(found, dtype=bool).reshape(-1, len(classes))


def score_multilabel(
    true: Sequence[Sequence[str]],
    given: Sequence[Sequence[str]],
    probabilities: np.ndarray,
    thresholds: dict[str, float],
) -> MultilabelScores:
    """Score sets of classes against the true ones.

    Args:
        true: The classes that apply to each unit.
        given: Those that the model gave it.
        probabilities: Shape (units, classes), in the order of ``thresholds``.
        thresholds: By class, for all classes; they are reported only.

    Raises:
        ValueError: If nothing is to be scored.
    """
    if not len(true):
        raise ValueError("no units to score")
    classes = list(thresholds)
    has, got = membership(true, classes), membership(given, classes)
    per_class = {
        name: _class_scores(has[:, index], got[:, index], probabilities[:, index], thresholds[name])
        for index, name in enumerate(classes)
    }
    f1 = [figures.f1 for figures in per_class.values() if figures.f1 is not None]
    precision = [value for figures in per_class.values() if (value := figures.average_precision) is not None]
    return MultilabelScores(
        per_class=per_class,
        macro_f1=float(np.mean(f1)) if f1 else None,
        mean_average_precision=float(np.mean(precision)) if precision else None,
        exact_matches=float((has == got).all(axis=1).mean()),
    )


def choose_thresholds(has: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]) -> dict[str, float]:
    """For each class the threshold with the best F1; 0.5 for a class that no unit has.

    Args:
        has: Which classes apply, booleans of shape (units, classes), as :func:`membership` gives them.
        probabilities: Of the same shape.
        classes: Names of the columns.
    """
    from sklearn.metrics import precision_recall_curve

    chosen = {}
    for index, name in enumerate(classes):
        chosen[name] = 0.5
        if has[:, index].any():
            precision, recall, thresholds = precision_recall_curve(has[:, index], probabilities[:, index])
            both = precision + recall
            f1 = np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)
            best = int(f1[:-1].argmax())
            # Half-way to the next lower probability: the units at the border then decide less.
            chosen[name] = float(thresholds[max(0, best - 1) : best + 1].mean())
    return chosen


def _class_scores(
    has: np.ndarray, got: np.ndarray, probabilities: np.ndarray, threshold: float
) -> MultilabelClassScores:
    from sklearn.metrics import average_precision_score

    hits, support, predicted = int((has & got).sum()), int(has.sum()), int(got.sum())
    return MultilabelClassScores(
        average_precision=float(average_precision_score(has, probabilities)) if support else None,
        precision=hits / predicted if predicted else None,
        recall=hits / support if support else None,
        f1=2 * hits / (support + predicted) if support + predicted else None,
        support=support,
        predicted=predicted,
        threshold=threshold,
    )
