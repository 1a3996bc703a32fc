"""The text of each page of HTML as a file of its own, which the offsets of its sentences count in."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from sitrep.errors import UserError
from sitrep.storage.complete import complete_file, complete_folder, write_errors

UNSAFE = re.compile(r'[\x00-\x1f<>:"\\|?*%\x7f]')
"""Characters that some file system does not take, and the sign that stands for them."""
LONGEST_NAME = 200
"""Bytes of a name; file systems take 255, and an ending comes behind."""


class PageTexts:
    """Writes ``<article id>.txt``; see :meth:`keep`. The folder appears when all of them are written.

    Args:
        folder: To make; ``None``: nothing is written.
    """

    def __init__(self, folder: str | None) -> None:
        self.folder = folder
        self._stack = ExitStack()
        self._open: Path | None = None
        self._by_file = False

    def check_free(self, below: str) -> None:
        """Raise a ``UserError`` if a job in parts that begins would find anything where it is to write."""
        if self.folder is not None and (folder := Path(self.folder) / below).exists():
            raise UserError(f"{folder}: exists already and was kept; choose another pages_text or remove it")

    @contextmanager
    def growing(self, below: str) -> Iterator[None]:
        """Write for a job in parts: each file appears when it is on the disk, and is the same if it is written again.

        Args:
            below: Folder in the folder; empty for that itself.
        """
        if self.folder is None:
            yield
            return
        folder = Path(self.folder) / below
        with write_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self._open, self._by_file = folder, True
        try:
            yield
        finally:
            self._open = None

    def __enter__(self) -> Self:
        if self.folder is not None:
            self._open, _ = self._stack.enter_context(complete_folder(self.folder, "pages_text"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        self._open = None
        return self._stack.__exit__(kind, error, trace)

    def keep(self, article_id: str, text: str) -> None:
        """Write the text of a page; before the folder is open, as when input is only checked, nothing."""
        if self._open is None:
            return
        path = self._open / file_name(article_id)
        if self._by_file:
            with complete_file(path, overwrite=True, durable=True) as partial:
                partial.write_text(text, encoding="utf-8", newline="")
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")


def file_name(article_id: str) -> str:
    """Relative path of the text of an article; it stays below its folder, whatever the id is."""
    parts = [_safe(part) for part in article_id.split("/") if part]
    return "/".join(parts or ["_"]) + ".txt"


def _safe(part: str) -> str:
    shown = part.encode("utf-8", "backslashreplace").decode("utf-8")
    name = UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", shown)
    name = name.replace(".", "%2E") if set(name) == {"."} else name
    if len(name.encode("utf-8")) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(part.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return name.encode("utf-8")[: LONGEST_NAME - 17].decode("utf-8", "ignore") + "~" + digest
