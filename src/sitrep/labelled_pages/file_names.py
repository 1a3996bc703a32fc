"""Names of files for pages, whatever the pages are called."""

import re
from pathlib import PurePosixPath
from urllib.parse import quote

LONGEST = 80
"""Characters of a name; with four bytes each and a number behind them they fit any file system."""

DEEPEST = 8
"""Folders in each other; whatever lies deeper stays in the last."""

RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d|index)$", re.IGNORECASE)
"""Names that Windows keeps for devices, and that of the index."""


class FileNames:
    """Gives each page a file name of its own that is safe on every system; folders in names stay folders.

    Args:
        ending: Of all files.
    """

    def __init__(self, ending: str) -> None:
        self.ending = ending
        self._given: set[str] = set()

    def of(self, page: str) -> PurePosixPath:
        """A relative path that was not given yet; capitals do not tell two apart, as on Windows and macOS."""
        parts = [part for part in re.split(r"[/\\]", page) if part.strip(". ")]
        *folders, last = parts or ["page"]
        if len(folders) > DEEPEST:
            folders, last = folders[:DEEPEST], "_".join([*folders[DEEPEST:], last])
        # No folder has a full stop, so that none is called as a file is.
        folder = PurePosixPath(*(_safe(part).replace(".", "_") for part in folders))
        stem, number = _safe(last), 1
        path = folder / f"{stem}{self.ending}"
        while str(path).casefold() in self._given:
            number += 1
            path = folder / f"{stem}-{number}{self.ending}"
        self._given.add(str(path).casefold())
        return path


def link_to(path: PurePosixPath) -> str:
    """A path as the address of a link."""
    return quote(path.as_posix())


def _safe(part: str) -> str:
    """Letters, digits and a few signs; no name is hidden, reserved, an option, or ends as Windows forbids."""
    name = re.sub(r"[^\w.+=-]+", "_", part.encode("utf-8", "replace").decode("utf-8"))[:LONGEST].strip("._-") or "page"
    return f"{name}_" if RESERVED.match(name.partition(".")[0]) else name
