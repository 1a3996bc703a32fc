"""CSV and Parquet files of rows that need not all have the same fields."""

import csv
import os
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sitrep.inference.arrow_columns import Types, fitted, own_types, type_of
from sitrep.storage.json_lines import json_line
from sitrep.storage.spreadsheets import SpreadsheetWriter

BUFFER_ROWS = 8192
"""Rows whose fields together are the columns; they wait in memory until then, as does each later group."""

EXTRA = "extra"
"""Last column, for what is in no other; it gets a number where the rows have a field of that name."""

TEXT_OR_JSON = {b"holds": b"text, or JSON of what is none"}
"""Metadata of a column of Parquet whose type the first rows did not tell; later parts of a job go by it."""

NOTES_IN_MEMORY = 2**20
"""Characters of what goes into the last column that are held before they go to the disk."""


class TableWriter(ABC):
    """Writes rows whose fields may come and go; what fits no column goes as JSON into a last one.

    The columns are those of the first rows. The last one is only there if it is needed: what goes into it is kept
    aside, and when the writer is closed what was written is copied once, with that column.

    Args:
        path: File to write. What is there is replaced; the caller sees to it that half a file is never seen.
        name: Of the file, in messages.
        say: Called with one line for each field that goes into the last column.
    """

    def __init__(self, path: Path, name: str, say: Callable[[str], None]) -> None:
        self.path = path
        self.name = name
        self.columns: Mapping[str, Any] = {}
        self.extra = EXTRA
        self.waiting: list[Mapping[str, Any]] = []
        self.stack = ExitStack()
        self._why_late = f"is not in the first {BUFFER_ROWS:,} rows"
        self._say = say
        self._said: set[str] = set()

    def __enter__(self) -> Self:
        # Beside the output, where there is room for much; a file without a name, of which a crash leaves nothing.
        notes = tempfile.SpooledTemporaryFile(NOTES_IN_MEMORY, "w+", -1, "utf-8", "\n", dir=str(self.path.parent))
        self._notes = self.stack.enter_context(notes)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self.stack:
            if kind is not None:
                return
            self._flush()
            self._close()
            if self._said:
                self._notes.seek(0)
                with replaced(self.path) as copy:
                    self._copy(copy, (line.rstrip("\n") or None for line in self._notes))

    def write(self, row: Mapping[str, Any]) -> None:
        """Write one row."""
        self.waiting.append(row)
        if len(self.waiting) >= BUFFER_ROWS:
            self._flush()

    def put_aside(self, column: str, why: str) -> None:
        """Say once of a field that it goes into the last column."""
        if column not in self._said:
            self._said.add(column)
            self._say(f"{self.name}: {column!r} {why}; such values go into the last column, {self.extra!r}")

    def _flush(self) -> None:
        if not self.waiting:
            return
        if not self.columns:
            self._choose_columns()
            numbered = (f"{EXTRA}_{number}" for number in range(2, len(self.columns) + 3))
            self.extra = next(name for name in (EXTRA, *numbered) if name not in self.columns)
            self._open()
        late = [{name: row[name] for name in row if name not in self.columns} for row in self.waiting]
        for name in dict.fromkeys(name for fields in late for name in fields):
            self.put_aside(name, self._why_late)
        self._append(late)
        self._notes.writelines(f"{json_line(fields)}\n" if fields else "\n" for fields in late)
        self.waiting.clear()

    def _choose_columns(self) -> None:
        """Set the columns; ``waiting`` holds the first rows."""
        self.columns = dict.fromkeys(name for row in self.waiting for name in row)

    @abstractmethod
    def _open(self) -> None:
        """Begin the file; ``waiting`` holds the first rows."""

    @abstractmethod
    def _append(self, late: Sequence[dict[str, Any]]) -> None:
        """Write the rows that wait; what of them does not fit is added to ``late``."""

    @abstractmethod
    def _close(self) -> None:
        """End the file."""

    @abstractmethod
    def _copy(self, target: Path, extras: Iterator[str | None]) -> None:
        """Write the file anew with the last column."""


