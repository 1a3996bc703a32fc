"""Units among the lines that a model reads with them: those of their page, as far as they are known."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sitrep.model.encoding import reading_order
from sitrep.sentences import LabelledSentence, Passage

BEFORE, AFTER = "before", "after"
"""Fields of a unit that was drawn out of its page: lists of the lines before and behind it (``scripts/label.py``)."""

Unit = LabelledSentence | Passage


@dataclass(frozen=True)
class Reading:
    """Texts as they are read, and the units that they are of.

    Attributes:
        texts: Those that the model reads, each once.
        pages: ``article_id`` of each text.
        articles: Numbers of the texts that are read together, in reading order; each text is in one.
        units: For each text the numbers of the units that its answer is of; none for a line that is only read.
    """

    texts: list[str]
    pages: list[str]
    articles: list[list[int]]
    units: list[list[int]]

    def of_units(self) -> list[int]:
        """For each unit the number of the text that answers it."""
        pairs = ((unit, text) for text, units in enumerate(self.units) for unit in units)
        return [text for _, text in sorted(pairs)]


def reading_of(units: Sequence[Unit]) -> Reading:
    """Put units into reading order.

    Those of one article stand side by side, by ``position``; lines of one sentence, which is then their ``read_as``,
    are read once, as that sentence. Units that were drawn out of a page are no neighbours: one that carries
    :data:`BEFORE` or :data:`AFTER` stands among these lines, and apart from the others.
    """
    reading = Reading([], [], [], [])
    for numbers in reading_order(units):
        together: list[int] = []
        joined = None
        for number in numbers:
            unit = units[number]
            whole = unit.read_as if isinstance(unit, Passage) else None
            before, after = (_lines(unit.fields.get(name)) for name in (BEFORE, AFTER))
            if before or after:
                lines = [*before, whole or unit.text, *after]
                asked = [*([] for _ in before), [number], *([] for _ in after)]
                reading.articles.append(_added(reading, lines, asked, unit.article_id))
            elif whole is not None and whole == joined:
                reading.units[together[-1]].append(number)
            else:
                together += _added(reading, [whole or unit.text], [[number]], unit.article_id)
                joined = whole
        if together:
            reading.articles.append(together)
    return reading


def _added(reading: Reading, texts: list[str], units: list[list[int]], page: str) -> list[int]:
    """Texts and their units as further ones of a page; gives their numbers."""
    first = len(reading.texts)
    reading.texts.extend(texts)
    reading.units.extend(units)
    reading.pages.extend([page] * len(texts))
    return list(range(first, len(reading.texts)))


def _lines(value: Any) -> list[str]:
    """A field as lines; none where it holds something else, as a column that happens to have the name."""
    if not isinstance(value, list | tuple) or not all(isinstance(line, str) for line in value):
        return []
    return [line for line in value if line.strip()]
