"""Processes that a launcher such as ``torchrun`` started together speak with one voice."""

import os
from pathlib import Path

ERROR_FILE = "TORCHELASTIC_ERROR_FILE"
"""Where ``torchrun`` lets a process write its error to: a folder of the process in one of all that it started here."""


def is_first_to_speak() -> bool:
    """Whether no other process of this launch on this machine has told why it ends.

    Mostly they end of one cause: all find the same mistake, or one ends and leaves the others without a partner.
    """
    place = os.environ.get(ERROR_FILE)
    if place is None:
        return os.environ.get("RANK", "0") == "0"
    try:
        os.close(os.open(Path(place).parent.parent / "told", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    except OSError:
        return os.environ.get("RANK", "0") == "0"
    return True
