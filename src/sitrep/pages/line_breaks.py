"""Which line breaks of a page end a sentence, and which come from a fixed width."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import pairwise

from sitrep.pages import abbreviations as known

Span = tuple[int, int]

NARROWEST, WIDEST = 40, 100
"""Columns at which text is wrapped by programs and typists: mail, telex and terminals."""

RAGGED = 0.15
"""Share of the width that a wrapped line may leave unused although the next word would have fitted."""

ABBREVIATED = re.compile(rf"\b(?i:{'|'.join(sorted(known.TITLES))})\.$")
"""A title, whose name follows in the next line."""

ITEM = re.compile(r"[-–—•·▪►‣◦■●→*+✓]\s|\(?(?:\d{1,3}|[a-z]|[ivx]{1,4})[.)]\s|\d{1,2}[:.h]\d{2}\b|[@#]\w")
"""Begins an item of a list or of a timeline."""

SENTENCE_ENDS = re.compile(r"[.!?:…][\"'”’»)\]]*$")
SENTENCE_ENDS_INSIDE = re.compile(r"\w{5,}[.!?][\"'”’»)\]]*\s+[^\W\d_a-z]")
UNFINISHED = re.compile(
    r"[,;(\[“‘«–—-]$|\b(?i:the|an?|of|and|or|from|with|that|at|into|between|which|his|her|its|their|was|were|is|are|has|"
    r"have|had|been|be|as|but)$"
)
"""How a line ends whose sentence goes on: headlines end with neither a comma nor an article."""

PARTICLE_ENDS = re.compile(r"\b(?i:in|on|up|out|off|over|down|by|to|for)$")
"""Ends a line of prose as often as a headline such as ``Rebels move in``."""

GOES_ON_WITH = re.compile(r"(?i:of|and|or|that|which|was|were|had|been|be|than|whose|into)\s")
"""Begins a line of prose, and no headline, where capitals do not tell."""

BEGINS_ANEW = re.compile(
    r"https?://|www\.|(?:The|An?|He|She|It|They|We|But|In|On|At|This|That|These|His|Her|Their|After|When)\s"
    r"(?:[a-z0-9]|[A-Z]\S*\s[a-z])"
)
"""Begins a line whose capital no name explains."""


BRACKETED = re.compile(r"\([^()]*\)")
"""A line that is a remark of the desk, or an abbreviation explained."""

TELEX_LINES = 6
"""Lines in capitals of which at least one in so many ends a sentence are prose."""

TELEX_INNER = 0.6
"""Share of the width that a line has at least which neither begins nor ends its sentence."""


class Break(Enum):
    """What a line break tells about the text on both sides."""

    GOES_ON = auto()
    """The sentence goes on in the next line."""
    OPEN = auto()
    """Nothing."""
    SUDDEN = auto()
    """The next line begins as a sentence does, though the line before does not end as one."""
    APART = auto()
    """The lines do not belong together."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is not blank: its offsets on the page without surrounding white space, and its text."""

    start: int
    end: int
    text: str


def blocks(text: str) -> Iterator[Span]:
    """Find the stretches of text that no sentence crosses: single lines, or whole hard-wrapped paragraphs.

    Args:
        text: A page.

    Yields:
        Offsets in code points, in order, without surrounding white space.
    """
    for paragraph in _paragraphs(text):
        for item in _items(paragraph):
            yield from _telex(item) if is_telex([line.text for line in item]) else _wrapped(item)


def _wrapped(lines: list[Line]) -> Iterator[Span]:
    for run in _runs(lines):
        if _hard_wrapped(run):
            yield run[0].start, run[-1].end
        else:
            yield from ((line.start, line.end) for line in run)


def is_telex(texts: Sequence[str]) -> bool:
    """Tell prose in capitals from headlines and menus, whose lines do not end in full stops.

    Args:
        texts: Lines without surrounding white space, none of them blank.
    """
    if len(texts) < 2 or not NARROWEST <= max(map(len, texts)) <= WIDEST or any(map(str.islower, "".join(texts))):
        return False
    ended = sum(_ended(text) for text in texts)
    return ended >= 2 and TELEX_LINES * ended >= len(texts)


