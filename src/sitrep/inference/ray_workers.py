"""The workers of a job on a cluster: started, loaded, compared, and replaced where one is lost."""

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from sitrep.errors import UserError
from sitrep.inference import ray_worker
from sitrep.inference.labelled_parts import Loading
from sitrep.inference.ray_worker import PartWorker, WorkerReport, versions
from sitrep.model.checkpoint import Checkpoint, recorded_files
from sitrep.settings import EngineName, Precision, RaySettings

QUEUED = 2
"""Parts that a worker has at most: the one that it labels, and the next."""

CLOSE_SECONDS = 10
"""How long workers may take to remove what they have on the disk."""

LOST_WHILE_LOADING = 3
"""So many workers in a row that die before they have loaded end the job."""


@dataclass
class ClusterWorker:
    """A worker, or the one that took its place.

    Attributes:
        actor: Ray's handle.
        loading: Reference to its report; ``None`` when it has loaded.
        running: Numbers of its parts and references to what comes of them, in their order.
    """

    actor: Any
    loading: Any
    running: list[tuple[int, Any]] = field(default_factory=list)

    def drop(self, result: Any) -> None:
        """Forget a part that has come."""
        self.running = [item for item in self.running if item[1] != result]


class WorkerPool:
    """All workers of a job; see :meth:`started`."""

    def __init__(self, settings: RaySettings, checkpoint: Checkpoint, loading: Loading) -> None:
        import ray

        self._ray = ray
        self._settings, self._folder, self._loading = settings, checkpoint.folder, loading
        self._hashes = recorded_files(checkpoint.folder)
        self._files: Any = None
        self._lost = 0
        self.workers: list[ClusterWorker] = []
        self.computing: dict[str, str] = {}

    @classmethod
    @contextmanager
    def started(cls, settings: RaySettings, count: int, checkpoint: Checkpoint, loading: Loading) -> Iterator[Self]:
        """Start workers; the first has loaded, and the others do as it, when the block begins.

        Raises:
            UserError: If it cannot load the model, or has other versions than this process.
        """
        pool = cls(settings, checkpoint, loading)
        pool.workers.append(pool._new())
        pool.wait_for(pool.workers[0])
        engine, precision = pool.computing["engine"], pool.computing["precision"]
        pool._loading = replace(loading, engine=EngineName[engine], precision=Precision[precision])
        pool.workers += [pool._new() for _ in range(count - 1)]
        try:
            yield pool
            loaded = [worker.actor.close.remote() for worker in pool.workers if worker.loading is None]
            pool._ray.wait(loaded, num_returns=len(loaded), timeout=CLOSE_SECONDS)
        finally:
            for worker in pool.workers:
                with suppress(Exception):  # the cluster itself may be gone
                    pool._ray.kill(worker.actor)

    def free(self) -> ClusterWorker | None:
        """A worker that can take one more part; that with the fewest."""
        ready = [each for each in self.workers if each.loading is None and len(each.running) < QUEUED]
        return min(ready, key=lambda each: len(each.running), default=None)

    def wait(self) -> tuple[ClusterWorker, int, Any] | None:
        """Wait until a part has come, and give its worker, its number and the reference.

        Returns:
            ``None`` if a worker has loaded instead.
        """
        where = {worker.loading: (worker, -1) for worker in self.workers if worker.loading is not None}
        where |= {result: (worker, number) for worker in self.workers for number, result in worker.running[:1]}
        [ready], _ = self._ray.wait(list(where), num_returns=1)
        worker, number = where[ready]
        if number < 0:
            self._loaded(worker)
            return None
        return worker, number, ready

    def wait_for(self, worker: ClusterWorker) -> None:
        """Wait until a worker has loaded."""
        while worker.loading is not None:
            self._loaded(worker)

    def replace(self, worker: ClusterWorker) -> None:
        """Put a new actor in the place of one that is lost, or has to go."""
        with suppress(Exception):
            self._ray.kill(worker.actor)
        new = self._new()
        worker.actor, worker.loading, worker.running = new.actor, new.loading, []

    def _new(self) -> ClusterWorker:
        remote = self._ray.remote(num_cpus=self._settings.cpus, num_gpus=self._settings.gpus)(PartWorker)
        actor = remote.remote(self._settings.cpus)
        return ClusterWorker(actor, self._load(actor))

    def _load(self, actor: Any) -> Any:
        return actor.load.remote(str(self._folder), self._hashes, self._files, self._loading, ray_worker.load_predictor)

    def _loaded(self, worker: ClusterWorker) -> None:
        """Take the report of a worker, and send it the checkpoint if it has none."""
        ray = self._ray
        try:
            report = ray.get(worker.loading)
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, UserError):
                raise UserError(f"a worker of the cluster: {error.cause}") from None
            if isinstance(error.cause, ImportError):
                raise _cannot_import(str(error.cause)) from None
            raise
        except ray.exceptions.RayActorError as error:
            if missing := re.search(r"(?:ModuleNotFound|Import|Attribute)Error: (.*)", str(error)):
                raise _cannot_import(missing[1].strip()) from None
            self._lost += 1
            if self._lost >= LOST_WHILE_LOADING:
                why = " ".join(str(error).split())[-300:]
                hint = "every machine needs sitrep as it is here, and memory for the model"
                raise UserError(
                    f"cluster=ray: {self._lost} workers died before they had loaded; {hint}: {why}"
                ) from None
            self.replace(worker)
            return
        if report is None:
            if self._files is None:
                self._files = ray.put(files_of(self._folder))
            worker.loading = self._load(worker.actor)
            return
        self._lost = 0
        self._compare(report)
        worker.loading = None

    def _compare(self, report: WorkerReport) -> None:
        here = versions()
        for name in here.keys() & report.versions.keys():
            if here[name] != report.versions[name]:
                there = f"a worker has {name} {report.versions[name]}, this process {here[name]}"
                raise UserError(f"cluster=ray: {there}; install the same on every machine")
        self.computing = self.computing or report.computing
        if self.computing != report.computing:
            one, other = (", ".join(each.values()) for each in (self.computing, report.computing))
            line = "so that rows would differ; ask for workers of one kind by ray.gpus, engine and inference.precision"
            raise UserError(f"cluster=ray: one worker computes by {one}, another by {other}, {line}")


def _cannot_import(what: str) -> UserError:
    line = f"cluster=ray: a worker cannot import the program as it is here: {what}"
    return UserError(f"{line}; install the same version, with what it needs, on every machine")


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file of a checkpoint by its name below it."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
