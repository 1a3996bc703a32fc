"""Answers that a job has given already, for sentences that come again."""

from array import array
from collections.abc import Callable, Sequence

import numpy as np

from sitrep.model.encoding import EncodedRow

GENERATION = 2**14
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

    def answer(
        self,
        rows: Sequence[EncodedRow],
        logits: np.ndarray,
        compute: Callable[[Sequence[EncodedRow], np.ndarray], None],
    ) -> None:
        """Put the logits of rows of one sentence into their places; those of unknown ones are computed, once each.

        Args:
            rows: Of one sentence each.
            logits: Shape (sentences, outputs); filled.
            compute: Does for some rows what this does for all.
        """
        first: dict[bytes, EncodedRow] = {}
        repeated: list[tuple[int, int]] = []
        for row in rows:
            key, number = key_of(row.ids), row.answers[0]
            if (found := self.get(key)) is not None:
                logits[number] = found
            elif (same := first.setdefault(key, row)) is not row:
                repeated.append((number, same.answers[0]))
        compute(list(first.values()), logits)
        for number, same_number in repeated:
            logits[number] = logits[same_number]
        for key, row in first.items():
            self.add(key, logits[row.answers[0]])

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
