"""Rows of JSONL, CSV, TSV and Parquet files, one at a time, each with the place that an error message names."""

import codecs
import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from sitrep.errors import UserError
from sitrep.storage.spreadsheets import unguarded_rows

ROW_SUFFIXES = (".jsonl", ".csv", ".tsv", ".parquet")
PARQUET_BATCH_ROWS = 4096

csv.field_size_limit(2**31 - 1)  # the default of 128 KiB is less than a long article


Refuse = Callable[[UserError], None]
"""What is done about a row that cannot be read; where it returns, reading goes on with the next row."""


def stop(error: UserError) -> None:
    """Read no further."""
    raise error


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
        path: File to read.
        kind: ``jsonl``, ``csv``, ``tsv`` or ``parquet``; ``None`` goes by the file's ending.
        refuse: Told of each malformed row. What spoils the rest of the file, such as a byte that is not UTF-8 or an
            open quote, is raised.

    Yields:
        Rows in file order. Blank lines of a JSONL file are not rows.

    Raises:
        UserError: If the file is missing, empty, of an unknown kind, not UTF-8, or malformed.
    """
    kind = kind or path.suffix.lower().removeprefix(".")
    if f".{kind}" not in ROW_SUFFIXES:
        raise UserError(
            f"{path}: cannot read rows from {path.suffix or 'a file without ending'}; use {', '.join(ROW_SUFFIXES)}"
        )
    check_readable(path)
    if kind == "parquet":
        yield from _at_least_one(_parquet_rows(path), str(path))
    else:
        yield from read_row_stream(path.open("rb"), str(path), kind, refuse)


def read_row_stream(stream: BinaryIO, name: str, kind: str, refuse: Refuse = stop) -> Iterator[TableRow]:
    """Read JSONL, CSV or TSV from an open binary stream; ``name`` stands for it in messages. Closes the stream."""
    with stream:
        lines = text_lines(stream, name)
        if kind == "jsonl":
            rows = _jsonl_rows(lines, name, refuse)
        else:
            rows = _csv_rows(lines, name, "," if kind == "csv" else "\t", refuse)
        yield from _at_least_one(rows, name)


def _at_least_one(rows: Iterator[TableRow], name: str) -> Iterator[TableRow]:
    empty = True
    for row in rows:
        empty = False
        yield row
    if empty:
        raise UserError(f"{name}: holds no rows")


def check_readable(path: Path) -> None:
    """Raise a ``UserError`` if ``path`` is not a file with something in it."""
    if not path.exists():
        raise UserError(f"{path}: no such file")
    if path.is_dir():
        raise UserError(f"{path}: is a folder, a file is wanted")
    if path.stat().st_size == 0:
        raise UserError(f"{path}: the file is empty")


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


def _jsonl_rows(lines: Iterable[str], name: str, refuse: Refuse) -> Iterator[TableRow]:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield TableRow(f"{name}:{number}", _json_object(line, f"{name}:{number}"))
        except UserError as error:
            refuse(error)


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


def _csv_rows(lines: Iterable[str], name: str, delimiter: str, refuse: Refuse) -> Iterator[TableRow]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    header: list[str] | None = None
    first_line = 1
    try:
        for cells in unguarded_rows(reader):
            place, first_line = f"{name}:{first_line}", reader.line_num + 1
            if not cells:
                continue
            if header is None:
                header = [cell.strip() for cell in cells]
                _check_header(header, place)
                continue
            if len(cells) != len(header):
                sign = "tab" if delimiter != "," else "comma"
                reason = f"has {len(cells)} fields where the header has {len(header)}"
                refuse(UserError(f"{place}: {reason}; is a quote or a {sign} missing?"))
                continue
            yield TableRow(place, dict(zip(header, cells, strict=True)))
    except csv.Error as error:
        raise UserError(f"{name}:{first_line}: malformed: {error}") from None


def _check_header(header: list[str], place: str) -> None:
    double = {column for column in header if header.count(column) > 1}
    if double:
        raise UserError(f"{place}: column {sorted(double)[0]!r} stands twice in the header")
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        raise UserError(
            f"{place}: the only column is {header[0]!r}; part columns by commas, or name a tabbed file .tsv"
        )


def _parquet_rows(path: Path) -> Iterator[TableRow]:
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(PARQUET_BATCH_ROWS):
                for fields in batch.to_pylist():
                    number += 1
                    yield TableRow(f"{path}:row {number}", fields)
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError, OverflowError) as error:
        raise UserError(f"{path}: not a readable Parquet file: {error}") from None


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
