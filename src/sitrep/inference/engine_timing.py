"""How long engines take for the same batch, measured in turns."""

import time
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from sitrep.model.checkpoint import Checkpoint
from sitrep.model.encoding import Batch
from sitrep.storage.complete import read_json

ROWS, TOKENS = 32, 32
"""Of the batch: sentences of news."""


class Answering(Protocol):
    """What is timed: any engine."""

    def logits(self, batch: Batch) -> np.ndarray:
        """As :meth:`sitrep.inference.engine.Engine.logits`."""


def least_seconds(engines: Mapping[str, Answering], checkpoint: Checkpoint, duration: float) -> dict[str, float]:
    """Least seconds of each engine for one batch, in turns, as other work can only add to it.

    Args:
        engines: By name, all of the same checkpoint.
        checkpoint: Says how many token numbers there are.
        duration: Seconds after which no further turn begins.
    """
    words = int(read_json(checkpoint.folder / "config.json").get("vocab_size", ROWS))
    ids = np.random.default_rng(0).integers(0, words, (ROWS, TOKENS))
    batch = Batch(ids, np.ones_like(ids), np.zeros((ROWS, 1), dtype=np.int64), np.zeros_like(ids))
    for engine in engines.values():
        engine.logits(batch)  # kernels are made at the first call
    least = dict.fromkeys(engines, float("inf"))
    until = time.perf_counter() + duration
    while time.perf_counter() < until or float("inf") in least.values():
        for name, engine in engines.items():
            began = time.perf_counter()
            engine.logits(batch)
            least[name] = min(least[name], time.perf_counter() - began)
    return least
