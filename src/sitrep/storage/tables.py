"""Rows of JSONL, CSV, TSV and Parquet files, one at a time, each with the place that an error message names."""

import codecs
import itertools
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from sitrep.errors import Refuse, UserError, stop
from sitrep.storage.class_numbers import class_names, recorded_features, with_class_names
from sitrep.storage.complete import shown
from sitrep.storage.separated import DELIMITERS, separated_rows

ROW_SUFFIXES = (".jsonl", ".csv", ".tsv", ".parquet")
PARQUET_BATCH_ROWS = 4096


@dataclass(frozen=True)
class TableRow:
    """One row of a table.

    Attributes:
        place: File and line (or row, in Parquet), as error messages show it: ``news.csv:17``.
        fields: Column or key to value. Values of CSV and TSV are strings.
    """

    place: str
    fields: dict[str, Any]


def read_rows(path: Path, kind: str | None = None, refuse: Refuse = stop) -> Iterator[TableRow]:
    """Read a table row by row, in constant memory.

    Args:
        path: File to read, or a pipe, which is read once.
        kind: ``jsonl``, ``csv``, ``tsv`` or ``parquet``; ``None`` goes by the file's ending, and, of a pipe without
            one, by what comes out of it.
        refuse: Told of each malformed row. What spoils the rest of the file, such as a byte that is not UTF-8 or an
            open quote, is raised.

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
        yield from _at_least_one(_parquet_rows(path), shown(path))
    else:
        yield from read_row_stream(path.open("rb"), shown(path), kind, refuse)


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


def read_row_stream(stream: BinaryIO, name: str, kind: str | None, refuse: Refuse = stop) -> Iterator[TableRow]:
    """Read JSONL, CSV or TSV from an open binary stream; ``name`` stands for it in messages. Closes the stream.

    ``None`` as kind goes by the first line that is not blank.
    """
    with stream:
        lines: Iterator[bytes] = iter(stream)
        if kind is None:
            head = list(_up_to_first_words(lines))
            kind = _sniffed(head[-1] if head else b"", name)
            lines = itertools.chain(head, lines)
        decoded = text_lines(lines, name)
        if kind == "jsonl":
            rows = _jsonl_rows(decoded, name, refuse)
        else:
            rows = separated_rows(decoded, name, DELIMITERS[kind], refuse)
        yield from _at_least_one((TableRow(*row) for row in rows), name)


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


def _at_least_one(rows: Iterator[TableRow], name: str) -> Iterator[TableRow]:
    empty = True
    for row in rows:
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


def text_lines(stream: Iterable[bytes], name: str) -> Iterator[str]:
    """Decode lines as UTF-8, line ends kept; a byte order mark is taken off.

    Raises:
        UserError: At the first byte that is not UTF-8, or a NUL byte, with its line.
    """
    for number, line in enumerate(stream, 1):
        if number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if b"\0" in line:
            raise UserError(f"{name}:{number}: holds a NUL byte; is this a text file in UTF-8?")
        try:
            yield line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise UserError(
                f"{name}:{number}: byte {error.start + 1} (0x{line[error.start]:02x}) is not UTF-8; "
                "save the file as UTF-8"
            ) from None


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


def _parquet_rows(path: Path) -> Iterator[TableRow]:
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            classes = class_names(recorded_features(file.schema_arrow.metadata))
            number = 0
            for batch in file.iter_batches(PARQUET_BATCH_ROWS):
                for fields in batch.to_pylist():
                    number += 1
                    yield TableRow(f"{shown(path)}:row {number}", with_class_names(fields, classes))
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError, OverflowError) as error:
        raise UserError(f"{shown(path)}: not a readable Parquet file: {error}") from None


def whole_number(value: Any, name: str, place: str) -> int | None:
    """A cell as a whole number; ``None`` where it is empty.

    Raises:
        UserError: If it is anything else. ``3.0`` passes: tables with gaps hold whole numbers as fractions.
    """
    if value is None or value == "" or value != value:  # NaN is how tables write a gap
        return None
    try:
        number = int(value)
        if isinstance(value, bool) or (isinstance(value, float) and number != value):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise UserError(f"{place}: {name} must be a whole number, not {value!r}") from None
    return number
