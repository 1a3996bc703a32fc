"""The taxonomy: four classes and the negative class, in the one order that every file uses."""

from enum import Enum

ATTACK_DESCRIPTION = "attack_description"
OFFICIAL_STATEMENT = "official_statement"
CASUALTY_REPORT = "casualty_report"
BOILERPLATE = "boilerplate"
NONE = "none"

CLASSES = (ATTACK_DESCRIPTION, OFFICIAL_STATEMENT, CASUALTY_REPORT, BOILERPLATE)
"""The four classes that the headline figure averages over."""


class Task(Enum):
    """What a model answers: one label a sentence, or every class that applies."""

    single_label = "single_label"
    multi_label = "multi_label"


class LabelSet(Enum):
    """Which labels a model can answer with.

    Member names equal their values because Hydra reads and prints enum members by name.
    """

    five = "five"
    four = "four"

    @property
    def names(self) -> tuple[str, ...]:
        """The labels in the order of the model's outputs."""
        return (*CLASSES, NONE) if self is LabelSet.five else CLASSES


def outputs_of(task: Task, label_set: LabelSet) -> tuple[str, ...]:
    """Names of a model's outputs in order: with many labels the classes alone, as `none` means that none applies."""
    return CLASSES if task is Task.multi_label else label_set.names
