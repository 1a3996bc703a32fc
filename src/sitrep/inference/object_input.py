"""Prediction input that lies in object storage: read as files are, one after the other, from a spool on the disk."""

import io
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from sitrep.errors import Refuse, UserError, stop
from sitrep.inference.arrow_columns import Types, declared_types
from sitrep.inference.folders import (
    ERRORS_SUFFIX,
    JOB_TABLES,
    MANIFEST,
    READABLE,
    FolderFiles,
    is_prediction,
)
from sitrep.inference.inputs import STANDARD_INPUT, InputSource
from sitrep.inference.meter import size_of
from sitrep.inference.row_passages import carried_types
from sitrep.sentences import Passage
from sitrep.settings import InputFormat
from sitrep.storage.complete import shown
from sitrep.storage.object_storage import ObjectPrefix, StoredObject, is_object_url, normal_url
from sitrep.storage.spool import Spool

MARK = b"PAR1"
"""A Parquet file begins and ends with it."""
TAIL = 4 + len(MARK)
"""Bytes at its end: how long its description of the columns is, and the mark."""


@contextmanager
def open_input(source: InputSource, output: str) -> Iterator[InputSource]:
    """The source itself, or, if its location is the URL of an object or a prefix, what reads these.

    Args:
        source: As the settings say it.
        output: That is written; it is no input though it may lie below the prefix.

    Raises:
        UserError: If there is no such object or prefix.
    """
    if not is_object_url(source.location):
        yield source
        return
    prefix, single = ObjectPrefix.find(source.location)
    ours = {each.name: getattr(source, each.name) for each in fields(source)} | {"output": None, "pages_text": None}
    with Spool.of(prefix) as spool:
        yield ObjectInput(**ours, spool=spool, single=single, output_url=output)


@dataclass(frozen=True)
class ObjectInput(InputSource):
    """Objects whose files are named as they are below the prefix; such a path is nowhere on the disk.

    Attributes:
        spool: Brings them to the disk.
        single: Name of the object, if the input is one alone; ``None``: all below the prefix.
        output_url: What is written.
    """

    spool: Spool = field(kw_only=True)
    single: str | None = field(kw_only=True)
    output_url: str = field(kw_only=True, default=STANDARD_INPUT)

    @property
    def path(self) -> Path:
        """The name of the object, or that of no folder."""
        return Path(self.single or "")

    @property
    def is_stream(self) -> bool:
        """Never."""
        return False

    @property
    def is_folder(self) -> bool:
        """Whether it is a prefix."""
        return self.single is None

    def check(self) -> None:
        """Refuse what cannot be read, before a model is loaded for it.

        Raises:
            UserError: If it is missing, unreadable, or of an unknown kind.
        """
        if self.is_folder and not self.files.readable:
            raise UserError(f"input={self.location}: holds none of {', '.join(READABLE)}")
        if not self.is_folder:
            with self._on_disk(self.path) as path:
                next(self._file(path, self.path.stem, stop if self.strict else _pass_over), None)

    def expect(self, paths: Iterable[Path]) -> None:
        """Prepare to read these of the objects, in this order."""
        order = list(paths)
        self.spool.plan([self._objects[path] for path in order])
        self.meter.expect(order, self._bytes)

    def status(self, path: Path) -> tuple[int, int]:
        """Size of an object, and when it was written."""
        return self._objects[path].bytes, self._objects[path].modified

    def file_passages(self, path: Path, name: str, refuse: Refuse = stop) -> Iterator[Passage]:
        """The sentences of one object.

        Raises:
            UserError: If it cannot be fetched: that is no fault of the page, so that it is not left out for it.
        """
        with self._on_disk(path) as on_disk:
            if self.is_folder and is_prediction(on_disk):
                sys.stderr.write(f"{self._place(path)} holds predictions: not read\n")
                self.meter.end_file(path)
                return
            yield from super().file_passages(on_disk, name, lambda error: refuse(self._named(error, on_disk, path)))

    def column_types(self) -> Types:
        """Types that Parquet objects give the columns that are carried through, under the names they then have."""
        return carried_types(declared_types(self._parquet_footers()), self.text_field, self.html_field)

    @cached_property
    def files(self) -> FolderFiles:
        """What lies below the prefix, by name; what holds predictions all the same is passed over when it is read."""
        found = FolderFiles([], [], [each.path for each in self._listed if not each.is_as_its_path])
        jobs = {path.parent for path in self._objects if path.name == MANIFEST}
        for path in sorted(self._objects):
            if any(part.startswith(".") for part in path.parts):
                continue
            of_job = path.parent in jobs and (path.name in JOB_TABLES or path.name.startswith("part-"))
            if not path.name.lower().endswith(READABLE):
                found.others.append(path)
            elif of_job or path.name.endswith(ERRORS_SUFFIX):
                found.predictions.append(path)
            else:
                found.readable.append(path)
        return found

    @cached_property
    def _objects(self) -> dict[Path, StoredObject]:
        """What there is and can be read, by its name as a path."""
        return {each.path: each for each in self._listed if each.is_as_its_path}

    @cached_property
    def _listed(self) -> list[StoredObject]:
        """What there is, but for what is written."""
        prefix = self.spool.prefix
        if self.single is not None:
            if (found := prefix.find_object(self.single)) is None:
                raise UserError(f"{prefix.place(self.single)}: there is no such object")
            return [found]
        own = normal_url(self.output_url) + "/"
        return [each for each in prefix.objects() if not prefix.place(each.name).startswith(own)]

    @contextmanager
    def _on_disk(self, path: Path) -> Iterator[Path]:
        """An object as a file; mistakes in it are told with its URL."""
        on_disk = self.spool.file(self._objects[path])
        try:
            yield on_disk
        except UserError as error:
            raise self._named(error, on_disk, path) from None

    def _parquet_footers(self) -> Iterator[BinaryIO]:
        """The ends of Parquet objects, where their columns stand, each as a file without rows."""
        for path, _ in self.named_files():
            by_name = self.format is InputFormat.auto and path.suffix.lower() == ".parquet"
            if not (by_name or self.format is InputFormat.parquet):
                continue
            found = self._objects[path]
            with self.spool.prefix.opened(found.name) as file:
                tail = file.read_at(TAIL, max(found.bytes - TAIL, 0))
                length = int.from_bytes(tail[:4], "little") + TAIL
                footer = file.read_at(length, found.bytes - length) if TAIL < length <= found.bytes else b""
            yield io.BytesIO(MARK + footer)

    def _named(self, error: UserError, on_disk: Path, path: Path) -> UserError:
        return type(error)(str(error).replace(str(on_disk), self._place(path)))

    def _place(self, path: Path) -> str:
        return self.spool.prefix.place(shown(path))

    def _bytes(self, path: Path) -> int:
        return self._objects[path].bytes if path in self._objects else size_of(path)


def _pass_over(error: UserError) -> None:
    """Go on; it will be told when the object is read."""
