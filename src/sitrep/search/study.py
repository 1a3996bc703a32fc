"""A study of Optuna's in a file that several processes and machines share."""

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState

from sitrep.errors import UserError
from sitrep.search.sampling import NumberedSampler
from sitrep.search.workers import Worker
from sitrep.settings.description import flattened
from sitrep.storage.complete import write_errors

NAME = "sitrep"
IDENTITY = "identity"
WORKER, BEGAN, REASON, ATTEMPT, CUT_OFF = "worker", "began", "reason", "attempt", "cut_off"
"""What is noted of a trial."""
FIGURES, EPOCHS, SECONDS, VALUES = "figures", "epochs", "seconds", "values"
MOST_ATTEMPTS = 3
"""How often a trial is begun whose process ends without a word: it may be what ends it."""
STARTUP_TRIALS = 5
"""Trials that are not pruned."""
FIRST_PRUNED_EPOCH = 2
"""After the first epoch models that end well may still guess."""
LEAST_TO_COMPARE = 3
"""Trials that must have come as far for another one to be pruned."""
NAMELESS_SECONDS = 60.0
"""How long a trial may have begun without the name of its process, which is written next."""
SHOWN_DIFFERENCES = 3


class SharedStudy:
    """The trials of a search.

    Trials are finished, pruned or failed, and then kept; or they were cut off with their process, and are begun again.

    Args:
        path: Of the file; it is made if need be.
        identity: What decides the outcome of a trial; a file with another one is refused.
        trials: That are wanted in all.
        sampler_seed: Of what is tried.
        prune: Whether trials below the median are given up.
        worker: This process.

    Raises:
        UserError: If the file is another search's, or no study.
    """

    def __init__(
        self, path: Path, identity: Mapping[str, Any], trials: int, sampler_seed: int, prune: bool, worker: Worker
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.path = path.absolute()
        self.wanted = trials
        self.worker = worker
        with write_errors(path):
            lock = JournalFileOpenLock(str(self.path))
            _mend(self.path, lock)
            pruner = (
                optuna.pruners.MedianPruner(STARTUP_TRIALS, FIRST_PRUNED_EPOCH, n_min_trials=LEAST_TO_COMPARE)
                if prune
                else optuna.pruners.NopPruner()
            )
            try:
                self._storage = JournalStorage(JournalFileBackend(str(self.path), lock_obj=lock))
                self._refuse_foreign()
                self.study = optuna.create_study(
                    storage=self._storage,
                    study_name=NAME,
                    direction="maximize",
                    load_if_exists=True,
                    sampler=NumberedSampler(sampler_seed),
                    pruner=pruner,
                )
            except (ValueError, KeyError, TypeError, AssertionError):
                raise UserError(f"study={path}: is no study of sitrep's; choose another file") from None
        self._refuse_another(path, json.loads(json.dumps(identity)))

    def trials(self) -> list[FrozenTrial]:
        """All that were begun, but for those that were cut off."""
        return [trial for trial in self.study.get_trials(deepcopy=False) if _counts(trial)]

    def begin(self) -> optuna.Trial | None:
        """The next trial, or ``None`` if there are as many as wanted, begun ones of other processes among them."""
        self._renew_torn()
        if len(self.trials()) >= self.wanted:
            return None
        trial = self.study.ask()
        self._note(trial, {WORKER: self.worker.name, BEGAN: time.time()})
        if sum(other.number < trial.number for other in self.trials()) >= self.wanted:
            self._end(trial, TrialState.FAIL, {CUT_OFF: True, REASON: "another process was faster"})
            return None
        return trial

    def complete(self, trial: optuna.Trial, value: float, told: Mapping[str, Any]) -> bool:
        """Keep the figure of a trial; ``False`` if another process holds this one for dead and does it again."""
        return self._end(trial, TrialState.COMPLETE, told, value)

    def prune(self, trial: optuna.Trial, told: Mapping[str, Any]) -> bool:
        """Keep that a trial was given up."""
        return self._end(trial, TrialState.PRUNED, told)

    def fail(self, trial: optuna.Trial, told: Mapping[str, Any]) -> bool:
        """Keep that a trial could not be finished, and why."""
        return self._end(trial, TrialState.FAIL, told)

    def cut_off(self, trial: optuna.Trial) -> None:
        """Let a trial be begun again by whoever comes next."""
        frozen = next(each for each in self.study.get_trials(deepcopy=False) if each.number == trial.number)
        self._renew(frozen)

    def running(self) -> int:
        """How many trials other processes are at."""
        return sum(trial.state == TrialState.RUNNING for trial in self.trials())

    def _renew_torn(self) -> None:
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            name = trial.user_attrs.get(WORKER)
            began = trial.datetime_start
            fresh = began is not None and time.time() - began.timestamp() < NAMELESS_SECONDS
            if not (self.worker.is_alive(name) if name else fresh):
                self._renew(trial)
                if name:
                    self.worker.forget(name)

    def _renew(self, trial: FrozenTrial) -> None:
        """End a trial whose process is gone; the same values are tried again, unless they ended it several times."""
        attempt = int(trial.user_attrs.get(ATTEMPT, 1))
        last = attempt >= MOST_ATTEMPTS
        reason = f"its process ended without a word {attempt} times; too little memory?" if last else "cut off"
        told = {CUT_OFF: not last, REASON: reason}
        storage = self._storage
        number = storage.get_trial_id_from_study_id_trial_number(storage.get_study_id_from_name(NAME), trial.number)
        try:
            for name, value in told.items():
                storage.set_trial_user_attr(number, name, value)
            storage.set_trial_state_values(number, TrialState.FAIL)
        except optuna.exceptions.UpdateFinishedTrialError:
            return  # another process was faster
        if not last:
            self.study.enqueue_trial(trial.params, user_attrs={ATTEMPT: attempt + 1})

    def _end(self, trial: optuna.Trial, state: TrialState, told: Mapping[str, Any], value: float | None = None) -> bool:
        try:
            self._note(trial, told)
            self.study.tell(trial, value, state)
        except (optuna.exceptions.UpdateFinishedTrialError, ValueError):
            return False
        return True

    def _note(self, trial: optuna.Trial, told: Mapping[str, Any]) -> None:
        for name, value in told.items():
            trial.set_user_attr(name, value)

    def _refuse_foreign(self) -> None:
        names = [study.study_name for study in self._storage.get_all_studies()]
        if names and names != [NAME]:
            raise UserError(f"study={self.path}: holds {', '.join(names)} of another program; choose another file")

    def _refuse_another(self, path: Path, identity: dict[str, Any]) -> None:
        known = self.study.user_attrs.get(IDENTITY)
        if known is None:
            self.study.set_user_attr(IDENTITY, identity)
        elif differences := _differences(known, identity):
            more = len(differences) - SHOWN_DIFFERENCES
            shown = "; ".join(differences[:SHOWN_DIFFERENCES]) + (f"; and {more} more" if more > 0 else "")
            raise UserError(f"study={path}: holds another search: {shown}; choose another file")


def _counts(trial: FrozenTrial) -> bool:
    return trial.state != TrialState.WAITING and not trial.user_attrs.get(CUT_OFF)


def _differences(known: Mapping[str, Any], identity: Mapping[str, Any]) -> Sequence[str]:
    """What two searches differ in, in words."""
    there, here = flattened(known), flattened(identity)
    names = [*here, *(name for name in there if name not in here)]
    return [
        f"{name.removeprefix('train.')} is {there.get(name, 'not given')} there, {here.get(name, 'not given')} here"
        for name in names
        if there.get(name) != here.get(name)
    ]


def _mend(path: Path, lock: JournalFileOpenLock) -> None:
    """Take off the end of a file that was cut off within a line, which the next line would otherwise be glued to."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        return
    if path.is_dir():
        raise UserError(f"study={path}: is a folder, a file name is wanted")
    lock.acquire()
    try:
        with path.open("rb+") as file:
            content = file.read()
            whole = content.rfind(b"\n") + 1
            if whole < len(content) and content.startswith(b'{"op_code"'):
                file.truncate(whole)
    finally:
        lock.release()
