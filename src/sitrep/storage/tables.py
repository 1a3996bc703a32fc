"""Rows of JSONL, CSV, TSV and Parquet files, one at a time, each with the place that an error message names."""

import codecs
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from sitrep.errors import Refuse, UserError, stop
from sitrep.normalization import SPELT_WITH_A_POINT
from sitrep.storage.complete import shown
from sitrep.storage.parquet_rows import parquet_rows
from sitrep.storage.separated import DELIMITERS, separated_rows

ROW_SUFFIXES = (".jsonl", ".csv", ".tsv", ".parquet")
LONGEST_LINE = 2**26
"""Bytes of a line beyond which it is no row: 64 MiB, where the longest pages have 10 MB."""

Told = Callable[[int], None]
"""Called with the number of bytes that were read since it was called last."""


def unheeded(count: int) -> None:
    """A ``Told`` that does nothing."""


@dataclass(frozen=True)
class TableRow:
    """One row of a table.

    Attributes:
        place: File and line (or row, in Parquet), as error messages show it: ``news.csv:17``.
        fields: Column or key to value. Values of CSV and TSV are strings.
    """

    place: str
    fields: dict[str, Any]


def read_rows(path: Path, kind: str | None = None, refuse: Refuse = stop, told: Told = unheeded) -> Iterator[TableRow]:
    """Read a table row by row, in constant memory.

    Args:
        path: File to read, or a pipe, which is read once.
        kind: ``jsonl``, ``csv``, ``tsv`` or ``parquet``; ``None`` goes by the file's ending, and, of a pipe without
            one, by what comes out of it.
        refuse: Told of each malformed row. What spoils the rest of the file, such as an open quote, is raised.
        told: How much of the file has been read.

    Yields:
        Rows in file order. Blank lines and rows of blank cells are not rows.

    Raises:
        UserError: If the file is missing, empty, of an unknown kind, not UTF-8, or malformed.
    """
    if kind is None:
        kind = kind_of(path)
    elif f".{kind}" not in ROW_SUFFIXES:
        raise UserError(f"{shown(path)}: cannot read rows from .{kind}; use {', '.join(ROW_SUFFIXES)}")
    check_readable(path)
    if kind == "parquet":
        if not path.is_file():
            raise UserError(f"{shown(path)}: {NO_PARQUET_FROM_A_PIPE}")
        yield from _at_least_one(
            lambda noted: (TableRow(*row) for row in parquet_rows(path, noted, told)), shown(path), refuse
        )
    else:
        yield from read_row_stream(path.open("rb"), shown(path), kind, refuse, told)


def several(value: Any) -> tuple[str, ...] | None:
    """Names in a list, or parted by ``|`` as tables hold them; ``None`` of anything else."""
    if isinstance(value, str):
        return tuple(name for name in value.split("|") if name)
    return tuple(map(str, value)) if isinstance(value, list | tuple) else None


NO_PARQUET_FROM_A_PIPE = "Parquet cannot be read from a pipe; save it as a file and name that"


def kind_of(path: Path) -> str | None:
    """What a path holds by its ending; ``None`` for a pipe whose ending does not tell.

    Raises:
        UserError: If it is a file of an unknown ending, or none that is there.
    """
    suffix = path.suffix.lower()
    if suffix in ROW_SUFFIXES:
        return suffix.removeprefix(".")
    if is_stream(path):
        return None
    what = shown(path.suffix) or "a file without ending"
    raise UserError(f"{shown(path)}: cannot read rows from {what}; use {', '.join(ROW_SUFFIXES)}")


def is_stream(path: Path) -> bool:
    """Whether a path is no file of its own but a pipe or what stands for an open one, such as ``/dev/stdin``."""
    return path.exists() and not path.is_dir() and (not path.is_file() or path.is_relative_to("/dev"))


def read_row_stream(
    stream: BinaryIO, name: str, kind: str | None, refuse: Refuse = stop, told: Told = unheeded
) -> Iterator[TableRow]:
    """Read JSONL, CSV or TSV from an open binary stream; ``name`` stands for it in messages. Closes the stream.

    ``None`` as kind goes by the first line that is not blank.
    """
    with stream:
        lines = _bounded_lines(stream, told)
        if kind is None:
            head = list(_up_to_first_words(lines))
            kind = _sniffed(head[-1] if head else b"", name)
            lines = itertools.chain(head, lines)
        yield from _at_least_one(lambda noted: _parsed(lines, name, kind, noted), name, refuse)


def _parsed(lines: Iterable[bytes], name: str, kind: str, refuse: Refuse) -> Iterator[TableRow]:
    if kind == "jsonl":
        rows = _jsonl_rows(_whole_lines(lines, name, refuse), name, refuse)
    else:
        rows = separated_rows(text_lines(lines, name, spoilt=True), name, DELIMITERS[kind], refuse)
    return (TableRow(*row) for row in rows)


def _up_to_first_words(lines: Iterator[bytes]) -> Iterator[bytes]:
    for line in lines:
        yield line
        if line.removeprefix(codecs.BOM_UTF8).strip():
            return


