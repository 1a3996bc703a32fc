"""Tables that people open in a spreadsheet: cells that could be taken for a formula are guarded, and read back."""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
"""What spreadsheets take for the beginning of a formula, or skip before one (OWASP, "CSV Injection")."""

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
"""A plain number, such as a longitude, is no formula though it may begin with a minus."""


def guarded(cell: Any) -> Any:
    """A cell with an apostrophe before it where a spreadsheet could take it for a formula; other types as they are."""
    if isinstance(cell, str) and FORMULA.match(cell) and not NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell


def unguarded(cell: str) -> str:
    """What :func:`guarded` was given."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell[1:]) else cell


class SpreadsheetWriter:
    """Writes rows of a CSV file; lists and mappings become JSON.

    Args:
        file: Open for writing as UTF-8 with ``newline=""``.
        columns: In their order; a row may lack some, which stay empty.
    """

    def __init__(self, file: IO[str], columns: Sequence[str]) -> None:
        self.columns = list(columns)
        self._writer = csv.writer(file)
        self._writer.writerow(map(guarded, self.columns))

    def write(self, row: Mapping[str, Any]) -> None:
        """Write one row; what is in no column is left out."""
        self._writer.writerow(guarded(_flat(row.get(column))) for column in self.columns)


def write_spreadsheet(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a whole CSV file; one that is there is replaced."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = SpreadsheetWriter(file, columns)
        for row in rows:
            writer.write(row)


def unguarded_rows(reader: Iterable[Sequence[str]]) -> Iterator[list[str]]:
    """Rows of a CSV reader as they were before they were guarded."""
    for cells in reader:
        yield [unguarded(cell) for cell in cells]


def _flat(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict | list | tuple) else value
