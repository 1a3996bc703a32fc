"""From the text of a page to sentences with exact offsets.

The segmenter is ``sentencex`` (Wikimedia), a rule-based one that needs no model. Two things are added
for news pages: a line of text ends a sentence unless the paragraph is hard-wrapped, and a title such as
``Spc.`` does not.
"""

import re
from collections.abc import Iterator

import sentencex

Span = tuple[int, int]

TITLES = re.compile(
    r"(?:^|[\s(“\"‘'])(?:Spc|Pfc|Pvt|Cpl|Sgt|Cmdr|Cdr|Adm|Brig|Maj|Lt|Col|Gen|Capt|Insp|Supt|Rev|Hon|Sen|Rep|Gov|Amb|Dep|"
    r"(?:Maj|Brig|Lt|Col)\.?-Gen|Lt\.?-Col|approx|c|ca|vs|No|Nos|pp|al)\.\s*$"
)
"""What ends with a full stop before a name or number. The segmenter knows most; these it was seen to miss."""

WRAP_COLUMNS = range(45, 101)
"""Widths at which text is wrapped by programs: mail, telex and terminals."""


def sentence_spans(text: str) -> list[Span]:
    """Cut a page into sentences and stand-alone lines.

    Args:
        text: A page as a scraper delivers it.

    Returns:
        Offsets ``(start, end)`` in code points, in order, not overlapping, without surrounding white
        space: ``text[start:end]`` is the sentence. White space alone is never a sentence.
    """
    return [span for block in _blocks(text) for span in _sentences(text, block)]


def _blocks(text: str) -> Iterator[Span]:
    """Stretches of text that no sentence crosses: single lines, or whole hard-wrapped paragraphs."""
    for paragraph in re.finditer(r"\S(?:.|\n(?![^\S\n]*\n))*", text):
        start, end = paragraph.span()
        if _hard_wrapped(paragraph.group().rstrip().splitlines()):
            yield start, end
        else:
            for line in re.finditer(r"[^\n\r\u2028\u2029]+", paragraph.group()):
                yield start + line.start(), start + line.end()


def _hard_wrapped(lines: list[str]) -> bool:
    """Whether line breaks in a paragraph come from a fixed width and not from the page's structure.

    That is so if there are at least three lines, all but the last about equally long, and most of them
    break off without the end of a sentence.
    """
    if len(lines) < 3:
        return False
    *full, _ = lines
    widths = [len(line.rstrip()) for line in full]
    if max(widths) not in WRAP_COLUMNS or min(widths) < max(widths) - 20:
        return False
    broken = sum(not re.search(r"[.!?:][\"'”’)]*\s*$", line) for line in full)
    return broken >= 0.6 * len(full)


def _sentences(text: str, block: Span) -> Iterator[Span]:
    base, block_end = block
    # A wrapped line is one blank to the segmenter; the length stays, and with it the offsets.
    flat = re.sub(r"[\n\r\t\u00a0]", " ", text[base:block_end])
    start = 0
    for boundary in sentencex.get_sentence_boundaries("en", flat):
        end = boundary["end_index"]
        if end < len(flat) and TITLES.search(flat[start:end]):
            continue
        trimmed = _trim(flat, start, end)
        if trimmed:
            yield base + trimmed[0], base + trimmed[1]
        start = end


def _trim(text: str, start: int, end: int) -> Span | None:
    piece = text[start:end]
    body = piece.strip()
    if not body:
        return None
    left = start + len(piece) - len(piece.lstrip())
    return left, left + len(body)
