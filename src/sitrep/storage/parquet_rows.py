"""Rows of Parquet files, one at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sitrep.errors import Refuse, UserError
from sitrep.storage.class_numbers import class_names, recorded_features, with_class_names
from sitrep.storage.complete import shown

PARQUET_BATCH_ROWS = 4096


def parquet_rows(path: Path, refuse: Refuse, told: Callable[[int], None]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows of a Parquet file with their places.

    Args:
        path: Of the file.
        refuse: Told of each row that holds what is no value of its type.
        told: Called with the bytes that have been read since it was called last, as far as rows tell.

    Raises:
        UserError: If it cannot be read.
    """
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            size = path.stat().st_size

            def batches() -> Iterator[Any]:
                for batch in file.iter_batches(PARQUET_BATCH_ROWS):
                    told(size * batch.num_rows // max(file.metadata.num_rows, 1))
                    yield batch

            yield from arrow_rows(batches(), file.schema_arrow.metadata, shown(path), refuse)
    except (pyarrow.ArrowException, OSError) as error:
        raise UserError(f"{shown(path)}: not a readable Parquet file: {error}") from None


def arrow_rows(
    batches: Iterable[Any], metadata: Mapping[bytes, bytes] | None, name: str, refuse: Refuse
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows of Arrow batches with their places, counted from 1.

    Args:
        batches: Of one table, in their order.
        metadata: Of its schema; classes whose values are numbers are found there.
        name: Of the table, in places.
        refuse: Told of each row that holds what is no value of its type.
    """
    classes, number = class_names(recorded_features(metadata)), 0
    for batch in batches:
        for fields in _rows_of(batch):
            number += 1
            place = f"{name}:row {number}"
            if isinstance(fields, Exception):
                refuse(UserError(f"{place}: holds what is no value of its type: {fields}"))
            else:
                yield place, with_class_names(fields, classes)


def _rows_of(batch: Any) -> Iterator[dict[str, Any] | Exception]:
    """Rows of an Arrow batch; text that is not UTF-8, or a date beyond Python's, costs its own row only."""
    import pyarrow

    broken = (pyarrow.ArrowInvalid, UnicodeDecodeError, OverflowError, ValueError)
    try:
        rows = batch.to_pylist()
    except broken:
        rows = None
    if rows is not None:
        yield from rows
        return
    for number in range(batch.num_rows):
        try:
            [fields] = batch.slice(number, 1).to_pylist()
        except broken as error:
            yield error
        else:
            yield fields
