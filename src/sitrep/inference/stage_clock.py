"""How long each stage of a job took."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

DUPLICATES, LOADING, READING = "looking for duplicates", "loading", "reading"
TOKENIZING, MODEL, WRITING = "tokenizing", "in the model", "writing"
ALWAYS = (LOADING, READING, TOKENIZING, MODEL, WRITING)
"""Stages of every job."""

Item = TypeVar("Item")


class StageClock:
    """Adds up the time of stages that come by turns.

    Attributes:
        seconds: By stage.
    """

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Add the time that the block takes."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.add(stage, began)

    def each(self, stage: str, items: Iterable[Item]) -> Iterator[Item]:
        """Pass items on; the time that they take to come is added, not what is done with them."""
        began = time.perf_counter()
        for item in items:
            self.add(stage, began)
            yield item
            began = time.perf_counter()
        self.add(stage, began)

    def add(self, stage: str, began: float) -> None:
        """Add the time since ``began``, by ``time.perf_counter``; cheaper than :meth:`measure`, for each sentence."""
        self.seconds[stage] += time.perf_counter() - began  # type: ignore[assignment]

    def line(self, total: float) -> str:
        """The stages in one line, and what is in none of them."""
        stages = (DUPLICATES, *ALWAYS) if DUPLICATES in self.seconds else ALWAYS
        spent = [f"{self.seconds[stage]:.1f} s {stage}" for stage in stages]
        other = max(total - sum(self.seconds.values()), 0)
        return f"time: {', '.join(spent)}, {other:.1f} s other"
