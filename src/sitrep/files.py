"""Files and folders that are either complete or not there."""

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sitrep.errors import UserError

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

TIME_STAMP = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d")


@contextmanager
def complete_file(path: Path, overwrite: bool = False) -> Iterator[Path]:
    """Write beside ``path`` and rename when the block ends well; remove what was written when it does not.

    Yields:
        A path in the same folder and with the same ending, to be written to.

    Raises:
        UserError: If ``path`` exists and is not to be overwritten, or cannot be written.
    """
    refuse_existing(path, overwrite)
    with _write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=f".partial{path.suffix}", dir=path.parent)
        os.close(handle)
        partial = Path(name)
        try:
            yield partial
            _publish(partial)
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def complete_folder(wanted: str) -> Iterator[tuple[Path, Path]]:
    """Fill a folder beside the wanted one and rename it when the block ends well; remove it when it does not.

    Meanwhile an empty folder holds the name, so that no other job takes it. A name that is a time stamp, which is what
    the default settings give, gets ``-2``, ``-3`` and so on if it is taken: two jobs may start in one second, and
    those of a multirun share a stamp.

    Yields:
        The folder to fill, and the one that it will become.

    Raises:
        UserError: If a folder of a name that was chosen exists, or none can be made there.
    """
    with _write_errors(Path(wanted)):
        final = _claim(wanted)
        partial = Path(tempfile.mkdtemp(prefix=f".{final.name}.", suffix=".partial", dir=final.parent))
        try:
            yield partial, final
            for item in (partial, *partial.rglob("*")):
                _publish(item)
            os.replace(partial, final)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            final.rmdir()
            raise


def _claim(wanted: str) -> Path:
    path, number = Path(wanted), 1
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        try:
            path.mkdir()
        except FileExistsError:
            if not TIME_STAMP.fullmatch(Path(wanted).name):
                remedy = "choose another output_dir or remove it"
                raise UserError(f"{path}: exists already and was kept; {remedy}") from None
            number += 1
            path = Path(f"{wanted}-{number}")
        else:
            return path


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
def _write_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in WRITE_ERRORS:
            raise
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror
        raise UserError(f"{path}: could not be written: {reason}; nothing half-written was kept") from None


def _publish(path: Path) -> None:
    """Temporary files are made private; finished ones get the permissions that any new one would have."""
    mask = os.umask(0)
    os.umask(mask)
    path.chmod((0o777 if path.is_dir() else 0o666) & ~mask)


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
