"""Prediction input: articles, rows, folders of them, and standard input, as a stream of passages."""

import codecs
import io
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from sitrep.errors import Refuse, UserError, stop
from sitrep.inference.folders import ARTICLE_SUFFIXES, READABLE, FolderFiles, find_files
from sitrep.inference.meter import Meter
from sitrep.normalization import identifier
from sitrep.pages.passages import article_passages
from sitrep.sentences import Passage, carried_fields
from sitrep.settings import InputFormat, OnError, Unit
from sitrep.storage.complete import shown
from sitrep.storage.tables import (
    ROW_SUFFIXES,
    TableRow,
    check_readable,
    is_stream,
    read_row_stream,
    read_rows,
    text_lines,
    whole_number,
)

STANDARD_INPUT = "-"
OTHER_KINDS = {
    **dict.fromkeys((".xlsx", ".xls", ".ods"), "save the sheet as CSV"),
    **dict.fromkeys((".html", ".htm", ".pdf", ".docx"), "save its text, one paragraph or line a line"),
    **dict.fromkeys((".gz", ".bz2", ".xz", ".zip"), "unpack it first"),
    ".json": "write one object a line and call it .jsonl",
}
"""What to do about files that people have, by their ending."""


@dataclass(frozen=True)
class InputSource:
    """Where passages come from and how they are read.

    Attributes:
        location: A file, a folder, or ``-`` for standard input.
        format: How it is to be read; ``auto`` goes by the ending.
        unit: What a row holds.
        text_field: Column or key of a row that holds its text.
        output: File or folder that is written, which is no input though it may lie in the folder; ``None`` if there is
            none.
        on_error: Whether reading goes on behind a page or row that cannot be read.
        meter: Told how much of the input has been read.
    """

    location: str
    format: InputFormat = InputFormat.auto
    unit: Unit = Unit.sentence
    text_field: str = "text"
    output: Path | None = None
    on_error: OnError = OnError.skip
    meter: Meter = field(default_factory=Meter, compare=False)

    @property
    def path(self) -> Path:
        """The location as a path."""
        return Path(self.location)

    def check(self) -> None:
        """Refuse what cannot be read, before a model is loaded for it.

        Raises:
            UserError: If it is missing, unreadable, of an unknown kind, or the output itself.
        """
        if self.location == STANDARD_INPUT and sys.stdin is None:
            raise UserError("input=-: standard input is closed")
        if self.is_stream:
            if self.format is InputFormat.parquet:
                raise UserError("format=parquet: cannot be read from a pipe; name the file with input=FILE")
        elif self.is_folder:
            if not self.files.readable:
                raise UserError(f"input={shown(self.path)}: the folder holds none of {', '.join(READABLE)}")
        else:
            if self.output and self.path.exists() and self.output.exists() and self.path.samefile(self.output):
                raise UserError(f"output={shown(self.output)}: is the input itself; name another file")
            next(self._file(self.path, self.path.stem, stop if self.stops else _pass_over), None)

    @property
    def is_stream(self) -> bool:
        """Whether it is standard input, a pipe or the like, which can be read once only."""
        return self.location == STANDARD_INPUT or is_stream(self.path)

    @property
    def is_folder(self) -> bool:
        """Whether the location is a folder of files."""
        return self.location != STANDARD_INPUT and self.path.is_dir()

    @property
    def stops(self) -> bool:
        """Whether the first page or row that cannot be read ends the reading."""
        return self.on_error is OnError.stop

    def passages(self, refuse: Refuse = stop) -> Iterator[Passage]:
        """Stream the sentences in their order; rows are never held all at once.

        Args:
            refuse: Told of each page and row that cannot be read, unless the source stops at the first.

        Raises:
            UserError: For input that is missing, unreadable or malformed, with file and line.
        """
        refuse = stop if self.stops else refuse
        if self.location == STANDARD_INPUT:
            yield from self._stream(sys.stdin.buffer, "standard input", "stdin", refuse)
        elif self.is_stream:
            with self.path.open("rb") as stream:
                yield from self._stream(stream, shown(self.path), "stdin", refuse)
        else:
            for path, name in self.named_files():
                yield from self.file_passages(path, name, refuse)

    def file_passages(self, path: Path, name: str, refuse: Refuse = stop) -> Iterator[Passage]:
        """The sentences of one file of :meth:`named_files`, as :meth:`passages` gives them."""
        refuse = stop if self.stops else refuse
        try:
            yield from self._file(path, name, refuse)
        except UserError as error:
            refuse(error)
        self.meter.end_file(path)

    def named_files(self) -> Iterator[tuple[Path, str]]:
        """The file, or those of the folder, each with what its articles are named after."""
        if not self.is_folder:
            yield self.path, self.path.stem
            return
        paths = self.files.readable
        names = Counter(path.with_suffix("") for path in paths)
        for path in paths:
            alone = names[path.with_suffix("")] == 1
            yield path, (path.with_suffix("") if alone else path).relative_to(self.path).as_posix()

    @cached_property
    def files(self) -> FolderFiles:
        """What the folder holds."""
        return find_files(self.path, self.output)

    def _stream(self, stream: BinaryIO, place: str, name: str, refuse: Refuse) -> Iterator[Passage]:
        kind = self.format
        if kind is InputFormat.auto:
            peeked = stream.peek(64) if isinstance(stream, io.BufferedReader) else b""
            head = peeked.lstrip(codecs.BOM_UTF8 + b" \t\r\n")
            if re.match(rb"\[\s*\{", head):
                raise UserError(f"{place}: is a JSON array; write one object a line, or set format=text for an article")
            kind = InputFormat.jsonl if head.startswith(b"{") else InputFormat.text
        if kind is InputFormat.text:
            yield from _article("".join(text_lines(stream, place)), place, name)
        else:
            yield from self._rows(read_row_stream(stream, place, kind.name, refuse), name, refuse)

    def _file(self, path: Path, name: str, refuse: Refuse) -> Iterator[Passage]:
        place, name = shown(path), shown(name)
        if path.is_symlink() and not path.exists():
            raise UserError(f"{place}: is a link that leads nowhere")
        check_readable(path)
        kind = self._format_of(path)
        try:
            if kind is InputFormat.text:
                with path.open("rb") as stream:
                    text = "".join(text_lines(stream, place))
                yield from _article(text, place, name)
            else:
                yield from self._rows(read_rows(path, kind.name, refuse, self.meter.add), name, refuse)
        except OSError as error:
            raise UserError(f"{place}: cannot be read: {error.strerror}") from None

    def _format_of(self, path: Path) -> InputFormat:
        if self.format is not InputFormat.auto:
            return self.format
        suffix = path.suffix.lower()
        if suffix in ARTICLE_SUFFIXES:
            return InputFormat.text
        if suffix in ROW_SUFFIXES:
            return InputFormat[suffix.removeprefix(".")]
        what = suffix or "a file without ending"
        remedy = OTHER_KINDS.get(suffix, "set format=text, jsonl or csv")
        raise UserError(f"input={shown(path)}: cannot tell what {what} holds; {remedy}")

    def _rows(self, rows: Iterator[TableRow], name: str, refuse: Refuse) -> Iterator[Passage]:
        """Rows as passages; units of an article that bring no position are counted, also where articles alternate."""
        positions: Counter[str] = Counter()
        for index, row in enumerate(rows):
            identity = identifier(row.fields.get("id")) or f"{name}:{index}"
            article_id = identifier(row.fields.get("article_id")) or identity
            try:
                text = _text(row, self.text_field)
                passages = list(self._passages(row, text, identity, article_id, positions[article_id]))
            except UserError as error:
                refuse(error)
                continue
            for passage in passages:
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


def _pass_over(error: UserError) -> None:
    """Go on; it will be told when the input is read."""


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
