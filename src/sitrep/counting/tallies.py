"""Predictions of a whole set, read once: sums by class and group, and what the labelled units got."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from sitrep.counting.labelled_units import LabelledUnit
from sitrep.data.own_labels import text_hash
from sitrep.errors import UserError
from sitrep.inference.predicted_rows import PredictedRow, read_predictions
from sitrep.storage.complete import shown

MOST_GROUPS = 10_000
"""Values of a column; what has more is no column to count by."""
PERIODS = {"year": 4, "month": 7, "day": 10}
"""Characters of an ISO date that name each."""
NO_VALUE, NO_DATE = "(none)", "(no date)"
DATE = re.compile(r"\d{4}(-\d\d){0,2}(?=$|[T ])")
OFF_ONE = 0.01
"""How far from 1 rounded probabilities of one label may sum; those of every class that applies sum to anything."""


@dataclass
class ClassSums:
    """Sums over units.

    Attributes:
        classes: Number of the classes.
        units: Their number.
        filed: Units that the model filed under each class.
        given: Units that it gave each class, of several that apply.
        sums: Of the probabilities of each class.
    """

    classes: int
    units: int = 0
    filed: list[int] = field(default_factory=list)
    given: list[int] = field(default_factory=list)
    sums: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.filed, self.given, self.sums = [0] * self.classes, [0] * self.classes, [0.0] * self.classes

    def add(self, filed: int | None, given: Sequence[int], probabilities: Sequence[float]) -> None:
        """Add one unit; classes are numbered."""
        self.units += 1
        if filed is not None:
            self.filed[filed] += 1
        for place in given:
            self.given[place] += 1
        for place, probability in enumerate(probabilities):
            self.sums[place] += probability


@dataclass(frozen=True)
class MatchedUnit:
    """A labelled unit as the predictions hold it.

    Attributes:
        unit: With its label.
        page: Its ``article_id``.
        group: Value of the column that is counted by.
        probabilities: Of each class.
    """

    unit: LabelledUnit
    page: str
    group: str
    probabilities: tuple[float, ...]


@dataclass(frozen=True)
class SetTallies:
    """A set that was predicted.

    Attributes:
        classes: That it is counted by, in their order.
        several: Whether every class that applies was given, and not one label.
        whole: Sums over all units.
        groups: Sums by value of the column.
        matched: Labelled units that it holds, in its order.
    """

    classes: tuple[str, ...]
    several: bool
    whole: ClassSums
    groups: dict[str, ClassSums]
    matched: list[MatchedUnit]


@dataclass(frozen=True)
class Column:
    """Column that counts are told apart by.

    Attributes:
        name: In the predictions.
        period: ``year``, ``month`` or ``day`` of its dates; ``None``: its values as they are.
    """

    name: str
    period: str | None = None

    @classmethod
    def of(cls, by: str) -> "Column":
        """Out of the setting: ``outlet``, ``date:month``."""
        name, colon, period = by.rpartition(":")
        return cls(name, period) if colon and period in PERIODS else cls(by)

    def value(self, row: PredictedRow) -> str:
        """Of one row; :data:`NO_VALUE` or :data:`NO_DATE` where it has none."""
        value = row.fields.get(self.name, _own(row).get(self.name))
        text = "" if value is None else str(value).strip()
        if not self.period:
            return text or NO_VALUE
        found = DATE.match(text)
        if not found or not _is_date(found[0]) or len(found[0]) < PERIODS[self.period]:
            return NO_DATE
        return found[0][: PERIODS[self.period]]


def tally_set(path: Path, labelled: Mapping[str, LabelledUnit], column: Column | None) -> SetTallies:
    """Read predictions row by row; what is kept grows with labels and groups alone.

    Raises:
        UserError: If they cannot be read, hold a labelled unit twice or with another text, lack the column, or have too
            many values of it.
    """
    found: SetTallies | None = None
    off = 0.0
    matched: dict[str, MatchedUnit] = {}
    for row in read_predictions(path):
        if found is None:
            classes = tuple(row.probabilities)
            found = SetTallies(classes, False, ClassSums(len(classes)), {}, [])
        probabilities = _checked(row, found.classes)
        off = max(off, abs(math.fsum(probabilities) - 1))
        group = column.value(row) if column else ""
        _add(row, probabilities, found, group if column else None)
        if row.id in labelled:
            _refuse_other(row, labelled[row.id], matched)
            matched[row.id] = MatchedUnit(labelled[row.id], row.article_id, group, probabilities)
    if found is None:
        raise UserError(f"{shown(path)}: holds no predictions")
    if column and column.name not in (*row.fields, *_own(row)) and found.groups.keys() <= {NO_VALUE, NO_DATE}:
        names = ", ".join(sorted([*row.fields, *_own(row)]))
        raise UserError(f"by={column.name}: the predictions have no such column; there are {names}")
    if column and column.period and found.groups.keys() == {NO_DATE}:
        raise UserError(f"by={column.name}:{column.period}: no value of the column is a date such as 2024-05-31")
    return replace(found, several=off > OFF_ONE, matched=list(matched.values()))


def _checked(row: PredictedRow, classes: tuple[str, ...]) -> tuple[float, ...]:
    """Probabilities in the order of the classes."""
    if row.probabilities.keys() != set(classes):
        raise UserError(f"{row.place}: probabilities of other classes than the rows before; count them apart")
    probabilities = tuple(row.probabilities[name] for name in classes)
    if not all(0 <= value <= 1 for value in probabilities):
        raise UserError(f"{row.place}: probabilities must lie in [0, 1]; write the predictions again")
    return probabilities


def _add(row: PredictedRow, probabilities: tuple[float, ...], found: SetTallies, group: str | None) -> None:
    classes = found.classes
    filed = classes.index(row.label) if row.label in classes else None
    given = [classes.index(name) for name in dict.fromkeys(row.labels or ()) if name in classes]
    found.whole.add(filed, given, probabilities)
    if group is None:
        return
    if group not in found.groups:
        if len(found.groups) == MOST_GROUPS:
            raise UserError(f"{row.place}: the column to count by has over {MOST_GROUPS:,} values; name another")
        found.groups[group] = ClassSums(len(classes))
    found.groups[group].add(filed, given, probabilities)


def _refuse_other(row: PredictedRow, unit: LabelledUnit, matched: Mapping[str, MatchedUnit]) -> None:
    if row.id in matched:
        raise UserError(
            f"{row.place}: the id {row.id} stands twice in the predictions, so that no label can be matched"
        )
    if text_hash(row.text) != unit.text_hash:
        raise UserError(
            f"{row.place}: the text of {row.id} is not the one that was labelled ({unit.place}); "
            "take predictions of the set that the units were drawn from"
        )


def _own(row: PredictedRow) -> dict[str, str | None]:
    """Columns of prediction itself that units can be told apart by."""
    return {"article_id": row.article_id, "decision": row.decision, "unfamiliar": row.unfamiliar}


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(f"{text}-01-01"[:10])
    except ValueError:
        return False
    return True
