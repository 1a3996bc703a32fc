"""A clock of training steps."""

import statistics
import time
from typing import Any

WARM_UP = 5
"""First steps, which are not counted."""


def stopwatch() -> Any:
    """A callback of the trainer that keeps the seconds of every step."""
    import transformers  # takes seconds

    class Stopwatch(transformers.TrainerCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.seconds: list[float] = []
            self.began = 0.0

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            self.began = time.perf_counter()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            self.seconds.append(time.perf_counter() - self.began)

        def speed(self, batch_size: int) -> float:
            """Sentences a second over the counted steps, from the mean step: batches differ in length."""
            return batch_size / statistics.mean(self.seconds[WARM_UP:] or self.seconds)

    return Stopwatch()
