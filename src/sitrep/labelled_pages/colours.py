"""How labels look on a page: a colour, a kind of underline and a letter each, so that no reader has to see colours."""

from collections import Counter
from dataclasses import dataclass

from sitrep.labels import Taxonomy

HUES = 6
"""Colours of `templates/style.css`, ``k0`` to ``k5``; a seventh class takes the first again, with another letter."""

GREY = "grey"
"""Look of exclusive classes: what is not part of the text."""

PLAIN = "plain"
"""Look of the negative label: text without colour."""


@dataclass(frozen=True)
class Look:
    """How a label is shown.

    Attributes:
        label: The label.
        meaning: What a sentence does that has it.
        style: CSS class of its sentences.
        letter: Stands before each of its sentences; empty for the negative label.
    """

    label: str
    meaning: str
    style: str
    letter: str


@dataclass
class LabelCounts:
    """Figures of a page, or of several together.

    Attributes:
        sentences: How many there are.
        labels: How many have each label; with several labels a sentence counts for each class that applies.
        review: How many an analyst is to read.
        decided: Whether the checkpoint says which.
    """

    sentences: int = 0
    review: int = 0
    decided: bool = False

    def __post_init__(self) -> None:
        self.labels: Counter[str] = Counter()

    def add(self, other: "LabelCounts") -> None:
        """Add those of another page."""
        self.sentences += other.sentences
        self.review += other.review
        self.decided |= other.decided
        self.labels += other.labels


def looks_of(taxonomy: Taxonomy) -> dict[str, Look]:
    """The look of each label, in the order of the taxonomy."""
    looks: dict[str, Look] = {}
    hues = 0
    for label, meaning in taxonomy.meanings.items():
        style, letter = PLAIN, ""
        if label != taxonomy.negative:
            letter = _letter(label, {look.letter for look in looks.values()})
            style = GREY if label in taxonomy.exclusive else f"k{hues % HUES}"
            hues += style != GREY
        looks[label] = Look(label, meaning, style, letter)
    return looks


def _letter(label: str, taken: set[str]) -> str:
    """The first letter of a label that no other has, or else the first number."""
    letters = (letter for letter in label.upper() if letter.isalnum() and letter not in taken)
    return next(letters, None) or str(next(number for number in range(1, 1000) if str(number) not in taken))
