"""Rows of a table as passages: sentences, articles that are cut, pages of HTML, lines."""

from collections.abc import Container, Iterator
from dataclasses import dataclass

from sitrep.errors import Refuse, UserError
from sitrep.inference.arrow_columns import Types
from sitrep.inference.page_files import KeepText
from sitrep.normalization import identifier
from sitrep.pages.html import read_html
from sitrep.pages.joined_rows import join_rows
from sitrep.pages.passages import BLOCK_COLUMNS, article_passages, page_passages
from sitrep.sentences import Passage, carried_fields
from sitrep.settings import JoinLines, Unit
from sitrep.storage.tables import TableRow, whole_number

HTML_FIELD = "html"
"""Where a row without text holds a page, unless another name is given."""


def html_field_of(columns: Container[str], text_field: str, html_field: str | None) -> str | None:
    """Which column of a row holds a page of HTML; ``None``: it holds text."""
    if html_field is not None:
        return html_field
    return HTML_FIELD if HTML_FIELD in columns and text_field not in columns else None


def carried_types(types: Types, text_field: str, html_field: str | None) -> Types:
    """Types of columns under the names that they have when they are carried through."""
    is_html = html_field_of(types, text_field, html_field) is not None
    return carried_fields(types, BLOCK_COLUMNS if is_html else ())


@dataclass(frozen=True)
class RowReader:
    """How rows are read.

    Attributes:
        unit: What a row holds.
        text_field: Column or key of a row that holds its text.
        html_field: That of a page; ``None``: ``html``, where a row has no ``text_field``.
        join_lines: Whether rows that are lines are read as parts of their sentence.
        keep_text: Told the text of each page of HTML.
    """

    unit: Unit
    text_field: str
    html_field: str | None
    join_lines: JoinLines
    keep_text: KeepText | None

    def passages(self, rows: Iterator[TableRow], name: str, refuse: Refuse) -> Iterator[Passage]:
        """Rows as passages, those that are lines with their sentence where that is wanted.

        Args:
            rows: In their order.
            name: What those are named after that bring no id.
            refuse: Told of each row that cannot be read.
        """
        passages = self._units(rows, name, refuse)
        join = self.join_lines is JoinLines.auto and self.unit is Unit.sentence
        yield from join_rows(passages) if join else passages

    def _units(self, rows: Iterator[TableRow], name: str, refuse: Refuse) -> Iterator[Passage]:
        """Units of an article that bring no position are counted, also where articles alternate."""
        counted = _Counted()
        for index, row in enumerate(rows):
            identity = identifier(row.fields.get("id")) or f"{name}:{index}"
            article_id = identifier(row.fields.get("article_id")) or identity
            position, html_field = counted.before(article_id), self._html_field(row)
            says_position = html_field is None and self.unit is Unit.sentence and row.fields.get("position") is not None
            try:
                if html_field is not None:
                    passages = self._page_of_row(row, html_field, identity, article_id, position)
                else:
                    text = _text(row, self.text_field)
                    passages = list(self._passages(row, text, identity, article_id, position))
            except UserError as error:
                refuse(error)
                continue
            for passage in passages:
                if article_id != identity:  # a row that stands alone need not be remembered
                    counted.add(says_position)
                yield passage

    def _html_field(self, row: TableRow) -> str | None:
        """Where the row holds a page of HTML; ``None``: it holds text."""
        return html_field_of(row.fields, self.text_field, self.html_field)

    def _page_of_row(self, row: TableRow, field: str, name: str, article_id: str, position: int) -> list[Passage]:
        html = row.fields.get(field)
        if not isinstance(html, bytes):  # Parquet holds pages as bytes, too
            html = _text(row, field, "html_field")
        url = row.fields.get("url")
        page = read_html(html, url=url if isinstance(url, str) else None, place=row.place)
        if self.keep_text:
            self.keep_text(name, page.text, row.place)
        ours = {"id", "article_id", field}
        fields = carried_fields({key: value for key, value in row.fields.items() if key not in ours})
        return list(page_passages(page, article_id, name, fields, position))

    def _passages(self, row: TableRow, text: str, identity: str, article_id: str, position: int) -> Iterator[Passage]:
        if self.unit is Unit.article:
            ours = {"article_id", self.text_field}
            fields = carried_fields({key: value for key, value in row.fields.items() if key not in ours})
            yield from article_passages(text, article_id, identity, fields, position)
            return
        given = whole_number(row.fields.get("position"), "position", row.place)
        ours = {"id", "article_id", "position", self.text_field}
        fields = carried_fields({key: value for key, value in row.fields.items() if key not in ours})
        yield Passage(identity, article_id, position if given is None else given, 0, len(text), text, fields)


class _Counted:
    """Units of each article so far.

    An article whose rows all say their position is forgotten behind them, so that memory does not grow with the number
    of such articles.
    """

    def __init__(self) -> None:
        self._kept: dict[str, int] = {}
        self._article: str | None = None
        self._units = 0
        self._keep = False

    def before(self, article_id: str) -> int:
        """Units of an article before the next one, which is of that article."""
        if article_id != self._article:
            if self._keep and self._article is not None:
                self._kept[self._article] = self._units
            self._article, self._keep = article_id, article_id in self._kept
            self._units = self._kept.get(article_id, 0)
        return self._units

    def add(self, says_position: bool) -> None:
        """One more unit of the article that was asked for last, whose row says its position or does not."""
        self._units += 1
        self._keep |= not says_position


def _text(row: TableRow, field: str, setting: str = "text_field") -> str:
    text = row.fields.get(field)
    if field not in row.fields:
        there = ", ".join(map(repr, row.fields))
        raise UserError(f"{row.place}: no column {field!r} ({setting}); there are {there}")
    if not isinstance(text, str):
        raise UserError(f"{row.place}: {field} must be text, not {text!r}")
    if not text.strip():
        what = "the text" if setting == "text_field" else f"the field {field!r}"
        raise UserError(f"{row.place}: {what} is empty; fill it or remove the row")
    return text
