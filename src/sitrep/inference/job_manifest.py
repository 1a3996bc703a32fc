"""What the manifest of a job in parts says."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sitrep.errors import UserError
from sitrep.inference.job_parts import Place
from sitrep.inference.tally import Tally
from sitrep.storage.complete import read_json

VERSION = 1


@dataclass
class Part:
    """A part that is done.

    Attributes:
        number: In its job, from 0.
        file: Its name; ``None`` if nothing of it could be read.
        sha256: Of the file.
        first: Id of its first sentence.
        last: Id of its last one.
        begin: Where in the input it begins.
        end: Where the next one begins.
        counts: As :class:`Tally` gives them.
        sizes: Bytes of the growing tables behind it.
        bytes: Of the file.
    """

    number: int
    file: str | None
    sha256: str | None
    first: str | None
    last: str | None
    begin: dict[str, int]
    end: dict[str, int]
    counts: dict[str, Any]
    sizes: dict[str, int]
    bytes: int | None = None


@dataclass
class Manifest:
    """What ``manifest.json`` says.

    Attributes:
        identity: What decides the answers; see :func:`sitrep.inference.job_identity.identity`.
        computing: Engine, device and number format of the run that began.
        divided: How the shards of the job were made: by file or by part.
        labels: Of the model, in their order.
        duplicates: How much repeats in the whole input, in words, if that was looked for.
        parts: Those that are done, in their order.
        complete: Whether nothing is left to do.
        version: Of this format.
    """

    identity: dict[str, Any]
    computing: dict[str, str]
    divided: str
    labels: list[str]
    duplicates: str | None = None
    parts: list[Part] = field(default_factory=list)
    complete: bool = False
    version: int = VERSION

    @property
    def tally(self) -> Tally:
        """Counts of all parts together."""
        total = Tally()
        for part in self.parts:
            total.update(Tally.from_plain(part.counts))
        return total

    @property
    def place(self) -> Place:
        """Where to go on in the input."""
        return Place(**self.parts[-1].end) if self.parts else Place()


def read_manifest(path: Path) -> Manifest:
    """The manifest of a job.

    Raises:
        UserError: If it is none, or one of another version.
    """
    content = read_json(path)
    if content.get("version") != VERSION:
        raise UserError(f"{path}: version {content.get('version')}, this program reads {VERSION}")
    try:
        return Manifest(**content | {"parts": [Part(**part) for part in content["parts"]]})
    except (TypeError, KeyError) as error:
        raise UserError(f"{path}: is no manifest of a job: {error}") from None
