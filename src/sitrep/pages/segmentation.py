"""From the text of a page to sentences with exact offsets.

A line of text ends a sentence unless its paragraph is hard-wrapped. Within a line every full stop, question or
exclamation mark is looked at in turn, with a few words on either side. Time grows with the length of the text and
no faster, whatever the text is.
"""

import re
from collections.abc import Iterator

from sitrep.pages.enclosures import enclosures
from sitrep.pages.line_breaks import Span, blocks
from sitrep.pages.sentence_ends import WINDOW, Mark, ends_sentence, letters_of

MARK = re.compile(
    # A straight quote closes only if no word follows at once; a footnote's number belongs to what it explains.
    r"(?P<marks>[.!?…]++|[。！？｡؟۔।॥။።]++)(?P<closers>(?:[\"'’“](?!\w)|[”»)\]}」』]|\[\d{1,3}\])*+)(?P<gap>\s*+)"
)
"""Matches at every mark, so that no stretch of text is read twice."""


def sentence_spans(text: str) -> list[Span]:
    """Cut a page into sentences and stand-alone lines.

    Args:
        text: A page as a scraper delivers it.

    Returns:
        Offsets ``(start, end)`` in code points, in order, not overlapping, without surrounding white
        space: ``text[start:end]`` is the sentence. White space alone is never a sentence.
    """
    return list(iter_sentence_spans(text))


def iter_sentence_spans(text: str) -> Iterator[Span]:
    """The same one at a time: who wants the first sentence does not wait for the last."""
    for block in blocks(text):
        yield from _sentences(text, block)


def _sentences(text: str, block: Span) -> Iterator[Span]:
    base, block_end = block
    # A line break inside a block is one blank; the length stays, and with it the offsets.
    line = re.sub(r"[^\S ]", " ", text[base:block_end])
    letters = letters_of(line)
    enclosed = enclosures(line)
    start = place = 0
    for found in MARK.finditer(line):
        begin, cut, after = found.start(), found.end("closers"), found.end()
        while place < len(enclosed) and enclosed[place][1] < cut:
            place += 1
        inside = place < len(enclosed) and enclosed[place][0] < cut
        if inside or after == len(line):
            continue
        marks, closers, gap = found.groups()
        mark = Mark(
            so_far=line[max(start, begin - WINDOW) : begin],
            whole=begin - WINDOW <= start,
            bracketed=line[start] in "([",
            marks=marks,
            closers=closers,
            spaced=gap != "",
            rest=line[after : after + WINDOW],
            letters=letters,
        )
        if ends_sentence(mark):
            yield base + start, base + cut
            start = after
    # A block begins and ends with something else than white space, and so does the rest of it.
    yield base + start, base + len(line)
