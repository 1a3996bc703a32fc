"""The folder of a job in object storage: filled on the disk, and sent part by part, the manifest last.

What the bucket holds counts alone: what a killed process left on the disk is thrown away, and a job goes on, on any
machine, from what the manifest in the bucket names. The growing tables are sent as what each part adds to them, and
whole at the end, since no object can be appended to.
"""

import hashlib
import shutil
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from sitrep.errors import UserError
from sitrep.inference.folders import JOB_INPUT, JOB_TABLES, MANIFEST
from sitrep.inference.job_folder import GROWING, PROBE, JobFolder, check_division, open_job_folder
from sitrep.inference.job_identity import InputFile
from sitrep.inference.job_manifest import Manifest
from sitrep.inference.job_parts import Shard
from sitrep.storage.complete import sha256_of, write_errors
from sitrep.storage.object_storage import ObjectPrefix, is_object_url
from sitrep.storage.scratch import scratch_folder

PIECES = ".growing"
"""Prefix of what parts have added to the growing tables; it goes when the job is complete."""
SENDERS = 2
"""Parts that are sent at once, where workers of a cluster make them."""


@contextmanager
def open_job(output: str, shard: Shard | None) -> Iterator[JobFolder]:
    """The folder of a job, or of a shard of it, on a disk or in object storage.

    Raises:
        UserError: If it cannot be had, holds a job of another division, or another process works in it.
    """
    if not is_object_url(output):
        with open_job_folder(output, shard) as folder:
            yield folder
        return
    root = ObjectPrefix(output)
    check_division(output, root.entries(), shard)
    prefix = root.below(shard.folder) if shard else root
    name = f"output-{hashlib.sha256(prefix.url.encode()).hexdigest()[:16]}"
    with scratch_folder(name, prefix.url) as (path, handle), ThreadPoolExecutor(SENDERS, "sending") as threads:
        yield ObjectJobFolder(path, handle, prefix, threads)


