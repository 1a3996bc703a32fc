"""Suggestions as a table that a person corrects, and corrected labels put back into the data."""

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from sitrep.errors import UserError
from sitrep.labels import Taxonomy
from sitrep.quality.findings import Suggestion
from sitrep.sentences import LabelledSentence
from sitrep.storage.tables import read_rows

CORRECTION = "correct_label"
"""Column for the person: empty means that the label stands."""


def write_suggestions(path: Path, suggestions: Sequence[Suggestion]) -> None:
    """Write suggestions as CSV with an empty column for the correct label."""
    columns = [CORRECTION, *Suggestion.__dataclass_fields__]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for suggestion in suggestions:
            figures = {name: round(v, 4) if isinstance(v, float) else v for name, v in asdict(suggestion).items()}
            writer.writerow({CORRECTION: ""} | figures)


def read_corrections(path: Path, sentences: Sequence[LabelledSentence], taxonomy: Taxonomy) -> dict[str, str]:
    """Read a corrected table.

    Returns:
        Unit id to its correct label, for the rows that were filled in.

    Raises:
        UserError: By row, for a unit that is not in the data, a label that is none of ours, or data that changed since.
    """
    known = {sentence.id: sentence for sentence in sentences}
    corrections = {}
    for row in read_rows(path):
        for column in ("id", "label", CORRECTION):
            if column not in row.fields:
                raise UserError(f"{row.place}: no column {column!r}; there are {', '.join(map(repr, row.fields))}")
        label = str(row.fields[CORRECTION] or "").strip()
        identity = str(row.fields["id"])
        if not label:
            continue
        if identity not in known:
            raise UserError(f"{row.place}: there is no unit {identity!r} in the data")
        if label not in taxonomy.known:
            raise UserError(f"{row.place}: {CORRECTION} {label!r} is none of {', '.join(taxonomy.known)}")
        if known[identity].label != row.fields["label"]:
            raise UserError(
                f"{row.place}: unit {identity!r} is {known[identity].label} in the data, not {row.fields['label']}; "
                "the data changed since the table was made"
            )
        corrections[identity] = label
    return corrections


def corrected(sentence: LabelledSentence, label: str, taxonomy: Taxonomy) -> LabelledSentence:
    """The sentence under another label; ``labels`` keeps what else applies, as far as the codebook lets it."""
    no_class = (taxonomy.negative, *taxonomy.left_out)
    alone = (*no_class, *taxonomy.exclusive)
    if label in alone or sentence.label in alone:
        labels: tuple[str, ...] = () if label in no_class else (label,)
    else:
        labels = (label, *(name for name in sentence.labels if name not in (label, sentence.label)))
    return replace(sentence, label=label, labels=labels)


def write_sentences(path: Path, sentences: Sequence[LabelledSentence]) -> None:
    """Write labelled sentences as JSONL with our column names."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for sentence in sentences:
            row = {"id": sentence.id, "article_id": sentence.article_id, "position": sentence.position}
            row |= {"text": sentence.text, "label": sentence.label, "labels": list(sentence.labels)}
            file.write(json.dumps(row | dict(sentence.fields), ensure_ascii=False, default=str) + "\n")
