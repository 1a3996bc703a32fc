"""What test units have in common: the columns that their rows carry, and properties read off their text and place."""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from sitrep.sentences import LabelledSentence

FEWEST_VALUES, MOST_VALUES = 2, 60
"""Distinct values of a column that is sliced by; one with more is a name or a text, not a kind."""

LENGTHS_WORDS = ((3, "1–3"), (8, "4–8"), (15, "9–15"), (25, "16–25"), (40, "26–40"))
LONGER = "over 40"

QUOTATION = re.compile(
    r"[\"“”„‟«»‹›「」『』＂]|``|''"
    r"|(?<!\w)['‘‚‛](?=\S).*?\S['’](?!\w)",  # a pair, so that an apostrophe is no quotation
    re.DOTALL,
)
DIGIT = re.compile(r"\d")
NUMBER_WORD = re.compile(
    r"\b(two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen"
    r"|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|dozens?|hundreds?|thousands?|millions?)\b",
    re.IGNORECASE,
)
"""``one`` is left out: it is a pronoun more often than a number."""

Values = list[str | None]


def carried_columns(sentences: Sequence[LabelledSentence]) -> dict[str, Values]:
    """Columns of the data that part the units into kinds.

    Args:
        sentences: Units whose ``fields`` hold the columns.

    Returns:
        By column, one value a unit, in their order; ``None`` where the row has none. A column counts if its values are
        text or whole numbers and 2 to 60 of them are distinct.
    """
    names = dict.fromkeys(name for sentence in sentences for name in sentence.fields)
    columns = {}
    for name in names:
        cells = [sentence.fields.get(name) for sentence in sentences]
        if all(issubclass(kind, str | int | None) for kind in set(map(type, cells))):
            texts = {cell: _as_text(cell) for cell in set(cells)}
            if FEWEST_VALUES <= len(set(texts.values()) - {None}) <= MOST_VALUES:
                columns[name] = [texts[cell] for cell in cells]
    return columns


def derived_columns(sentences: Sequence[LabelledSentence]) -> dict[str, Values]:
    """Properties of the units themselves, as columns like those of :func:`carried_columns`.

    Returns:
        ``place in the article`` (see :func:`places`), ``length in words`` (words parted by white space),
        ``quotation marks`` (of any kind; an apostrophe is none), ``numbers`` (a digit, else a number word of English
        but ``one``), and ``capitals`` (whether all cased letters are capitals). One that is the same everywhere is left
        out.
    """
    of_text: dict[str, Callable[[str], str]] = {
        "length in words": _length,
        "quotation marks": lambda text: "some" if QUOTATION.search(text) else "none",
        "numbers": _numbers,
        "capitals": lambda text: "capitals only" if text.isupper() else "mixed or lower case",
    }
    columns: dict[str, Values] = {"place in the article": [*places(sentences)]}
    columns |= {name: [kind(sentence.text) for sentence in sentences] for name, kind in of_text.items()}
    return {name: values for name, values in columns.items() if len(set(values)) >= FEWEST_VALUES}


def places(sentences: Sequence[LabelledSentence]) -> list[str]:
    """Where in its article each unit stands, among the units of that article that are given.

    Returns:
        One a unit, in their order: ``only line``, ``first line`` or ``last line``; else, by the share of the article's
        units before it, ``first tenth``, ``rest of first third``, ``middle third`` or ``last third``.
    """
    articles: dict[str, list[int]] = defaultdict(list)
    for index, sentence in enumerate(sentences):
        articles[sentence.article_id].append(index)
    found = [""] * len(sentences)
    for members in articles.values():
        members.sort(key=lambda index: sentences[index].position)
        for rank, index in enumerate(members):
            found[index] = _place(rank, len(members))
    return found


def _place(rank: int, units: int) -> str:
    if units == 1:
        return "only line"
    if rank in (0, units - 1):
        return "last line" if rank else "first line"
    bounds = ((1, 10, "first tenth"), (1, 3, "rest of first third"), (2, 3, "middle third"))
    return next((name for above, below, name in bounds if rank * below < above * units), "last third")


def _length(text: str) -> str:
    words = len(text.split())
    return next((name for most, name in LENGTHS_WORDS if words <= most), LONGER)


def _numbers(text: str) -> str:
    if DIGIT.search(text):
        return "in digits"
    return "in words only" if NUMBER_WORD.search(text) else "none"


def _as_text(cell: Any) -> str | None:
    return None if cell is None or not str(cell).strip() else str(cell).strip()