def _telex(lines: list[Line]) -> Iterator[Span]:
    """In capitals, a line goes on until one has the end of a sentence, wherever it was cut."""
    width = max(len(line.text) for line in lines)
    stretch: list[Line] = []
    for line in lines:
        stretch.append(line)
        full = len(line.text) >= width * TELEX_INNER
        if len(stretch) == 1 and not full and (line is lines[0] or BRACKETED.fullmatch(line.text)):
            # "(PASSAGE OMITTED)" stands alone, and so does a headline; prose begins with a word of its own.
            if not (_ended(line.text) or known.SENTENCE_START.match(f"{line.text} ")):
                yield line.start, line.end
                stretch = []
                continue
        if _ended(line.text):
            inner = stretch[1:-1]
            if all(len(one.text) >= width * TELEX_INNER or BRACKETED.fullmatch(one.text) for one in inner):
                yield stretch[0].start, stretch[-1].end
            else:
                yield from _wrapped(stretch)
            stretch = []
    yield from _wrapped(stretch)


def _ended(text: str) -> bool:
    return SENTENCE_ENDS.search(text) is not None and not ABBREVIATED.search(text)


def _paragraphs(text: str) -> Iterator[list[Line]]:
    """Lines between blank lines."""
    paragraph: list[Line] = []
    place = 0
    for raw in text.splitlines(keepends=True):
        body = raw.strip()
        if body:
            start = place + len(raw) - len(raw.lstrip())
            paragraph.append(Line(start, start + len(body), body))
        elif paragraph:
            yield paragraph
            paragraph = []
        place += len(raw)
    if paragraph:
        yield paragraph


def _items(paragraph: list[Line]) -> Iterator[list[Line]]:
    """The paragraph, or the items of the list that it is; an item may be hard-wrapped in itself."""
    marked = [index for index, line in enumerate(paragraph) if ITEM.match(line.text)]
    # One line alone may begin with a dash or a time by chance.
    starts = marked if len(marked) > 1 or marked == [0] else []
    for start, end in pairwise(sorted({0, *starts, len(paragraph)})):
        yield paragraph[start:end]


def _runs(lines: list[Line]) -> Iterator[list[Line]]:
    """Lines of which each, the last apart, is as full as its next word allows."""
    width = max((len(line.text) for line in lines if len(line.text) <= WIDEST), default=0)
    if width < NARROWEST:
        yield from ([line] for line in lines)
        return
    run = lines[:1]
    for before, after in pairwise(lines):
        needed = len(before.text) + 1 + len(after.text.split(maxsplit=1)[0])
        full = needed > width * (1 - RAGGED) and max(len(before.text), len(after.text)) <= WIDEST
        if full and _break(before.text, after.text) is not Break.APART:
            run.append(after)
        else:
            yield run
            run = [after]
    yield run


def _hard_wrapped(run: list[Line]) -> bool:
    """Whether the line breaks of a run come from a fixed width and not from the page's structure.

    In wrapped prose most lines begin with a small letter or follow a line that cannot be the end of anything;
    stand-alone lines begin with a capital and end as they please.
    """
    if len(run) == 1:
        return False
    texts = [line.text for line in run]
    cased = any(map(str.islower, " ".join(texts))) and any(map(str.isupper, " ".join(texts)))
    kinds = [_break(before, after, cased) for before, after in pairwise(texts)]
    goes_on = kinds.count(Break.GOES_ON)
    if not cased and len(texts[-1]) < max(map(len, texts)) and SENTENCE_ENDS.search(texts[-1]):
        # The last line has the end of a sentence, and of one that began before it.
        goes_on += not SENTENCE_ENDS.search(texts[-2])
    return goes_on > 0 and 2 * goes_on >= kinds.count(Break.SUDDEN)


def _break(before: str, after: str, cased: bool = True) -> Break:
    """What the break between two lines tells; ``cased`` says whether the text has both small letters and capitals."""
    if BEGINS_ANEW.match(after) and not SENTENCE_ENDS.search(before) and not UNFINISHED.search(before):
        return Break.APART
    if cased and after[0].islower() and not known.PARTICLE.match(after):
        return Break.GOES_ON
    if SENTENCE_ENDS.search(before):
        return Break.GOES_ON if ABBREVIATED.search(before) else Break.OPEN
    if UNFINISHED.search(before) or _left_open(before):
        return Break.GOES_ON
    if not cased and (GOES_ON_WITH.match(after) or SENTENCE_ENDS_INSIDE.search(before)):
        return Break.GOES_ON
    return Break.OPEN if after[0].isdigit() or PARTICLE_ENDS.search(before) else Break.SUDDEN


def _left_open(line: str) -> bool:
    """Whether a quotation or a bracket that the line opens is not closed in it."""
    return line.count('"') % 2 == 1 or any(line.rfind(left) > line.rfind(right) for left, right in ("“”", "()", "«»"))
