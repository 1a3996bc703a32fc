"""Folders whose every file is known by its hash: what a killed process or a lost disk left of one is told apart."""

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sitrep.errors import UserError
from sitrep.storage.complete import PARTIAL, read_json, sha256_of, sync, write_errors

MANIFEST = "manifest.json"
"""Names every other file of its folder with SHA-256 and size; it is written last."""


@contextmanager
def sealed_folder(folder: Path) -> Iterator[Path]:
    """Fill a folder beside ``folder``, put its manifest and all of it on the disk, and then give it its name.

    Args:
        folder: That it becomes; it must not be there.

    Yields:
        The folder to fill.

    Raises:
        UserError: If it cannot be written, such as on a full disk.
    """
    partial = unfinished(folder)
    with write_errors(folder):
        try:
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            yield partial
            _seal(partial)
            os.rename(partial, folder)
            sync(folder.parent)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


def unfinished(folder: Path) -> Path:
    """Where a folder is while it is being filled."""
    return folder.with_name(f"{folder.name}{PARTIAL}")


def hashes_of(folder: Path, but: Iterable[str] = ()) -> dict[str, str]:
    """SHA-256 of every file in a folder and below, by its name from there, but those of some names."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in found}
    return {name: sha256_of(path) for name, path in names.items() if name not in but}


def sync_files(folder: Path) -> None:
    """Wait until a folder, and all below it, is on the disk itself."""
    for path in [*folder.rglob("*"), folder]:
        sync(path)


def fault_of(folder: Path) -> str | None:
    """What is wrong with a sealed folder, in words; ``None`` if it is as it was written."""
    try:
        files = read_json(folder / MANIFEST).get("files")
    except (OSError, UserError):
        return f"its {MANIFEST} is missing or damaged"
    return fault_in(folder, files) if isinstance(files, dict) else f"its {MANIFEST} is damaged"


def fault_in(folder: Path, files: Mapping[str, str]) -> str | None:
    """Which file of a folder is not what its hash says, in words; ``None`` if all are."""
    for name, wanted in files.items():
        path = folder / name
        if not path.is_file():
            return f"its {name} is missing"
        if sha256_of(path) != wanted:
            return f"its {name} is damaged"
    return None


def _seal(folder: Path) -> None:
    sync_files(folder)
    manifest = folder / MANIFEST
    manifest.write_text(json.dumps({"files": hashes_of(folder)}, indent=1) + "\n", encoding="utf-8")
    sync(manifest)
    sync(folder)
