"""Which checkpoint a server answers with, and whether its folder still holds it."""

import hashlib
import json
from pathlib import Path
from typing import Any

from sitrep.errors import UserError
from sitrep.model.checkpoint import Checkpoint, open_checkpoint, recorded_files

DIGITS = 12
"""Of the hash, as people are shown it."""

State = dict[str, tuple[int, int, int, int]]


class ServedCheckpoint:
    """A checkpoint as it was when the server began.

    Args:
        location: As the user named it; a link that leads elsewhere later counts as a change.

    Attributes:
        checkpoint: That was opened.
        files: SHA-256 of each file that decides an answer.
        sha256: Of all of them.

    Raises:
        UserError: If there is none.
    """

    def __init__(self, location: str) -> None:
        self._location = location
        self.checkpoint: Checkpoint = open_checkpoint(location)
        record = self.checkpoint.record
        self.files = dict(sorted((record.files if record else recorded_files(self.checkpoint.folder)).items()))
        self.sha256 = hashlib.sha256(json.dumps(self.files).encode()).hexdigest()
        self._state = self._look(self.checkpoint.folder)

    @property
    def name(self) -> str:
        """The run that it is of, and the beginning of its hash."""
        folder = self.checkpoint.folder.resolve()
        run = folder.parent if folder.name == "checkpoint" else folder
        return f"{run.name} ({self.sha256[:DIGITS]})"

    def changed(self) -> bool:
        """Whether what lies there now is another one; the server keeps its own."""
        try:
            folder = self._folder_now()
        except UserError:
            return True
        return self._look(folder) != self._state

    def as_plain(self) -> dict[str, Any]:
        """For `/info`."""
        return {"name": self.name, "sha256": self.sha256, "files": self.files}

    def _folder_now(self) -> Path:
        location = Path(self._location)
        for folder in (location / "checkpoint", location):
            if (folder / "config.json").is_file():
                return folder
        raise UserError(f"{location}: gone")

    def _look(self, folder: Path) -> State:
        found: State = {}
        for name in self.files:
            try:
                status = (folder / name).stat()
            except OSError:
                continue
            found[name] = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        return found
