"""Files and folders that are either complete or not there."""

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sitrep.errors import UserError

WRITE_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.ENAMETOOLONG}
"""What a full, read-only or forbidden place answers; any other error has another cause."""


@contextmanager
def complete_file(path: Path, overwrite: bool = False) -> Iterator[Path]:
    """Write beside ``path`` and rename when the block ends well; remove what was written when it does not.

    Yields:
        A path in the same folder and with the same ending, to be written to.

    Raises:
        UserError: If ``path`` exists and is not to be overwritten, or cannot be written.
    """
    refuse_existing(path, overwrite, "overwrite=true replaces it")
    partial: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=f".partial{path.suffix}", dir=path.parent)
        os.close(handle)
        partial = Path(name)
        yield partial
        _publish_mode(partial, 0o666)
        os.replace(partial, path)
    except OSError as error:
        if error.errno not in WRITE_ERRORS:
            raise
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror
        raise UserError(f"{path}: could not be written: {reason}; nothing half-written was kept") from None
    finally:
        if partial is not None:
            partial.unlink(missing_ok=True)


@contextmanager
def complete_folder(path: Path) -> Iterator[Path]:
    """Fill a folder beside ``path`` and rename it when the block ends well; remove it when it does not.

    Raises:
        UserError: If ``path`` exists, or cannot be written.
    """
    refuse_existing(path, False, "choose another output_dir or remove it")
    partial: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent))
        yield partial
        _publish_mode(partial, 0o777)
        os.replace(partial, path)
    except OSError as error:
        if error.errno not in WRITE_ERRORS:
            raise
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror
        raise UserError(f"{path}: could not be written: {reason}; nothing half-written was kept") from None
    finally:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)


def refuse_existing(path: Path, overwrite: bool, remedy: str) -> None:
    """Raise a ``UserError`` if ``path`` is there and is not to be replaced."""
    if path.is_dir() and overwrite:
        raise UserError(f"{path}: is a folder, not a file")
    if (path.exists() or path.is_symlink()) and not overwrite:
        raise UserError(f"{path}: exists already and was kept; {remedy}")


def point_latest(folder: Path) -> None:
    """Make ``latest`` beside ``folder`` a link to it, in one step. File systems without links get none."""
    link = folder.parent / "latest"
    if link.exists() and not link.is_symlink():
        return
    fresh = folder.parent / f".latest.{os.getpid()}"
    with suppress(OSError):
        fresh.symlink_to(folder.name)
        os.replace(fresh, link)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _publish_mode(path: Path, mode: int) -> None:
    """Temporary files are made private; the finished one gets the permissions any new file would have."""
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(mode & ~mask)
