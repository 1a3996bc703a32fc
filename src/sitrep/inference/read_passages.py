"""Passages between what comes before the model and what comes behind it."""

from dataclasses import dataclass

from sitrep.model.encoding import EncodedRow
from sitrep.sentences import Passage


@dataclass(frozen=True)
class ReadPassages:
    """Passages that are ready for the model: what is known of each before.

    Attributes:
        window: The passages.
        rows: That answer them.
        truncated: Whether the end of each was cut off.
        odd: Why each cannot be read; ``None`` where it can.
        reasons: Why each is unlike what the model was trained on; ``None`` where it is not.
    """

    window: list[Passage]
    rows: list[EncodedRow]
    truncated: list[bool]
    odd: list[str | None]
    reasons: list[str | None]
