"""Corrections put back where the data came from: each source that has some is written again, in its own format."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sitrep.data.columns import Columns
from sitrep.data.reading import SHIPPED, name_in_places, rows_of
from sitrep.errors import UserError
from sitrep.quality.corrections import Correction
from sitrep.quality.own_names import OwnNames
from sitrep.quality.rewriting import rewrite
from sitrep.storage.complete import shown
from sitrep.storage.tables import is_stream, kind_of

FOLDER = "corrected"


@dataclass(frozen=True)
class CorrectedFile:
    """A source written with its corrections.

    Attributes:
        name: Of the file in the folder of the corrected ones.
        source: What it was made of, as the settings name it.
        corrections: How many labels changed.
    """

    name: str
    source: str
    corrections: int


def refuse_pipes(sources: Sequence[str]) -> None:
    """Raise a ``UserError`` if a source can be read only once, so that it cannot be written again."""
    for source in sources:
        if is_stream(Path(source)):
            raise UserError(
                f"apply: {shown(source)} is a pipe and cannot be written with corrections; save it as a file"
            )


def write_corrected(
    folder: Path, sources: Sequence[str], columns: Columns, corrections: Mapping[str, Correction]
) -> list[CorrectedFile]:
    """Write every source that has corrections into ``folder``, which is made if there are any.

    Args:
        folder: To fill.
        sources: All that were read.
        columns: Names of the columns and labels in them.
        corrections: By place.

    Raises:
        UserError: If a source cannot hold a corrected label.
    """
    by_source: dict[str, dict[str, Correction]] = {}
    for place, correction in corrections.items():
        by_source.setdefault(place.rpartition(":")[0], {})[place] = correction
    written = []
    for source, name in _file_names(sources).items():
        found = by_source.get(name_in_places(source), {})
        if found:
            folder.mkdir(exist_ok=True)
            _write(source, folder / name, columns, found)
            written.append(CorrectedFile(name, source, len(found)))
    return written


def _file_names(sources: Sequence[str]) -> dict[str, str]:
    """A file name for each source, those that come later under a name with a number before it."""
    names: dict[str, str] = {}
    of_place: dict[str, str] = {}
    for source in sources:
        if name_in_places(source) in of_place:  # one file by two spellings, such as a.csv and ./a.csv
            continue
        own, number = _own_file_name(source), 1
        name = own
        while name in names.values():
            number += 1
            name = f"{number}-{own}"
        names[source] = of_place[name_in_places(source)] = name
    return names


def _own_file_name(source: str) -> str:
    path = Path(source)
    if path.is_file():
        return path.name
    if path.is_dir():
        return f"{path.resolve().name}.jsonl"
    name = source.partition(":")[2] if source == SHIPPED else source.rpartition("/")[2].replace(":", "-")
    return f"{name}.jsonl"


def _write(source: str, target: Path, columns: Columns, corrections: Mapping[str, Correction]) -> None:
    to_change: dict[str, dict[str, Any]] = {}
    used: Counter[str] = Counter()
    for row in rows_of(source):
        used[str(row.fields.get(columns.label)).strip()] += 1
        if row.place in corrections:
            to_change[row.place] = row.fields
    names = OwnNames(columns, used)
    changes = {place: names.changed_cells(fields, corrections[place]) for place, fields in to_change.items()}
    kind = kind_of(Path(source)) if Path(source).is_file() else None
    if kind:
        numbered = {int(place.rpartition(":")[2].removeprefix("row ")): cells for place, cells in changes.items()}
        rewrite(Path(source), target, kind, numbered)
        return
    with target.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows_of(source):
            fields = {name: None if value != value else value for name, value in row.fields.items()}  # NaN is not JSON
            file.write(json.dumps(fields | changes.get(row.place, {}), ensure_ascii=False, default=str) + "\n")
