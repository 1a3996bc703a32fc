"""The folder of a job in parts, read again: finished, and with all of its shards."""

import re
from collections.abc import Iterator
from pathlib import Path

from sitrep.errors import UserError
from sitrep.inference.folders import MANIFEST
from sitrep.inference.job_identity import shards_apart
from sitrep.inference.job_manifest import Manifest, read_manifest
from sitrep.inference.job_parts import Shard
from sitrep.storage.complete import shown

SHARD = re.compile(r"shard-([1-9]\d*)-of-([1-9]\d*)")


def holds_job(folder: Path) -> bool:
    """Whether a folder holds a job in parts, or any shard of one, finished or not."""
    places = [folder, *(folder / shard.folder for shard in _shards(folder))]
    return any((place / MANIFEST).is_file() for place in places)


def finished_parts(folder: Path) -> Iterator[Path]:
    """The parts of a job in their order, shard by shard.

    Raises:
        UserError: If it is no job, is not finished, lacks a shard, or holds shards that are not of one job.
    """
    manifests = {place: _finished(place) for place in _places(folder)}
    first_place, first = next(iter(manifests.items()))
    for place, manifest in manifests.items():
        apart = shards_apart(first.identity, manifest.identity)
        if apart is None and manifest.divided != first.divided:
            apart = f"one is divided {first.divided}, the other {manifest.divided}"
        if apart:
            what = f"{first_place.name} and {place.name} are not of one job: {apart}"
            raise UserError(f"{shown(folder)}: {what}; begin one of them anew, with overwrite=true")
    for place, manifest in manifests.items():
        yield from (place / part.file for part in manifest.parts if part.file)


def _shards(folder: Path) -> list[Shard]:
    """Those that have a folder, by their number."""
    found = (SHARD.fullmatch(path.name) for path in folder.iterdir())
    return sorted((Shard(int(name[1]), int(name[2])) for name in found if name), key=lambda shard: shard.number)


def _places(folder: Path) -> list[Path]:
    """The folder of each shard, or that of the whole job."""
    shards = _shards(folder)
    if (folder / MANIFEST).is_file():
        if shards:
            raise UserError(f"{shown(folder)}: holds a whole job and {shards[0].folder}; take one of them elsewhere")
        return [folder]
    if not shards:
        raise UserError(f"{shown(folder)}: a folder without {MANIFEST}, so no output of scripts/predict.py in parts")
    of = shards[0].of
    if other := next((shard for shard in shards if shard.of != of), None):
        what = f"{shards[0].folder} and {other.folder}, which are not of one job"
        raise UserError(f"{shown(folder)}: holds {what}; take those of one elsewhere")
    places = [folder / Shard(number, of).folder for number in range(1, of + 1)]
    for number, place in enumerate(places, 1):
        if not (place / MANIFEST).is_file():
            remedy = f"run the job with shard={number}/{of}, or copy the folder from where it was run"
            raise UserError(f"{shown(folder)}: {place.name} is not there, or was not begun; {remedy}")
    return places


def _finished(place: Path) -> Manifest:
    manifest = read_manifest(place / MANIFEST)
    if not manifest.complete:
        raise UserError(f"{shown(place)}: the job is not finished; run its command again, it goes on")
    return manifest
