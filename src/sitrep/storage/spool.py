"""Objects brought to the disk a little ahead of whoever reads them."""

import os
import re
import secrets
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Self

from sitrep.errors import UserError
from sitrep.storage.object_storage import CONNECTIONS, ObjectPrefix, StoredObject
from sitrep.storage.scratch import scratch_folder

AHEAD = 16
"""Objects at most that are fetched before they are asked for."""
AHEAD_BYTES = 64_000_000
"""Bytes of them together, but for one that is larger: small ones cost time to ask for, large ones room."""
LONGEST_NAME = 40
"""Characters of an object's name that its file keeps, since its ending says how it is read."""


class Spool:
    """A folder of the objects that are being read and of those that come next; see :meth:`of`.

    Attributes:
        prefix: Where they come from.
    """

    def __init__(self, prefix: ObjectPrefix, folder: Path, threads: ThreadPoolExecutor, closed: Event) -> None:
        self.prefix = prefix
        self._folder, self._threads, self._closed = folder, threads, closed
        self._order: list[StoredObject] = []
        self._places: dict[str, int] = {}
        self._files: dict[str, tuple[Path, Future[None]]] = {}
        self._count = 0

    @classmethod
    @contextmanager
    def of(cls, prefix: ObjectPrefix) -> Iterator[Self]:
        """A spool on the local disk, which is gone afterwards."""
        closed = Event()
        name = f"input-{os.getpid()}-{secrets.token_hex(4)}"
        with scratch_folder(name, prefix.url) as (folder, _), ThreadPoolExecutor(CONNECTIONS, "fetching") as threads:
            try:
                yield cls(prefix, folder, threads, closed)
            finally:
                closed.set()
                threads.shutdown(cancel_futures=True)

    def plan(self, order: Sequence[StoredObject]) -> None:
        """Say which objects will be asked for, one after the other."""
        self._order = list(order)
        self._places = {found.name: place for place, found in enumerate(self._order)}

    def file(self, wanted: StoredObject) -> Path:
        """An object as a file, which stays until the next one is asked for.

        Raises:
            UserError: If it cannot be fetched, or is no longer as long as it was.
        """
        coming = {found.name: found for found in (wanted, *self._next(wanted))}
        for name in self._files.keys() - coming.keys():
            path, fetched = self._files.pop(name)
            if not fetched.cancel():
                fetched.exception()  # waits for it
            path.unlink(missing_ok=True)
        for name, found in coming.items():
            if name not in self._files:
                path = self._folder / f"{self._count:08d}-{_plain(name)}"
                self._files[name] = path, self._threads.submit(self._fetch, found, path)
                self._count += 1
        path, fetched = self._files[wanted.name]
        try:
            fetched.result()
        except UserError:
            del self._files[wanted.name]
            raise
        return path

    def _next(self, wanted: StoredObject) -> Iterator[StoredObject]:
        """The objects behind one that are fetched meanwhile."""
        begin, held = self._places.get(wanted.name, len(self._order)) + 1, 0
        for found in self._order[begin : begin + AHEAD]:
            held += found.bytes
            yield found
            if held >= AHEAD_BYTES:
                return

    def _fetch(self, found: StoredObject, path: Path) -> None:
        self.prefix.fetch(found.name, path, lambda: not self._closed.is_set())
        if path.stat().st_size != found.bytes and not self._closed.is_set():
            raise UserError(f"{self.prefix.place(found.name)}: was changed while the job ran")


def _plain(name: str) -> str:
    """The end of a name, with nothing in it that a disk might refuse."""
    return re.sub(r"[^\w.-]", "_", name.rpartition("/")[2], flags=re.ASCII)[-LONGEST_NAME:]
