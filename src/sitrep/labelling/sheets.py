"""Spreadsheets, CSV and XLSX: written so that no cell is a formula, read as they come back from a spreadsheet.

What comes back may be sorted, have other columns besides, other delimiters and line ends: columns are found by name.
"""

import csv
import re
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sitrep.data.own_labels import SampledUnit
from sitrep.errors import UserError, not_installed
from sitrep.labelling.codebook_hints import hints_of
from sitrep.labelling.exchange import Answer, Assignment
from sitrep.storage.complete import shown
from sitrep.storage.sent_texts import ESCAPE, cell_text
from sitrep.storage.separated import separated_rows
from sitrep.storage.spreadsheets import SpreadsheetWriter
from sitrep.storage.tables import check_readable, text_lines

READ, FILLED_IN = ("id", "text_hash", "before", "text", "after"), ("label", "labels", "unsure", "comment")
"""Columns that the coder reads, and those that are filled in."""
GUESS, CODER = "guess", "coder"
NEEDED = ("id", "label")
SHEET, CODEBOOK = "units", "codebook"
WIDTHS = {"id": 12, "text_hash": 10, "before": 40, "text": 60, "after": 40, "label": 22, "labels": 22, "comment": 30}
BETWEEN_LABELS = re.compile(r"[|;\n]")
"""What stands between several labels in a cell."""
HELD_ESCAPE = re.compile("_x(005F|000D)_")
"""What openpyxl leaves of XLSX's escapes: of an underscore, and of a carriage return."""
NO = {"", "0", "no", "n", "false"}


