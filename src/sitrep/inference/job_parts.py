"""Division of a job's input: into shards, and of a shard into parts that can be done again from where they begin."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sitrep.errors import Refuse, UserError
from sitrep.inference.inputs import InputSource
from sitrep.sentences import Passage

NamedFile = tuple[Path, str]


@dataclass(frozen=True)
class Shard:
    """One of the shares of a job.

    A folder is divided by file: the shard has each ``of``-th file from its own number on, so that nobody reads the
    files of others. One file is divided by part: the shard does each ``of``-th part, and reads the others only.

    Attributes:
        number: From 1.
        of: How many there are.
    """

    number: int = 1
    of: int = 1

    @classmethod
    def parse(cls, written: str | None) -> "Shard":
        """The setting ``shard``, whose form has been checked."""
        return cls(*map(int, (written or "1/1").split("/")))

    @property
    def folder(self) -> str:
        """Name of the folder of its parts."""
        return f"shard-{self.number}-of-{self.of}"

    def files(self, named: Sequence[NamedFile], by_file: bool) -> list[NamedFile]:
        """Those of the input's files that it reads."""
        return list(named[self.number - 1 :: self.of] if by_file else named)

    def has_part(self, part: int, by_file: bool) -> bool:
        """Whether it does the part of that number."""
        return by_file or part % self.of == self.number - 1


@dataclass(frozen=True)
class Place:
    """A place in the input between two events; an event is a sentence, or a page or row that cannot be read.

    Attributes:
        file: Number of the file among those of the shard.
        event: Number of the event in that file that comes next.
    """

    file: int = 0
    event: int = 0


class PartReader:
    """Reads the input part by part; where a part ends hangs on what it holds alone, not on where reading began.

    Args:
        source: The input.
        files: Those of its files that are read.
        start: Where to begin.
        passed: Called for each event before that which had to be read.

    Attributes:
        place: Behind what has been given; where the next part begins.
    """

    def __init__(
        self, source: InputSource, files: Sequence[NamedFile], start: Place, passed: Callable[[], None] = lambda: None
    ) -> None:
        self.place = start
        self._end = Place(len(files))
        self._events = _events(source, files, start, passed)
        self._next: Passage | UserError | None = None
        self._at = start
        self._advance()

    @property
    def ended(self) -> bool:
        """Whether there is nothing more."""
        return self._next is None

    def part(self, size: int, refuse: Refuse) -> Iterator[Passage]:
        """The sentences of the next part, which must all be taken.

        Args:
            size: Sentences, or pages and rows that cannot be read, at which the part ends as soon as an article does.
                At twice as many it ends at any rate, so that one endless article does not make one endless part.
            refuse: Told of each page and row that cannot be read.
        """
        count, article = 0, None
        while (event := self._next) is not None:
            between = isinstance(event, Passage) and event.article_id != article
            if count >= 2 * size or (count >= size and between):
                return
            count += 1
            self._advance()
            if isinstance(event, UserError):
                refuse(event)
            else:
                article = event.article_id
                yield event

    def _advance(self) -> None:
        self._at, self._next = next(self._events, (self._end, None))
        self.place = self._at


def _events(
    source: InputSource, files: Sequence[NamedFile], start: Place, passed: Callable[[], None]
) -> Iterator[tuple[Place, Passage | UserError]]:
    for number in range(start.file, len(files)):
        skipped = start.event if number == start.file else 0
        for event, found in enumerate(_of_file(source, *files[number])):
            if event >= skipped:
                yield Place(number, event), found
            else:
                passed()


def _of_file(source: InputSource, path: Path, name: str) -> Iterator[Passage | UserError]:
    refused: list[UserError] = []
    for passage in source.file_passages(path, name, refused.append):
        yield from refused
        refused.clear()
        yield passage
    yield from refused
