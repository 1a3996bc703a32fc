"""doccano, text classification with several labels: JSON lines there and back, and the labels of the project."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sitrep.data.own_labels import SampledUnit
from sitrep.errors import UserError
from sitrep.labelling.exchange import UNIT_ID, UNSURE, Answer, Assignment, unit_id
from sitrep.labels import Taxonomy
from sitrep.storage.sent_texts import showable
from sitrep.storage.tables import TableRow, read_rows

COMMENTS = "Comments"
COLOURS = ("#1f77b4", "#2ca02c", "#d62728", "#7f7f7f", "#9467bd", "#8c564b", "#e377c2", "#bcbd22", "#17becf")
KEYS = "123456789"


def write_dataset(path: Path, units: Sequence[SampledUnit], assignment: Assignment) -> None:
    """Write texts; whatever else a line holds doccano keeps, shows beside the text, and gives back."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for unit in units:
            guessed = assignment.show_guess and unit.guess is not None
            row = {
                "text": showable(unit.text),
                "label": [unit.guess] if guessed else [],
                UNIT_ID: unit.id,
                "text_hash": unit.text_hash,
                "page": unit.article_id,
                "before": showable("\n".join(unit.before)),
                "after": showable("\n".join(unit.after)),
            }
            if assignment.coder is not None:
                row["coder"] = assignment.coder
            file.write(json.dumps(row) + "\n")  # in ASCII: some programs take U+2028 for the end of a line


def project_labels(taxonomy: Taxonomy) -> str:
    """The labels of a project, for its page `Labels`, action `Import labels`."""
    names = [*taxonomy.known, *([UNSURE] if UNSURE not in taxonomy.known else [])]
    labels = [
        {
            "text": name,
            "prefix_key": None,
            "suffix_key": KEYS[place] if place < len(KEYS) else None,
            "background_color": COLOURS[place % len(COLOURS)],
            "text_color": "#ffffff",
        }
        for place, name in enumerate(names)
    ]
    return json.dumps(labels, ensure_ascii=False, indent=1) + "\n"


def read_dataset(path: Path) -> Iterator[Answer]:
    """Read the JSON lines that doccano exports; where coders work apart, it writes a file for each.

    Raises:
        UserError: If it is anything else.
    """
    if path.suffix.lower() == ".zip":
        raise UserError(f"{path}: unpack it, and import the file of each coder by itself")
    for row in read_rows(path, "jsonl"):
        yield _answer(row)


def _answer(row: TableRow) -> Answer:
    fields: dict[str, Any] = {}
    for name in ("meta", "metadata"):  # where older versions put what they kept
        if isinstance(row.fields.get(name), dict):
            fields |= row.fields[name]
    fields |= row.fields
    labels = fields.get("label", fields.get("labels", fields.get("cats")))
    named = [labels] if isinstance(labels, str) else labels if isinstance(labels, list) else []
    comments = fields.get(COMMENTS) or []
    return Answer(
        place=row.place,
        id=unit_id(fields, row.place),
        text_hash=fields.get("text_hash"),
        text=fields.get("text", fields.get("data")),
        labels=tuple(str(name) for name in named),
        annotator=fields.get("username") or None,
        dealt_to=fields.get("coder"),
        comment="\n".join(map(str, comments)) if isinstance(comments, list) else str(comments),
    )
