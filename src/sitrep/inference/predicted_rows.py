"""What prediction wrote, read again: JSON lines, CSV, Parquet, or the folder of a job in parts."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sitrep.errors import UserError
from sitrep.inference.finished_jobs import finished_parts, holds_job
from sitrep.sentences import OUTPUT_COLUMNS, OUTPUT_FIELDS
from sitrep.storage.tables import TableRow, read_rows, several, whole_number

COLUMN = OUTPUT_COLUMNS[0]
"""What the columns of the labels' probabilities begin with in tables."""


@dataclass(frozen=True)
class PredictedRow:
    """One row that prediction wrote.

    Attributes:
        id: Of the unit.
        article_id: Of its page.
        position: In the page.
        text: Of the unit.
        label: That the model gave it.
        probabilities: By label, in the order of the file.
        decision: ``accept`` or ``review``, if the checkpoint decides.
        unfamiliar: Why it is unlike the training data, if it is.
        labels: Every class that applies, if the checkpoint says so; or what an input row held under that name.
        fields: What the input row held besides, and columns of pages.
        place: File and line, for messages.
    """

    id: str
    article_id: str
    position: int
    text: str
    label: str
    probabilities: Mapping[str, float]
    decision: str | None
    unfamiliar: str | None
    labels: tuple[str, ...] | None
    fields: Mapping[str, Any]
    place: str


def read_predictions(path: Path) -> Iterator[PredictedRow]:
    """Stream the rows that prediction wrote.

    Args:
        path: ``.jsonl``, ``.csv`` or ``.parquet``, or the folder of a finished job in parts, with all of its shards.

    Raises:
        UserError: If it is not there, is no output of prediction, lacks probabilities, is an unfinished job, lacks a
            shard, or holds shards of several jobs.
    """
    for file in prediction_files(path):
        for row in read_rows(file):
            yield _predicted(row)


def holds_predictions(path: Path) -> bool:
    """Whether a file or folder is an output of prediction, and not pages or rows without labels."""
    if path.is_dir():
        return holds_job(path)
    if path.suffix.lower() not in (".jsonl", ".csv", ".parquet"):
        return False
    first = next(read_rows(path), None)
    return first is not None and _probabilities(first.fields) is not None


def prediction_files(path: Path) -> Iterator[Path]:
    """The files that :func:`read_predictions` reads, in its order."""
    if path.is_dir():
        yield from finished_parts(path)
    else:
        yield path


def _predicted(row: TableRow) -> PredictedRow:
    fields = row.fields
    missing = [name for name in ("id", "article_id", "text", "label") if fields.get(name) is None]
    if missing:
        raise UserError(f"{row.place}: no {missing[0]}; expected a row that scripts/predict.py wrote")
    probabilities = _probabilities(fields)
    if probabilities is None:
        raise UserError(f"{row.place}: no probabilities; write the predictions again with scripts/predict.py")
    return PredictedRow(
        id=str(fields["id"]),
        article_id=str(fields["article_id"]),
        position=whole_number(fields.get("position"), "position", row.place) or 0,
        text=str(fields["text"]),
        label=str(fields["label"]),
        probabilities=probabilities,
        decision=fields.get("decision") or None,
        unfamiliar=fields.get("unfamiliar") or None,
        labels=several(fields.get("labels")),
        fields={
            name: value
            for name, value in fields.items()
            if name not in OUTPUT_FIELDS and name != "labels" and not name.startswith(OUTPUT_COLUMNS)
        },
        place=row.place,
    )


def _probabilities(fields: Mapping[str, Any]) -> dict[str, float] | None:
    """Probabilities of a row: a mapping in JSON lines, a column each in tables."""
    given = fields.get("probabilities")
    if isinstance(given, str) and given.startswith("{"):
        given = json.loads(given)
    if not isinstance(given, Mapping):
        given = {name.removeprefix(COLUMN): value for name, value in fields.items() if name.startswith(COLUMN)}
    try:
        return {str(name): float(value) for name, value in given.items()} or None
    except (TypeError, ValueError):
        return None
