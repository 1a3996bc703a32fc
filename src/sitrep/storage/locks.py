"""A folder that one process alone works in."""

from contextlib import suppress
from pathlib import Path

from sitrep.errors import UserError


def lock_folder(handle: int, path: Path | str) -> None:
    """Keep other processes out of a folder until the handle is closed or the process ends, however it ends.

    Where the system has no locks nobody is kept out.

    Args:
        handle: Of the open folder.
        path: Its name, for the error message.

    Raises:
        UserError: If another process works in it.
    """
    if is_locked_by_us(handle) is False:
        raise UserError(f"{path}: another process works in it; wait for it, or name another folder")


def is_locked_by_us(handle: int) -> bool | None:
    """Lock an open folder if no other process has; ``None`` where the system has no locks."""
    try:
        import fcntl
    except ImportError:  # not on Windows
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return None
    return True


def wait_for_turn(handle: int) -> None:
    """Lock an open folder as soon as no other process has, for what takes a moment; nobody waits without locks."""
    try:
        import fcntl
    except ImportError:  # not on Windows
        return
    with suppress(OSError):  # a file system without locks
        fcntl.flock(handle, fcntl.LOCK_EX)
