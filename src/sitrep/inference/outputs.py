"""Predictions as JSON lines, CSV or Parquet, written as they come."""

import csv
import io
import json
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from sitrep.errors import UserError
from sitrep.sentences import Prediction
from sitrep.storage.complete import complete_file, refuse_existing

STANDARD_OUTPUT = "-"
PARQUET_GROUP_ROWS = 8192

Write = Callable[[Prediction], None]


def check_output(output: str, overwrite: bool) -> None:
    """Refuse an output that cannot or must not be written, before any work is done for it."""
    if output == STANDARD_OUTPUT:
        if sys.stdout is None:
            raise UserError("output=-: standard output is closed")
        return
    path = Path(output)
    if path.suffix.lower() not in WRITERS:
        raise UserError(f"output={output}: the ending must be one of {', '.join(WRITERS)}, or - for standard output")
    refuse_existing(path, overwrite)


@contextmanager
def open_output(output: str, overwrite: bool = False) -> Iterator[Write]:
    """Yield a function that writes one prediction.

    A file appears under its name only when the block ends well; standard output is written at once.

    Args:
        output: File name whose ending picks the format, or ``-`` for JSON lines on standard output.
        overwrite: Whether an existing file is replaced.

    Raises:
        UserError: If the file exists already or cannot be written, or if a row does not fit the columns.
    """
    check_output(output, overwrite)
    if output == STANDARD_OUTPUT:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # whatever the terminal's locale is
        yield _jsonl_writer(sys.stdout)
        sys.stdout.flush()
        return
    path = Path(output)
    with ExitStack() as stack:
        partial = stack.enter_context(complete_file(path, overwrite))
        yield stack.enter_context(WRITERS[path.suffix.lower()](partial, path.name))


def as_row(prediction: Prediction) -> dict[str, Any]:
    """One output object: the fields of the contract, then those carried through from the input."""
    passage = prediction.passage
    row = {
        "id": passage.id,
        "article_id": passage.article_id,
        "position": passage.position,
        "start": passage.start,
        "end": passage.end,
        "text": passage.text,
        "label": prediction.label,
    }
    if prediction.labels is not None:
        row["labels"] = list(prediction.labels)
    row["probabilities"] = {label: round(value, 6) for label, value in prediction.probabilities.items()}
    if prediction.decision is not None:
        row["decision"] = prediction.decision
    if prediction.truncated:
        row["truncated"] = True
    fields = dict(passage.fields)
    if prediction.labels is not None and "labels" in fields:  # only such a model has a field of that name itself
        fields["input_labels"] = fields.pop("labels")
    return row | fields


def _jsonl_writer(file: IO[str]) -> Write:
    def write(prediction: Prediction) -> None:
        row = as_row(prediction)
        try:
            line = json.dumps(row, ensure_ascii=False, allow_nan=False, default=str)
        except ValueError:
            line = json.dumps(_without_nan(row), ensure_ascii=False, allow_nan=False, default=str)
        file.write(line + "\n")

    return write


@contextmanager
def _jsonl(path: Path, name: str) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        yield _jsonl_writer(file)


@contextmanager
def _csv(path: Path, name: str) -> Iterator[Write]:
    """One column a probability; columns are those of the first row."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer: csv.DictWriter[str] | None = None

        def write(prediction: Prediction) -> None:
            nonlocal writer
            row = _flat(prediction)
            if writer is None:
                writer = csv.DictWriter(file, list(row))
                writer.writeheader()
            _check_columns(row, list(writer.fieldnames), name)
            nested = {
                key: json.dumps(value, default=str) for key, value in row.items() if isinstance(value, dict | list)
            }
            writer.writerow(row | nested)

        yield write


@contextmanager
def _parquet(path: Path, name: str) -> Iterator[Write]:
    """Like CSV, with types; they are those of the first group of rows."""
    import pyarrow
    from pyarrow import parquet

    with ExitStack() as stack:
        waiting: list[dict[str, Any]] = []
        target: parquet.ParquetWriter | None = None

        def flush() -> None:
            nonlocal target
            if not waiting:
                return
            try:
                if target is None:
                    target = stack.enter_context(parquet.ParquetWriter(path, _schema(waiting)))
                target.write_table(pyarrow.Table.from_pylist(waiting, schema=target.schema))
            except (pyarrow.ArrowException, OverflowError) as error:
                reason = f"a field does not fit the type of the first rows: {error}; write .jsonl instead"
                raise UserError(f"{name}: {reason}") from None
            waiting.clear()

        def write(prediction: Prediction) -> None:
            row = _flat(prediction)
            if waiting or target:
                _check_columns(row, list(waiting[0]) if waiting else target.schema.names, name)  # type: ignore[union-attr]
            waiting.append(row)
            if len(waiting) >= PARQUET_GROUP_ROWS:
                flush()

        yield write
        flush()


def _schema(rows: list[dict[str, Any]]) -> Any:
    """Types of the first rows; a column that is empty there is taken for text."""
    import pyarrow

    found = pyarrow.Table.from_pylist(rows).schema
    empty = pyarrow.types.is_null
    return pyarrow.schema([field.with_type(pyarrow.string()) if empty(field.type) else field for field in found])


def _without_nan(value: Any) -> Any:
    """NaN and infinity, which JSON does not have, as null."""
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _flat(prediction: Prediction) -> dict[str, Any]:
    row = as_row(prediction)
    probabilities = row.pop("probabilities")
    flat = {key: row.pop(key) for key in ("id", "article_id", "position", "start", "end", "text", "label")}
    if prediction.labels is not None:
        row.pop("labels")
        flat["labels"] = "|".join(prediction.labels)  # as training data may name several in a table
    flat |= {f"probability_{label}": value for label, value in probabilities.items()}
    return flat | {"truncated": prediction.truncated} | row


def _check_columns(row: dict[str, Any], columns: list[str], name: str) -> None:
    if row.keys() != set(columns):
        odd = sorted(row.keys() ^ set(columns))
        raise UserError(
            f"{name}: row {row['id']!r}: {odd[0]!r} is not in every row, as a table wants it; write .jsonl instead"
        )


WRITERS = {".jsonl": _jsonl, ".csv": _csv, ".parquet": _parquet}
