"""How checkpoints do on real labelled pages that are no part of the project, by part, by source and by kind of error.

    python benchmarks/real_pages.py [parts=FILE,FILE,...] [press=FILE] [against=ROW] [errors=FILE.csv]
        [results=FILE.json] ROW...

A ROW is a checkpoint as `checkpoint=` of `scripts/evaluate.py` takes it, or `NAME=CHECKPOINT,CHECKPOINT,...`: the seeds
of one training, whose figures are means over the seeds (±: standard deviation). Every other row is tested against the
row `against`, by default the first. A part is a file of rows (`text,label,labels,article_id,position,source`); parts
are never pooled. By default they are those of `shared/real_dev` beside the project that are there; `press` names one
more, such as the copy of part 3 that its `rebuild.py` made.

Every page is read as `scripts/evaluate.py` reads it, with the temperature and the thresholds of the checkpoint.
Intervals and p-values are by whole pages. Kinds of error are defined in `error_kinds.py`; "change" is against the
reference. `errors` gets every unit that any checkpoint has wrong; label, probability, second guess and kinds in it are
those of the first checkpoint that has it wrong, the reference before the others. `results` gets all figures.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accuracy import read_others
from arguments import part_arguments
from error_kinds import LABELS, kinds_of
from page_figures import Part, Reading, Row
from page_tables import part_report

from sitrep.cli.commands import one_line_errors
from sitrep.errors import UserError
from sitrep.evaluation.results import passages_of
from sitrep.inference.predictor import Predictor
from sitrep.model.checkpoint import Checkpoint, open_checkpoint
from sitrep.storage.complete import complete_file, sha256_of
from sitrep.storage.spreadsheets import write_spreadsheet

OPTIONS = ("parts", "press", "against", "errors", "results")
REAL_DEV = Path(__file__).resolve().parents[2] / "shared" / "real_dev"
DEFAULT_PARTS = ("real_dev.jsonl", "real_dev2.jsonl", "press.jsonl")
ERROR_COLUMNS = (
    *("part", "source", "article_id", "position", "text", "before", "after", "true"),
    *("predicted", "probability", "second", "slices"),
)


@dataclass(frozen=True)
class Measured:
    """All readings.

    Attributes:
        parts: Every part.
        rows: Readings by name of the part and by row.
    """

    parts: Sequence[Part]
    rows: Mapping[str, Mapping[str, Row]]


def part_files(given: Mapping[str, str]) -> list[Path]:
    """Files of the parts; default ones that are not there are named on standard error and left out.

    Raises:
        SystemExit: If there is none.
    """
    named = [*given.get("parts", "").split(","), given.get("press", "")]
    found = [Path(file).expanduser() for file in named if file]
    if "parts" not in given:
        own = [REAL_DEV / name for name in DEFAULT_PARTS if "press" not in given or name != "press.jsonl"]
        for file in own:
            if not file.is_file():
                print(f"{file.name}: not in {file.parent}, left out", file=sys.stderr)
        found = [*(file for file in own if file.is_file()), *found]
    if not found:
        sys.exit("no pages to score: name files of labelled rows with parts=FILE,FILE,...")
    return found


def rows_named(given: Mapping[str, str], arguments: Sequence[str]) -> tuple[dict[str, list[str]], str]:
    """Checkpoints by row, and the name of the row that the others are tested against.

    Raises:
        SystemExit: If there is no row, or two have one name.
    """
    if not arguments and "against" not in given:
        sys.exit("name one checkpoint or more: python benchmarks/real_pages.py CHECKPOINT...")
    rows: dict[str, list[str]] = {}
    for argument in arguments:
        name, checkpoints = _row(argument)
        if name in rows:
            sys.exit(f"{argument}: two rows have the name {name!r}; give each its own: NAME=CHECKPOINT")
        rows[name] = checkpoints
    against = given.get("against", next(iter(rows), ""))
    if against in rows:
        return rows, against
    name, checkpoints = _row(against)
    if rows.get(name, checkpoints) != checkpoints:
        sys.exit(f"against={against}: another row has the name {name!r}")
    return {name: checkpoints} | rows, name


def _row(argument: str) -> tuple[str, list[str]]:
    name, equals, checkpoints = argument.partition("=")
    if not equals or Path(argument).exists():  # a folder's name may hold the sign itself
        return argument, [argument]
    found = [checkpoint for checkpoint in checkpoints.split(",") if checkpoint]
    if not name or not found:
        sys.exit(f"{argument}: a row is CHECKPOINT or NAME=CHECKPOINT,CHECKPOINT,...")
    return name, found


def checked(location: str) -> Checkpoint:
    """A checkpoint that answers with the labels of the codebook.

    Raises:
        UserError: If there is none, or it has other labels.
    """
    opened = open_checkpoint(location)
    if set(opened.labels) != set(LABELS):
        raise UserError(f"{location}: its labels are {', '.join(opened.labels)}, those wanted {', '.join(LABELS)}")
    return opened


def measure(parts: Sequence[Part], opened: Mapping[str, Sequence[Checkpoint]]) -> Measured:
    """Let every checkpoint of every row label all parts."""
    rows: dict[str, dict[str, list[Reading]]] = {part.name: {row: [] for row in opened} for part in parts}
    for row, checkpoints in opened.items():
        for number, checkpoint in enumerate(checkpoints, 1):
            print(f"{row}: checkpoint {number} of {len(checkpoints)}", file=sys.stderr, flush=True)
            for name, reading in readings_of(checkpoint, parts).items():
                rows[name][row].append(reading)
    return Measured(parts, rows)


def readings_of(checkpoint: Checkpoint, parts: Sequence[Part]) -> dict[str, Reading]:
    """What a checkpoint says of each part, as a user gets it."""
    predictor = Predictor.from_checkpoint(checkpoint)
    promised = None
    if checkpoint.validation and predictor.acceptance_thresholds:
        promised = checkpoint.validation.target_precision
    return {part.name: Reading(list(predictor.predict(passages_of(part.units))), promised) for part in parts}


def error_rows(measured: Measured, against: str) -> Iterator[dict[str, Any]]:
    """Every unit that any checkpoint has wrong, as a row of the table of errors."""
    for part in measured.parts:
        rows = measured.rows[part.name]
        titled = {title: reading for name in rows for title, reading in _titled(name, rows[name])}
        ordered = [*rows[against], *(reading for name in rows if name != against for reading in rows[name])]
        for number, (unit, place) in enumerate(zip(part.units, part.places, strict=True)):
            wrong = next((reading for reading in ordered if reading.labels[number] != unit.label), None)
            if wrong is None:
                continue
            said, second = wrong.predictions[number], wrong.seconds[number]
            about = (part.name, part.sources[number], unit.article_id, unit.position, unit.text)
            probability = round(said.probability_of(said.label), 6)
            kinds = ", ".join(kinds_of(place, said.label, second))
            guess = (place.before, place.after, unit.label, said.label, probability, second, kinds)
            each = {title: reading.labels[number] for title, reading in titled.items()}
            yield dict(zip(ERROR_COLUMNS, (*about, *guess), strict=True)) | each


def _titled(name: str, row: Row) -> list[tuple[str, Reading]]:
    """Each reading of a row with the name of its column."""
    if len(row) == 1:
        return [(f"predicted by {name}", row[0])]
    return [(f"predicted by {name}, {number}", reading) for number, reading in enumerate(row, 1)]


def write_errors(path: Path, measured: Measured, against: str) -> None:
    """Write the table of errors as CSV, whole or not at all."""
    rows = next(iter(measured.rows.values()))
    columns = [*ERROR_COLUMNS, *(title for name in rows for title, _ in _titled(name, rows[name]))]
    with complete_file(path, overwrite=True) as partial:
        write_spreadsheet(partial, columns, error_rows(measured, against))


def write_figures(path: Path, figures: Mapping[str, Any]) -> None:
    """Write all figures as JSON, whole or not at all."""
    with complete_file(path, overwrite=True) as partial:
        partial.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def run() -> None:
    """Read parts and checkpoints, print the tables, write the files that were asked for."""
    given, arguments = part_arguments(OPTIONS)
    rows, against = rows_named(given, arguments)
    files = part_files(given)
    parts = [Part(name, units) for name, units in read_others(",".join(map(str, files))).items()]
    measured = measure(parts, {row: [checked(location) for location in named] for row, named in rows.items()})
    told: dict[str, Any] = {"rows": rows, "against": against, "parts": {}}
    for part, file in zip(parts, files, strict=True):
        text, figures = part_report(part, measured.rows[part.name], against)
        print(text)
        told["parts"][part.name] = {"sha256": sha256_of(file), **figures}
    if "results" in given:
        write_figures(Path(given["results"]), told)
    if "errors" in given:
        write_errors(Path(given["errors"]), measured, against)


def main() -> None:
    """Run; what a user can mend comes out as one line."""
    with one_line_errors("real_pages.py"):
        run()


if __name__ == "__main__":
    main()
