"""The text of each page of HTML as a file of its own, which the offsets of its sentences count in."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from sitrep.errors import UserError
from sitrep.storage.complete import complete_file, complete_folder, shown, write_errors

UNSAFE = re.compile(r'[\x00-\x1f<>:"\\|?*%\x7f\ud800-\udfff]')
"""Characters that some file system does not take, and the sign that stands for them."""
NOTHING = "%"
"""Stands for a part of an id that is empty, as behind a slash at its end; the sign itself is always written ``%25``."""
ENDING = ".txt"
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

    def keep(self, article_id: str, text: str, place: str) -> None:
        """Write the text of a page; before the folder is open, as when input is only checked, nothing.

        Args:
            article_id: Of the page.
            text: That offsets count in.
            place: Stands for the page in messages.

        Raises:
            UserError: If the text of another page was written under this id, whose offsets would be of this text then.
        """
        if self._open is None:
            return
        path, content = self._open / file_name(article_id), text.encode("utf-8")
        if path.exists():
            if path.read_bytes() == content:  # a job in parts that goes on reads what it had read
                return
            what = f"pages_text: another page is called {shown(article_id)} too, and has another text"
            raise UserError(f"{place}: {what}; give each page an id of its own")
        if self._by_file:
            with complete_file(path, overwrite=True, durable=True) as partial:
                partial.write_bytes(content)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def file_name(article_id: str) -> str:
    """Relative path of the text of an article: below its folder whatever the id is, and of no other id."""
    *folders, name = map(_safe, article_id.split("/"))
    return "/".join([*map(_as_folder, folders), name]) + ENDING


def _as_folder(name: str) -> str:
    """A name that no text has, so that ``a.txt/b`` can lie beside ``a``."""
    return f"{name.removesuffix(ENDING)}%2E{ENDING[1:]}" if name.endswith(ENDING) else name


def _safe(part: str) -> str:
    if not part:
        return NOTHING
    name = UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", part)
    name = name.replace(".", "%2E") if set(name) == {"."} else name
    if len(name.encode("utf-8")) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(part.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return name.encode("utf-8")[: LONGEST_NAME - 17].decode("utf-8", "ignore") + "~" + digest
