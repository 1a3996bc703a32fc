"""From probabilities to what is said of a sentence: which classes apply, which label, and whether to check it."""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from sitrep.labels import ATTACK_DESCRIPTION, BOILERPLATE, CASUALTY_REPORT, CLASSES, NONE, OFFICIAL_STATEMENT

PRECEDENCE = (CASUALTY_REPORT, ATTACK_DESCRIPTION, OFFICIAL_STATEMENT)
"""Which of several classes a sentence is filed under: a toll, else the act, else the statement (docs/codebook.md)."""


def classes_that_apply(probabilities: np.ndarray, thresholds: Mapping[str, float]) -> np.ndarray:
    """Which classes apply to each sentence.

    Boilerplate excludes the rest: where it reaches its threshold beside another class, whichever is further above its
    own threshold stays.

    Args:
        probabilities: Shape (sentences, classes), in the order of ``CLASSES``.
        thresholds: Least probability with which each class applies.

    Returns:
        Booleans of the same shape.
    """
    margin = probabilities - np.array([thresholds[name] for name in CLASSES])
    applies: np.ndarray = margin >= 0
    cruft = CLASSES.index(BOILERPLATE)
    others = np.delete(margin, cruft, axis=1).max(axis=1)
    is_cruft = applies[:, cruft] & (margin[:, cruft] >= others)
    applies[is_cruft] = False
    applies[:, cruft] = is_cruft
    return applies


def label_of(applies: np.ndarray) -> list[str]:
    """The one label of each sentence.

    Args:
        applies: Shape (sentences, classes), as :func:`classes_that_apply` gives it.
    """
    order = [(CLASSES.index(name), name) for name in (BOILERPLATE, *PRECEDENCE)]
    return [next((name for index, name in order if row[index]), NONE) for row in applies]


def decide(label: str, probability: float, accept: Mapping[str, float | None]) -> Literal["accept", "review"]:
    """Whether a prediction stands as it is or goes to an analyst.

    Args:
        label: The predicted label.
        probability: That the model gives it.
        accept: Least probability by label; a label that is missing or ``None`` is never accepted.
    """
    least = accept.get(label)
    return "accept" if least is not None and probability >= least else "review"
