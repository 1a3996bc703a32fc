"""A run made again by the settings of another one, and in what the two differ."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from sitrep.errors import UsageError, UserError
from sitrep.model import checkpoint as layout
from sitrep.model.checkpoint import open_checkpoint
from sitrep.settings import TrainSettings
from sitrep.settings.description import as_plain, from_plain
from sitrep.storage.complete import read_json
from sitrep.training.run_identity import changed_settings, plain_settings

REPEAT = "repeat.json"
CIRCUMSTANCES = ("sitrep", "python", "system", "processor", "cores", "gpu", "device", "precision")
"""What ``environment.json`` has that may make the same settings end in other weights, the packages apart."""


def repeated_settings(settings: TrainSettings) -> TrainSettings:
    """The settings of the run that ``repeat`` names, with the present ``output_dir`` and the trackers that are named.

    Raises:
        UsageError: If other settings are given beside it.
        UserError: If there is no finished run, or its settings cannot be read.
    """
    if changed := changed_settings(as_plain(TrainSettings()), as_plain(settings)):
        given = changed.removeprefix("it was begun with ").partition("=")[0]
        raise UsageError(f"repeat={settings.repeat}: takes all settings from that run; leave {given}=… away")
    run = Path(str(settings.repeat))
    if not (run / layout.METRICS).is_file() or not (run / layout.CONFIG).is_file():
        raise UserError(f"repeat={run}: no finished run is there; a folder that scripts/train.py made is wanted")
    try:
        recorded = yaml.safe_load((run / layout.CONFIG).read_text(encoding="utf-8"))
        before = from_plain(TrainSettings, recorded)
    except (yaml.YAMLError, UnicodeDecodeError, AttributeError, TypeError) as error:
        raise UserError(f"{run / layout.CONFIG}: cannot be read as settings of a run: {error}") from None
    except UsageError as error:
        raise UserError(f"{run / layout.CONFIG}: {error}; it was made by another version of sitrep") from None
    now = settings.trainer
    told = now if now.track else before.trainer
    trainer = replace(before.trainer, save_minutes=now.save_minutes, track=told.track, tracking_uri=told.tracking_uri)
    output, resume = settings.output_dir, settings.resume
    return replace(before, trainer=trainer, output_dir=output, resume=resume, repeat=str(run))


def compare_runs(first: Path, second: Path, settings: TrainSettings) -> dict[str, Any]:
    """In what a run differs from the one that it repeats; equal parts are ``None`` or empty.

    Args:
        first: The run that was repeated.
        second: The run that repeats it.
        settings: Of the second.
    """
    recorded = yaml.safe_load((first / layout.CONFIG).read_text(encoding="utf-8"))
    one, two = (
        {**read_json(run / layout.METRICS), "_": read_json(run / layout.ENVIRONMENT)} for run in (first, second)
    )
    weights = [_weights(run) for run in (first, second)]
    hashes = [sorted(found.items()) for found in weights]
    return {
        "repeats": str(first),
        "settings": changed_settings(recorded, plain_settings(settings)),
        "data": _changed(_sources(one), _sources(two)) | _changed(_split(first), _split(second)),
        "versions": _changed(one["_"].get("packages", {}), two["_"].get("packages", {})),
        "circumstances": _changed(*({name: part["_"].get(name) for name in CIRCUMSTANCES} for part in (one, two))),
        "macro_f1": [one.get("macro_f1"), two.get("macro_f1")],
        "weights_sha256": [dict(found) for found in hashes],
        "same_weights": hashes[0] == hashes[1],
        "largest_difference": 0.0 if hashes[0] == hashes[1] else _largest_difference(first, second),
    }


def comparison_in_words(compared: dict[str, Any]) -> Iterator[str]:
    """What :func:`compare_runs` found, one line each."""
    yield f"repeats {compared['repeats']}"
    yield f"settings: {compared['settings'] or 'the same'}"
    for name, words in (("data", "data"), ("versions", "versions"), ("circumstances", "machine and number format")):
        changed = [f"{key} {old}, now {new}" for key, (old, new) in compared[name].items()]
        yield f"{words}: {'; '.join(changed) or 'the same'}"
    old, new = compared["macro_f1"]
    yield f"macro-F1: {_figure(old)}, now {_figure(new)}"
    if compared["same_weights"]:
        yield "weights: the same to the bit"
    elif compared["largest_difference"] is None:
        yield "weights: of another shape"
    else:
        yield f"weights: they differ by {compared['largest_difference']:.2g} at most"


def write_comparison(folder: Path, compared: dict[str, Any]) -> None:
    """Write what :func:`compare_runs` found into the run that is made."""
    (folder / REPEAT).write_text(json.dumps(compared, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _changed(old: dict[str, Any], new: dict[str, Any]) -> dict[str, list[Any]]:
    return {name: [old.get(name), new.get(name)] for name in old | new if old.get(name) != new.get(name)}


def _sources(metrics: dict[str, Any]) -> dict[str, Any]:
    return {item["source"]: item["sha256"] for item in metrics["data"].get("sources", ())}


def _split(run: Path) -> dict[str, str]:
    record = open_checkpoint(str(run)).record
    return {f"{name} set": digest for name, digest in record.split.items()} if record else {}


def _weights(run: Path) -> dict[str, str]:
    record = open_checkpoint(str(run)).record
    files = record.files if record else {}
    return {name: digest for name, digest in files.items() if name.endswith(".safetensors")}


def _largest_difference(first: Path, second: Path) -> float | None:
    """Of any weight; ``None`` if the two do not have the same ones."""
    from safetensors.torch import load_file

    largest = 0.0
    for name in _weights(first) | _weights(second):
        paths = [run / layout.CHECKPOINT / name for run in (first, second)]
        if not all(path.is_file() for path in paths):
            return None
        one, two = (load_file(path) for path in paths)
        if {key: weight.shape for key, weight in one.items()} != {key: weight.shape for key, weight in two.items()}:
            return None
        largest = max([largest, *(float((one[key].double() - two[key].double()).abs().max()) for key in one)])
    return largest


def _figure(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.4f}"
