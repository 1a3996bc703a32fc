"""Labels of units that were drawn at random, as a count needs them."""

from dataclasses import dataclass
from pathlib import Path

from sitrep.data.own_labels import Drawn, text_hash, unit_of
from sitrep.errors import UserError
from sitrep.storage.complete import shown
from sitrep.storage.tables import TableRow, read_rows, several

DRAW = "draw some with scripts/label.py select random_share=1 and label those"


@dataclass(frozen=True)
class LabelledUnit:
    """One unit and what it truly is.

    Attributes:
        id: Of the unit.
        text_hash: Of the text that was labelled.
        label: That it is filed under.
        classes: Every class that applies.
        inclusion: Probability with which it was drawn at random; ``None``: it was chosen.
        place: File and line, for messages.
    """

    id: str
    text_hash: str
    label: str
    classes: frozenset[str]
    inclusion: float | None
    place: str


def read_labelled_units(path: Path) -> dict[str, LabelledUnit]:
    """Read labels, one of each unit, by its id.

    Raises:
        UserError: If a row is no label, two coders part on a unit, or no label is of a unit that was drawn at random.
    """
    units: dict[str, LabelledUnit] = {}
    parted: dict[str, str] = {}
    for row in read_rows(path):
        unit = _labelled(row)
        if unit is None:
            continue
        first = units.setdefault(unit.id, unit)
        if (first.label, first.classes) != (unit.label, unit.classes):
            parted.setdefault(unit.id, row.place)
    if parted:
        unit_id, place = next(iter(parted.items()))
        raise UserError(
            f"{place}: {unit_id} and {len(parted) - 1} other units have two labels each; "
            "let scripts/label.py agree settle them, and take the labels that it writes"
        )
    if not units:
        raise UserError(f"{shown(path)}: holds no label; take what scripts/label.py import or agree wrote")
    if all(unit.inclusion is None for unit in units.values()):
        raise UserError(
            f"{shown(path)}: none of {len(units)} labels is of a unit drawn at random with a known "
            f"sampling_probability, and others tell nothing of the whole; {DRAW}"
        )
    return units


def _labelled(row: TableRow) -> LabelledUnit | None:
    """``None`` where nobody has labelled the unit."""
    unit = unit_of(row)
    label, named = row.fields.get("label"), several(row.fields.get("labels"))
    if label is None or label == "":
        return None
    if not isinstance(label, str):
        raise UserError(f"{row.place}: label must be a text, not {label!r}")
    random = unit.drawn is Drawn.random
    if random and unit.sampling_probability is None:
        raise UserError(f"{row.place}: drawn=random without sampling_probability; {DRAW}")
    classes = frozenset([label] if named is None else named)
    inclusion = unit.sampling_probability if random else None
    return LabelledUnit(unit.id, text_hash(unit.text), label, classes, inclusion, row.place)
