"""TensorBoard and MLflow: every step, the settings, and at the end what the run has become."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from sitrep.errors import UserError, is_installed, not_installed
from sitrep.model.checkpoint import CHECKPOINT
from sitrep.settings import Tracker, TrainSettings
from sitrep.settings.description import as_plain, flattened

TENSORBOARD = "tensorboard"
"""Folder of a run that TensorBoard reads."""
MLFLOW_RECORD = "mlflow.json"
"""File of a run that says which run of MLflow's it is."""
EXPERIMENT = "sitrep"
PASS_ON_SECONDS = 5.0
"""Figures go to MLflow together, at most this often."""
MOST_FIGURES = 1000
"""That MLflow takes at once."""
MOST_PARAMETERS = 100
NOT_FIGURES = ("step", "time")
PACKAGES = {Tracker.tensorboard: "tensorboard", Tracker.mlflow: "mlflow"}


def figures_of(record: Mapping[str, Any]) -> dict[str, float]:
    """The figures of a record, without those that are not known."""
    return {name: value for name, value in record.items() if name not in NOT_FIGURES and value is not None}


def refuse_missing(settings: TrainSettings) -> None:
    """Raise a ``UserError`` if a program is to be told of the run whose library is not there."""
    for tracker in settings.trainer.track:
        if not is_installed(PACKAGES[tracker]):
            raise not_installed(PACKAGES[tracker])


class TensorBoardLog:
    """Writes event files that ``tensorboard --logdir`` reads, also while training goes on.

    Args:
        folder: That they are written into.
        settings: Shown as text.
    """

    def __init__(self, folder: Path, settings: TrainSettings) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(str(folder))
        shown = "\n".join(f"    {name}: {value}" for name, value in flattened(as_plain(settings)).items())
        self._writer.add_text("settings", shown)

    def follow(self, record: Mapping[str, Any]) -> None:
        """Add the figures of a step or an epoch."""
        for name, value in figures_of(record).items():
            self._writer.add_scalar(name, value, record["step"])

    def close(self) -> None:
        """Write out what is left."""
        self._writer.close()


class MlflowRun:
    """One run of MLflow's.

    What keeps it from beginning is an error; a server that is lost later costs the training nothing: it is told once,
    and the run goes on alone.

    Args:
        settings: Of the run; MLflow's parameters.
        place: Folder around the run, where the store is unless another is named.
        name: Of the run.
        console: Where the loss of the server is told.
        parent: Of this run, where it is one of several seeds.
        known: Id of the run where training goes on with one that was cut off.

    Raises:
        UserError: If the store cannot be used.
    """

    def __init__(
        self,
        settings: TrainSettings,
        place: Path,
        name: str,
        console: Console,
        parent: str | None = None,
        known: str | None = None,
    ) -> None:
        _quieten()
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        self._errors = (MlflowException, OSError)
        self._console = console
        self._waiting: list[Any] = []
        self._passed_on = time.monotonic()
        self._lost = False
        self.uri = settings.trainer.tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or _beside(place)
        try:
            self._client = MlflowClient(self.uri)
            if known and self._goes_on(known):
                self.id = known  # MLflow has its settings, and takes no others
            else:
                self.id = self._begin(name, parent)
                self._tell_settings(settings)
        except self._errors as error:
            raise UserError(f"trainer.tracking_uri={self.uri}: {_first_sentence(error)}") from None

    def follow(self, record: Mapping[str, Any]) -> None:
        """Take the figures of a step or an epoch; they are passed on from time to time."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._waiting += [Metric(name, value, now, record["step"]) for name, value in figures_of(record).items()]
        if time.monotonic() - self._passed_on >= PASS_ON_SECONDS or len(self._waiting) > MOST_FIGURES:
            self.pass_on()

    def close(self) -> None:
        """Pass on what is left; the run stays open for its results."""
        self.pass_on()

    def pass_on(self) -> None:
        """Give MLflow what is waiting."""
        waiting, self._waiting = self._waiting, []
        for start in range(0, len(waiting), MOST_FIGURES):
            self._try("log_batch", self.id, metrics=waiting[start : start + MOST_FIGURES])
        self._passed_on = time.monotonic()

    def end(self, status: str, figures: Mapping[str, float], run: Path | None = None) -> None:
        """Add the final figures and the files of the run, and close it.

        Args:
            status: ``FINISHED``, ``FAILED`` or ``KILLED``.
            figures: By name.
            run: Its folder; its files and its checkpoint are kept as artifacts.
        """
        for name, value in figures.items():
            self._try("log_metric", self.id, name, value)
        for path in sorted(run.iterdir()) if run else []:
            if path.is_dir() and path.name == CHECKPOINT:
                self._try("log_artifacts", self.id, str(path), path.name)
            elif path.is_file() and path.name != MLFLOW_RECORD:
                self._try("log_artifact", self.id, str(path))
        self._try("set_terminated", self.id, status)

    def _begin(self, name: str, parent: str | None) -> str:
        experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
        found = self._client.get_experiment_by_name(experiment)
        # Else MLflow puts artifacts into the working directory, wherever the database lies.
        artifacts = _artifacts_beside(self.uri)
        number = found.experiment_id if found else self._client.create_experiment(experiment, artifacts)
        tags = {"mlflow.parentRunId": parent} if parent else {}
        return str(self._client.create_run(number, run_name=name, tags=tags).info.run_id)

    def _goes_on(self, known: str) -> bool:
        try:
            self._client.update_run(known, "RUNNING")
        except self._errors:
            return False  # of another store
        return True

    def _tell_settings(self, settings: TrainSettings) -> None:
        from mlflow.entities import Param

        told = [Param(name, str(value)[:500]) for name, value in flattened(as_plain(settings)).items()]
        for start in range(0, len(told), MOST_PARAMETERS):
            self._client.log_batch(self.id, params=told[start : start + MOST_PARAMETERS])

    def _try(self, action: str, *arguments: Any, **options: Any) -> None:
        if self._lost:
            return
        try:
            getattr(self._client, action)(*arguments, **options)
        except self._errors as error:
            self._lost = True
            told = f"MLflow at {self.uri} was lost, and the run goes on without it: {_first_sentence(error)}"
            self._console.print(told, highlight=False, markup=False, soft_wrap=True)


def _quieten() -> None:
    """MLflow is asked to send nothing to its makers, to say little, and to give up soon; what the user set stays."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")


def _beside(place: Path) -> str:
    place.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{(place / 'mlflow.db').absolute().as_posix()}"


def _artifacts_beside(uri: str) -> str | None:
    """Where artifacts go that no server keeps: a folder beside the database; ``None`` leaves it to the server."""
    if not uri.startswith("sqlite:///"):
        return None
    return (Path(uri.removeprefix("sqlite:///")).absolute().parent / "mlflow-artifacts").as_uri()


def _first_sentence(error: Exception) -> str:
    return " ".join(str(error).split()).partition(". ")[0][:300]
