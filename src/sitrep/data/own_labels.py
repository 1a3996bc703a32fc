"""Units that were drawn for labelling, and the labels that coders gave them, as files of JSON lines.

A sample (`scripts/label.py select`) holds one unit a row:

``id``, ``article_id``, ``position``, ``text``
    As prediction gives them.
``text_hash``
    See :func:`text_hash`; says whether a text that comes back from elsewhere is still the one that was sent.
``before``, ``after``
    Lines of the page before and behind it, for the coder and the model to read.
``drawn``, ``sampling_probability``
    See :class:`Drawn`; the probability with which the design draws this very unit at random.
``guess``, ``probabilities``
    What the model says; coders do not see it unless they ask.

and whatever else the input row held, such as ``outlet``. A file of labels (`scripts/label.py import`) holds what one
coder said of one unit: ``id`` to ``sampling_probability`` as above, ``before`` and ``after`` if known, then ``label``,
``labels``, ``coder``, ``unsure``, ``comment``. So `scripts/train.py` reads it like any labelled file.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from sitrep.errors import UserError
from sitrep.labels import Taxonomy
from sitrep.storage.complete import complete_file, shown
from sitrep.storage.json_lines import json_line, without_half_characters
from sitrep.storage.tables import TableRow, read_rows, several

HASH_DIGITS = 16


class Drawn(Enum):
    """How a unit came into a sample."""

    random = "random"
    """At random, with a known probability: what is found on such units holds for the whole set."""
    chosen = "chosen"
    """Because the model learns from it; it stands for nothing but itself."""


def text_hash(text: str) -> str:
    """First hexadecimal digits of the SHA-256 of a text in UTF-8."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:HASH_DIGITS]


@dataclass(frozen=True)
class SampledUnit:
    """One unit to be labelled.

    Attributes:
        id: Of the unit.
        article_id: Of its page.
        position: Place in the page, counted from 0.
        text: What is labelled.
        before: Lines of the page before it, in their order.
        after: Lines behind it.
        drawn: How it came into the sample.
        sampling_probability: With which the design draws it at random, in (0, 1]; ``None`` of a chosen one.
        guess: Label that the model gives it; ``None`` if none was asked.
        probabilities: That the model gives it, by label.
        fields: What the input row held besides.
    """

    id: str
    article_id: str
    position: int
    text: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    drawn: Drawn = Drawn.random
    sampling_probability: float | None = None
    guess: str | None = None
    probabilities: Mapping[str, float] | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Half a character, which no file of ours holds, becomes what it is written as, so that the hash fits.
        object.__setattr__(self, "text", without_half_characters(self.text))
        for name in ("before", "after"):
            object.__setattr__(self, name, tuple(map(without_half_characters, getattr(self, name))))

    @property
    def text_hash(self) -> str:
        """See :func:`text_hash`."""
        return text_hash(self.text)


@dataclass(frozen=True)
class CoderLabel:
    """What one coder said of one unit.

    Attributes:
        unit: The unit.
        label: That it is filed under.
        labels: Every class that applies.
        coder: Name of the coder.
        unsure: Whether the coder said to be unsure.
        comment: Of the coder; may be empty.
    """

    unit: SampledUnit
    label: str
    labels: tuple[str, ...]
    coder: str
    unsure: bool = False
    comment: str = ""


SAMPLE_FIELDS = frozenset(
    {
        *("id", "article_id", "position", "text", "text_hash", "before", "after", "drawn", "sampling_probability"),
        *("guess", "probabilities"),
    }
)
LABEL_FIELDS = SAMPLE_FIELDS | {"label", "labels", "coder", "unsure", "comment"}


def sample_row(unit: SampledUnit) -> dict[str, Any]:
    """A unit as a row of a sample."""
    row: dict[str, Any] = {
        **_identity(unit),
        "before": list(unit.before),
        "after": list(unit.after),
        **_design(unit),
    }
    if unit.guess is not None:
        row["guess"] = unit.guess
    if unit.probabilities is not None:
        row["probabilities"] = dict(unit.probabilities)
    return row | dict(unit.fields)


def label_row(label: CoderLabel) -> dict[str, Any]:
    """A coder's label as a row of a file of labels."""
    return {
        **_identity(label.unit),
        "label": label.label,
        "labels": list(label.labels),
        "coder": label.coder,
        "unsure": label.unsure,
        "comment": label.comment,
        **surroundings(label.unit),
        **_design(label.unit),
        **label.unit.fields,
    }


def _identity(unit: SampledUnit) -> dict[str, Any]:
    return {
        "id": unit.id,
        "article_id": unit.article_id,
        "position": unit.position,
        "text": unit.text,
        "text_hash": unit.text_hash,
    }


def surroundings(unit: SampledUnit) -> dict[str, Any]:
    """Lines of the page around a unit, where they are known, for whoever reads it again."""
    return {name: list(lines) for name, lines in (("before", unit.before), ("after", unit.after)) if lines}


