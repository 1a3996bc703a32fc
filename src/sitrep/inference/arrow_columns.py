"""Columns of Arrow tables, and the values that do not fit them."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

Types = dict[str, Any]
"""Arrow type by the name of a column."""


def type_of(values: Sequence[Any]) -> Any:
    """Arrow type that holds every value as it is; ``None`` if there is none, or nothing to tell it by."""
    import pyarrow

    try:
        found = pyarrow.array(values).type
    except (pyarrow.ArrowException, OverflowError, ValueError, TypeError):
        return None
    without_fields = pyarrow.types.is_struct(found) and not found.num_fields  # Parquet has none
    return None if pyarrow.types.is_null(found) or without_fields or fitted(values, found)[1] else found


def declared_types(files: Iterable[Path | BinaryIO]) -> Types:
    """Types of the columns of Parquet files, of those that have one type in all files that have them."""
    import pyarrow
    from pyarrow import parquet

    schemas = []
    for file in files:
        with suppress(OSError, pyarrow.ArrowException):  # it is told where it is read
            schemas.append(parquet.read_schema(file))
    return types_of(schemas)


def types_of(schemas: Iterable[Any]) -> Types:
    """Types of the columns that have one type in all schemas that have them."""
    import pyarrow

    found: Types = {}
    for schema in schemas:
        for field in schema:
            kind = _plain(field.type)
            found[field.name] = kind if found.get(field.name, kind) == kind else None
    return {name: kind for name, kind in found.items() if kind is not None and not pyarrow.types.is_null(kind)}


def _plain(kind: Any) -> Any:
    """The type of the values of a column that is kept in another way, such as by category."""
    import pyarrow

    if pyarrow.types.is_dictionary(kind):
        kind = kind.value_type
    return pyarrow.string() if pyarrow.types.is_large_string(kind) or pyarrow.types.is_string_view(kind) else kind


def own_types() -> Types:
    """Types of the columns of our own that may be empty for long and are no text."""
    import pyarrow

    return {"link_density": pyarrow.float64(), "main_text": pyarrow.float64()}


def _exact(values: Sequence[Any], wanted: Any) -> bool:
    """Whether all values are of the one Python type that Arrow holds as it is, so that none need be looked at again."""
    import pyarrow

    kinds = {pyarrow.string(): str, pyarrow.int64(): int, pyarrow.float64(): float, pyarrow.bool_(): bool}
    return wanted in kinds and {*map(type, values)} <= {kinds[wanted], type(None)}


def fitted(values: Sequence[Any], wanted: Any) -> tuple[Any, list[int]]:
    """Values as an Arrow array, and the places of those that are not of that type, where it holds null.

    Arrow by itself refuses a whole column for one value, and cuts what it can: 1.5 to 1, a time of day to a date.
    """
    import pyarrow

    try:
        array = pyarrow.array(values, wanted)
        if _exact(values, wanted):
            return array, []
        back = array.to_pylist()
        if back == values and list(map(type, back)) == list(map(type, values)):
            return array, []
    except (pyarrow.ArrowException, OverflowError, ValueError, TypeError):
        pass
    misfits = [number for number, value in enumerate(values) if not _fits(value, wanted)]
    fitting = list(values)
    for number in misfits:
        fitting[number] = None
    return pyarrow.array(fitting, wanted), misfits


def _fits(value: Any, wanted: Any) -> bool:
    import pyarrow

    try:
        return _same(value, pyarrow.array([value], wanted).to_pylist()[0])
    except (pyarrow.ArrowException, OverflowError, ValueError, TypeError):
        return False


def _same(value: Any, back: Any) -> bool:
    """Whether nothing was lost; a field that a nested value lacks may have become null, and 1 may be 1.0."""
    if isinstance(value, dict) and isinstance(back, dict):
        return value.keys() <= back.keys() and all(_same(value.get(key), item) for key, item in back.items())
    if isinstance(value, list | tuple) and isinstance(back, list):
        return len(value) == len(back) and all(map(_same, value, back))
    if isinstance(value, bool) != isinstance(back, bool):
        return False
    return bool(value == back or (value != value and back != back))  # NaN is not itself
