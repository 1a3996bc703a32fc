"""How far a prediction is: share done, speed, time left."""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from sitrep.inference.meter import Meter
from sitrep.sentences import Passage, Prediction

SECONDS_BETWEEN = 0.2
"""Time between two changes of the display."""
LOOKING, COMPARING = "looking for duplicates: ", "comparing"
PASSING = "reading over what is done, or is of other shards: "
"""Stand before the other words where nothing is being labelled."""


class PredictionProgress:
    """A bar on a terminal, and a line of words for logs.

    The share is that of the input's bytes whose sentences have their prediction; where nobody knows how long the input
    is, there is none, and no time left.

    Args:
        console: Where it is shown, if that is a terminal.
        meter: How much has been read.
    """

    def __init__(self, console: Console, meter: Meter) -> None:
        self._meter = meter
        self._began = time.perf_counter()
        self._at_start = self._done = meter.read
        self._sentences = 0
        self._read_at: deque[int] = deque()
        self._shown = 0.0
        self._doing = ""
        """Stands before the other words, where sentences are not being labelled."""
        moving = BarColumn() if meter.total else SpinnerColumn()
        columns = (moving, TextColumn("{task.description}"), TimeElapsedColumn())
        terminal = console.is_terminal
        self._progress = Progress(*columns, console=console, transient=True, disable=not terminal)
        self._task = self._progress.add_task(self.words(), total=meter.total, completed=self._done)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def reading(self, passages: Iterable[Passage]) -> Iterator[Passage]:
        """Pass sentences on to the model, and remember how much had been read at each."""
        for passage in passages:
            self._read_at.append(self._meter.read)
            yield passage

    def predicted(self, predictions: Iterable[Prediction]) -> Iterator[Prediction]:
        """Pass on the predictions of the sentences that :meth:`reading` gave."""
        for prediction in predictions:
            self._doing = ""
            self._advance(self._read_at.popleft())
            yield prediction

    def looking(self, passages: Iterable[Passage]) -> Iterator[Passage]:
        """Pass on sentences that are looked at once before they are labelled."""
        self._doing = LOOKING
        for passage in passages:
            self._advance(self._meter.read)
            yield passage
        self._doing, self._shown = COMPARING, 0.0
        self._show()

    def looked(self) -> str:
        """How much was looked at, and how fast, for logs."""
        seconds = time.perf_counter() - self._began
        return f"looked at {self._sentences:,} sentences for duplicates in {duration(seconds)}"

    def pass_over(self) -> None:
        """Show that the input is being read up to where there is something to do.

        Before anything is labelled, that is no measure of the time that is left.
        """
        self._done, self._doing = self._meter.read, PASSING
        if not self._sentences:
            self._began, self._at_start = time.perf_counter(), self._done
        self._show()

    def _advance(self, done: int) -> None:
        self._done = done
        self._sentences += 1
        self._show()

    def _show(self) -> None:
        now = time.perf_counter()
        if now - self._shown > SECONDS_BETWEEN:
            self._shown = now
            self._progress.update(self._task, completed=self._done, description=self.words())

    def words(self) -> str:
        """Share done, sentences a second, time left."""
        if self._doing == COMPARING:
            return f"{COMPARING} {self._sentences:,} sentences"
        seconds = max(time.perf_counter() - self._began, 1e-9)
        words = f"{self._sentences:,} sentences, {self._sentences / seconds:,.0f} a second"
        if not self._meter.total:
            return f"{self._doing}{words}"
        share = f"{self._doing}{min(self._done / self._meter.total, 1):.0%} done, {words}"
        if self._done <= self._at_start:
            return share
        left = seconds * (self._meter.total - self._done) / (self._done - self._at_start)
        return f"{share}, {duration(left)} left"


def duration(seconds: float) -> str:
    """A time in words that fit its length."""
    if seconds < 90:
        return f"{max(seconds, 0):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
