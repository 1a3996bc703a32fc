"""What is remembered of every unit of a set until it is clear which are drawn: some seventy bytes each."""

from array import array
from collections.abc import Mapping
from hashlib import blake2b

import numpy as np

from sitrep.errors import UserError
from sitrep.normalization import comparable
from sitrep.sentences import Passage

SURE = 2.0
"""Margin of what is never chosen; real ones lie between 0 and 1."""


class UnitPool:
    """Units by number, in the order of reading.

    Attributes:
        pages: Number of each page by its id.
        class_names: Of the probabilities; empty until the first are added.
    """

    def __init__(self) -> None:
        self.pages: dict[str, int] = {}
        self.class_names: tuple[str, ...] = ()
        self._page_of = array("I")
        self._margins = array("f")
        self._texts = array("Q")
        self._probabilities = array("d")
        self._guesses = array("H")
        self._labels: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._page_of)

    def add(
        self,
        passage: Passage,
        guess: str | None = None,
        probabilities: Mapping[str, float] | None = None,
        readable: bool = True,
    ) -> None:
        """Add a unit.

        Args:
            passage: The unit.
            guess: Label that the model gives it; ``None`` of all units, or of none.
            probabilities: By label, likewise.
            readable: Whether the model can read it at all.

        Raises:
            UserError: If the probabilities are of other labels than those of the units before.
        """
        self._page_of.append(self.pages.setdefault(passage.article_id, len(self.pages)))
        if guess is None or probabilities is None:
            return
        names = tuple(probabilities)
        if not self.class_names:
            self.class_names = names
        elif names != self.class_names:
            ours = ", ".join(self.class_names)
            raise UserError(f"the unit {passage.id} has probabilities of {', '.join(names)}, those before of {ours}")
        row = list(probabilities.values())
        self._probabilities.extend(row)
        self._guesses.append(self._labels.setdefault(guess, len(self._labels)))
        self._margins.append(margin(row) if readable else SURE)
        text = comparable(passage.text) or passage.text
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        self._texts.append(int.from_bytes(digest, "big"))

    @property
    def page_of(self) -> np.ndarray:
        """Number of the page of each unit."""
        return np.frombuffer(self._page_of, dtype=np.uint32) if self._page_of else np.empty(0, dtype=np.uint32)

    @property
    def margins(self) -> np.ndarray:
        """How far the model's first guess lies before its second, from 0 to 1; :data:`SURE` where it cannot read."""
        return np.frombuffer(self._margins, dtype=np.float32) if self._margins else np.empty(0, dtype=np.float32)

    def sizes(self) -> dict[str, int]:
        """Units of each page."""
        counts = np.bincount(self.page_of, minlength=len(self.pages)).tolist()
        return dict(zip(self.pages, counts, strict=True))

    def numbers(self, places: Mapping[str, tuple[int, ...]]) -> list[int]:
        """Numbers of units by their place among those of their page."""
        by_page = np.argsort(self.page_of, kind="stable")
        starts = np.concatenate([[0], np.cumsum(np.bincount(self.page_of, minlength=len(self.pages)))])
        found = [by_page[starts[self.pages[page]] + place] for page, within in places.items() for place in within]
        return [int(number) for number in found]

    def same_text(self, number: int) -> int:
        """The same for units whose texts have the same words."""
        return self._texts[number]

    def guess(self, number: int) -> str | None:
        """The model's label of a unit."""
        return list(self._labels)[self._guesses[number]] if self._guesses else None

    def probabilities(self, number: int) -> dict[str, float] | None:
        """The model's probabilities of a unit."""
        width = len(self.class_names)
        if not width:
            return None
        return dict(zip(self.class_names, self._probabilities[number * width : (number + 1) * width], strict=True))


def margin(probabilities: list[float]) -> float:
    """How sure a model is: first guess before the second; where classes may apply together, the nearest to a half."""
    if abs(sum(probabilities) - 1) < 0.01 and len(probabilities) > 1:
        second, first = sorted(probabilities)[-2:]
        return first - second
    return min(abs(2 * probability - 1) for probability in probabilities)
