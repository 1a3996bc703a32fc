"""The folder of a training run: it is made, found again when the run was cut off, kept for that, or removed."""

import glob
import itertools
import json
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sitrep.errors import Stopped, UserError
from sitrep.model import checkpoint as layout
from sitrep.settings import TrainSettings
from sitrep.storage.complete import PARTIAL, TIME, claim_folder, complete_file, read_json, sync, write_errors
from sitrep.storage.locks import lock_folder
from sitrep.storage.sealed import sync_files
from sitrep.training.run_identity import changed_circumstances, changed_settings, plain_settings, refuse_changes
from sitrep.training.seeds import SEEDS
from sitrep.training.training_checkpoints import Tell, TrainingFailed, is_there

TRAINING = ".training"
"""Folder of the training checkpoints inside a run that is not done."""
BEGUN = "begun.json"
"""In that folder: the identity of the run, which it was begun with."""
WATCHED = ("training.jsonl", "training.html", "tensorboard", "mlflow.json")
"""What watchers of a run write while it is trained, and go on with."""
NEWEST, IF_ANY = "true", "auto"
"""Values of `resume` that name no folder."""


@dataclass
class RunFolder:
    """Where a run is made.

    Attributes:
        folder: To be filled.
        run: That it becomes.
        has_begun: Whether training has begun in it, this time.
    """

    folder: Path
    run: Path
    has_begun: bool = False

    @property
    def training(self) -> Path:
        """For training checkpoints."""
        return self.folder / TRAINING

    def begin(self, identity: dict[str, Any], tell: Tell) -> None:
        """Note what the run is begun with, or check it where it was begun before.

        Raises:
            UserError: If what decides the weights has changed.
        """
        path = self.training / BEGUN
        can_go_on = is_there(self.training)
        if can_go_on:
            before = read_json(path)
            refuse_changes(before, identity, self.folder)
            if said := changed_circumstances(before, identity):
                tell(f"{self.folder}: {said}")
        tidy(self.folder, {layout.CONFIG, *WATCHED, *((TRAINING, SEEDS) if can_go_on else ())})
        if not can_go_on:
            with complete_file(path, overwrite=True, durable=True) as partial:
                partial.write_text(json.dumps(identity, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        self.has_begun = True


def tidy(folder: Path, kept: Collection[str] = WATCHED) -> None:
    """Remove what is made anew when a run is gone on with, all but what has a name among ``kept``."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@contextmanager
def run_folder(settings: TrainSettings, tell: Tell) -> Iterator[RunFolder]:
    """Make or find the folder to fill, and rename it when the block ends well.

    When it does not, the folder stays if training can be gone on with in it, and is removed if not.

    Raises:
        UserError: If there is nothing to go on with, or what is there is of other settings; if the name is taken.
    """
    found = find_unfinished(settings, tell) if settings.resume else None
    with write_errors(found or Path(settings.output_dir)):
        if found is None:
            _put_aside(settings.output_dir, tell)
            place = RunFolder(*claim_folder(settings.output_dir, "output_dir"))
        else:
            place = RunFolder(found, found.with_name(found.name.removesuffix(PARTIAL)))
        handle = os.open(place.folder, os.O_RDONLY)
        try:
            lock_folder(handle, place.folder)
            if found:
                again = is_there(place.training)
                said = "is gone on with" if again else "was cut off before its first checkpoint; begins anew"
                tell(f"{place.folder}: {said}")
            try:
                _write_settings(place, settings)
                yield place
                sync_files(place.folder)
                os.rename(place.folder, place.run)
                sync(place.run.parent)
            except BaseException as error:
                _leave(place, error, tell)
                raise
            shutil.rmtree(place.run / TRAINING, ignore_errors=True)  # last: a run is never without what it needs
        finally:
            os.close(handle)


def finished_run(settings: TrainSettings) -> Path | None:
    """The run of a chosen name that `resume=auto` finds done.

    Raises:
        UserError: If it is of other settings.
    """
    run = Path(settings.output_dir)
    if settings.resume != IF_ANY or not (run / layout.METRICS).exists():
        return None
    if changed := _changes(run, settings):
        raise UserError(f"{run}: is finished, but not with these settings: {changed}; give another output_dir")
    return run


def find_unfinished(settings: TrainSettings, tell: Tell) -> Path | None:
    """The folder of the run that `resume` means; ``None`` where `resume=auto` finds none.

    Raises:
        UserError: If there is none, or it is of other settings.
    """
    named = settings.resume not in (NEWEST, IF_ANY)
    wanted = str(settings.resume).rstrip("/") if named else settings.output_dir
    run = Path(wanted.removesuffix(PARTIAL))
    pattern = glob.escape(run.name).replace(TIME, "*") + PARTIAL
    candidates = [path for path in run.parent.glob(pattern) if path.is_dir()]
    candidates.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    changes = {path: _changes(path, settings) for path in candidates}
    if fitting := [path for path, change in changes.items() if change is None]:
        if len(fitting) > 1:
            tell(f"resume={settings.resume}: {len(fitting)} unfinished runs are of these settings; the newest is taken")
        return fitting[0]
    if settings.resume == IF_ANY and (TIME in wanted or not candidates):
        tell(f"resume={IF_ANY}: there is no unfinished run of these settings; one is begun")
        return None
    if candidates:
        newest = candidates[0]
        raise UserError(
            f"{newest}: cannot be gone on with: {changes[newest]}; give the settings that it was begun with"
        )
    if (run / layout.METRICS).exists():
        raise UserError(f"{run}: is finished; repeat={run} makes it again, another output_dir a new one")
    place = run.parent if TIME in run.name else run
    raise UserError(f"resume={settings.resume}: there is no unfinished run at {place}; leave resume away to begin one")


def how_to_go_on(place: RunFolder) -> str:
    """What is said of a run that was kept; nothing of one that was not."""
    if not is_there(place.training):
        return ""
    return f"{place.folder} was kept; the same command with resume=true goes on with it"


def _changes(folder: Path, settings: TrainSettings) -> str | None:
    try:
        recorded = yaml.safe_load((folder / layout.CONFIG).read_text(encoding="utf-8"))
    except FileNotFoundError:  # cut off before it was written
        return None if TIME not in settings.output_dir or settings.resume not in (NEWEST, IF_ANY) else "no settings"
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return f"its {layout.CONFIG} cannot be read"
    return changed_settings(recorded, plain_settings(settings)) if isinstance(recorded, dict) else "no settings"


def _put_aside(wanted: str, tell: Tell) -> None:
    """Give a run of this name that was cut off another one, so that it neither bars the name nor is lost."""
    partial = Path(f"{wanted}{PARTIAL}")
    if TIME in wanted or not (partial / layout.CONFIG).exists():
        return
    handle = os.open(partial, os.O_RDONLY)
    try:
        lock_folder(handle, partial)
    except UserError:
        return  # a run is at work there, and the name is taken
    finally:
        os.close(handle)
    names = (f"{wanted}-cut-off-{number}" for number in itertools.count(1))
    aside = next(name for name in names if not Path(name).exists() and not Path(f"{name}{PARTIAL}").exists())
    partial.rename(f"{aside}{PARTIAL}")
    tell(f"{partial}: a run was cut off there; it is put aside, and resume={aside} goes on with it")


def _write_settings(place: RunFolder, settings: TrainSettings) -> None:
    """Settings stand in the run from its beginning, so that it can be told when it is cut off."""
    plain = plain_settings(settings) | {"output_dir": str(place.run)}
    with complete_file(place.folder / layout.CONFIG, overwrite=True, durable=True) as partial:
        partial.write_text(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _leave(place: RunFolder, error: BaseException, tell: Tell) -> None:
    said = how_to_go_on(place)
    if not said or isinstance(error, TrainingFailed):
        shutil.rmtree(place.folder, ignore_errors=True)
    elif isinstance(error, Stopped):
        error.kept = said
    elif place.has_begun:
        with suppress(OSError):
            tell(said)
