"""Prediction input: articles, pages of HTML, rows, folders and archives of them, and standard input, as a stream."""

import codecs
import io
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from sitrep.errors import Refuse, UserError, stop
from sitrep.inference.archives import tar_pages, warc_pages, zip_pages
from sitrep.inference.arrow_columns import Types, declared_types
from sitrep.inference.folders import ARTICLE_SUFFIXES, READABLE, FolderFiles, find_files
from sitrep.inference.meter import Meter
from sitrep.inference.page_files import KeepText, SavedPage, page_kind, saved_page
from sitrep.inference.row_passages import RowReader, carried_types
from sitrep.pages.html import looks_like_html
from sitrep.pages.passages import NO_PAGE_COLUMNS, article_passages, page_passages
from sitrep.sentences import Passage
from sitrep.settings import InputFormat, JoinLines, Unit
from sitrep.storage.complete import shown
from sitrep.storage.tables import (
    ROW_SUFFIXES,
    check_readable,
    is_stream,
    read_row_stream,
    read_rows,
    text_lines,
)

STANDARD_INPUT = "-"
OTHER_KINDS = {
    **dict.fromkeys((".xlsx", ".xls", ".ods"), "save the sheet as CSV"),
    **dict.fromkeys((".pdf", ".docx"), "save its text, one paragraph or line a line"),
    **dict.fromkeys((".gz", ".bz2", ".xz", ".7z", ".rar"), "unpack it first"),
    ".json": "write one object a line and call it .jsonl",
}
"""What to do about files that people have, by their ending."""


