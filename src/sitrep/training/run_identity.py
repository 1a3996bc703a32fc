"""What decides the weights of a run, and whether it is still the same when the run is gone on with."""

import hashlib
import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sitrep import __version__
from sitrep.data.loading import LoadedData
from sitrep.errors import UserError
from sitrep.model.checkpoint import open_checkpoint, recorded_files
from sitrep.model.hardware import choose_device, cpu_name, version_of
from sitrep.sentences import LabelledSentence
from sitrep.settings import TrainSettings
from sitrep.settings.description import as_plain, flattened
from sitrep.storage.complete import sha256_of

WITHOUT_BEARING = ("output_dir", "resume", "repeat", "trainer.save_minutes", "trainer.track")
"""Settings that may differ, as the weights do not hang on them; a name stands for all that begins with it."""

PACKAGES = ("torch", "transformers", "tokenizers", "accelerate", "numpy", "safetensors")
SHOWN = 5
"""Differences that a message names at most."""


def changed_settings(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    """What differs between the settings of two runs and bears on the weights, in words; ``None`` if nothing does.

    Args:
        old: Of the run that began, as its ``config.yaml`` has them.
        new: The present ones, as :func:`sitrep.settings.description.as_plain` gives them.
    """
    before, now = flattened(old), flattened(new)
    names = [name for name in before | now if not name.startswith(WITHOUT_BEARING)]
    differing = [name for name in names if before.get(name) != now.get(name)]
    if not differing:
        return None
    said = [f"{name}={_written(before.get(name))}, now {_written(now.get(name))}" for name in differing]
    more = f", and {len(said) - SHOWN} more" if len(said) > SHOWN else ""
    return f"it was begun with {'; '.join(said[:SHOWN])}{more}"


def run_identity(
    settings: TrainSettings, data: LoadedData, unlabelled: Sequence[LabelledSentence], processes: int
) -> dict[str, Any]:
    """What decides the weights besides the settings, and what may change their last bits.

    Args:
        settings: Of the run.
        data: That was loaded, with the probabilities that teachers gave.
        unlabelled: Units of which these alone are learnt.
        processes: That train together.
    """
    import torch

    parts = data.split.parts() | {"calibration": data.calibration, "unlabelled": unlabelled}
    teachers = settings.trainer.teacher
    taught = ("train", "unlabelled") if teachers else ()
    return {
        "sources": {source.source: source.sha256 for source in data.sources},
        "sets": {name: _digest(part, name in taught, name == "unlabelled") for name, part in parts.items()},
        "backbone": _backbone(Path(settings.model.name)),
        "teachers": {file: digest for run in teachers for file, digest in _teacher(run).items()},
        "processes": processes,
        "made_with": {
            "sitrep": __version__,
            "python": platform.python_version(),
            **{name: version_of(name) for name in PACKAGES},
            "processor": cpu_name(),
            "threads": torch.get_num_threads(),
            "device": choose_device().type,
        },
    }


def refuse_changes(old: Mapping[str, Any], new: Mapping[str, Any], run: Path) -> None:
    """Raise a ``UserError`` if a run, gone on with, would be another one.

    Args:
        old: Identity of the run when it began.
        new: The present one.
        run: That it is about.
    """
    if old["processes"] != new["processes"]:
        remedy = f"start it with torchrun --nproc-per-node={old['processes']}" if old["processes"] > 1 else "start one"
        raise UserError(f"{run}: was begun by {old['processes']} processes, this is {new['processes']}; {remedy}")
    for kind in ("sources", "backbone", "teachers"):
        then, present = old.get(kind, {}), new.get(kind, {})
        for name in then | present:
            before, now = then.get(name), present.get(name)
            if before != now:
                short = f"its sha256 was {str(before)[:12]}…, now it is {str(now)[:12]}…"
                raise UserError(
                    f"{run}: cannot be gone on with: {name} was changed since it began: {short}; restore it"
                )
    changed = [name for name, digest in new["sets"].items() if old["sets"].get(name) != digest]
    if changed:
        raise UserError(f"{run}: cannot be gone on with: the data changed since it began: its {changed[0]} set differs")


def changed_circumstances(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    """What differs of versions and machine, in words: then the last bits of the weights may differ too."""
    before, now = old["made_with"], new["made_with"]
    said = [f"{name} {before.get(name)}, now {now[name]}" for name in now if before.get(name) != now[name]]
    return f"begun with {'; '.join(said)}: the last bits of the weights may differ" if said else None


def _digest(sentences: Iterable[LabelledSentence], is_taught: bool, is_unlabelled: bool) -> str:
    """SHA-256 over all of each sentence that training looks at and that teachers have not said.

    What they say has other last digits on another processor; they themselves are held to be the same.
    """
    total = hashlib.sha256()
    for item in sentences:
        probabilities = dict(item.probabilities) if item.probabilities and not is_taught else None
        label = None if is_unlabelled else item.label
        seen = (item.id, item.article_id, item.position, item.text, label, item.labels, probabilities)
        total.update(json.dumps([*seen, item.speech, item.speaker]).encode() + b"\n")
    return total.hexdigest()


def _teacher(run: str) -> dict[str, str]:
    """The files of a teacher that decide what it says."""
    folder = open_checkpoint(run).folder
    return {str(folder / name): digest for name, digest in recorded_files(folder).items()}


def _backbone(folder: Path) -> dict[str, str]:
    """The files of a backbone that is a folder; others are known by their names."""
    if not folder.is_dir():
        return {}
    files = sorted(path for path in folder.iterdir() if path.suffix in (".safetensors", ".json", ".txt", ".model"))
    return {str(path): sha256_of(path) for path in files}


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def plain_settings(settings: TrainSettings) -> dict[str, Any]:
    """Settings as a run's ``config.yaml`` has them: not how it came about that the run is made."""
    plain: dict[str, Any] = as_plain(settings)
    return plain | {"resume": None, "repeat": None}
