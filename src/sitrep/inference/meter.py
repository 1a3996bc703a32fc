"""How much of the input has been read, in bytes of its files."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path


class Meter:
    """Counts bytes: those of the open file as they are told, and each file's own size when it has been read.

    Attributes:
        total: Bytes of all files; ``None`` where nobody knows, as with a pipe.
    """

    def __init__(self) -> None:
        self.total: int | None = None
        self._behind = 0
        self._within = 0
        self._size_of: Callable[[Path], int] = size_of

    @property
    def read(self) -> int:
        """Bytes that have been read."""
        return self._behind + self._within

    def expect(self, paths: Iterable[Path], sizes: Callable[[Path], int] | None = None) -> None:
        """Begin to count, for these files.

        Args:
            paths: The files.
            sizes: Bytes of each; ``None``: the disk is asked.
        """
        self._size_of = sizes or size_of
        self.total = sum(map(self._size_of, paths))
        self._behind = self._within = 0

    def pass_over(self, paths: Iterable[Path]) -> None:
        """Count files as read that an earlier run has read."""
        self._behind += sum(map(self._size_of, paths))

    def add(self, count: int) -> None:
        """Count bytes of the open file."""
        self._within += count

    def reach(self, place: int) -> None:
        """Count the open file as read up to there; it never goes back."""
        self._within = max(self._within, place)

    def end_file(self, path: Path) -> None:
        """Count the open file as read."""
        self._behind += self._size_of(path)
        self._within = 0


def size_of(path: Path) -> int:
    """Bytes of a file; 0 where there is none."""
    with suppress(OSError):
        return path.stat().st_size
    return 0
