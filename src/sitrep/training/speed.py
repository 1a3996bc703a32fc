"""Sentences a second while training goes on."""

import time
from collections import deque
from typing import Any

SMOOTHED_STEPS = 20
"""Steps that the figure on the terminal is taken over; batches are of like length, so that single steps differ."""


class TrainingSpeed:
    """Measures from the end of one step to the end of the next; validation and saving are not counted.

    Attributes:
        last: Sentences a second in the last step; ``None`` before it.
    """

    def __init__(self) -> None:
        self.last: float | None = None
        self._began = 0.0
        self._epoch = 0.0
        self._steps: deque[tuple[float, float]] = deque(maxlen=SMOOTHED_STEPS)

    def wait(self, epoch: float) -> None:
        """Begin to count here, after what was no training."""
        self._began, self._epoch = time.perf_counter(), epoch

    def step(self, epoch: float, sentences: int) -> None:
        """A step has ended.

        Args:
            epoch: Passes over the training set up to now.
            sentences: Of one pass.
        """
        now = time.perf_counter()
        done, seconds = (epoch - self._epoch) * sentences, now - self._began
        if done > 0 and seconds > 0:
            self.last = done / seconds
            self._steps.append((done, seconds))
        self._began, self._epoch = now, epoch

    @property
    def smoothed(self) -> float | None:
        """Over the last steps."""
        return sum(done for done, _ in self._steps) / sum(s for _, s in self._steps) if self._steps else None


def sentences_of(loader: Any) -> int:
    """How many labelled sentences a pass over the training set has."""
    return len(loader.dataset.labels)
