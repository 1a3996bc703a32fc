"""Prediction input: articles, rows, folders of them, and standard input, as a stream of passages."""

import codecs
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sitrep.config import InputFormat, PredictSettings, Unit
from sitrep.errors import UserError
from sitrep.inference.segmentation import sentence_spans
from sitrep.sentences import Passage
from sitrep.tables import ROW_SUFFIXES, Row, check_readable, read_row_stream, read_rows, text_lines

STANDARD_INPUT = "-"
ARTICLE_SUFFIXES = (".txt",)
READABLE = (*ARTICLE_SUFFIXES, *ROW_SUFFIXES)
OUTPUT_FIELDS = ("id", "article_id", "position", "start", "end", "text", "label", "probabilities", "truncated")


def read_passages(settings: PredictSettings) -> Iterator[Passage]:
    """Stream the sentences of the input in its order; rows are never held all at once.

    Raises:
        UserError: For input that is missing, unreadable or malformed, with file and line.
    """
    if settings.input == STANDARD_INPUT:
        yield from _standard_input(settings)
        return
    path = Path(settings.input)
    if path.is_dir():
        yield from _folder(path, settings)
    else:
        yield from _file(path, path.stem, settings)


def check_input(settings: PredictSettings) -> None:
    """Refuse input that cannot be read before a model is loaded for it."""
    if settings.input == STANDARD_INPUT:
        if settings.format is InputFormat.parquet:
            raise UserError("format=parquet: cannot be read from standard input; name the file with input=FILE")
        return
    path = Path(settings.input)
    if path.is_dir():
        if not any(_readable_files(path)):
            raise UserError(f"input={path}: the folder holds none of {', '.join(READABLE)}")
        return
    check_readable(path)
    _format_of(path, settings.format)


def article_passages(text: str, article_id: str, fields: dict[str, Any] | None = None) -> Iterator[Passage]:
    """Cut an article into passages whose offsets are exact: ``passage.text == text[start:end]``."""
    for position, (start, end) in enumerate(sentence_spans(text)):
        yield Passage(f"{article_id}:{position}", article_id, position, start, end, text[start:end], fields or {})


def _standard_input(settings: PredictSettings) -> Iterator[Passage]:
    stream = sys.stdin.buffer
    kind = settings.format
    if kind is InputFormat.auto:
        head = stream.peek(64) if isinstance(stream, io.BufferedReader) else b""
        kind = InputFormat.jsonl if head.lstrip(codecs.BOM_UTF8 + b" \t\r\n").startswith(b"{") else InputFormat.text
    if kind is InputFormat.text:
        yield from _article("".join(text_lines(stream, "standard input")), "standard input", "stdin")
    else:
        yield from _rows(read_row_stream(stream, "standard input", kind.name), settings, "stdin")


def _folder(folder: Path, settings: PredictSettings) -> Iterator[Passage]:
    for path in _readable_files(folder):
        name = path.relative_to(folder).with_suffix("").as_posix()
        yield from _file(path, name, settings)


def _readable_files(folder: Path) -> Iterator[Path]:
    """Articles and tables below a folder, by name, so that the order is the same everywhere."""
    return (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in READABLE and path.is_file())


def _file(path: Path, name: str, settings: PredictSettings) -> Iterator[Passage]:
    check_readable(path)
    kind = _format_of(path, settings.format)
    if kind is InputFormat.text:
        with path.open("rb") as stream:
            text = "".join(text_lines(stream, str(path)))
        yield from _article(text, str(path), name)
    else:
        yield from _rows(read_rows(path, kind.name), settings, name)


def _format_of(path: Path, wanted: InputFormat) -> InputFormat:
    if wanted is not InputFormat.auto:
        return wanted
    suffix = path.suffix.lower()
    if suffix in ARTICLE_SUFFIXES:
        return InputFormat.text
    if suffix in ROW_SUFFIXES:
        return InputFormat[suffix.removeprefix(".")]
    raise UserError(
        f"input={path}: cannot tell what {suffix or 'a file without ending'} holds; set format=text, jsonl or csv"
    )


def _article(text: str, place: str, name: str) -> Iterator[Passage]:
    if not text.strip():
        raise UserError(f"{place}: the text is empty")
    yield from article_passages(text, name)


def _rows(rows: Iterator[Row], settings: PredictSettings, name: str) -> Iterator[Passage]:
    previous: str | None = None
    position = 0
    empty = True
    for index, row in enumerate(rows):
        empty = False
        text = row.fields.get(settings.text_field)
        if settings.text_field not in row.fields:
            there = ", ".join(map(repr, row.fields))
            raise UserError(f"{row.place}: no column {settings.text_field!r} (text_field); there are {there}")
        if not isinstance(text, str):
            raise UserError(f"{row.place}: {settings.text_field} must be text, not {text!r}")
        if not text.strip():
            raise UserError(f"{row.place}: the text is empty; fill it or remove the row")
        identity = _text_or(row.fields.get("id"), f"{name}:{index}")
        article_id = _text_or(row.fields.get("article_id"), identity)
        fields = _carried(row, settings)
        if settings.unit is Unit.article:
            yield from article_passages(text, article_id, fields)
            continue
        position = position + 1 if article_id == previous else 0
        previous = article_id
        given = row.fields.get("position")
        place = _whole_number(given, row) if given not in (None, "") else position
        yield Passage(identity, article_id, place, 0, len(text), text, fields)
    if empty:
        raise UserError(f"{name}: holds no rows")


def _text_or(value: Any, default: str) -> str:
    return str(value) if value not in (None, "") else default


def _whole_number(value: Any, row: Row) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise UserError(f"{row.place}: position must be a whole number, not {value!r}") from None


def _carried(row: Row, settings: PredictSettings) -> dict[str, Any]:
    """The other fields of a row; one that has the name of an output field gets ``input_`` before it."""
    ours = {"id", "article_id", "position", settings.text_field}
    return {
        f"input_{key}" if key in OUTPUT_FIELDS else key: value for key, value in row.fields.items() if key not in ours
    }
