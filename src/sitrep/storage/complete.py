"""Files and folders that are either complete or not there."""

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from sitrep.errors import UserError

Record = TypeVar("Record")

WRITE_ERRORS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENOTDIR,
    errno.EEXIST,
    errno.ENAMETOOLONG,
}
"""What a full, read-only, forbidden or impossible place answers; any other error has another cause."""

TIME = "{time}"
"""Stands for the time of a job's start in the name of its folder."""
TIME_FORMAT = "%Y-%m-%d_%H-%M-%S"
TIME_STAMP = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d")
PARTIAL = ".partial"
"""Ending of a folder that is being filled."""


@contextmanager
def complete_file(path: Path, overwrite: bool = False, durable: bool = False) -> Iterator[Path]:
    """Write beside ``path`` and rename when the block ends well; remove what was written when it does not.

    Args:
        path: The file that it becomes.
        overwrite: Whether a file that is there is replaced.
        durable: Whether it is on the disk itself before it gets its name, so that a loss of power does not take it.

    Yields:
        A path in the same folder and with the same ending, to be written to.

    Raises:
        UserError: If ``path`` exists and is not to be overwritten, or cannot be written.
    """
    refuse_existing(path, overwrite)
    with write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=f".partial{path.suffix}", dir=path.parent)
        os.close(handle)
        partial = Path(name)
        try:
            yield partial
            publish(partial)
            if durable:
                sync(partial)
            os.replace(partial, path)
            if durable:
                sync(path.parent)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def complete_folder(wanted: str, setting: str = "output_dir") -> Iterator[tuple[Path, Path]]:
    """Fill ``<wanted>.partial`` and rename it when the block ends well; remove it when it does not.

    The partial folder holds the name, so that no other job takes it. A name that is a time stamp, which is what the
    default settings give, gets ``-2``, ``-3`` and so on if it is taken: two jobs may start in one second, and those of
    a multirun share a stamp.

    Args:
        wanted: Path of the folder; ``{time}`` in it becomes the time of now.
        setting: That names it, for error messages.

    Yields:
        The folder to fill, and the one that it will become.

    Raises:
        UserError: If a folder of a name that was chosen exists, or none can be made there.
    """
    with write_errors(Path(wanted)):
        partial, final = claim_folder(wanted, setting)
        try:
            yield partial, final
            os.rename(partial, final)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


def claim_folder(wanted: str, setting: str) -> tuple[Path, Path]:
    """Make the folder to fill of :func:`complete_folder`, which takes the same arguments; nobody removes it.

    Returns:
        The folder to fill, and the one that it is to become.

    Raises:
        UserError: As there.
    """
    wanted = wanted.replace(TIME, time.strftime(TIME_FORMAT))
    final, number = Path(wanted), 1
    final.parent.mkdir(parents=True, exist_ok=True)
    while True:
        partial = final.with_name(final.name + PARTIAL)
        try:
            partial.mkdir()
            if not final.exists():
                return partial, final
            partial.rmdir()
            taken = UserError(f"{final}: exists already and was kept; choose another {setting} or remove it")
        except FileExistsError:
            taken = UserError(
                f"{partial}: a run is at work there, or was cut off; remove it or choose another {setting}"
            )
        if not TIME_STAMP.fullmatch(Path(wanted).name):
            raise taken from None
        number += 1
        final = Path(f"{wanted}-{number}")


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Raise a ``UserError`` if ``path`` is there and is not to be replaced."""
    if path.is_dir():
        raise UserError(f"{path}: is a folder, a file name is wanted")
    if (path.exists() or path.is_symlink()) and not overwrite:
        raise UserError(f"{path}: exists already and was kept; overwrite=true replaces it")


def point_latest(folder: Path, job: str) -> None:
    """Make ``latest`` beside ``folder`` a link to it, if the folder around is the job's own, as ``outputs/train``.

    The link is replaced in one step. File systems without links get none.
    """
    link = folder.parent / "latest"
    if folder.parent.name != job or (link.exists() and not link.is_symlink()):
        return
    fresh = folder.parent / f".latest.{os.getpid()}"
    with suppress(OSError):
        fresh.symlink_to(folder.name)
        os.replace(fresh, link)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Turn what a full, read-only or forbidden place answers into a ``UserError`` that names ``path``."""
    try:
        yield
    except OSError as error:
        if error.errno not in WRITE_ERRORS:
            raise
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror
        raise UserError(f"{path}: could not be written: {reason}; nothing half-written was kept") from None


def sync(path: Path) -> None:
    """Wait until a file, or the list of names of a folder, is on the disk itself."""
    if path.is_dir() and os.name == "nt":  # Windows opens no folders, and needs none of it
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def link_or_copy(source: Path | str, target: Path | str) -> None:
    """Give a file that nobody will write to a second name; copy it where the file system has no hard links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def publish(path: Path) -> None:
    """Give a finished file, which was made private, the permissions that any new one would have."""
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(0o666 & ~mask)


def shown(path: Path | str) -> str:
    """A path as messages and reports show it: bytes of a name that are not UTF-8 become escapes in hexadecimal."""
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def read_json(path: Path) -> dict[str, Any]:
    """Read a file that holds a JSON object.

    Raises:
        UserError: If it holds anything else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid JSON: {error}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path}: must hold a JSON object")
    return content


def record_of(kind: type[Record], version: int, content: dict[str, Any], path: Path) -> Record:
    """What a file of ours holds, as the dataclass that checks it.

    Args:
        kind: Raises a ``TypeError`` for what it cannot hold.
        version: Of the format that is read.
        content: As :func:`read_json` gives it.
        path: Of the file, for what is said of it.

    Raises:
        UserError: If it is of another version, or not what it should be.
    """
    if content.get("version") != version:
        raise UserError(f"{path}: version {content.get('version')}, this program reads {version}")
    try:
        return kind(**content)
    except TypeError as error:
        raise UserError(f"{path}: {error}") from None
