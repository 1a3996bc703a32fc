"""From the text of a page to passages that wait for their prediction."""

from collections.abc import Iterator, Mapping
from typing import Any

from sitrep.pages.segmentation import iter_sentence_spans
from sitrep.sentences import Passage


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
    for place, (start, end) in enumerate(iter_sentence_spans(text)):
        yield Passage(
            id=f"{name or article_id}:{place}",
            article_id=article_id,
            position=first_position + place,
            start=start,
            end=end,
            text=text[start:end],
            fields=fields or {},
            source=text,
        )