SEEKING = (InputFormat.parquet, InputFormat.warc, InputFormat.zip, InputFormat.tar)
SINGLE_PAGES = (InputFormat.html, InputFormat.mhtml)
ARCHIVES = {InputFormat.warc: warc_pages, InputFormat.zip: zip_pages, InputFormat.tar: tar_pages}


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
        strict: Whether the first page or row that cannot be read ends the reading.
        html_field: Column or key of a row that holds a page; ``None``: ``html``, where a row has no ``text_field``.
        join_lines: Whether rows that are lines are read as parts of their sentence.
        keep_text: Told the text of each page of HTML, which offsets are of.
        pages_text: Folder that these texts are written to, which is no input either.
        meter: Told how much of the input has been read.
    """

    location: str
    format: InputFormat = InputFormat.auto
    unit: Unit = Unit.sentence
    text_field: str = "text"
    output: Path | None = None
    strict: bool = False
    html_field: str | None = None
    join_lines: JoinLines = JoinLines.never
    keep_text: KeepText | None = None
    pages_text: Path | None = None
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
            if self.format in SEEKING:
                raise UserError(f"format={self.format.name}: cannot be read from a pipe; name the file with input=FILE")
        elif self.is_folder:
            if not self.files.readable:
                raise UserError(f"input={shown(self.path)}: the folder holds none of {', '.join(READABLE)}")
        else:
            if self.output and self.path.exists() and self.output.exists() and self.path.samefile(self.output):
                raise UserError(f"output={shown(self.output)}: is the input itself; name another file")
            next(self._file(self.path, self.path.stem, stop if self.strict else _pass_over), None)

    @property
    def is_stream(self) -> bool:
        """Whether it is standard input, a pipe or the like, which can be read once only."""
        return self.location == STANDARD_INPUT or is_stream(self.path)

    @property
    def is_folder(self) -> bool:
        """Whether the location is a folder of files."""
        return self.location != STANDARD_INPUT and self.path.is_dir()

    def passages(self, refuse: Refuse = stop) -> Iterator[Passage]:
        """Stream the sentences in their order; rows are never held all at once.

        Args:
            refuse: Told of each page and row that cannot be read, unless the source is strict.

        Raises:
            UserError: For input that is missing, unreadable or malformed, with file and line.
        """
        refuse = stop if self.strict else refuse
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
        refuse = stop if self.strict else refuse
        try:
            yield from self._file(path, name, refuse)
        except UserError as error:
            refuse(error)
        self.meter.end_file(path)

    def expect(self, paths: Iterable[Path]) -> None:
        """Prepare to read these of the files, in this order."""
        self.meter.expect(paths)

    def status(self, path: Path) -> tuple[int, int]:
        """Size of one of the files, and when it was changed in nanoseconds; an ``OSError`` if it is gone."""
        status = path.stat()
        return status.st_size, status.st_mtime_ns

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

    def column_types(self) -> Types:
        """Types that Parquet files give the columns that are carried through, under the names they then have."""
        paths = [path for path, _ in self.named_files() if self._is_parquet(path)]
        return carried_types(declared_types(paths), self.text_field, self.html_field)

    def _is_parquet(self, path: Path) -> bool:
        return self.format is InputFormat.parquet or (
            self.format is InputFormat.auto and path.suffix.lower() == ".parquet" and path.is_file()
        )

    @cached_property
    def files(self) -> FolderFiles:
        """What the folder holds."""
        return find_files(self.path, [path for path in (self.output, self.pages_text) if path])

    def _stream(self, stream: BinaryIO, place: str, name: str, refuse: Refuse) -> Iterator[Passage]:
        kind = self.format
        if kind is InputFormat.auto:
            peeked = stream.peek(1024) if isinstance(stream, io.BufferedReader) else b""
            head = peeked.lstrip(codecs.BOM_UTF8 + b" \t\r\n")
            if re.match(rb"\[\s*\{", head):
                raise UserError(f"{place}: is a JSON array; write one object a line, or set format=text for an article")
            kind = InputFormat.jsonl if head.startswith(b"{") else InputFormat.text
            if looks_like_html(head.decode("utf-8", "replace")):
                kind = InputFormat.html
        if kind in SINGLE_PAGES:
            yield from self._page(saved_page(stream, name, place, kind.name))
        elif kind is InputFormat.text:
            yield from _article("".join(text_lines(stream, place)), place, name)
        else:
            yield from self._row_reader.passages(read_row_stream(stream, place, kind.name, refuse), name, refuse)

    def _file(self, path: Path, name: str, refuse: Refuse) -> Iterator[Passage]:
        place, name = shown(path), shown(name)
        if path.is_symlink() and not path.exists():
            raise UserError(f"{place}: is a link that leads nowhere")
        if path.is_dir():
            raise UserError(f"{place}: the folder may not be looked into; ask its owner for the right to")
        check_readable(path)
        kind = self._format_of(path)
        try:
            if kind is InputFormat.text:
                with path.open("rb") as stream:
                    text = "".join(text_lines(stream, place))
                yield from _article(text, place, name, NO_PAGE_COLUMNS if self._holds_html else None)
            elif kind in SINGLE_PAGES:
                with path.open("rb") as stream:
                    saved = saved_page(stream, name, place, kind.name)
                yield from self._page(saved)
            elif kind in ARCHIVES:
                for saved in ARCHIVES[kind](path, name, place, refuse, self.meter.reach):
                    try:
                        yield from self._page(saved)
                    except UserError as error:
                        refuse(error)
            else:
                yield from self._row_reader.passages(read_rows(path, kind.name, refuse, self.meter.add), name, refuse)
        except OSError as error:
            raise UserError(f"{place}: cannot be read: {error.strerror}") from None

    @cached_property
    def _holds_html(self) -> bool:
        """Whether pages of HTML lie in the folder, so that all its pages need their columns."""
        return self.is_folder and any(map(page_kind, self.files.readable))

    def _page(self, saved: SavedPage) -> Iterator[Passage]:
        if saved.kind == "text":
            text = "".join(text_lines(io.BytesIO(saved.content), saved.place))
            yield from _article(text, saved.place, saved.name, NO_PAGE_COLUMNS)
            return
        page = saved.read()
        if self.keep_text:
            self.keep_text(saved.name, page.text, saved.place)
        yield from page_passages(page, saved.name)

    @property
    def _row_reader(self) -> RowReader:
        return RowReader(self.unit, self.text_field, self.html_field, self.join_lines, self.keep_text)

    def _format_of(self, path: Path) -> InputFormat:
        if self.format is not InputFormat.auto:
            return self.format
        if pages := page_kind(path):
            return InputFormat[pages]
        suffix = path.suffix.lower()
        if suffix in ARTICLE_SUFFIXES:
            return InputFormat.text
        if suffix in ROW_SUFFIXES:
            return InputFormat[suffix.removeprefix(".")]
        what = suffix or "a file without ending"
        remedy = OTHER_KINDS.get(suffix, "set format=text, jsonl or csv")
        raise UserError(f"input={shown(path)}: cannot tell what {what} holds; {remedy}")


def _pass_over(error: UserError) -> None:
    """Go on; it will be told when the input is read."""


def _article(text: str, place: str, name: str, fields: Mapping[str, Any] | None = None) -> Iterator[Passage]:
    if not text.strip():
        raise UserError(f"{place}: the text is empty")
    yield from article_passages(text, name, fields=fields)
