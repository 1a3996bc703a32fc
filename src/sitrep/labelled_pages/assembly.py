"""From a stream of labelled sentences back to pages, with what stood between the sentences."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sitrep.sentences import Passage, Prediction

LOOSE_ROWS = 5000
"""Rows that belong to no article are shown as pages of this many at most, whatever the length of their table."""

LINE_BREAK = re.compile(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
"""What :meth:`str.splitlines` takes for one."""

BLANK_LINES = re.compile(rf"(?:(?>{LINE_BREAK.pattern})[^\S\n\r\v\f\x1c-\x1e\x85\u2028\u2029]*){{2,}}")
"""What parts paragraphs."""

HTML_TAGS = frozenset(
    "h1 h2 h3 h4 h5 h6 p li dt dd blockquote pre figcaption caption td th div article section".split()
)
"""Tags of blocks that say how a sentence stood on its page."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A labelled sentence and what stood before it.

    Attributes:
        before: Text between the sentence before and this one; white space, as a rule. It begins with two line breaks
            where a text begins, and the first of a page has none.
        prediction: The sentence with its label.
    """

    before: str
    prediction: Prediction

    @property
    def breaks(self) -> int:
        """Line breaks before the sentence; from two on, a paragraph begins."""
        return len(LINE_BREAK.findall(self.before))


@dataclass
class LabelledPage:
    """The sentences of one article that follow each other.

    Attributes:
        name: Of the article; of rows that belong to none what their ids begin with.
        number: Which part it is, from 1 on, of rows that belong to no article.
        pieces: In the order of the input.
        after: Text behind the last sentence.
    """

    name: str
    number: int = 1
    pieces: list[Piece] = field(default_factory=list)
    after: str = ""

    @property
    def predictions(self) -> list[Prediction]:
        """Its labelled sentences."""
        return [piece.prediction for piece in self.pieces]

    @property
    def heading(self) -> str:
        """What people call it: the title that the page states, else its name."""
        title = self._fields.get("title")
        name = title if isinstance(title, str) and title.strip() else self.name
        return f"{name} (part {self.number})" if self.number > 1 else name

    @property
    def _fields(self) -> Mapping[str, Any]:
        return self.pieces[0].prediction.passage.fields if self.pieces else {}


class PageAssembly:
    """Puts sentences of one article that follow each other together; one page is held in memory at a time.

    Rows that belong to no article are grouped by what their ids begin with, as ``table`` in ``table:17``.

    Args:
        write: Told of each page when it is complete.
    """

    def __init__(self, write: Callable[[LabelledPage], None]) -> None:
        self._write = write
        self._page: LabelledPage | None = None
        self._last: Passage | None = None

    def add(self, prediction: Prediction) -> None:
        """Take the next sentence."""
        passage = prediction.passage
        loose = passage.source is None and passage.id == passage.article_id
        name = (passage.id.rpartition(":")[0] if loose else passage.article_id) or "rows"
        page = self._page
        if page is None or page.name != name or (loose and len(page.pieces) >= LOOSE_ROWS):
            self.close()
            page = self._page = LabelledPage(name, page.number + 1 if page and page.name == name else 1)
        page.pieces.append(Piece(_between(self._last, passage), prediction))
        self._last = passage

    def close(self) -> None:
        """There are no more sentences of the page that is open."""
        if self._page is not None:
            self._page.after = _behind(self._last)
            self._write(self._page)
        self._page = self._last = None


def block_tag(prediction: Prediction) -> str | None:
    """The HTML tag of the block that a sentence stood in, where its page had any."""
    tag = prediction.passage.fields.get("tag")
    return tag if isinstance(tag, str) and tag in HTML_TAGS else None


def _between(last: Passage | None, passage: Passage) -> str:
    """What stood between two sentences that follow each other; the first of a text may have something before it."""
    if passage.source is None:
        return "" if last is None else "\n"
    if last is not None and last.source is passage.source and passage.start >= last.end:
        return passage.source[last.end : passage.start]
    lead = passage.source[: passage.start]
    return lead.lstrip() if last is None else _behind(last) + "\n\n" + lead.lstrip()


def _behind(last: Passage | None) -> str:
    return "" if last is None or last.source is None else last.source[last.end :].rstrip()
