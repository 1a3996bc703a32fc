"""``sitrep.json`` of a checkpoint: what evaluation and prediction need to know, and the hashes of the files."""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Any, get_origin

from sitrep.errors import UserError
from sitrep.settings import Context
from sitrep.storage.complete import read_json, record_of

RECORD = "sitrep.json"
MEMBERS = "members"
RECORD_VERSION = 4
READ_AS_THEY_ARE = (2, 3)
"""Versions before there were ensembles and texts that it was adapted to; nothing else has changed since."""
DEFAULT_MAX_TOKENS = 256


@dataclass(frozen=True)
class CheckpointRecord:
    """What ``sitrep.json`` says.

    Attributes:
        max_tokens: Longest input in tokens.
        files: File name to SHA-256 of every file that decides what the model answers, those of members included.
        data: Data settings of the training run, as written in its ``config.yaml``.
        base: Folder that relative paths in ``data`` start from, as seen from the checkpoint.
        split: Digest of each split's sentences, by which later runs know that the data is the same.
        context: What a sentence is read with.
        window_tokens: Longest window of a page where ``context`` is ``article``.
        adapted_to: Digests of the texts of a user's units that it was trained on with or fitted on later.
        version: Of this record's format.
    """

    max_tokens: int
    files: dict[str, str] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    base: str = "."
    split: dict[str, str] = field(default_factory=dict)
    context: str = Context.none.name
    window_tokens: int = DEFAULT_MAX_TOKENS
    adapted_to: list[str] = field(default_factory=list)
    version: int = RECORD_VERSION

    def __post_init__(self) -> None:
        for item in fields(self):
            kind: Any = get_origin(item.type) or item.type
            if not isinstance(getattr(self, item.name), kind):
                raise TypeError(f"{item.name} must be {kind.__name__}, not {getattr(self, item.name)!r}")
        if self.context not in Context.__members__:
            raise TypeError(f"context must be one of {', '.join(Context.__members__)}, not {self.context!r}")

    @property
    def members(self) -> tuple[str, ...]:
        """Names of the folders that hold the weights of an ensemble, in its order; none for one model."""
        parts = (PurePosixPath(name).parts for name in self.files)
        return tuple(dict.fromkeys(path[1] for path in parts if path[:1] == (MEMBERS,) and len(path) == 3))

    def write(self, folder: Path) -> None:
        """Write the record into a checkpoint folder."""
        (folder / RECORD).write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_record(folder: Path) -> tuple[CheckpointRecord | None, str | None]:
    """What ``sitrep.json`` says, and the name of the shipped taxonomy that it names where it is of version 1."""
    path = folder / RECORD
    if not path.is_file():
        return None, None
    content = read_json(path)
    labels = None
    if content.get("version") == 1:
        content, labels = _from_version_1(content, path)
    if content.get("version") in READ_AS_THEY_ARE:
        content = content | {"version": RECORD_VERSION}
    return record_of(CheckpointRecord, RECORD_VERSION, content, path), labels


def _from_version_1(content: dict[str, Any], path: Path) -> tuple[dict[str, Any], str | None]:
    """A record of version 0.1 of the program, which named a shipped taxonomy and had two more ways to read context."""
    content = dict(content)
    labels, pooling = content.pop("label_set", None), content.pop("pooling", "cls")
    if pooling != "cls" or content.get("context") == "neighbours":
        how = f"model.context={content.get('context')} and model.pooling={pooling}"
        raise UserError(f"{path}: made with {how}, which version 0.1 of sitrep alone reads; train again")
    return content | {"version": RECORD_VERSION}, labels
