"""What watches a run: its log, its page, and the programs that track it."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console

from sitrep.errors import UserError
from sitrep.settings import Tracker, TrainSettings
from sitrep.storage.complete import read_json
from sitrep.training.seeds import SEEDS
from sitrep.training.step_records import STEP_LOG
from sitrep.training.tracking import MLFLOW_RECORD, TENSORBOARD, MlflowRun, TensorBoardLog, refuse_missing

if TYPE_CHECKING:
    from sitrep.training.step_log import Follower, StepLog

FINISHED, FAILED, KILLED = "FINISHED", "FAILED", "KILLED"
"""How a run ended, in MLflow's words."""
PAGE_SECONDS = 60.0
"""At most this often the page is written while training goes on; it takes a fifth of a second."""


class Watch:
    """Opens a log for every training of a run, and gives its results to the programs that track it.

    Args:
        settings: Of the run.
        folder: That is being filled.
        run: The folder that it becomes.
        console: For what has to be told.
        active: Whether this process is the one that writes.
        page: Writes the page of a run's folder; called at the ends of epochs, and when training is over.

    Raises:
        UserError: If a program is to be told of the run whose library is not there, or that cannot be reached.
    """

    def __init__(
        self,
        settings: TrainSettings,
        folder: Path,
        run: Path,
        console: Console,
        active: bool,
        page: Callable[[Path], None],
    ) -> None:
        refuse_missing(settings)
        self.settings = replace(settings, output_dir=str(run))
        self.folder = folder
        self.run = run
        self.console = console
        self.active = active
        self.page = page
        self._page_written = time.monotonic()
        self._open: list[StepLog] = []
        self._runs: list[MlflowRun] = []
        if active and Tracker.mlflow in settings.trainer.track:
            self._runs.append(self._mlflow(folder, run.name))

    def __enter__(self) -> "Watch":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for log in self._open:
            log.close()
        if self._open:
            with suppress(UserError, OSError) if error is not None else nullcontext():
                self.page(self.folder)
        if error is not None:
            for each in reversed(self._runs):
                each.end(FAILED if isinstance(error, Exception) else KILLED, {})

    def callbacks(self, seed: int) -> "Sequence[StepLog]":
        """Of one training; none in processes that only help."""
        if not self.active:
            return []
        from sitrep.training.step_log import StepLog

        place = self.folder / SEEDS / str(seed) if self.settings.seeds else self.folder
        followers: list[Follower] = []
        if Tracker.tensorboard in self.settings.trainer.track:
            followers.append(TensorBoardLog(place / TENSORBOARD, self.settings))
        if self._runs:
            own = self._mlflow(place, f"{self.run.name}, seed {seed}") if self.settings.seeds else self._runs[0]
            self._runs += [own] if own is not self._runs[0] else []
            followers.append(own)
        log = StepLog(place / STEP_LOG, followers, self._after_epoch)
        self._open.append(log)
        return [log]

    def publish(self, metrics: Mapping[str, Any]) -> None:
        """Give the finished run to the programs that track it.

        Args:
            metrics: As ``metrics.json`` holds them.
        """
        training = metrics["training"]
        told = {"test_macro_f1": metrics["macro_f1"], "validation_macro_f1": training.get("validation_macro_f1")}
        figures = {name: value for name, value in told.items() if value is not None}
        for each in reversed(self._runs[1:]):
            each.end(FINISHED, {})
        for each in self._runs[:1]:
            each.end(FINISHED, figures, self.run)

    def _after_epoch(self) -> None:
        if time.monotonic() - self._page_written >= PAGE_SECONDS:
            self.page(self.folder)
            self._page_written = time.monotonic()

    def _mlflow(self, place: Path, name: str) -> MlflowRun:
        record = place / MLFLOW_RECORD
        known = read_json(record).get("run_id") if record.is_file() else None
        parent = self._runs[0].id if self._runs else None
        begun = MlflowRun(self.settings, self.run.parent, name, self.console, parent, known)
        place.mkdir(parents=True, exist_ok=True)
        record.write_text(json.dumps({"uri": begun.uri, "run_id": begun.id}) + "\n", encoding="utf-8")
        return begun
