"""Predictions as JSON lines, CSV or Parquet, written as they come."""

import csv
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from sitrep.errors import UserError
from sitrep.files import complete_file, refuse_existing
from sitrep.sentences import Prediction

STANDARD_OUTPUT = "-"
PARQUET_GROUP_ROWS = 8192

Write = Callable[[Prediction], None]


def check_output(output: str, overwrite: bool) -> None:
    """Refuse an output that cannot or must not be written, before any work is done for it."""
    if output == STANDARD_OUTPUT:
        return
    path = Path(output)
    if path.suffix.lower() not in WRITERS:
        raise UserError(f"output={output}: the ending must be one of {', '.join(WRITERS)}, or - for standard output")
    refuse_existing(path, overwrite, "overwrite=true replaces it")


@contextmanager
def open_output(output: str, labels: tuple[str, ...], overwrite: bool = False) -> Iterator[Write]:
    """Yield a function that writes one prediction.

    A file appears under its name only when the block ends well; standard output is written at once.

    Args:
        output: File name whose ending picks the format, or ``-`` for JSON lines on standard output.
        labels: Labels in the order of the probabilities, for the columns of CSV and Parquet.
        overwrite: Whether an existing file is replaced.

    Raises:
        UserError: If the file exists already or cannot be written, or if a row does not fit the columns.
    """
    check_output(output, overwrite)
    if output == STANDARD_OUTPUT:
        yield _jsonl_writer(sys.stdout)
        sys.stdout.flush()
        return
    path = Path(output)
    with ExitStack() as stack:
        partial = stack.enter_context(complete_file(path, overwrite))
        yield stack.enter_context(WRITERS[path.suffix.lower()](partial, labels))


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
        "probabilities": {label: round(value, 6) for label, value in prediction.probabilities.items()},
    }
    if prediction.truncated:
        row["truncated"] = True
    return row | dict(passage.fields)


def _jsonl_writer(file: IO[str]) -> Write:
    def write(prediction: Prediction) -> None:
        file.write(json.dumps(as_row(prediction), ensure_ascii=False, default=str) + "\n")

    return write


@contextmanager
def _jsonl(path: Path, labels: tuple[str, ...]) -> Iterator[Write]:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        yield _jsonl_writer(file)


@contextmanager
def _csv(path: Path, labels: tuple[str, ...]) -> Iterator[Write]:
    """One column a probability; columns are those of the first row."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer: csv.DictWriter[str] | None = None

        def write(prediction: Prediction) -> None:
            nonlocal writer
            row = _flat(prediction)
            if writer is None:
                writer = csv.DictWriter(file, list(row))
                writer.writeheader()
            _check_columns(row, list(writer.fieldnames))
            writer.writerow(row)

        yield write


@contextmanager
def _parquet(path: Path, labels: tuple[str, ...]) -> Iterator[Write]:
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
                table = pyarrow.Table.from_pylist(waiting, schema=target.schema if target else None)
            except pyarrow.ArrowException as error:
                raise UserError(
                    f"{path.name}: a field changes its type between rows: {error}; write .jsonl instead"
                ) from None
            if target is None:
                target = stack.enter_context(parquet.ParquetWriter(path, table.schema))
            target.write_table(table)
            waiting.clear()

        def write(prediction: Prediction) -> None:
            row = _flat(prediction)
            if waiting or target:
                _check_columns(row, list(waiting[0]) if waiting else target.schema.names)  # type: ignore[union-attr]
            waiting.append(row)
            if len(waiting) >= PARQUET_GROUP_ROWS:
                flush()

        yield write
        flush()


def _flat(prediction: Prediction) -> dict[str, Any]:
    row = as_row(prediction)
    probabilities = row.pop("probabilities")
    flat = {**{key: row.pop(key) for key in ("id", "article_id", "position", "start", "end", "text", "label")}}
    flat |= {f"probability_{label}": value for label, value in probabilities.items()}
    return flat | {"truncated": prediction.truncated} | row


def _check_columns(row: dict[str, Any], columns: list[str]) -> None:
    if row.keys() != set(columns):
        odd = sorted(row.keys() ^ set(columns))
        raise UserError(
            f"row {row['id']!r}: {odd[0]!r} is not in every row, and a table needs it to be; write .jsonl instead"
        )


WRITERS = {".jsonl": _jsonl, ".csv": _csv, ".parquet": _parquet}
