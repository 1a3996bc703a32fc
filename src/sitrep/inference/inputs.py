"""Prediction input: articles, rows, folders of them, and standard input, as a stream of passages."""

import codecs
import io
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sitrep.config import InputFormat, PredictSettings, Unit
from sitrep.errors import UserError
from sitrep.inference.segmentation import sentence_spans
from sitrep.sentences import Passage, carried_fields
from sitrep.tables import ROW_SUFFIXES, Row, check_readable, read_row_stream, read_rows, text_lines, whole_number

STANDARD_INPUT = "-"
ARTICLE_SUFFIXES = (".txt",)
READABLE = (*ARTICLE_SUFFIXES, *ROW_SUFFIXES)


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
        yield from _folder(settings)
    else:
        yield from _file(path, path.stem, settings)


def check_input(settings: PredictSettings) -> None:
    """Refuse input that cannot be read before a model is loaded for it."""
    if settings.input == STANDARD_INPUT:
        if sys.stdin is None:
            raise UserError("input=-: standard input is closed")
        if settings.format is InputFormat.parquet:
            raise UserError("format=parquet: cannot be read from standard input; name the file with input=FILE")
        return
    path = Path(settings.input)
    output = Path(settings.output)
    if path.exists() and output.exists() and path.samefile(output):
        raise UserError(f"output={output}: is the input itself; name another file")
    if path.is_dir():
        if not readable_files(settings):
            raise UserError(f"input={path}: the folder holds none of {', '.join(READABLE)}")
        return
    check_readable(path)
    _format_of(path, settings.format)


def article_passages(
    text: str, article_id: str, name: str | None = None, fields: dict[str, Any] | None = None, first_position: int = 0
) -> Iterator[Passage]:
    """Cut an article into passages whose offsets are exact: ``passage.text == text[start:end]``.

    Args:
        text: The article, or a part of it.
        article_id: Of the article.
        name: What the passages' ids begin with; by default the article's id.
        fields: Carried through with every passage.
        first_position: Of the first passage, where the text is not the beginning of its article.
    """
    for place, (start, end) in enumerate(sentence_spans(text)):
        yield Passage(
            f"{name or article_id}:{place}",
            article_id,
            first_position + place,
            start,
            end,
            text[start:end],
            fields or {},
        )


def readable_files(settings: PredictSettings) -> list[Path]:
    """Articles and tables below the input folder, by name, so that the order is the same everywhere.

    Hidden files are not input, and neither is the output, which may lie in the same folder.
    """
    folder, output = Path(settings.input), Path(settings.output).resolve()
    return [path for path in _visible_files(folder) if path.suffix.lower() in READABLE and path.resolve() != output]


def skipped_files(settings: PredictSettings) -> list[Path]:
    """Files below the input folder that are of no kind that can be read."""
    folder = Path(settings.input)
    return [path for path in _visible_files(folder) if path.suffix.lower() not in READABLE] if folder.is_dir() else []


def _visible_files(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def _standard_input(settings: PredictSettings) -> Iterator[Passage]:
    stream = sys.stdin.buffer
    kind = settings.format
    if kind is InputFormat.auto:
        peeked = stream.peek(64) if isinstance(stream, io.BufferedReader) else b""
        head = peeked.lstrip(codecs.BOM_UTF8 + b" \t\r\n")
        if re.match(rb"\[\s*\{", head):
            raise UserError(
                "standard input: is a JSON array; write one object a line, or set format=text for an article"
            )
        kind = InputFormat.jsonl if head.startswith(b"{") else InputFormat.text
    if kind is InputFormat.text:
        yield from _article("".join(text_lines(stream, "standard input")), "standard input", "stdin")
    else:
        yield from _rows(read_row_stream(stream, "standard input", kind.name), settings, "stdin")


def _folder(settings: PredictSettings) -> Iterator[Passage]:
    folder = Path(settings.input)
    paths = readable_files(settings)
    names = Counter(path.with_suffix("") for path in paths)
    for path in paths:
        alone = names[path.with_suffix("")] == 1
        yield from _file(path, (path.with_suffix("") if alone else path).relative_to(folder).as_posix(), settings)


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
    what = suffix or "a file without ending"
    raise UserError(f"input={path}: cannot tell what {what} holds; set format=text, jsonl or csv")


def _article(text: str, place: str, name: str) -> Iterator[Passage]:
    if not text.strip():
        raise UserError(f"{place}: the text is empty")
    yield from article_passages(text, name)


def _rows(rows: Iterator[Row], settings: PredictSettings, name: str) -> Iterator[Passage]:
    """Rows as passages; units of an article that bring no position are counted, also where articles alternate."""
    positions: Counter[str] = Counter()
    for index, row in enumerate(rows):
        text = _text(row, settings.text_field)
        identity = _text_or(row.fields.get("id"), f"{name}:{index}")
        article_id = _text_or(row.fields.get("article_id"), identity)
        for passage in _passages(row, text, identity, article_id, positions[article_id], settings):
            if article_id != identity:  # a row that stands alone need not be remembered
                positions[article_id] += 1
            yield passage


def _passages(
    row: Row, text: str, identity: str, article_id: str, position: int, settings: PredictSettings
) -> Iterator[Passage]:
    if settings.unit is Unit.article:
        ours = {"article_id", settings.text_field}
        fields = carried_fields({key: value for key, value in row.fields.items() if key not in ours})
        yield from article_passages(text, article_id, identity, fields, position)
        return
    given = whole_number(row.fields.get("position"), "position", row.place)
    ours = {"id", "article_id", "position", settings.text_field}
    fields = carried_fields({key: value for key, value in row.fields.items() if key not in ours})
    yield Passage(identity, article_id, position if given is None else given, 0, len(text), text, fields)


def _text(row: Row, field: str) -> str:
    text = row.fields.get(field)
    if field not in row.fields:
        there = ", ".join(map(repr, row.fields))
        raise UserError(f"{row.place}: no column {field!r} (text_field); there are {there}")
    if not isinstance(text, str):
        raise UserError(f"{row.place}: {field} must be text, not {text!r}")
    if not text.strip():
        raise UserError(f"{row.place}: the text is empty; fill it or remove the row")
    return text


def _text_or(value: Any, default: str) -> str:
    return str(value) if value not in (None, "") else default
