"""Which columns of a row hold what, and a row as a labelled sentence."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sitrep.errors import UserError
from sitrep.labels import Taxonomy
from sitrep.normalization import identifier
from sitrep.sentences import LabelledSentence
from sitrep.speakers import check_names
from sitrep.storage.tables import TableRow, whole_number


@dataclass(frozen=True)
class Columns:
    """Which column holds what, and what the file's label names mean."""

    text: str = "text"
    label: str = "label"
    labels: str = "labels"
    article_id: str = "article_id"
    position: str = "position"
    id: str = "id"
    speech: str = "speech"
    speaker: str = "speaker"
    label_map: dict[str, str] = field(default_factory=dict)


def sentence_of(
    row: TableRow, columns: Columns, taxonomy: Taxonomy, own_name: str, positions: Counter[str]
) -> LabelledSentence:
    """A row as a sentence.

    Args:
        row: As it was read.
        columns: Names of the columns and labels in it.
        taxonomy: That the labels are of.
        own_name: Names the row and its article if nothing else does.
        positions: Units of each article so far; counted on.

    Raises:
        UserError: If it is not a labelled sentence, with its place and the remedy.
    """
    rest = dict(row.fields)
    text, label = _text_and_label(rest, row.place, columns, taxonomy)
    labels = _label_list(rest.pop(columns.labels, None), row, columns)
    no_class = (taxonomy.negative, *taxonomy.left_out)
    if labels is None:
        labels = () if label in no_class else (label,)
    labels = tuple(name for name in labels if name not in no_class)
    article_id = rest.pop(columns.article_id, None)
    article = identifier(article_id) or own_name
    position = whole_number(rest.pop(columns.position, None), columns.position, row.place)
    identity = rest.pop(columns.id, None)
    speech, speaker = (_name(rest.pop(column, None)) for column in (columns.speech, columns.speaker))
    check_names(speech, speaker, row.place)
    try:
        taxonomy.validate(label, labels)
        sentence = LabelledSentence(
            text=text,
            label=label,
            labels=labels,
            id=identifier(identity) or own_name,
            article_id=article,
            position=positions[article] if position is None else position,
            fields=rest,
            place=row.place,
            speech=speech,
            speaker=speaker,
        )
    except ValueError as error:
        raise UserError(f"{row.place}: {error}") from None
    positions[article] += 1
    return sentence


def _text_and_label(rest: dict[str, Any], place: str, columns: Columns, taxonomy: Taxonomy) -> tuple[str, str]:
    """Take the text and the label, in our name of it, out of the cells of a row."""
    for name, setting in ((columns.text, "data.text_field"), (columns.label, "data.label_field")):
        if name not in rest:
            raise UserError(f"{place}: no column {name!r} ({setting}); there are {', '.join(map(repr, rest))}")
    text, label = rest.pop(columns.text), rest.pop(columns.label)
    if not isinstance(text, str):
        raise UserError(f"{place}: {columns.text} must be text, not {text!r}")
    if label is None or not str(label).strip():
        remedy = f"; write {taxonomy.negative} where none of the classes applies" if taxonomy.negative else ""
        raise UserError(f"{place}: the label is empty{remedy}")
    return text, columns.label_map.get(str(label).strip(), str(label).strip())


def _name(value: Any) -> str | None:
    """A cell that holds a name; ``None`` where it is empty."""
    return None if value is None else str(value).strip() or None


def _label_list(value: Any, row: TableRow, columns: Columns) -> tuple[str, ...] | None:
    """``labels`` as a tuple of mapped names; ``None`` where the row has no such column or leaves it empty in a CSV."""
    if value is None:
        return None
    if isinstance(value, str):
        if value.lstrip().startswith("["):
            try:
                value = json.loads(value)
            except json.JSONDecodeError as error:
                raise UserError(f"{row.place}: {columns.labels} {value!r} is not a JSON list: {error.msg}") from None
        elif not value.strip():
            return None
        else:
            value = value.split("|")
    if not isinstance(value, list | tuple):
        raise UserError(f"{row.place}: {columns.labels} must be a list of labels, not {value!r}")
    names = (str(item).strip() for item in value)
    return tuple(columns.label_map.get(name, name) for name in names)
