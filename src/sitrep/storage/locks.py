"""A folder that one process alone works in."""

from pathlib import Path

from sitrep.errors import UserError


def lock_folder(handle: int, path: Path) -> None:
    """Keep other processes out of a folder until the handle is closed or the process ends, however it ends.

    Where the system has no locks nobody is kept out.

    Args:
        handle: Of the open folder.
        path: Its name, for the error message.

    Raises:
        UserError: If another process works in it.
    """
    try:
        import fcntl
    except ImportError:  # not on Windows
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError(f"{path}: another process works in it; wait for it, or name another folder") from None
    except OSError:  # a file system without locks
        return
