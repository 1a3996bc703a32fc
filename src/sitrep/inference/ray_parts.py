"""The parts of a job labelled by workers of a Ray cluster: handed out, tried again where one is lost, in order."""

import heapq
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from rich.console import Console

from sitrep.errors import UserError
from sitrep.inference.arrow_columns import Types
from sitrep.inference.labelled_parts import NOTHING_LABELLED, CutPart, LabelledPart, Loading
from sitrep.inference.poisoned_pages import without_poisoned
from sitrep.inference.ray_connection import connected
from sitrep.inference.ray_worker import FirstPartLostError, WorkedPart
from sitrep.inference.ray_workers import ClusterWorker, WorkerPool
from sitrep.inference.stage_clock import StageClock
from sitrep.model.checkpoint import Checkpoint
from sitrep.sentences import Passage
from sitrep.settings import RaySettings

TRIES = 2
"""How often a part ends its worker before it is looked through for the page that does it."""

AHEAD = 4
"""Parts for each worker at most that are read and not yet noted; those behind a slow one wait for it."""


@dataclass
class _Task:
    """A part on its way; its sentences lie in the object store."""

    cut: CutPart
    sentences: Any
    bytes: int
    tries: int = 0


@dataclass
class RayLabelling:
    """Labels parts on a cluster; see :meth:`on`.

    Attributes:
        pool: The workers.
        most_bytes: Parts on their way may take so many of the object store.
        clock: For the summary.
    """

    pool: WorkerPool
    most_bytes: int
    console: Console
    clock: StageClock = field(default_factory=StageClock)

    @classmethod
    @contextmanager
    def on(cls, settings: RaySettings, checkpoint: Checkpoint, loading: Loading, console: Console) -> Iterator[Self]:
        """Connect, and start the workers.

        Raises:
            UserError: If there is no cluster, or a worker cannot load the model or computes otherwise than the others.
        """
        with connected(settings) as count, WorkerPool.started(settings, count, checkpoint, loading) as pool:
            yield cls(pool, settings.object_store_bytes, console)

    @property
    def computing(self) -> dict[str, str]:
        """What the workers compute with, all of them."""
        return self.pool.computing

    def label(
        self, cuts: Iterator[CutPart], first: Path | None, types: Types, save: Callable[[str, bytes], None]
    ) -> Iterator[tuple[CutPart, LabelledPart]]:
        """Label parts, and give them in their order.

        Args:
            cuts: The parts, read when there is room for them.
            first: A part that is done already, whose columns the others have.
            types: Of columns, as the input declares them.
            save: Writes the file of a part, as soon as it comes.

        Raises:
            UserError: Whatever reading or the model raises; of reading, behind the parts that were read before.
        """
        yield from _Run(self, cuts, first, types, save).parts()