def _design(unit: SampledUnit) -> dict[str, Any]:
    return {"drawn": unit.drawn.name, "sampling_probability": unit.sampling_probability}


def write_sample(path: Path, units: Iterable[SampledUnit], overwrite: bool = False) -> None:
    """Write a sample; the file is complete or not there."""
    _write(path, map(sample_row, units), overwrite)


def write_labels(path: Path, labels: Iterable[CoderLabel], overwrite: bool = False) -> None:
    """Write labels; the file is complete or not there."""
    _write(path, map(label_row, labels), overwrite)


def _write(path: Path, rows: Iterable[Mapping[str, Any]], overwrite: bool) -> None:
    with complete_file(path, overwrite) as partial, partial.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json_line(row) + "\n" for row in rows)


def read_sample(path: Path) -> list[SampledUnit]:
    """Read a sample.

    Raises:
        UserError: If the file is no sample, a unit stands in it twice, or a text is not the one that was drawn.
    """
    units: dict[str, SampledUnit] = {}
    for row in read_rows(path):
        unit = unit_of(row)
        if unit.id in units:
            raise UserError(f"{row.place}: the unit {unit.id} stands twice in {shown(path)}; write the sample again")
        units[unit.id] = unit
    return list(units.values())


def read_labels(path: Path, taxonomy: Taxonomy) -> list[CoderLabel]:
    """Read labels of coders.

    Rows without ``coder``, as any labelled file has, are of one coder, who is called as the file. Rows without
    ``drawn`` and ``sampling_probability`` are chosen ones.

    Raises:
        UserError: If a row lacks what it needs, a label is not of the taxonomy, or a coder labelled a unit twice.
    """
    found: dict[tuple[str, str], CoderLabel] = {}
    for row in read_rows(path):
        label = _label_of(row, taxonomy, path.stem)
        key = label.coder, label.unit.id
        if key in found:
            raise UserError(
                f"{row.place}: the coder {label.coder} labelled the unit {label.unit.id} twice; keep one of the rows"
            )
        found[key] = label
    return list(found.values())


def unit_of(row: TableRow) -> SampledUnit:
    """A unit out of a row of a sample or of labels.

    Raises:
        UserError: If the row lacks what a unit has, or its text is not the one that was drawn.
    """
    fields = row.fields
    missing = [name for name in ("id", "article_id", "text") if not isinstance(fields.get(name), str)]
    if missing:
        raise UserError(f"{row.place}: no {missing[0]}; expected a row that scripts/label.py wrote")
    text, hashed = fields["text"], fields.get("text_hash")
    if hashed is not None and hashed != text_hash(text):
        raise UserError(f"{row.place}: the text of {fields['id']} is not the one that was drawn; its hash differs")
    probability = fields.get("sampling_probability")
    if probability is not None and not (isinstance(probability, int | float) and 0 < probability <= 1):
        raise UserError(f"{row.place}: sampling_probability={probability}: must lie in (0, 1]")
    drawn = fields.get("drawn", Drawn.chosen.name)
    if drawn not in Drawn.__members__:
        raise UserError(f"{row.place}: drawn={drawn}: use one of {', '.join(Drawn.__members__)}")
    position = fields.get("position", 0)
    return SampledUnit(
        id=fields["id"],
        article_id=fields["article_id"],
        position=int(position) if isinstance(position, int | float) else 0,
        text=text,
        before=tuple(fields.get("before") or ()),
        after=tuple(fields.get("after") or ()),
        drawn=Drawn[drawn],
        sampling_probability=probability,
        guess=fields.get("guess"),
        probabilities=fields.get("probabilities"),
        fields={name: value for name, value in fields.items() if name not in LABEL_FIELDS},
    )


def _label_of(row: TableRow, taxonomy: Taxonomy, file: str) -> CoderLabel:
    fields = row.fields
    if "text_hash" in fields and "text" not in fields:
        raise UserError(f"{row.place}: no text; read what a coder saved with scripts/label.py import first")
    label = fields.get("label")
    if not isinstance(label, str):
        raise UserError(f"{row.place}: no label")
    named = several(fields.get("labels"))
    labels = named if named is not None else (label,) if label in taxonomy.classes else ()
    unknown = [name for name in (label, *labels) if name not in taxonomy.known]
    if unknown:
        choices = ", ".join(taxonomy.known)
        raise UserError(f"{row.place}: the label {unknown[0]!r} is none of {choices}; labels=FILE.yaml names others")
    try:
        taxonomy.validate(label, labels)
    except ValueError as error:
        raise UserError(f"{row.place}: {error}") from None
    return CoderLabel(
        unit=unit_of(row),
        label=label,
        labels=labels,
        coder=str(fields.get("coder") or file),
        unsure=bool(fields.get("unsure", False)),
        comment=str(fields.get("comment") or ""),
    )