def _sniffed(line: bytes, name: str) -> str:
    """What rows begin with ``line``, the first that is not blank."""
    words = line.removeprefix(codecs.BOM_UTF8).strip()
    if words.startswith(b"PAR1"):
        raise UserError(f"{name}: {NO_PARQUET_FROM_A_PIPE}")
    if words.startswith(b"["):
        raise UserError(f"{name}: is a JSON array; write one object a line")
    if words.startswith(b"{"):
        return "jsonl"
    return "tsv" if b"\t" in words and b"," not in words else "csv"


def _at_least_one(rows: Callable[[Refuse], Iterator[TableRow]], name: str, refuse: Refuse) -> Iterator[TableRow]:
    """Rows, of which there must be one, though it be refused."""
    empty = True

    def noted(error: UserError) -> None:
        nonlocal empty
        empty = False
        refuse(error)

    for row in rows(noted):
        empty = False
        yield row
    if empty:
        raise UserError(f"{name}: holds no rows")


def check_readable(path: Path) -> None:
    """Raise a ``UserError`` if ``path`` is not a file with something in it, or a pipe, of which nobody knows yet."""
    if not path.exists():
        raise UserError(f"{shown(path)}: no such file")
    if path.is_dir():
        raise UserError(f"{shown(path)}: is a folder, a file is wanted")
    if not os.access(path, os.R_OK):
        raise UserError(f"{shown(path)}: may not be read; ask its owner for the right to")
    if path.is_file() and path.stat().st_size == 0:
        raise UserError(f"{shown(path)}: the file is empty")


def text_lines(stream: Iterable[bytes], name: str, spoilt: bool = False) -> Iterator[str]:
    """Decode lines as UTF-8, line ends kept; a byte order mark is taken off.

    Args:
        stream: Lines.
        name: Stands for the stream in messages.
        spoilt: Pass on what is not UTF-8, as Python's ``surrogateescape`` does, for whoever refuses the row in it.

    Raises:
        UserError: At a line that is too long, or at the first byte that is not UTF-8, or a NUL byte, with its line.
    """
    for number, line in enumerate(stream, 1):
        yield _text_of(line, number, name, spoilt)


def _text_of(line: bytes, number: int, name: str, spoilt: bool = False) -> str:
    if number == 1:
        line = line.removeprefix(codecs.BOM_UTF8)
    if len(line) > LONGEST_LINE:
        raise UserError(f"{name}:{number}: the line is longer than {LONGEST_LINE >> 20} MiB")
    if spoilt:
        return line.decode("utf-8", "surrogateescape")
    if b"\0" in line:
        raise UserError(f"{name}:{number}: holds a NUL byte; is this a text file in UTF-8?")
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{name}:{number}: byte {error.start + 1} (0x{line[error.start]:02x}) is not UTF-8; save the file as UTF-8"
        ) from None


def _whole_lines(lines: Iterable[bytes], name: str, refuse: Refuse) -> Iterator[str]:
    """Decoded lines; one that cannot be is refused and leaves a blank one, so that the others keep their numbers."""
    for number, line in enumerate(lines, 1):
        try:
            text = _text_of(line, number, name)
        except UserError as error:
            refuse(error)
            text = "\n"
        yield text


def _bounded_lines(stream: BinaryIO, told: Told) -> Iterator[bytes]:
    """Lines with their ends; of one that is too long a little more than the bound, so that memory stays bounded."""
    while line := stream.readline(LONGEST_LINE + 1):
        told(len(line))
        rest = line
        while len(rest) > 2**20 and not rest.endswith(b"\n"):
            rest = stream.readline(2**20 + 1)
            told(len(rest))
        yield line


def _jsonl_rows(lines: Iterable[str], name: str, refuse: Refuse) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        place = f"{name}:{number}"
        try:
            fields = _json_object(line, place)
        except UserError as error:
            refuse(error)
        else:
            yield place, fields


def _json_object(line: str, place: str) -> dict[str, Any]:
    try:
        fields = json.loads(line, parse_constant=_no_constant)
        if "\\ud" in line or "\\uD" in line:
            json.dumps(fields, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as error:
        cut = "" if line.endswith("\n") else "; the file seems to be cut off"
        raise UserError(f"{place}: not valid JSON at column {error.colno}: {error.msg}{cut}") from None
    except (RecursionError, ValueError) as error:  # too deep, a number of thousands of digits, NaN, half a character
        raise UserError(f"{place}: not valid JSON: {error}") from None
    if not isinstance(fields, dict):
        raise UserError(f"{place}: a row must be a JSON object, not {type(fields).__name__}")
    return fields


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON; write null")


def whole_number(value: Any, name: str, place: str) -> int | None:
    """A cell as a whole number; ``None`` where it is empty.

    Raises:
        UserError: If it is anything else. ``3.0`` passes, as a number and as text: tables with gaps hold whole numbers
            as fractions.
    """
    if value is None or value == "" or value != value:  # NaN is how tables write a gap
        return None
    try:
        spelt_with_a_point = isinstance(value, str) and SPELT_WITH_A_POINT.fullmatch(value.strip())
        number = int(value.partition(".")[0] if spelt_with_a_point else value)
        if isinstance(value, bool) or (isinstance(value, float) and number != value):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise UserError(f"{place}: {name} must be a whole number, not {value!r}") from None
    return number
