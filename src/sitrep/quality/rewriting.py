"""Some cells of a table changed, and nothing else in it."""

import base64
import codecs
import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sitrep.errors import UserError
from sitrep.storage.class_numbers import class_names, recorded_features
from sitrep.storage.complete import shown
from sitrep.storage.separated import DELIMITERS
from sitrep.storage.spreadsheets import unguarded

ARROW_SCHEMA = b"ARROW:schema"
"""Under which a Parquet file keeps the types that its own do not tell apart."""

Changes = Mapping[int, Mapping[str, Any]]
"""New values by column, by the first line of a row, or in Parquet by the number of the row."""


def rewrite(source: Path, target: Path, kind: str, changes: Changes) -> None:
    """Write a table again with changed cells; every row without one stays the same to the byte.

    Args:
        source: JSONL, CSV, TSV or Parquet that was read before without complaint.
        target: To write; of Parquet the schema and all other values are the same.
        kind: ``jsonl``, ``csv``, ``tsv`` or ``parquet``.
        changes: At least one.

    Raises:
        UserError: If a Parquet column cannot hold a new value.
    """
    if kind == "parquet":
        _rewrite_parquet(source, target, changes)
        return
    with source.open("rb") as old, target.open("wb") as new:
        new.writelines(
            _changed_jsonl(old, changes) if kind == "jsonl" else _changed_separated(old, changes, DELIMITERS[kind])
        )


def _changed_jsonl(lines: Iterable[bytes], changes: Changes) -> Iterator[bytes]:
    for number, line in enumerate(lines, 1):
        if number not in changes:
            yield line
            continue
        text = line.decode("utf-8")
        spans = _value_spans(text)
        cells = {column: json.dumps(value, ensure_ascii=False) for column, value in changes[number].items()}
        yield _replaced(text, {spans[column]: written for column, written in cells.items()}).encode("utf-8")


BEFORE_A_KEY, BEFORE_A_VALUE = re.compile(r"[\s,{\ufeff]*"), re.compile(r"[\s:]*")


def _value_spans(text: str) -> dict[str, tuple[int, int]]:
    """Where the value of each key of a JSON object stands; of a key that stands twice the last one counts."""
    decoder = json.JSONDecoder()
    spans: dict[str, tuple[int, int]] = {}
    at = _behind(BEFORE_A_KEY, text, 0)
    while text[at] != "}":
        key, at = decoder.raw_decode(text, at)
        start = _behind(BEFORE_A_VALUE, text, at)
        _, at = decoder.raw_decode(text, start)
        spans[key] = (start, at)
        at = _behind(BEFORE_A_KEY, text, at)
    return spans


def _behind(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def _changed_separated(lines: Iterable[bytes], changes: Changes, delimiter: str) -> Iterator[bytes]:
    taken: list[bytes] = []

    def read() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line.removeprefix(codecs.BOM_UTF8).decode("utf-8") if first == 1 else line.decode("utf-8")

    header: list[str] = []
    first = 1
    for cells in csv.reader(read(), delimiter=delimiter, strict=True):
        raw = b"".join(taken)
        if not header and any(cell.strip() for cell in cells):
            header = [unguarded(cell).strip() for cell in cells]
        if first in changes:
            text = raw.decode("utf-8")
            spans = _cell_spans(text, delimiter)
            places = {spans[header.index(column)]: value for column, value in changes[first].items()}
            written = {span: _quoted(value, text[slice(*span)], delimiter) for span, value in places.items()}
            raw = _replaced(text, written).encode("utf-8")
        yield raw
        first += len(taken)
        taken.clear()


def _cell_spans(record: str, delimiter: str) -> list[tuple[int, int]]:
    """Where each cell of a well-formed record stands, its quotes included."""
    cell = re.compile(rf'"(?:[^"]|"")*"|[^{re.escape(delimiter)}\r\n]*')
    spans: list[tuple[int, int]] = []
    at = 0
    while match := cell.match(record, at):
        spans.append(match.span())
        at = match.end() + 1
        if record[match.end() : at] != delimiter:
            break
    return spans


def _quoted(value: str, old: str, delimiter: str) -> str:
    """A cell in quotes where the old one was, or where it must be."""
    needs = any(character in value for character in (delimiter, '"', "\r", "\n"))
    return '"' + value.replace('"', '""') + '"' if needs or old.startswith('"') else value


def _replaced(text: str, parts: Mapping[tuple[int, int], str]) -> str:
    for (start, end), new in sorted(parts.items(), reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _rewrite_parquet(source: Path, target: Path, changes: Changes) -> None:
    import pyarrow
    from pyarrow import parquet

    with parquet.ParquetFile(source) as file:  # not read_table, which takes folder names such as year=2020 for columns
        recorded = dict(file.metadata.metadata or {})
        arrow = recorded.pop(ARROW_SCHEMA, None)
        table = file.read()
        compression = file.metadata.row_group(0).column(0).compression
    classes = class_names(recorded_features(table.schema.metadata))
    for column in sorted({name for cells in changes.values() for name in cells}):
        field = table.schema.field(column)
        values = table.column(column).to_pylist()
        for number, cells in changes.items():
            if column in cells:
                values[number - 1] = _class_number(cells[column], classes.get(column))
        try:
            fresh = pyarrow.array(values, type=field.type)
        except (pyarrow.ArrowException, TypeError) as error:
            raise UserError(
                f"{shown(source)}: column {column!r} holds {field.type} and cannot hold the corrected label: {error}"
            ) from None
        table = table.set_column(table.schema.get_field_index(column), field, fresh)
    # A file records facts beside those of its schema; each goes back to where it was.
    own = (pyarrow.ipc.read_schema(pyarrow.py_buffer(base64.b64decode(arrow))).metadata or {}) if arrow else {}
    table = table.replace_schema_metadata(own)
    with parquet.ParquetWriter(target, table.schema, compression=compression, store_schema=bool(arrow)) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({key: value for key, value in recorded.items() if key not in own})


def _class_number(value: Any, names: list[str] | None) -> Any:
    """A class name as its number, and names in a list likewise; a name that is no class stays and will not fit."""
    if names is None:
        return value
    if isinstance(value, list):
        return [_class_number(item, names) for item in value]
    return names.index(value) if value in names else value
