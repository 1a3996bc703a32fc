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
            self._done = self._read_at.popleft()
            self._sentences += 1
            now = time.perf_counter()
            if now - self._shown > SECONDS_BETWEEN:
                self._shown = now
                self._progress.update(self._task, completed=self._done, description=self.words())
            yield prediction

    def words(self) -> str:
        """Share done, sentences a second, time left."""
        seconds = max(time.perf_counter() - self._began, 1e-9)
        words = f"{self._sentences:,} sentences, {self._sentences / seconds:,.0f} a second"
        if not self._meter.total:
            return words
        share = f"{min(self._done / self._meter.total, 1):.0%} done, {words}"
        if self._done <= self._at_start:
            return share
        left = seconds * (self._meter.total - self._done) / (self._done - self._at_start)
        return f"{share}, {duration(left)} left"


def duration(seconds: float) -> str:
    """A time in words that fit its length."""
    if seconds < 90:
        return f"{max(seconds, 0):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
