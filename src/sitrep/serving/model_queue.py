"""One thread that runs the model, and the work that waits for it.

Each round takes a row of every request that waits, one after the other, until the budget of a batch is full, so that a
long page holds nobody up; it begins as soon as there is any work. A batch that fails is halved until what makes it
fail stands alone, and only the request that this belongs to fails.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from sitrep.inference.batching import batches_by_length
from sitrep.model.encoding import EncodedRow

RECENT = 0.2
"""Share that the last round has in the speed that is measured."""


class NotFinite(Exception):
    """The model gives figures that are none."""


@dataclass(eq=False)
class Work:
    """What one request wants of the model.

    Attributes:
        rows: Not yet answered, the longest last.
        logits: Shape (sentences, classes), filled as answers come.
        done: Called in the model's thread when all is answered, or failed.
        tokens: Of all rows.
        entered: When it came into the queue, by ``time.perf_counter``.
        started: When its first row was taken.
        model_seconds: Share of the batches that it was part of, by tokens.
        error: Why it failed.
        dropped: Nobody wants it any more.
    """

    rows: list[EncodedRow]
    logits: np.ndarray
    done: Callable[["Work"], object]
    tokens: int = 0
    entered: float = 0.0
    started: float | None = None
    model_seconds: float = 0.0
    error: Exception | None = None
    dropped: bool = False
    unanswered: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.rows = sorted(self.rows, key=lambda row: len(row.ids))
        self.tokens = sum(len(row.ids) for row in self.rows)
        self.unanswered = len(self.rows)

    @property
    def over(self) -> bool:
        """Whether none of its rows has to be computed any more."""
        return self.dropped or self.error is not None


class Observer(Protocol):
    """Is told what the model does."""

    def observe_batch(self, sentences: int, tokens: int, seconds: float) -> None:
        """Of each batch that was answered."""

    def observe_wait(self, seconds: float) -> None:
        """Of each piece of work when its first row is taken."""


Taken = tuple[Work, EncodedRow]


class ModelQueue:
    """Work that waits, and the thread that does it.

    Args:
        run: Answers one batch of rows; logits in the order of their answers.
        batch_tokens: Budget of a round.
        observer: Told of batches.

    Attributes:
        tokens_per_second: Speed of the last full rounds; ``None`` before the first.
    """

    def __init__(
        self, run: Callable[[Sequence[EncodedRow]], np.ndarray], batch_tokens: int, observer: Observer
    ) -> None:
        self._run = run
        self._batch_tokens = batch_tokens
        self._observer = observer
        self._waiting: deque[Work] = deque()
        self._unsettled: dict[Work, None] = {}
        self._changed = threading.Condition()
        self._stopped = False
        self._tokens = 0
        self.tokens_per_second: float | None = None
        self._thread = threading.Thread(target=self._work, name="model", daemon=True)
        self._thread.start()

    @property
    def tokens(self) -> int:
        """Of all work that is not done."""
        return self._tokens

    @property
    def requests(self) -> int:
        """Pieces of work that are not done."""
        return len(self._unsettled)

    @property
    def oldest_seconds(self) -> float:
        """Age of the oldest piece of work."""
        with self._changed:
            oldest = next(iter(self._unsettled), None)
        return 0.0 if oldest is None else time.perf_counter() - oldest.entered

    @property
    def alive(self) -> bool:
        """Whether the thread is there."""
        return self._thread.is_alive()

    def put(self, work: Work) -> None:
        """Let work wait; its rows are taken as soon as the model is idle."""
        work.entered = time.perf_counter()
        with self._changed:
            self._waiting.append(work)
            self._unsettled[work] = None
            self._tokens += work.tokens
            self._changed.notify()

    def drop(self, work: Work) -> None:
        """Do no more for it, and do not call ``done``."""
        with self._changed:
            work.dropped = True
            self._settle(work)

    def stop(self) -> None:
        """End the thread when its round is done."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def _settle(self, work: Work) -> None:
        if work in self._unsettled:
            del self._unsettled[work]
            self._tokens -= work.tokens
        if work in self._waiting:
            self._waiting.remove(work)

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._stopped:
                    self._changed.wait()
                if self._stopped:
                    return
                taken = self._take()
            self._round(taken)

    def _take(self) -> list[Taken]:
        """Rows for a round, of all work by turns."""
        taken: list[Taken] = []
        tokens, now = 0, time.perf_counter()
        while self._waiting and tokens < self._batch_tokens:
            work = self._waiting.popleft()
            row = work.rows.pop()
            if work.started is None:
                work.started = now
                self._observer.observe_wait(now - work.entered)
            taken.append((work, row))
            tokens += len(row.ids)
            if work.rows:
                self._waiting.append(work)
        return taken

    def _round(self, taken: list[Taken]) -> None:
        began, lengths = time.perf_counter(), [len(row.ids) for _, row in taken]
        for places in batches_by_length(lengths, self._batch_tokens):
            self._answer([taken[place] for place in places])
        if sum(lengths) >= self._batch_tokens / 2:  # fewer say nothing of a full queue
            speed, known = sum(lengths) / max(time.perf_counter() - began, 1e-6), self.tokens_per_second
            self.tokens_per_second = speed if known is None else (1 - RECENT) * known + RECENT * speed
        ended: list[Work] = []
        with self._changed:
            for work in dict.fromkeys(work for work, _ in taken):
                if not work.dropped and (work.error is not None or not work.unanswered):
                    ended.append(work)
                    self._settle(work)
        for work in ended:
            work.done(work)

    def _answer(self, batch: list[Taken]) -> None:
        """Answer rows, without those that make the model fail."""
        batch = [(work, row) for work, row in batch if not work.over]
        if not batch:
            return
        began = time.perf_counter()
        try:
            self._fill(batch)
        except Exception as error:  # what an engine may raise is its own; whatever it is, it must stay with its cause
            if len(batch) == 1:
                batch[0][0].error = error
                return
            for part in _halves(batch):
                self._answer(part)
            return
        seconds, tokens = time.perf_counter() - began, sum(len(row.ids) for _, row in batch)
        for work, row in batch:
            work.model_seconds += seconds * len(row.ids) / tokens
        self._observer.observe_batch(sum(len(row.answers) for _, row in batch), tokens, seconds)

    def _fill(self, batch: list[Taken]) -> None:
        found = self._run([row for _, row in batch])
        wanted = (sum(len(row.answers) for _, row in batch), batch[0][0].logits.shape[1])
        if found.shape != wanted:
            raise ValueError(f"the model gave figures of shape {found.shape}, not {wanted}")
        finite = np.isfinite(found).all(axis=1)
        place = 0
        for work, row in batch:
            behind = place + len(row.answers)
            work.logits[row.answers] = found[place:behind]
            work.unanswered -= 1
            if not finite[place:behind].all():
                work.error = NotFinite("the model gives no finite figures")
            place = behind


def _halves(batch: list[Taken]) -> tuple[list[Taken], list[Taken]]:
    """A batch in two, of different requests where it holds several."""
    order = {id(work): number for number, work in enumerate(dict.fromkeys(work for work, _ in batch))}
    batch = sorted(batch, key=lambda taken: order[id(taken[0])])
    middle = len(batch) // 2
    cuts = [place for place in range(1, len(batch)) if batch[place][0] is not batch[place - 1][0]] or [middle]
    cut = min(cuts, key=lambda place: abs(place - middle))
    return batch[:cut], batch[cut:]
