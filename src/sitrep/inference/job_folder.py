"""The folder of a job in parts: its manifest, its parts, and the tables that grow with them.

Whatever the manifest names is on the disk; what it does not name was cut off and is done again. It is replaced as a
whole behind each part, and says how long the growing tables were then, so that what is behind is taken off.
"""

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from fnmatch import fnmatchcase
from pathlib import Path

from sitrep.errors import UserError
from sitrep.inference.folders import JOB_ERRORS, JOB_INPUT, JOB_PAGES, JOB_TABLES, MANIFEST
from sitrep.inference.job_identity import InputFile, read_input_files
from sitrep.inference.job_manifest import Manifest, read_manifest
from sitrep.inference.job_parts import Shard
from sitrep.inference.outputs import STANDARD_OUTPUT
from sitrep.inference.page_outputs import PageOutput
from sitrep.storage.complete import complete_file, sha256_of, sync, write_errors
from sitrep.storage.locks import lock_folder

GROWING = (JOB_ERRORS, JOB_PAGES)
PROBE = ".probe"
"""A file that is made to see whether any can be."""
ANEW = "name another folder, or overwrite=true begins anew"


class JobFolder:
    """A folder that this process alone works in; see :func:`open_job_folder`.

    Args:
        path: Where it is on the disk.
        handle: Of the open folder.
        shown: What messages call it; ``None``: the path.
    """

    def __init__(self, path: Path, handle: int, shown: str | None = None) -> None:
        self.path = path
        self.shown = shown or str(path)
        self._handle = handle

    def place(self, name: str) -> str:
        """What messages call a file in it."""
        return f"{self.shown}/{name}"

    def names(self) -> list[str]:
        """What lies in it."""
        return os.listdir(self.path)

    def read(self) -> Manifest | None:
        """What an earlier run of the job left; ``None`` if there was none.

        Raises:
            UserError: If the folder holds other things, or a manifest that cannot be read.
        """
        path = self.path / MANIFEST
        if not path.is_file():
            visible = [name for name in self.names() if not name.startswith(".")]
            others = sorted({*visible} - {JOB_INPUT})
            if others:
                raise UserError(f"{self.shown}: holds {others[0]}, which is of no job in parts; name another folder")
            return None
        place = self.place(MANIFEST)
        try:
            return read_manifest(path)
        except UserError as error:
            raise UserError(f"{str(error).replace(str(path), place)}; {ANEW}") from None

    def read_or_none(self) -> Manifest | None:
        """What can be gone on with, where all else is replaced; what is no job of ours is not, and is an error."""
        try:
            return self.read()
        except UserError:
            if MANIFEST in self.names():
                return None
            raise

    def check_writable(self) -> None:
        """Raise a ``UserError`` unless files can be made, renamed and grow there, which not all mounted buckets can."""
        probe = self.path / PROBE
        try:
            probe.with_suffix(".partial").write_bytes(b"a")
            os.replace(probe.with_suffix(".partial"), probe)
            with probe.open("ab") as file:
                file.write(b"b")
        except OSError as error:
            lacks = f"files cannot be made, renamed and appended to there: {error.strerror or error}"
            raise UserError(f"{self.path}: {lacks}; write to a disk, and copy it when it is complete") from None
        finally:
            for path in (probe, probe.with_suffix(".partial")):
                with suppress(OSError):
                    path.unlink(missing_ok=True)

    def begin(self, files: Iterable[InputFile]) -> None:
        """Remove what an earlier job left, and note the input."""
        (self.path / MANIFEST).unlink(missing_ok=True)
        sync(self.path)
        for entry in self.path.iterdir():
            if entry.name in JOB_TABLES or entry.name.startswith("part-"):
                entry.unlink()
        with complete_file(self.path / JOB_INPUT, overwrite=True, durable=True) as partial:
            with partial.open("w", encoding="utf-8", newline="\n") as file:
                file.writelines(each.as_line() for each in files)

    def recover(self, manifest: Manifest) -> None:
        """Take off what was cut off, and check the parts.

        Raises:
            UserError: If one is not what the manifest says.
        """
        for entry in self.path.glob(".*.partial*"):
            entry.unlink()
        for part in manifest.parts:
            path = self.path / str(part.file)
            if part.file and not (path.is_file() and sha256_of(path) == part.sha256):
                raise self.lost(part.file)
        for name in GROWING:
            size = manifest.parts[-1].sizes[name] if manifest.parts else 0
            path = self.path / name
            if path.exists() and size == 0:
                path.unlink()
            elif size:
                if not path.is_file() or path.stat().st_size < size:
                    raise self.lost(name)
                os.truncate(path, size)

    def lost(self, name: str) -> UserError:
        """What is said of a file that the manifest names and that cannot be relied on."""
        return UserError(f"{self.place(name)}: is gone, or not what {MANIFEST} says; restore it; {ANEW}")

    def input_files(self) -> list[InputFile]:
        """The input as it was when the job began.

        Raises:
            UserError: If the list is gone.
        """
        try:
            return read_input_files(self.path / JOB_INPUT)
        except (OSError, ValueError, TypeError):
            raise UserError(f"{self.place(JOB_INPUT)}: is gone or damaged; {ANEW}") from None

    def append(self, name: str, lines: Sequence[str]) -> int:
        """Add lines to a growing table and give its length."""
        path = self.path / name
        with write_errors(path):
            if lines:
                with path.open("a", encoding="utf-8", newline="\n") as file:
                    file.writelines(lines)
                    file.flush()
                    os.fsync(file.fileno())
            return path.stat().st_size if path.exists() else 0

    def save(self, name: str, content: bytes) -> None:
        """Write a part that was made elsewhere."""
        self.check_there()
        with complete_file(self.path / name, overwrite=True, durable=True) as partial:
            partial.write_bytes(content)

    def sha256(self, name: str) -> str:
        """Of a file in it."""
        return sha256_of(self.path / name)

    def lines(self, name: str) -> Iterator[str]:
        """Those of a growing table; none if it is not there."""
        path = self.path / name
        if path.is_file():
            with path.open(encoding="utf-8") as lines:
                yield from lines

    def write(self, manifest: Manifest) -> None:
        """Replace the manifest."""
        self.check_there()
        with complete_file(self.path / MANIFEST, overwrite=True, durable=True) as partial:
            partial.write_text(json.dumps(asdict(manifest), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    def check_there(self) -> None:
        """Raise a ``UserError`` if the folder was removed or replaced since it was opened."""
        mine = os.fstat(self._handle)
        with suppress(OSError):
            there = os.stat(self.path)
            if (there.st_dev, there.st_ino) == (mine.st_dev, mine.st_ino):
                return
        raise UserError(f"{self.shown}: the folder was removed or replaced while the job ran; begin again")


def is_job_folder(output: str, clean: bool = False) -> bool:
    """Whether an output is a folder for a job in parts: by the slash at its end, or by what it holds.

    A folder whose ending says that pages for people go into it (:meth:`PageOutput.of`) is none.

    Raises:
        UserError: If an ending and ``clean`` contradict each other.
    """
    if output == STANDARD_OUTPUT or PageOutput.of(output, clean):
        return False
    path = Path(output)
    if output.endswith(("/", os.sep)):
        return True
    return path.is_dir() and ((path / MANIFEST).is_file() or any(path.glob("shard-*-of-*")))


@contextmanager
def open_job_folder(output: str, shard: Shard | None) -> Iterator[JobFolder]:
    """Make the folder of a job, or of a shard of it, and keep other processes out.

    Raises:
        UserError: If it cannot be made, holds a job of another division, or another process works in it.
    """
    root = Path(output)
    if root.exists() and not root.is_dir():
        raise UserError(f"output={output}: is a file, not a folder")
    with write_errors(root):
        names = os.listdir(root) if root.exists() else []
    check_division(output, names, shard)
    path = root / shard.folder if shard else root
    with write_errors(path):
        path.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDONLY)
    try:
        lock_folder(handle, path)
        folder = JobFolder(path, handle)
        try:
            yield folder
        except (OSError, UserError):
            folder.check_there()  # says why, if that is the reason
            raise
    finally:
        os.close(handle)


def check_division(output: str, names: Iterable[str], shard: Shard | None) -> None:
    """Raise a ``UserError`` if a folder holds a job that is divided otherwise.

    Args:
        output: Named in the message.
        names: Of what lies in the folder.
        shard: That is to be done; ``None``: the whole job.
    """
    held = sorted(names)
    shards = [name for name in held if fnmatchcase(name, "shard-*-of-*")]
    if shard is None and shards:
        raise UserError(f"output={output}: holds {shards[0]}; name another folder for a job without shards")
    if shard and MANIFEST in held:
        raise UserError(f"output={output}: holds a job without shards; name another folder")
    if shard and (other := next((name for name in shards if not name.endswith(f"-of-{shard.of}")), None)):
        raise UserError(f"output={output}: holds {other}, a job that is divided otherwise; name another folder")
