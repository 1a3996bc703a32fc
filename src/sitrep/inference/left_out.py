"""Pages and rows that could not be read: counted, and told with the reason."""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from sitrep.errors import UserError
from sitrep.inference.folders import ERRORS_SUFFIX
from sitrep.inference.outputs import STANDARD_OUTPUT
from sitrep.storage.complete import complete_file


class PartlyRead(UserError):
    """Everything that could be read was labelled and written, but some of the input could not be read."""

    exit_status = 3


def reason_line(error: UserError) -> str:
    """What cannot be read and why, as a line of JSON."""
    place, _, reason = str(error).partition(": ")
    return json.dumps({"place": place, "reason": reason}, ensure_ascii=False) + "\n"


def partly_read(count: int, where: str) -> PartlyRead:
    """The error that says how much was left out."""
    what = "1 page or row was left out, as it" if count == 1 else f"{count} pages or rows were left out, as they"
    return PartlyRead(f"{what} could not be read; {where}")


class LeftOut:
    """Told of each page and row that cannot be read; see :func:`open_left_out`.

    Args:
        path: File that gets a line of JSON for each, made at the first; ``None``: they go to standard error.
        stack: Closes the file.
    """

    def __init__(self, path: Path | None, stack: ExitStack) -> None:
        self.path = path
        self.count = 0
        self.first: UserError | None = None
        self._stack = stack
        self._file: IO[str] | None = None

    def __call__(self, error: UserError) -> None:
        """Note one."""
        self.count += 1
        self.first = self.first or error
        if self.path is None:
            sys.stderr.write(f"left out: {error}\n")
            return
        if self._file is None:
            partial = self._stack.enter_context(complete_file(self.path, overwrite=True))
            self._file = self._stack.enter_context(partial.open("w", encoding="utf-8"))
        self._file.write(reason_line(error))

    def raise_if_any(self) -> None:
        """Raise :class:`PartlyRead` if anything was left out."""
        if self.count:
            raise partly_read(self.count, f"{self.path} says why" if self.path else "the reasons stand above")


@contextmanager
def open_left_out(output: str) -> Iterator[LeftOut]:
    """Keep the reasons beside an output, as ``labels.csv.errors.jsonl``; one of an earlier output goes."""
    path = None if output == STANDARD_OUTPUT else Path(output.rstrip("/") + ERRORS_SUFFIX)
    with ExitStack() as stack:
        left_out = LeftOut(path, stack)
        yield left_out
    if path and not left_out.count:
        path.unlink(missing_ok=True)
