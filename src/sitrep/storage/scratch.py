"""Folders among the user's caches that are there as long as a process works in them."""

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sitrep.storage.cache import cache_folder
from sitrep.storage.complete import write_errors
from sitrep.storage.locks import is_locked_by_us, lock_folder, wait_for_turn

SCRATCH = "scratch"


@contextmanager
def scratch_folder(name: str, owner: str) -> Iterator[tuple[Path, int]]:
    """An empty folder that this process alone works in, and that is gone afterwards.

    What killed processes have left there, under this name or another, is removed first.

    Args:
        name: The same on each machine; machines that share their caches have folders of their own.
        owner: What it is for, in the message to a second process.

    Yields:
        The folder, and a handle of it.

    Raises:
        UserError: If another process works in it, or it cannot be made.
    """
    root = cache_folder() / SCRATCH
    path = root / f"{name}-{socket.gethostname()}"
    with write_errors(path):
        root.mkdir(parents=True, exist_ok=True)
        with _turn(root):
            _sweep(root, path)
            handle = _open_alone(path, owner)
    try:
        _empty(path)
        yield path, handle
    finally:
        with _turn(root):
            shutil.rmtree(path, ignore_errors=True)
            os.close(handle)


@contextmanager
def _turn(root: Path) -> Iterator[None]:
    """Be the only process that makes, locks or removes folders, so that none is swept before it is locked."""
    handle = os.open(root, os.O_RDONLY)
    try:
        wait_for_turn(handle)
        yield
    finally:
        os.close(handle)


def _open_alone(path: Path, owner: str) -> int:
    path.mkdir(exist_ok=True)
    handle = os.open(path, os.O_RDONLY)
    try:
        lock_folder(handle, owner)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _empty(path: Path) -> None:
    for entry in path.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _sweep(root: Path, but: Path) -> None:
    """Remove folders whose processes have ended."""
    for path in root.iterdir():
        if path == but:
            continue
        with suppress(OSError):
            handle = os.open(path, os.O_RDONLY)
            try:
                if is_locked_by_us(handle):
                    shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(handle)
