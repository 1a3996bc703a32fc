"""Prediction input: articles, rows, folders of them, and standard input, as a stream of passages."""

import codecs
import io
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sitrep.errors import UserError
from sitrep.normalization import identifier
from sitrep.pages.passages import article_passages
from sitrep.sentences import Passage, carried_fields
from sitrep.settings import InputFormat, Unit
from sitrep.storage.tables import (
    ROW_SUFFIXES,
    TableRow,
    check_readable,
    read_row_stream,
    read_rows,
    text_lines,
    whole_number,
)

STANDARD_INPUT = "-"
ARTICLE_SUFFIXES = (".txt",)
READABLE = (*ARTICLE_SUFFIXES, *ROW_SUFFIXES)


@dataclass(frozen=True)
class InputSource:
    """Where passages come from and how they are read.

    Attributes:
        location: A file, a folder, or ``-`` for standard input.
        format: How it is to be read; ``auto`` goes by the ending.
        unit: What a row holds.
        text_field: Column or key of a row that holds its text.
        output: File that is written, which is no input though it may lie in the folder; ``None`` if there is none.
    """

    location: str
    format: InputFormat = InputFormat.auto
    unit: Unit = Unit.sentence
    text_field: str = "text"
    output: Path | None = None

    @property
    def path(self) -> Path:
        """The location as a path."""
        return Path(self.location)

    def check(self) -> None:
        """Refuse what cannot be read, before a model is loaded for it.

        Raises:
            UserError: If it is missing, unreadable, of an unknown kind, or the output itself.
        """
        if self.location == STANDARD_INPUT:
            if sys.stdin is None:
                raise UserError("input=-: standard input is closed")
            if self.format is InputFormat.parquet:
                raise UserError("format=parquet: cannot be read from standard input; name the file with input=FILE")
            return
        if self.output and self.path.exists() and self.output.exists() and self.path.samefile(self.output):
            raise UserError(f"output={self.output}: is the input itself; name another file")
        if self.path.is_dir():
            if not self.readable_files():
                raise UserError(f"input={self.path}: the folder holds none of {', '.join(READABLE)}")
            return
        check_readable(self.path)
        self._format_of(self.path)

    def passages(self) -> Iterator[Passage]:
        """Stream the sentences in their order; rows are never held all at once.

        Raises:
            UserError: For input that is missing, unreadable or malformed, with file and line.
        """
        if self.location == STANDARD_INPUT:
            yield from self._standard_input()
        elif self.path.is_dir():
            paths = self.readable_files()
            names = Counter(path.with_suffix("") for path in paths)
            for path in paths:
                alone = names[path.with_suffix("")] == 1
                name = (path.with_suffix("") if alone else path).relative_to(self.path).as_posix()
                yield from self._file(path, name)
        else:
            yield from self._file(self.path, self.path.stem)

    def readable_files(self) -> list[Path]:
        """Articles and tables below the folder, by name, so that the order is the same everywhere.

        Hidden files are not input, and neither is the output.
        """
        output = self.output.resolve() if self.output else None
        return [path for path in self._visible_files() if path.suffix.lower() in READABLE and path.resolve() != output]

    def skipped_files(self) -> list[Path]:
        """Files below the folder that are of no kind that can be read."""
        if not self.path.is_dir():
            return []
        return [path for path in self._visible_files() if path.suffix.lower() not in READABLE]

    def _visible_files(self) -> list[Path]:
        return [
            path
            for path in sorted(self.path.rglob("*"))
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(self.path).parts)
        ]

    def _standard_input(self) -> Iterator[Passage]:
        stream = sys.stdin.buffer
        kind = self.format
        if kind is InputFormat.auto:
            peeked = stream.peek(64) if isinstance(stream, io.BufferedReader) else b""
            head = peeked.lstrip(codecs.BOM_UTF8 + b" \t\r\n")
            if re.match(rb"\[\s*\{", head):
                raise UserError(
                    "standard input: is a JSON array; write one object a line, or set format=text for an article"
                )
            kind = InputFormat.jsonl if head.startswith(b"{") else InputFormat.text
        if kind is InputFormat.text:
            yield from _article("".join(text_lines(stream, "standard input")), "standard input", "stdin")
        else:
            yield from self._rows(read_row_stream(stream, "standard input", kind.name), "stdin")

    def _file(self, path: Path, name: str) -> Iterator[Passage]:
        check_readable(path)
        kind = self._format_of(path)
        if kind is InputFormat.text:
            with path.open("rb") as stream:
                text = "".join(text_lines(stream, str(path)))
            yield from _article(text, str(path), name)
        else:
            yield from self._rows(read_rows(path, kind.name), name)

    def _format_of(self, path: Path) -> InputFormat:
        if self.format is not InputFormat.auto:
            return self.format
        suffix = path.suffix.lower()
        if suffix in ARTICLE_SUFFIXES:
            return InputFormat.text
        if suffix in ROW_SUFFIXES:
            return InputFormat[suffix.removeprefix(".")]
        what = suffix or "a file without ending"
        raise UserError(f"input={path}: cannot tell what {what} holds; set format=text, jsonl or csv")

    def _rows(self, rows: Iterator[TableRow], name: str) -> Iterator[Passage]:
        """Rows as passages; units of an article that bring no position are counted, also where articles alternate."""
        positions: Counter[str] = Counter()
        for index, row in enumerate(rows):
            text = _text(row, self.text_field)
            identity = identifier(row.fields.get("id")) or f"{name}:{index}"
            article_id = identifier(row.fields.get("article_id")) or identity
            for passage in self._passages(row, text, identity, article_id, positions[article_id]):
                if article_id != identity:  # a row that stands alone need not be remembered
                    positions[article_id] += 1
                yield passage

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


def _article(text: str, place: str, name: str) -> Iterator[Passage]:
    if not text.strip():
        raise UserError(f"{place}: the text is empty")
    yield from article_passages(text, name)


def _text(row: TableRow, field: str) -> str:
    text = row.fields.get(field)
    if field not in row.fields:
        there = ", ".join(map(repr, row.fields))
        raise UserError(f"{row.place}: no column {field!r} (text_field); there are {there}")
    if not isinstance(text, str):
        raise UserError(f"{row.place}: {field} must be text, not {text!r}")
    if not text.strip():
        raise UserError(f"{row.place}: the text is empty; fill it or remove the row")
    return text
