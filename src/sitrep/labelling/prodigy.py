"""Prodigy, interface `choice`: tasks, and what `db-out` writes."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sitrep.data.own_labels import SampledUnit
from sitrep.labelling.exchange import UNIT_ID, Answer, Assignment, unit_id
from sitrep.storage.sent_texts import showable
from sitrep.storage.tables import TableRow, read_rows


def write_stream(path: Path, units: Sequence[SampledUnit], assignment: Assignment) -> None:
    """Write tasks; Prodigy shows `meta` beside the text and gives back every other field as it was."""
    taxonomy = assignment.taxonomy
    options = [
        {"id": label, "text": f"{label}: {meaning}" if (meaning := taxonomy.meanings.get(label)) else label}
        for label in taxonomy.known
    ]
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for unit in units:
            task: dict[str, Any] = {
                "text": showable(unit.text),
                "options": options,
                UNIT_ID: unit.id,
                "text_hash": unit.text_hash,
                "meta": {
                    "page": unit.article_id,
                    "before": showable("\n".join(unit.before)),
                    "after": showable("\n".join(unit.after)),
                },
            }
            if assignment.coder is not None:
                task["coder"] = assignment.coder
            if assignment.show_guess and unit.guess is not None:
                task["accept"] = [unit.guess]
            file.write(json.dumps(task) + "\n")  # in ASCII: some programs take U+2028 for the end of a line


def read_annotations(path: Path) -> Iterator[Answer]:
    """Read what `prodigy db-out` writes; only what was accepted holds labels.

    Raises:
        UserError: If it is anything else.
    """
    for row in read_rows(path, "jsonl"):
        yield _answer(row)


def _answer(row: TableRow) -> Answer:
    fields = row.fields
    accepted = fields.get("accept") or [] if fields.get("answer") == "accept" else []
    comment = fields.get("comment", fields.get("user_input"))
    annotator = fields.get("_annotator_id") or fields.get("_session_id")
    return Answer(
        place=row.place,
        id=unit_id(fields, row.place),
        text_hash=fields.get("text_hash"),
        text=fields.get("text"),
        labels=tuple(str(name) for name in accepted) if isinstance(accepted, list) else (str(accepted),),
        annotator=str(annotator) if annotator else None,
        dealt_to=fields.get("coder"),
        unsure=bool(fields.get("flagged")),
        comment=comment if isinstance(comment, str) else "",
    )