class ObjectJobFolder(JobFolder):
    """A folder on the disk that the objects below a prefix become as they are complete.

    Args:
        path: Of the folder, which is empty.
        handle: Of the open folder.
        prefix: Where it goes.
        threads: Send what need not be waited for.
    """

    def __init__(self, path: Path, handle: int, prefix: ObjectPrefix, threads: ThreadPoolExecutor) -> None:
        super().__init__(path, handle, prefix.url)
        self._prefix, self._threads = prefix, threads
        self._there = {found.name: found for found in prefix.objects()}
        self._sent: dict[str, Future[None]] = {}
        self._has_pieces = any(name.startswith(f"{PIECES}/") for name in self._there)
        self._manifest_bytes: int | None = None
        if MANIFEST in self._there:
            self._fetch(MANIFEST)
            self._manifest_bytes = (path / MANIFEST).stat().st_size

    def names(self) -> list[str]:
        """What lies below the prefix, up to the next slash."""
        return list(dict.fromkeys(name.partition("/")[0] for name in self._there))

    def check_writable(self) -> None:
        """Raise a ``UserError`` unless objects can be written and removed there."""
        probe = self.path / PROBE
        with write_errors(probe):
            probe.write_bytes(b"a")
        self._prefix.put(PROBE, probe)
        probe.unlink()
        self._prefix.remove([PROBE])

    def begin(self, files: Iterable[InputFile]) -> None:
        """Remove what an earlier job left, and note the input."""
        own = [name for name in self._there if name in JOB_TABLES or name.startswith("part-")]
        self._prefix.remove([MANIFEST] if MANIFEST in self._there else [])
        self._prefix.remove(own)
        self._remove_pieces()
        self._there.clear()
        self._manifest_bytes = None
        super().begin(files)
        self._prefix.put(JOB_INPUT, self.path / JOB_INPUT)

    def recover(self, manifest: Manifest) -> None:
        """Check what the manifest names, and fetch what the next part wants.

        Sizes are looked at, and the hash of the part that is fetched: reading all parts again costs what they cost to
        send, and the storage keeps them by sums of its own.

        Raises:
            UserError: If something is not what the manifest says.
        """
        done = [part for part in manifest.parts if part.file]
        for part in done:
            self._check_size(str(part.file), part.bytes)
        sizes = manifest.parts[-1].sizes if manifest.parts else dict.fromkeys(GROWING, 0)
        if manifest.complete:
            for name in GROWING:
                self._check_size(name, sizes[name])
            self._remove_pieces()
            return
        if done:
            first = str(done[0].file)
            self._fetch(first)
            if sha256_of(self.path / first) != done[0].sha256:
                raise self.lost(first)
        for name in GROWING:
            self._join_pieces(name, sizes[name])

    def input_files(self) -> list[InputFile]:
        """The input as it was when the job began.

        Raises:
            UserError: If the list is gone.
        """
        if JOB_INPUT in self._there and not (self.path / JOB_INPUT).exists():
            self._fetch(JOB_INPUT)
        return super().input_files()

    def append(self, name: str, lines: Sequence[str]) -> int:
        """Add lines to a growing table, send them, and give its length."""
        before = self._length(name)
        after = super().append(name, lines)
        if lines:
            piece = self.path / f"{PIECES}-{name}"
            with write_errors(piece):
                piece.write_bytes("".join(lines).encode())
            self._prefix.put(_piece(name, before), piece)
            self._has_pieces = True
            piece.unlink()
        return after

    def save(self, name: str, content: bytes) -> None:
        """Write a part that was made elsewhere, and begin to send it."""
        super().save(name, content)
        self._sent[name] = self._threads.submit(self._prefix.put, name, self.path / name)

    def lines(self, name: str) -> Iterator[str]:
        """Those of a growing table; none if it is not there."""
        if name in self._there and not (self.path / name).exists():
            self._fetch(name)
        yield from super().lines(name)

    def write(self, manifest: Manifest) -> None:
        """Send what the manifest newly names, and then the manifest."""
        files = [part.file for part in manifest.parts if part.file]
        newest = manifest.parts[-1].file if manifest.parts else None
        if newest and not manifest.complete:
            if sending := self._sent.pop(newest, None):
                sending.result()
            else:
                self._prefix.put(newest, self.path / newest)
        if manifest.complete:
            for name in GROWING:
                if self._length(name):
                    self._prefix.put(name, self.path / name)
        super().write(manifest)
        self._check_alone()
        self._prefix.put(MANIFEST, self.path / MANIFEST)
        self._manifest_bytes = (self.path / MANIFEST).stat().st_size
        if manifest.complete:
            self._remove_pieces()
        elif newest and newest != files[0]:  # the first says what columns the others have
            (self.path / newest).unlink()

    def _check_alone(self) -> None:
        """Raise a ``UserError`` if another process wrote the manifest, as far as its size tells."""
        found = self._prefix.find_object(MANIFEST)
        if (found.bytes if found else None) != self._manifest_bytes:
            raise UserError(f"{self.place(MANIFEST)}: another process writes it too; end one of them, and begin again")

    def _check_size(self, name: str, size: int | None) -> None:
        """Raise a ``UserError`` unless an object has that size; what is to be empty need not be there."""
        found = self._there.get(name)
        if (found.bytes if found else 0) != size and not (found and size is None):
            raise self.lost(name)

    def _fetch(self, name: str) -> None:
        self._prefix.fetch(name, self.path / name)

    def _length(self, name: str) -> int:
        path = self.path / name
        return path.stat().st_size if path.exists() else 0

    def _join_pieces(self, name: str, size: int) -> None:
        """Put a growing table together out of what parts have added to it."""
        place, pieces = 0, dict[str, Path]()
        while place < size:
            piece = self._there.get(_piece(name, place))
            if piece is None or piece.bytes == 0:
                raise self.lost(name)
            pieces[piece.name] = self.path / f"{PIECES}-{place}-{name}"
            place += piece.bytes
        for local in self._prefix.fetch_all(pieces):
            with write_errors(local), (self.path / name).open("ab") as table, local.open("rb") as file:
                shutil.copyfileobj(file, table)
            local.unlink()
        if self._length(name) != size:
            raise self.lost(name)

    def _remove_pieces(self) -> None:
        if self._has_pieces:
            self._prefix.remove_below(PIECES)
            self._has_pieces = False


def _piece(name: str, place: int) -> str:
    """Name of what begins at so many bytes of a growing table."""
    return f"{PIECES}/{name}/{place:015d}"
