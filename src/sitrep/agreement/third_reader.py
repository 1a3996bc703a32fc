"""Which label a unit is to have: where coders agree, where most do, and where a third reader decided."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sitrep.agreement.coder_files import CodedUnit, CodedUnits
from sitrep.data.own_labels import CoderLabel
from sitrep.errors import UserError
from sitrep.labels import Taxonomy
from sitrep.storage.complete import shown
from sitrep.storage.sent_texts import reads_alike
from sitrep.storage.tables import TableRow, read_rows

DECISION, NOTE = "decision", "note"
"""Columns of the sheet that the third reader fills in."""
SEPARATOR = "|"
"""Between several classes in a cell; the first is the label."""
UNANIMOUS, MAJORITY, THIRD_READER = "unanimous", "majority", "third reader"
"""Names that stand for the coder of a label that was decided; where one coder alone labelled a unit, it is theirs."""


@dataclass(frozen=True)
class DecidedUnits:
    """What became of all units.

    Attributes:
        decided: A label for each unit that has one.
        disputed: Units that wait for a third reader.
        parted: Units on which coders parted, decided or not, without those that differ in further classes alone.
        further: Units with one label but different further classes.
    """

    decided: tuple[CoderLabel, ...]
    disputed: tuple[CodedUnit, ...]
    parted: int
    further: int


@dataclass(frozen=True)
class Decision:
    """What a third reader decided of a unit.

    Attributes:
        label: That it is filed under.
        labels: Every class that applies.
        note: Of the reader.
    """

    label: str
    labels: tuple[str, ...]
    note: str


def decide(coded: CodedUnits, decisions: Mapping[str, Decision]) -> DecidedUnits:
    """Give each unit its label, if there is one.

    A unit that one coder alone labelled keeps that label. Else it has the one that more than half of its coders gave;
    those of two coders have to be the same. Further classes apply if more than half of its coders say so. What a third
    reader decided goes before.

    Args:
        coded: What coders said.
        decisions: Of the third reader, by id of the unit.
    """
    decided, disputed = [], []
    parted = further = 0
    for one in coded.units:
        parted += len(set(one.labels)) > 1
        further += len(set(one.labels)) == 1 and len({frozenset(said.labels) for said in one.said.values()}) > 1
        found = _decided(one, decisions.get(one.unit.id), coded.taxonomy)
        if found is None:
            disputed.append(one)
        else:
            decided.append(found)
    return DecidedUnits(tuple(decided), tuple(disputed), parted, further)


def _decided(one: CodedUnit, decision: Decision | None, taxonomy: Taxonomy) -> CoderLabel | None:
    said = list(one.said.values())
    comments = "\n".join(f"{each.coder}: {each.comment}" for each in said if each.comment)
    if decision is not None:
        note = f"{THIRD_READER}: {decision.note}" if decision.note else ""
        comment = "\n".join(filter(None, (comments, note)))
        return CoderLabel(one.unit, decision.label, decision.labels, THIRD_READER, comment=comment)
    if len(said) == 1:
        return replace(said[0], unit=one.unit)
    label = max(one.labels, key=one.labels.count)
    if one.labels.count(label) * 2 <= len(said):
        return None
    common = {name for name in taxonomy.classes if sum(name in each.labels for each in said) * 2 > len(said)}
    if label in taxonomy.classes:
        common.add(label)
    classes = tuple(name for name in taxonomy.classes if name in common)
    how = UNANIMOUS if len(set(one.labels)) == 1 else MAJORITY
    return CoderLabel(one.unit, label, classes, how, any(each.unsure for each in said), comments)


def read_decisions(path: Path, coded: CodedUnits) -> dict[str, Decision]:
    """Read the sheet of a third reader.

    Args:
        path: Of the sheet; rows without a decision are passed over.
        coded: The units that it is about.

    Raises:
        UserError: By row, for a unit that is not there or whose text is another, a label that is none, or two
            decisions on one unit.
    """
    units = {one.unit.id: one for one in coded.units}
    found: dict[str, Decision] = {}
    rows = 0
    for row in read_rows(path):
        rows += 1
        for column in ("id", DECISION):
            if column not in row.fields:
                raise UserError(f"{row.place}: no column {column!r}; expected disputed.csv as it was written")
        decision = _decision_of(row, coded.taxonomy)
        if decision is None:
            continue
        one = units.get(_cell(row, "id"))
        if one is None:
            raise UserError(
                f"{row.place}: no coder labelled the unit {_cell(row, 'id')!r}; is the sheet of other files?"
            )
        text = row.fields.get("text")
        if isinstance(text, str) and not reads_alike(text, one.unit.text):
            raise UserError(f"{row.place}: the text of {shown(one.unit.id)} is not the one that was labelled")
        if found.setdefault(one.unit.id, decision) != decision:
            raise UserError(f"{row.place}: {shown(one.unit.id)} was decided otherwise above; keep one of the rows")
    if not found:
        raise UserError(f"{shown(path)}: none of its {rows} rows has a {DECISION}; fill in that column")
    return found


def _decision_of(row: TableRow, taxonomy: Taxonomy) -> Decision | None:
    named = [name.strip() for name in _cell(row, DECISION).split(SEPARATOR) if name.strip()]
    if not named:
        return None
    unknown = [name for name in named if name not in taxonomy.known]
    if unknown:
        raise UserError(f"{row.place}: {DECISION} {unknown[0]!r} is none of {', '.join(taxonomy.known)}")
    labels = classes_of(named, taxonomy)
    try:
        taxonomy.validate(named[0], labels)
        if named[0] not in taxonomy.classes and labels:
            raise ValueError(f"{named[0]} goes with no other class, not with {', '.join(labels)}")
    except ValueError as error:
        raise UserError(f"{row.place}: {DECISION}: {error}") from None
    return Decision(named[0], labels, _cell(row, NOTE))


def classes_of(named: Iterable[str], taxonomy: Taxonomy) -> tuple[str, ...]:
    """The classes among some labels, in the order of the taxonomy."""
    chosen = set(named)
    return tuple(name for name in taxonomy.classes if name in chosen)


def as_cell(label: str, labels: Sequence[str]) -> str:
    """A label and its further classes as they stand in a cell."""
    return SEPARATOR.join(dict.fromkeys((label, *labels)))


def _cell(row: TableRow, column: str) -> str:
    value = row.fields.get(column)
    return "" if value is None else str(value).strip()
