"""How an exported model answers beside the one that it was made from, and whether that will do."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sitrep.inference.predictor import Predictor
from sitrep.metrics.scores import score
from sitrep.sentences import LabelledSentence

NEAR = 0.03
"""Change of a probability that is not worth telling."""


@dataclass(frozen=True)
class UnitAnswers:
    """What a model gives the units of a gate.

    Attributes:
        probabilities: Shape (units, classes).
        labels: The label of each unit.
        macro_f1: Against the true labels; 0 where it is undefined.
    """

    probabilities: np.ndarray
    labels: list[str]
    macro_f1: float


@dataclass(frozen=True)
class Gate:
    """An exported model against the one in fp32 on labelled units.

    Attributes:
        units: How many.
        macro_f1: Of the exported model.
        macro_f1_fp32: Of the other.
        changed_labels: Share of units that get another label.
        largest_change: Of any probability.
        near: Share of units of which no probability changes by more than 0.03.
        speed: Times as fast as PyTorch in fp32 with one batch, in turns.
    """

    units: int
    macro_f1: float
    macro_f1_fp32: float
    changed_labels: float
    largest_change: float
    near: float
    speed: float

    @classmethod
    def between(cls, exported: UnitAnswers, fp32: UnitAnswers, speed: float) -> "Gate":
        """Compare two models on the same units; ``speed`` is as above."""
        change = np.abs(exported.probabilities - fp32.probabilities).max(axis=1)
        changed = np.mean([one != other for one, other in zip(exported.labels, fp32.labels, strict=True)])
        return cls(
            units=len(change),
            macro_f1=exported.macro_f1,
            macro_f1_fp32=fp32.macro_f1,
            changed_labels=float(changed),
            largest_change=float(change.max()),
            near=float((change <= NEAR).mean()),
            speed=speed,
        )

    def refusal(self, most_f1_loss: float, most_changed_labels: float) -> str | None:
        """Why the model is not to be used, in words; ``None`` if it may be."""
        loss = self.macro_f1_fp32 - self.macro_f1
        if loss > most_f1_loss:
            return f"loses {loss:.4f} macro-F1 on {self.units} units, more than most_f1_loss={most_f1_loss:g}"
        if self.changed_labels > most_changed_labels:
            return (
                f"changes {self.changed_labels:.2%} of the labels of {self.units} units, more than "
                f"most_changed_labels={most_changed_labels:g}"
            )
        return None

    def words(self) -> str:
        """The figures in a line."""
        return (
            f"macro-F1 {self.macro_f1:.4f} (fp32 {self.macro_f1_fp32:.4f}), {self.changed_labels:.2%} of "
            f"{self.units} labels changed, largest change of a probability {self.largest_change:.3f} (at most {NEAR} "
            f"on {self.near:.1%} of the units), {self.speed:.1f} times as fast as PyTorch in fp32"
        )

    def as_plain(self) -> dict[str, Any]:
        """For ``export.json``."""
        return {name: round(value, 6) for name, value in asdict(self).items()}


def answers_of(predictor: Predictor, sentences: Sequence[LabelledSentence]) -> UnitAnswers:
    """Label units, and score the labels."""
    probabilities = predictor.probabilities_of_units(sentences)
    labels = predictor.choose(probabilities)[0]
    found = score([sentence.label for sentence in sentences], labels, predictor.taxonomy)
    return UnitAnswers(probabilities, labels, found.macro_f1 or 0.0)


def fastest_faithful(gates: dict[str, Gate], most_f1_loss: float, most_changed_labels: float, least_near: float) -> str:
    """The fastest of several models that stays within half the limits and near to fp32 on a share of the units.

    Half, as the units are a sample: what just passes on it may well not pass on another. If no model does, it is the
    one that changes fewest labels.
    """
    safe = [
        way
        for way, gate in gates.items()
        if gate.near >= least_near and not gate.refusal(most_f1_loss / 2, most_changed_labels / 2)
    ]
    if safe:
        return max(safe, key=lambda way: gates[way].speed)
    return min(gates, key=lambda way: (gates[way].changed_labels, gates[way].largest_change))
