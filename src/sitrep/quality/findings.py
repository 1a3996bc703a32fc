"""What an examination of labelled data finds."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Severity(Enum):
    """How bad a finding is."""

    error = "error"
    """Training refuses it, or figures would be wrong."""
    warning = "warning"
    """Worth a person's look."""
    hint = "hint"
    """A suggestion that may well be wrong."""


@dataclass(frozen=True)
class Example:
    """One place where a finding shows.

    Attributes:
        where: Units or places in a file.
        text: What stands there, cut to a readable length.
    """

    where: str
    text: str


@dataclass(frozen=True)
class Finding:
    """One kind of trouble with its extent.

    Attributes:
        kind: Stable name, for programs.
        severity: How bad it is.
        message: One sentence for a person, with the remedy.
        count: Units, pairs or rows concerned.
        examples: The first few.
    """

    kind: str
    severity: Severity
    message: str
    count: int
    examples: Sequence[Example] = ()


@dataclass(frozen=True)
class Suggestion:
    """A unit whose label an out-of-fold model doubts.

    Attributes:
        place: File and line of the unit, by which its correction finds back.
        id: Of the unit.
        article_id: Of its article.
        text: Of the unit.
        label: As given.
        suggested: What the model would say.
        label_probability: What the model gives the label as given.
        suggested_probability: What it gives its own.
        score: Label quality from 0 to 1; lowest first.
        issue: Whether confident learning counts it as an error.
    """

    place: str
    id: str
    article_id: str
    text: str
    label: str
    suggested: str
    label_probability: float
    suggested_probability: float
    score: float
    issue: bool


@dataclass(frozen=True)
class Examination:
    """Everything that was found.

    Attributes:
        units: By set, or ``all`` where the data is not divided.
        balance: By set, units of each label.
        findings: Worst first.
        suggestions: Suspected label errors, most suspect first.
        leak_score: Macro-F1 of the TF-IDF baseline on all test units and on those without a leak; empty without leaks.
        sources: Files with their rows and hash.
        seconds: Spent by part.
    """

    units: dict[str, int]
    balance: dict[str, dict[str, int]]
    findings: list[Finding]
    suggestions: list[Suggestion]
    leak_score: dict[str, float | None]
    sources: list[dict[str, Any]]
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether nothing worse than a hint was found."""
        return all(finding.severity is Severity.hint for finding in self.findings)


EXAMPLES_SHOWN = 5
TEXT_SHOWN = 200


def example(where: str, text: str) -> Example:
    """An example with its text cut to a readable length."""
    return Example(where, text if len(text) <= TEXT_SHOWN else text[: TEXT_SHOWN - 1] + "…")