class _Run:
    """One pass over the parts."""

    def __init__(
        self,
        labelling: RayLabelling,
        cuts: Iterator[CutPart],
        first: Path | None,
        types: Types,
        save: Callable[[str, bytes], None],
    ) -> None:
        import ray

        self._ray = ray
        self._pool, self._console = labelling.pool, labelling.console
        self._most_bytes, self._cuts, self._types, self._save = labelling.most_bytes, cuts, types, save
        self._order: deque[int] = deque()
        self._done: dict[int, tuple[CutPart, LabelledPart]] = {}
        self._waiting: list[tuple[int, _Task]] = []
        self._out: dict[int, _Task] = {}
        self._first = ray.put(WorkedPart(first.name, None, first.read_bytes())) if first else None
        self._leader: int | None = None
        """Number of the part whose columns the others are to have, while it is being labelled."""
        self._largest = 0
        self._ended = False
        self._error: UserError | None = None

    def parts(self) -> Iterator[tuple[CutPart, LabelledPart]]:
        while True:
            self._read()
            self._hand_out()
            while self._order and self._order[0] in self._done:
                yield self._done.pop(self._order.popleft())
            if self._out or self._waiting:
                self._take()
            elif self._ended and not self._order:
                break
        if self._error:
            raise self._error

    def _read(self) -> None:
        """Read parts while there is room for one more."""
        while not self._ended and len(self._order) < AHEAD * len(self._pool.workers) and self._has_room():
            try:
                cut = next(self._cuts, None)
            except UserError as error:  # what was read before is labelled and noted first
                self._error, cut = error, None
            if cut is None:
                self._ended = True
                return
            self._order.append(cut.number)
            if not cut.passages:
                self._done[cut.number] = cut, NOTHING_LABELLED
                continue
            size = size_of_passages(cut.passages)
            self._largest = max(self._largest, size)
            task = _Task(cut, self._ray.put(cut.passages), size)
            cut.passages = []
            heapq.heappush(self._waiting, (cut.number, task))

    def _has_room(self) -> bool:
        held = sum(task.bytes for task in (*self._out.values(), *(task for _, task in self._waiting)))
        return held == 0 or held + self._largest <= self._most_bytes

    def _hand_out(self) -> None:
        while self._waiting and (worker := self._pool.free()):
            number, task = self._waiting[0]
            file, first = str(task.cut.file), tuple[Any, ...]()
            if file.endswith(".parquet"):
                if self._first is None and self._out:
                    return  # this part would be the first, and an earlier one may have sentences
                first = () if self._first is None else (self._first,)
            heapq.heappop(self._waiting)
            result = worker.actor.label.remote(task.sentences, file, self._types, first)
            worker.running.append((number, result))
            self._out[number] = task
            if file.endswith(".parquet") and self._first is None:
                self._first, self._leader = result, number

    def _take(self) -> None:
        """Wait for a worker, and take what it has done."""
        found = self._pool.wait()
        if found is None:
            return
        worker, number, result = found
        ray = self._ray
        try:
            worked = ray.get(result)
        except ray.exceptions.RayActorError:
            self._lost(worker, number, "the worker died")
        except ray.exceptions.RayTaskError as error:
            cause = error.cause
            if isinstance(cause, UserError):
                raise cause from None
            worker.drop(result)
            if isinstance(cause, FirstPartLostError):
                self._again(number)
            else:
                self._failed(worker, number, f"{type(cause).__name__}: {cause}")
        except ray.exceptions.RayError as error:
            worker.drop(result)
            self._failed(worker, number, type(error).__name__)
        else:
            worker.drop(result)
            task = self._out.pop(number)
            for remark in worked.remarks:
                self._console.print(remark, highlight=False, markup=False, soft_wrap=True)
            self._save(worked.file, worked.content)
            if number == self._leader:
                self._first, self._leader = ray.put(WorkedPart(worked.file, None, worked.content)), None
            self._done[number] = task.cut, worked.labelled

    def _lost(self, worker: ClusterWorker, number: int, why: str) -> None:
        """A worker is lost: others take its parts; that which it was at has had one more try."""
        others = [other for other, _ in worker.running if other != number]
        self._pool.replace(worker)
        for other in others:
            self._again(other)
        self._failed(worker, number, why)

    def _again(self, number: int) -> None:
        if number == self._leader:
            self._first, self._leader = None, None
        heapq.heappush(self._waiting, (number, self._out.pop(number)))

    def _failed(self, worker: ClusterWorker, number: int, why: str) -> None:
        task = self._out[number]
        task.tries += 1
        if task.tries >= TRIES:
            passages = self._ray.get(task.sentences)
            others = [other for other, _ in worker.running]  # it probes alone
            if others:
                self._pool.replace(worker)
                for other in others:
                    self._again(other)
            left, lines = without_poisoned(passages, lambda some: self._survives(worker, some), why)
            task.cut.errors += lines
            task.tries = 0
            if not left:
                self._out.pop(number)
                if number == self._leader:
                    self._first, self._leader = None, None
                task.cut.file = None
                self._done[number] = task.cut, NOTHING_LABELLED
                return
            task.sentences = self._ray.put(left)
        self._again(number)

    def _survives(self, worker: ClusterWorker, passages: Sequence[Passage]) -> bool:
        """Whether a worker can label sentences; if not, there is another worker afterwards."""
        ray = self._ray
        self._pool.wait_for(worker)
        try:
            ray.get(worker.actor.probe.remote(passages))
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, UserError):
                raise error.cause from None
            return False
        except ray.exceptions.RayError:
            self._pool.replace(worker)
            return False
        return True


def size_of_passages(passages: Sequence[Passage]) -> int:
    """About how many bytes sentences and then their predictions take in the object store."""
    return sum(SENTENCE_BYTES + 2 * len(passage.text) + 40 * len(passage.fields) for passage in passages)


SENTENCE_BYTES = 250
"""Of ids, offsets and probabilities."""
