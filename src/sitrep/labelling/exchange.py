"""What goes to those who label and what comes back, the same for every format."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sitrep.data.own_labels import SampledUnit
from sitrep.errors import UserError
from sitrep.labels import Taxonomy

UNIT_ID = "unit_id"
"""What our id is called where a program has an id of its own."""

UNSURE = "unsure"
"""What a coder chooses who is not sure, where a format has nothing but labels for it."""


@dataclass(frozen=True)
class Assignment:
    """What a coder gets beside the units.

    Attributes:
        taxonomy: Labels to choose from, and what they mean.
        coder: Whom the file is for; ``None`` where nobody was named.
        show_guess: Whether the coder sees what the model says.
    """

    taxonomy: Taxonomy
    coder: str | None = None
    show_guess: bool = False


@dataclass(frozen=True)
class Answer:
    """What a file says of one unit; nothing of it is checked yet.

    Attributes:
        place: File and row or line, for messages.
        id: Of the unit.
        text_hash: That it was sent with; ``None`` where the format or the export left it out.
        text: That came back; ``None`` likewise.
        label: The one that it is filed under; ``None``: not said, where ``labels`` may say it.
        labels: Classes that apply besides, or all of them.
        annotator: Name that the program gives the coder; ``None`` where it gives none.
        dealt_to: Coder whom the file was made for; ``None`` where nobody was named.
        unsure: Whether the coder said to be unsure.
        comment: Of the coder.
    """

    place: str
    id: str
    text_hash: str | None = None
    text: str | None = None
    label: str | None = None
    labels: tuple[str, ...] = ()
    annotator: str | None = None
    dealt_to: str | None = None
    unsure: bool = False
    comment: str = ""


@dataclass(frozen=True)
class Exchange:
    """One format.

    Attributes:
        ending: Of its files.
        write: Writes a file, which nothing else will rename: units in the order in which the coder reads them.
        read: Reads what a coder filled in, or what the program exports. Rows without a label are given too.
        next_step: What to do with the file.
        beside: Ending and content of a file that the program wants besides; ``None``: it wants none.
        in_place: Whether the file itself is filled in, and no other comes back.
        needs: Package that it cannot do without, and that a light installation lacks.
    """

    ending: str
    write: Callable[[Path, Sequence[SampledUnit], Assignment], None]
    read: Callable[[Path], Iterator[Answer]]
    next_step: str
    beside: tuple[str, Callable[[Taxonomy], str]] | None = None
    in_place: bool = False
    needs: str | None = None


def unit_id(fields: Mapping[str, Any], place: str) -> str:
    """Our id in what another program gives back.

    Raises:
        UserError: If it is not there.
    """
    found = fields.get(UNIT_ID)
    if not isinstance(found, str):
        raise UserError(
            f"{place}: no {UNIT_ID}; it was not made of what scripts/label.py exported, or the program left the data "
            "out of its own export"
        )
    return found
