"""From the text of a page to passages that wait for their prediction."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sitrep.pages.html import Page
from sitrep.pages.segmentation import iter_sentence_spans
from sitrep.sentences import Passage, carried_fields


def article_passages(
    text: str,
    article_id: str,
    name: str | None = None,
    fields: Mapping[str, Any] | None = None,
    first_position: int = 0,
) -> Iterator[Passage]:
    """Cut an article into passages whose offsets are exact: ``passage.text == text[start:end]``.

    Args:
        text: The article, or a part of it.
        article_id: Of the article.
        name: What the passages' ids begin with; by default the article's id.
        fields: Carried through with every passage.
        first_position: Of the first passage, where the text is not the beginning of its article.
    """
    shared = fields or {}
    yield from _cut(text, article_id, name, first_position, lambda start: shared)


BLOCK_COLUMNS = ("xpath", "tag", "link_density")
"""Columns of a sentence of a page in HTML that say which block it is from."""

NO_PAGE_COLUMNS = dict.fromkeys(
    ("title", "url", "publisher", "author", "date_published", "page_sha256", *BLOCK_COLUMNS)
)
"""Columns of sentences of pages in HTML, as plain text beside them has them: empty."""


def page_passages(
    page: Page,
    article_id: str,
    name: str | None = None,
    fields: Mapping[str, Any] | None = None,
    first_position: int = 0,
) -> Iterator[Passage]:
    """Cut a page of HTML into passages; each carries what the page states of itself, and the block that it is from.

    Args:
        page: That was read.
        article_id: Of the page.
        name: What the passages' ids begin with; by default the article's id.
        fields: Carried through with every passage; they go before what the page states, and beside what is known of
            the block, with ``input_`` before their name.
        first_position: Of the first passage.
    """
    carried = carried_fields(fields or {}, BLOCK_COLUMNS)
    given = {key: value for key, value in carried.items() if value not in (None, "")}
    shared = NO_PAGE_COLUMNS | carried | page.columns() | given
    blocks = iter(page.blocks)
    block = next(blocks)

    def fields_at(start: int) -> Mapping[str, Any]:
        nonlocal block
        while start >= block.end:
            block = next(blocks)
        return {**shared, "xpath": block.xpath, "tag": block.tag, "link_density": block.link_density}

    yield from _cut(page.text, article_id, name, first_position, fields_at)


def _cut(
    text: str, article_id: str, name: str | None, first_position: int, fields_at: Callable[[int], Mapping[str, Any]]
) -> Iterator[Passage]:
    """Passages of a text; ``fields_at`` is asked for the fields of each by where it begins, in their order."""
    for place, (start, end) in enumerate(iter_sentence_spans(text)):
        yield Passage(
            id=f"{name or article_id}:{place}",
            article_id=article_id,
            position=first_position + place,
            start=start,
            end=end,
            text=text[start:end],
            fields=fields_at(start),
            source=text,
        )
