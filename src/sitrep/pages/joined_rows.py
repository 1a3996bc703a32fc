"""Rows that are the lines of a page: a sentence that was cut by the ends of lines is read as a whole.

A row keeps its id, text and offsets. Where its sentence goes on in other rows it carries that sentence with it, for the
model to read; every row of the sentence then has the sentence's label. A row that holds parts of several sentences gets
that of which it holds most, of equal parts the first.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from sitrep.pages.line_breaks import NARROWEST, WIDEST, is_telex
from sitrep.pages.segmentation import sentence_spans
from sitrep.sentences import Passage

LONGEST_RUN = 500
"""Rows that are looked at together, so that memory stays bounded."""

FEWEST = 3
"""Rows of an article from which on a fixed width can be told from chance."""

LEAST_FULL, MOST = 0.6, 0.7
"""Share of the width that lines have whose sentence goes on, and of how many of them this must be true."""

CLAUSE_ENDS = re.compile(r"[.!?:;…][\"'”’»)\]]*$")
FULL_STOP = re.compile(r"\w\w[.!?][\"'”’»)\]]*(?:\s|$)")

BYLINE = re.compile(r"by(?: [A-Z][\w.'’-]*){2,4}")
"""A line that begins with a small letter and goes on from no other."""


def join_rows(passages: Iterable[Passage]) -> Iterator[Passage]:
    """Give rows that are lines in mid-sentence the whole sentence, in their order; other rows pass unchanged.

    Args:
        passages: Rows. Those of one article are looked at together where they follow each other.
    """
    run: list[Passage] = []
    for passage in passages:
        if run and (not _follows(run[-1], passage) or len(run) == LONGEST_RUN):
            yield from _joined(run)
            run = []
        run.append(passage)
    yield from _joined(run)


def _follows(before: Passage, after: Passage) -> bool:
    return before.article_id == after.article_id and before.position + 1 == after.position


def _joined(run: Sequence[Passage]) -> Iterator[Passage]:
    texts = [passage.text.strip() for passage in run]
    if not _are_lines(texts):
        yield from run
        return
    page = "\n".join(texts)
    sentences = sentence_spans(page)
    start = first = 0
    for passage, text in zip(run, texts, strict=True):
        end = start + len(text)
        while sentences[first][1] <= start:
            first += 1
        number = max(_touching(sentences, first, end), key=lambda place: _common(sentences[place], start, end))
        sentence = " ".join(page[slice(*sentences[number])].split())
        yield passage if sentence in text else replace(passage, read_as=sentence)
        start = end + 1


def _are_lines(texts: Sequence[str]) -> bool:
    """Whether rows are lines of a fixed width, and not headlines, captions or items.

    None is too long. They are telex; or half of them end in mid-sentence, most of these full, and somewhere a sentence
    ends.
    """
    if len(texts) < FEWEST or any(len(text) > WIDEST or "\n" in text or not text for text in texts):
        return False
    if is_telex(texts):
        return True
    width = max(map(len, texts))
    goes_on = [
        before
        for before, after in pairwise(texts)
        if after[0].islower() and not CLAUSE_ENDS.search(before) and not BYLINE.fullmatch(after)
    ]
    if width < NARROWEST or 2 * len(goes_on) < len(texts) or not any(FULL_STOP.search(text) for text in texts):
        return False
    return sum(len(text) >= LEAST_FULL * width for text in goes_on) >= MOST * len(goes_on)


def _touching(sentences: Sequence[tuple[int, int]], first: int, end: int) -> Iterator[int]:
    while first < len(sentences) and sentences[first][0] < end:
        yield first
        first += 1


def _common(sentence: tuple[int, int], start: int, end: int) -> int:
    return min(sentence[1], end) - max(sentence[0], start)
