"""Answers that a job has given already, for sentences that come again."""

from array import array
from collections.abc import Sequence

import numpy as np

GENERATION = 2**16
"""Answers that are kept at least; never more than twice as many."""


class KnownAnswers:
    """Logits of sentences that were answered, by their tokens; the oldest are forgotten.

    Who asks for one that is about to be forgotten keeps it for longer: a menu that is on every page stays.

    Args:
        generation: Answers that are kept at least.
    """

    def __init__(self, generation: int = GENERATION) -> None:
        self._generation = generation
        self._young: dict[bytes, bytes] = {}
        self._old: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> np.ndarray | None:
        """The logits of a sentence; ``None`` where they are not known."""
        found = self._young.get(key)
        if found is None and (found := self._old.get(key)) is not None:
            self._keep(key, found)
        return None if found is None else np.frombuffer(found, dtype=np.float32)

    def add(self, key: bytes, logits: np.ndarray) -> None:
        """Keep the logits of a sentence, of shape (outputs,)."""
        self._keep(key, logits.tobytes())

    def _keep(self, key: bytes, logits: bytes) -> None:
        if len(self._young) >= self._generation:
            self._young, self._old = {}, self._young
        self._young[key] = logits


def key_of(tokens: Sequence[int]) -> bytes:
    """What a sentence is known by."""
    return array("i", tokens).tobytes()
