"""Suggestions as a table that a person corrects, and what its corrections make of the data."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from sitrep.errors import UserError
from sitrep.labels import Taxonomy
from sitrep.normalization import comparable
from sitrep.quality.findings import Suggestion
from sitrep.sentences import LabelledSentence
from sitrep.storage.spreadsheets import write_spreadsheet
from sitrep.storage.tables import TableRow, read_rows

CORRECTION = "correct_label"
"""Column for the person: empty means that the label stands."""


@dataclass(frozen=True)
class Correction:
    """A sentence as it stands in the data, and as it is to be."""

    before: LabelledSentence
    after: LabelledSentence


def write_suggestions(path: Path, suggestions: Sequence[Suggestion]) -> None:
    """Write suggestions as CSV with an empty column for the correct label."""
    rows = (
        {name: round(value, 4) if isinstance(value, float) else value for name, value in asdict(suggestion).items()}
        for suggestion in suggestions
    )
    write_spreadsheet(path, [CORRECTION, *Suggestion.__dataclass_fields__], rows)


def read_corrections(path: Path, sentences: Sequence[LabelledSentence], taxonomy: Taxonomy) -> dict[str, Correction]:
    """Read a corrected table.

    Args:
        path: Of the table. Its rows name units by ``place``, or, where they have none, by ``id``.
        sentences: All that were read.
        taxonomy: That the labels are of.

    Returns:
        Place in the data to its correction, for the rows whose label changes.

    Raises:
        UserError: By row, for a unit that is not in the data or more than once, a label that is none of ours, two
            labels for one unit, or data that changed since.
    """
    by_place = {sentence.place: sentence for sentence in sentences}
    by_id: dict[str, dict[str, LabelledSentence]] = defaultdict(dict)
    for sentence in sentences:
        by_id[sentence.id][sentence.place] = sentence
    corrections: dict[str, Correction] = {}
    for row in read_rows(path):
        for column in ("id", "label", CORRECTION):
            if column not in row.fields:
                raise UserError(f"{row.place}: no column {column!r}; there are {', '.join(map(repr, row.fields))}")
        label = _cell(row, CORRECTION)
        if not label:
            continue
        sentence = _unit_of(row, by_place, by_id)
        if label not in taxonomy.known:
            raise UserError(f"{row.place}: {CORRECTION} {label!r} is none of {', '.join(taxonomy.known)}")
        _refuse_changed(row, sentence)
        after = corrected(sentence, label, taxonomy)
        if corrections.setdefault(sentence.place, Correction(sentence, after)).after != after:
            raise UserError(f"{row.place}: the unit at {sentence.place} has another {CORRECTION} above; keep one")
    return {place: found for place, found in corrections.items() if found.after.label != found.before.label}


def _unit_of(
    row: TableRow, by_place: Mapping[str, LabelledSentence], by_id: Mapping[str, Mapping[str, LabelledSentence]]
) -> LabelledSentence:
    """The unit that a row of the table is about."""
    if place := _cell(row, "place"):
        if place not in by_place:
            raise UserError(
                f"{row.place}: there is no unit at {place} in the data; name the data as when the table was made"
            )
        return by_place[place]
    identity = _cell(row, "id")
    found = by_id.get(identity, {})
    if not found:
        raise UserError(f"{row.place}: there is no unit {identity!r} in the data")
    if len(found) > 1:
        raise UserError(
            f"{row.place}: unit {identity!r} stands at {' and at '.join(found)}; "
            "say which one in a column `place`, as suggestions.csv does"
        )
    return next(iter(found.values()))


def _refuse_changed(row: TableRow, sentence: LabelledSentence) -> None:
    changed = "the data changed since the table was made; make it anew"
    label, text = _cell(row, "label"), _cell(row, "text")
    if sentence.label != label:
        raise UserError(f"{row.place}: unit {sentence.id!r} is {sentence.label} in the data, not {label}; {changed}")
    if text and comparable(text) != comparable(sentence.text):
        raise UserError(f"{row.place}: unit {sentence.id!r} at {sentence.place} has another text; {changed}")


def _cell(row: TableRow, column: str) -> str:
    value = row.fields.get(column)
    return "" if value is None else str(value).strip()


def corrected(sentence: LabelledSentence, label: str, taxonomy: Taxonomy) -> LabelledSentence:
    """The sentence under another label; ``labels`` keeps what else applies, as far as the codebook lets it."""
    no_class = (taxonomy.negative, *taxonomy.left_out)
    alone = (*no_class, *taxonomy.exclusive)
    if label in alone or sentence.label in alone:
        labels: tuple[str, ...] = () if label in no_class else (label,)
    else:
        labels = (label, *(name for name in sentence.labels if name not in (label, sentence.label)))
    return replace(sentence, label=label, labels=labels)