class CsvWriter(TableWriter):
    """Writes CSV that spreadsheets do not take for formulas; a missing field is an empty cell."""

    def _open(self) -> None:
        self._file = self.stack.enter_context(
            self.path.open("w", encoding="utf-8", errors="backslashreplace", newline="")
        )
        self._writer = SpreadsheetWriter(self._file, list(self.columns))

    def _append(self, late: Sequence[dict[str, Any]]) -> None:
        for row in self.waiting:
            self._writer.write(row)

    def _close(self) -> None:
        if self.columns:
            self._file.close()

    def _copy(self, target: Path, extras: Iterator[str | None]) -> None:
        with (
            self.path.open(encoding="utf-8", newline="") as source,
            target.open("w", encoding="utf-8", newline="") as file,
        ):
            # Cells are copied as they stand, guarded already; an object in JSON needs no guard.
            written, writer = csv.reader(source), csv.writer(file)
            writer.writerow([*next(written), self.extra])
            writer.writerows([*cells, extra] for cells, extra in zip(written, extras, strict=True))


class ParquetWriter(TableWriter):
    """Writes Parquet; types are those that were declared, else those of the first rows, and a missing field is null.

    A column that holds several types in the first rows, or nothing, is text, and what is none is written as JSON.

    Args:
        path: As in :class:`TableWriter`.
        name: As there.
        say: As there.
        like: Another such file, whose columns and types this one has.
        types: Of columns, as the input declares them; those count whose first rows are of them, or empty.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        say: Callable[[str], None],
        like: Path | None = None,
        types: Types | None = None,
    ) -> None:
        super().__init__(path, name, say)
        self._types = own_types() | (types or {})
        self._like = like
        if like is not None:
            self._why_late = f"is not in {like.name}"

    def _choose_columns(self) -> None:
        super()._choose_columns()
        if self._like is not None:
            from pyarrow import parquet

            self._schema = parquet.read_schema(self._like)
            self.columns = dict.fromkeys(self._schema.names)

    def _open(self) -> None:
        import pyarrow
        from pyarrow import parquet

        if self._like is None:
            kinds = {name: self._type_of(name) for name in self.columns}
            self._schema = pyarrow.schema(
                [
                    pyarrow.field(name, kind or pyarrow.string(), metadata=None if kind else TEXT_OR_JSON)
                    for name, kind in kinds.items()
                ]
            )
        self._as_text = {field.name for field in self._schema if TEXT_OR_JSON.items() <= (field.metadata or {}).items()}
        self._target = self.stack.enter_context(parquet.ParquetWriter(self.path, self._schema))

    def _type_of(self, name: str) -> Any:
        values = [row.get(name) for row in self.waiting]
        declared = self._types.get(name)
        return declared if declared is not None and not fitted(values, declared)[1] else type_of(values)

    def _append(self, late: Sequence[dict[str, Any]]) -> None:
        import pyarrow

        arrays = []
        for field in self._schema:
            values = [row.get(field.name) for row in self.waiting]
            if field.name in self._as_text:
                values = [v if v is None or isinstance(v, str) else json_line(v) for v in values]
            array, misfits = fitted(values, field.type)
            for number in misfits:
                late[number][field.name] = values[number]
                self.put_aside(field.name, f"holds what is not of the type of its column, {field.type}")
            arrays.append(array)
        self._target.write_table(pyarrow.Table.from_arrays(arrays, schema=self._schema))

    def _close(self) -> None:
        if self.columns:
            self._target.close()

    def _copy(self, target: Path, extras: Iterator[str | None]) -> None:
        import pyarrow
        from pyarrow import parquet

        schema = self._schema.append(pyarrow.field(self.extra, pyarrow.string()))
        with parquet.ParquetFile(self.path) as source, parquet.ParquetWriter(target, schema) as file:
            for group in range(source.num_row_groups):
                rows = source.read_row_group(group)
                column = pyarrow.array([next(extras) for _ in range(rows.num_rows)], pyarrow.string())
                file.write_table(rows.append_column(schema.field(self.extra), column))


@contextmanager
def replaced(partial: Path) -> Iterator[Path]:
    """Fill another file that takes the place of ``partial``, which is hidden and has a name of its own already."""
    copy = partial.with_suffix("").with_suffix(f".copy{partial.suffix}")  # no longer than the other: fits where it did
    try:
        yield copy
        os.replace(copy, partial)
    finally:
        copy.unlink(missing_ok=True)
