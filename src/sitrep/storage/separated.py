"""Rows of CSV and TSV, as programs and spreadsheets write them."""

import csv
import re
from collections.abc import Iterable, Iterator

from sitrep.errors import Refuse, UserError, stop
from sitrep.storage.spreadsheets import unguarded_rows

DELIMITERS = {"csv": ",", "tsv": "\t"}

SPOILT = re.compile("[\udc80-\udcff]")
"""A byte that is not UTF-8, as Python keeps it."""

csv.field_size_limit(2**31 - 1)  # the default of 128 KiB is less than a long article


def separated_rows(
    lines: Iterable[str], name: str, delimiter: str, refuse: Refuse = stop
) -> Iterator[tuple[str, dict[str, str]]]:
    """Rows of a CSV or TSV text with their places; ``name`` stands for the file in them.

    Rows of blank cells are left out, and so are columns without a header and a value.

    Args:
        lines: Decoded, with their ends; a row with a half character is refused, as ``surrogateescape`` makes it.
        name: Of the file.
        delimiter: Between two cells.
        refuse: Told of each row that holds more or fewer values than the header names.

    Raises:
        UserError: If the header is wrong, or a quote stays open.
    """
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    header: list[str] | None = None
    first_line = 1
    try:
        for cells in unguarded_rows(reader):
            place, first_line = f"{name}:{first_line}", reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = [cell.strip() for cell in cells]
                _check_spoilt(header, place)
                _check_header(header, place)
                continue
            try:
                _check_spoilt(cells, place)
                fields = _named(cells, header, place, delimiter)
            except UserError as error:
                refuse(error)
            else:
                yield place, fields
    except csv.Error as error:
        raise UserError(f"{name}:{first_line}: malformed: {error}") from None


def _named(cells: list[str], header: list[str], place: str, delimiter: str) -> dict[str, str]:
    """Cells by column, without the empty ones that spreadsheets leave under and behind the header."""
    if len(cells) < len(header) or any(cell.strip() for cell in cells[len(header) :]):
        raise UserError(
            f"{place}: has {len(cells)} fields where the header has {len(header)}; "
            f"is a quote or a {'tab' if delimiter != ',' else 'comma'} missing?"
        )
    fields = {}
    for number, (column, cell) in enumerate(zip(header, cells, strict=False), 1):
        if column:
            fields[column] = cell
        elif cell.strip():
            raise UserError(f"{place}: {cell!r} stands in column {number}, whose header is empty; name it or clear it")
    return fields


def _check_spoilt(cells: list[str], place: str) -> None:
    for cell in cells:
        if not cell.isascii() and (found := SPOILT.search(cell)):
            raise UserError(f"{place}: byte 0x{ord(found[0]) & 0xFF:02x} is not UTF-8; save the file as UTF-8")
        if "\0" in cell:
            raise UserError(f"{place}: holds a NUL byte; is this a text file in UTF-8?")


def _check_header(header: list[str], place: str) -> None:
    named = [column for column in header if column]
    double = {column for column in named if named.count(column) > 1}
    if double:
        raise UserError(f"{place}: column {sorted(double)[0]!r} stands twice in the header")
    if len(named) == 1 and (";" in named[0] or "\t" in named[0]):
        raise UserError(f"{place}: the only column is {named[0]!r}; part columns by commas, or name a tabbed file .tsv")
