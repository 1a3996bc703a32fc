"""What a job in parts must have in common with what was begun, to be gone on with."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sitrep import __version__
from sitrep.inference.inputs import InputSource
from sitrep.model.checkpoint import Checkpoint, recorded_files
from sitrep.settings import PredictSettings
from sitrep.settings.description import as_plain, flattened
from sitrep.storage.complete import shown

WITHOUT_BEARING = ("input", "output", "checkpoint", "overwrite", "strict", "cluster", "ray")
"""Settings that may differ: input and checkpoint are known by their content, the others decide no sentence's answer."""

OF_A_SHARD = ("shard", "pages_text", "parts", "engine", "inference")
"""Settings in which shards of one job may differ: which it is, how it is written, how its machine computes."""


@dataclass(frozen=True)
class InputFile:
    """One file of the input.

    Attributes:
        name: Below the folder, or of the file alone.
        bytes: Its size; ``None`` for a link that leads nowhere.
        modified: When it was changed, in nanoseconds.
    """

    name: str
    bytes: int | None
    modified: int | None

    def as_line(self) -> str:
        """As a line of JSON."""
        return json.dumps(vars(self), ensure_ascii=False) + "\n"


def input_files(source: InputSource) -> list[InputFile]:
    """Every file of the input in its order, as they are now."""
    found = []
    for path, _ in source.named_files():
        name = shown(path.relative_to(source.path).as_posix() if source.is_folder else path.name)
        try:
            size, modified = source.status(path)
        except OSError:
            found.append(InputFile(name, None, None))
        else:
            found.append(InputFile(name, size, modified))
    return found


def described(files: Sequence[InputFile]) -> dict[str, Any]:
    """The input in a few figures; ``sha256`` is of names, sizes and times, the other of names and sizes only.

    The other is the same on machines that have copies of the input, so that shards can be told to be of one job.
    """
    digest, portable = hashlib.sha256(), hashlib.sha256()
    for file in files:
        digest.update(file.as_line().encode())
        portable.update(f"{file.name}\0{file.bytes}\n".encode())
    return {
        "files": len(files),
        "bytes": sum(file.bytes or 0 for file in files),
        "names_and_sizes_sha256": portable.hexdigest(),
        "sha256": digest.hexdigest(),
    }


def changed_input(old: Iterable[InputFile], new: Iterable[InputFile]) -> str | None:
    """What differs between two states of an input, in words; ``None`` if nothing does."""
    before = {file.name: file for file in old}
    after = {file.name: file for file in new}
    said = [f"{name} is gone" for name in before if name not in after]
    said += [f"{name} is new" for name in after if name not in before]
    said += [f"{name} was changed" for name, file in after.items() if name in before and before[name] != file]
    if not said:
        return None
    return said[0] if len(said) == 1 else f"{said[0]} and {len(said) - 1} more"


def identity(settings: PredictSettings, checkpoint: Checkpoint, files: Sequence[InputFile]) -> dict[str, Any]:
    """What decides the answers of a job, by name."""
    deciding = {name: value for name, value in as_plain(settings).items() if name not in WITHOUT_BEARING}
    hashes = checkpoint.record.files if checkpoint.record else recorded_files(checkpoint.folder)
    return {"program": __version__, "settings": deciding, "checkpoint": dict(hashes), "input": described(files)}


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    """The first thing that differs between two identities but for the input, in words."""
    if old["program"] != new["program"]:
        return f"it was begun with version {old['program']} of sitrep, this is {new['program']}"
    if setting := _differing_setting(old, new):
        name, before, now = setting
        return f"it was begun with {name}={before}, this is {name}={now}"
    if file := _differing_file(old, new):
        return f"it was begun with another checkpoint: its {file} differs"
    return None


def shards_apart(one: Mapping[str, Any], other: Mapping[str, Any]) -> str | None:
    """Why two shards cannot be of one job, by their identities, in words; ``None`` if they can."""
    if one["program"] != other["program"]:
        return f"they were made by versions {one['program']} and {other['program']} of sitrep"
    if setting := _differing_setting(one, other, OF_A_SHARD):
        name, before, now = setting
        return f"they were made with {name}={before} and with {name}={now}"
    if file := _differing_file(one, other):
        return f"they were made with two checkpoints, whose {file} differs"
    if one["input"]["names_and_sizes_sha256"] != other["input"]["names_and_sizes_sha256"]:
        return "names or sizes of their input differ"
    return None


def _differing_setting(
    old: Mapping[str, Any], new: Mapping[str, Any], without: Sequence[str] = ()
) -> tuple[str, str, str] | None:
    """Name and both values of the first setting that differs."""
    before = flattened(old["settings"])
    for name, value in flattened(new["settings"]).items():
        if name.partition(".")[0] not in without and before.get(name) != value:
            return name, _written(before.get(name)), _written(value)
    return None


def _differing_file(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    """The first file of the checkpoint that differs."""
    names = sorted(old["checkpoint"].keys() | new["checkpoint"].keys())
    return next((name for name in names if old["checkpoint"].get(name) != new["checkpoint"].get(name)), None)


def read_input_files(path: Path) -> list[InputFile]:
    """What was written by :meth:`InputFile.as_line`."""
    with path.open(encoding="utf-8") as lines:
        return [InputFile(**json.loads(line)) for line in lines]


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