def write_csv(path: Path, units: Sequence[SampledUnit], assignment: Assignment) -> None:
    """Write a sheet as CSV, with the mark by which spreadsheets know UTF-8."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = SpreadsheetWriter(file, _columns(assignment))
        for unit in units:
            writer.write(_cells(unit, assignment))


def read_csv(path: Path) -> Iterator[Answer]:
    """Read a sheet that was saved as CSV, with commas, semicolons or tabs.

    Raises:
        UserError: If a column is missing, or it is no CSV in UTF-8.
    """
    check_readable(path)
    name = shown(path)
    if zipfile.is_zipfile(path):
        raise UserError(f"{name}: is a workbook and no CSV; set format=xlsx")
    with path.open("rb") as stream:
        lines = list(text_lines(stream, name))
    first = 1 if lines and re.fullmatch(r"sep=.\s*", lines[0]) else 0
    delimiter = _delimiter(lines[first] if len(lines) > first else "")
    for place, cells in separated_rows(["\n"] * first + lines[first:], name, delimiter):
        yield _answer(place, cells, name)


def write_xlsx(path: Path, units: Sequence[SampledUnit], assignment: Assignment) -> None:
    """Write a workbook: a sheet with a drop-down of the labels, and one with what they mean.

    Raises:
        UserError: If `openpyxl` is not installed.
    """
    openpyxl = _openpyxl()
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    book = openpyxl.Workbook(write_only=True)
    sheet, codebook = book.create_sheet(SHEET), book.create_sheet(CODEBOOK)
    columns, wrapped = _columns(assignment), Alignment(wrap_text=True, vertical="top")

    def text_cell(where: Any, text: str, bold: bool = False) -> Any:
        cell = WriteOnlyCell(where, ESCAPE.sub(r"_x005F_x\1_", text))  # what looks like one of XLSX's own escapes
        cell.data_type = "s"  # a text, whatever it begins with
        cell.number_format, cell.alignment = "@", wrapped
        if bold:
            cell.font = Font(bold=True)
        return cell

    known = assignment.taxonomy.known
    for place, column in enumerate(columns, 1):
        sheet.column_dimensions[get_column_letter(place)].width = WIDTHS.get(column, 12)
    sheet.freeze_panes = "A2"
    last = max(len(units), 1) + 1
    for column, source in (("label", f"{CODEBOOK}!$A$2:$A${len(known) + 1}"), ("unsure", '"yes"')):
        letter = get_column_letter(columns.index(column) + 1)
        rule = DataValidation("list", formula1=source, allow_blank=True, showErrorMessage=True)
        rule.error = "Choose one of the list."
        rule.add(f"{letter}2:{letter}{last}")
        sheet.data_validations.append(rule)
    sheet.append([text_cell(sheet, column, bold=True) for column in columns])
    for unit in units:
        cells = _cells(unit, assignment)
        sheet.append([text_cell(sheet, str(cells[column])) if cells.get(column) else None for column in columns])
    for letter, width in (("A", 24), ("B", 60), ("C", 90)):
        codebook.column_dimensions[letter].width = width
    hints = hints_of(assignment.taxonomy)
    codebook.append([text_cell(codebook, head, bold=True) for head in ("label", "a sentence that", "notes")])
    for label in known:
        meaning = assignment.taxonomy.meanings.get(label, "")
        codebook.append([text_cell(codebook, text) for text in (label, meaning, "\n".join(hints.get(label, ())))])
    book.save(path)


def read_xlsx(path: Path) -> Iterator[Answer]:
    """Read the first sheet of a workbook that has the columns.

    Raises:
        UserError: If there is none, it is no workbook, or `openpyxl` is not installed.
    """
    openpyxl = _openpyxl()
    check_readable(path)
    name = shown(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of extensions that openpyxl leaves out
        try:
            book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        except (zipfile.BadZipFile, KeyError, ValueError, OSError, openpyxl.utils.exceptions.InvalidFileException):
            raise UserError(f"{name}: is no workbook of the format .xlsx; save it as such") from None
        try:
            for sheet in book.worksheets:
                rows = sheet.iter_rows(values_only=True)
                header = [_text(cell).strip() for cell in next(rows, ())]
                if set(NEEDED) <= set(header):
                    yield from _sheet_answers(rows, header, name)
                    return
        finally:
            book.close()
    raise UserError(f"{name}: no sheet has the columns {' and '.join(NEEDED)} in its first row; keep them as they were")


def _sheet_answers(rows: Iterable[Sequence[Any]], header: Sequence[str], name: str) -> Iterator[Answer]:
    for number, cells in enumerate(rows, 2):
        row = {column: _text(cell) for column, cell in zip(header, cells, strict=False) if column}
        if any(text.strip() for text in row.values()):
            yield _answer(f"{name}: row {number}", row, name)


def _openpyxl() -> Any:
    try:
        import openpyxl
    except ModuleNotFoundError:
        raise not_installed("openpyxl") from None
    return openpyxl


def _columns(assignment: Assignment) -> list[str]:
    guess = [GUESS] if assignment.show_guess else []
    coder = [CODER] if assignment.coder is not None else []
    return [*READ, *guess, *FILLED_IN, *coder]


def _cells(unit: SampledUnit, assignment: Assignment) -> dict[str, str]:
    return {
        "id": unit.id,
        "text_hash": unit.text_hash,
        "before": cell_text("\n".join(unit.before)),
        "text": cell_text(unit.text),
        "after": cell_text("\n".join(unit.after)),
        GUESS: unit.guess or "",
        CODER: assignment.coder or "",
    }


def _delimiter(header: str) -> str:
    """The one that parts the columns that are needed."""
    for delimiter in (",", ";", "\t"):
        cells = {cell.strip() for cell in next(csv.reader([header], delimiter=delimiter), [])}
        if set(NEEDED) <= cells:
            return delimiter
    return ","


def _answer(place: str, cells: Mapping[str, str], name: str) -> Answer:
    missing = [column for column in NEEDED if column not in cells]
    if missing:
        there = ", ".join(map(repr, cells))
        raise UserError(f"{name}: no column {missing[0]!r}; there are {there}; keep those that were exported")
    several = [part.strip() for part in BETWEEN_LABELS.split(cells.get("labels") or "")]
    return Answer(
        place=place,
        id=cells["id"],
        text_hash=cells.get("text_hash", "").strip() or None,
        text=cells.get("text") or None,
        label=cells["label"].strip() or None,
        labels=tuple(part for part in several if part),
        dealt_to=cells.get(CODER, "").strip() or None,
        unsure=cells.get("unsure", "").strip().lower() not in NO,
        comment=cells.get("comment", "").strip(),
    )


def _text(value: Any) -> str:
    """A cell as text; ``7.0`` is how workbooks hold the number 7."""
    if value is None:
        return ""
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return HELD_ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
