"""Runs that were scored, read back from their folders and put side by side unit by unit."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sitrep.errors import UserError
from sitrep.labels import Taxonomy
from sitrep.model.checkpoint import METRICS, PREDICTIONS
from sitrep.storage.tables import TableRow, read_rows

SUM_TOLERANCE = 1e-3
"""Probabilities are written with six digits; what lies further from one was not written by a softmax."""


@dataclass(frozen=True, slots=True)
class ScoredUnit:
    """One unit with what a run said of it.

    Attributes:
        id: Unique within the run.
        article_id: The page that the unit came from.
        position: Place in the page, counted from 0.
        text: Of the unit.
        true: The true label.
        predicted: The run's label.
        probabilities: By label; the negative one has none where the run gives several labels to a unit.
    """

    id: str
    article_id: str
    position: int
    text: str
    true: str
    predicted: str
    probabilities: Mapping[str, float]


@dataclass(frozen=True)
class ScoredRun:
    """A run with all its scored units.

    Attributes:
        name: What the comparison calls it.
        location: The folder as it was given.
        taxonomy: Of the labels.
        units: In the order of the file.
        seed_figures: Macro-F1 of each seed, where the run has several; else empty.
    """

    name: str
    location: str
    taxonomy: Taxonomy
    units: list[ScoredUnit]
    seed_figures: tuple[float, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """In the order of the taxonomy."""
        return self.taxonomy.labels


def read_run(name: str, location: str) -> ScoredRun:
    """Read ``metrics.json`` and ``predictions.jsonl`` of a folder of ``scripts/train.py`` or ``scripts/evaluate.py``.

    Args:
        name: What the comparison calls the run.
        location: The folder, or a link to it such as ``outputs/train/latest``.

    Raises:
        UserError: If folder or file is missing, a file is broken, a row lacks a field, a label is not the
            run's, an id stands twice, or the probabilities of a unit that has one label do not sum to one.
    """
    folder = Path(location)
    if not folder.is_dir():
        raise UserError(
            f"{name}={location}: {'is a file, a folder is wanted' if folder.exists() else 'no such folder'}"
        )
    for file in (METRICS, PREDICTIONS):
        if not (folder / file).is_file():
            wanted = "name a folder that scripts/train.py or scripts/evaluate.py made"
            raise UserError(f"{name}={location}: holds no {file}; {wanted}")
    taxonomy, seed_figures = _read_metrics(folder / METRICS)
    units: dict[str, ScoredUnit] = {}
    for row in read_rows(folder / PREDICTIONS):
        unit = _unit(row, taxonomy)
        if unit.id in units:
            raise UserError(f"{row.place}: id {unit.id!r} stands twice; ids must differ for units to be matched")
        units[unit.id] = unit
    return ScoredRun(name, location, taxonomy, list(units.values()), seed_figures)


def align(runs: Sequence[ScoredRun]) -> list[ScoredRun]:
    """Put the units of every run into the order of the first.

    Raises:
        UserError: If the runs were not scored on the same units with the same labels, with the first difference.
    """
    first, *others = runs
    return [first, *(_aligned(first, other) for other in others)]


def _aligned(first: ScoredRun, other: ScoredRun) -> ScoredRun:
    def refuse(difference: str) -> UserError:
        return UserError(f"{first.name} and {other.name} were not scored on the same data: {difference}")

    if first.labels != other.labels:
        raise refuse(f"{first.name} has the labels {', '.join(first.labels)}; {other.name} {', '.join(other.labels)}")
    if len(first.units) != len(other.units):
        raise refuse(f"{first.name} has {len(first.units):,} units, {other.name} {len(other.units):,}")
    by_id = {unit.id: unit for unit in other.units}
    ordered = []
    for mine in first.units:
        theirs = by_id.get(mine.id)
        if theirs is None:
            raise refuse(f"unit {mine.id!r} of {first.name} is not in {other.name}")
        for field, what in (("text", "text"), ("true", "true label"), ("article_id", "article")):
            ours, others = getattr(mine, field), getattr(theirs, field)
            if ours != others:
                shown = f"{_shortened(ours)!r} in {first.name}, {_shortened(others)!r} in {other.name}"
                raise refuse(f"unit {mine.id!r} has another {what}: {shown}")
        ordered.append(theirs)
    return ScoredRun(other.name, other.location, other.taxonomy, ordered, other.seed_figures)


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"


def _read_metrics(path: Path) -> tuple[Taxonomy, tuple[float, ...]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        meanings = {str(label): "" for label in content["labels"]}
        negative = content.get("negative", "none" if "none" in meanings else None)  # unsaid before version 0.2
        taxonomy = Taxonomy(meanings, negative, tuple(content.get("averaged", ())))
        seeds = content["training"].get("seeds", {"runs": []})["runs"]
        figures = [run["macro_f1"] if "macro_f1" in run else run["macro_f1_four"] for run in seeds]
        return taxonomy, tuple(float(figure) for figure in figures if figure is not None)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid JSON: {error}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path}: is not the metrics of a run ({type(error).__name__}: {error})") from None


def _unit(row: TableRow, taxonomy: Taxonomy) -> ScoredUnit:
    for name in ("id", "article_id", "text", "label", "true_label"):
        if not isinstance(row.fields.get(name), str):
            raise UserError(f"{row.place}: {name} is missing or not text; scores need predictions on labelled data")
    for name in ("label", "true_label"):
        if row.fields[name] not in taxonomy.labels:
            known = ", ".join(taxonomy.labels)
            raise UserError(f"{row.place}: {name} {row.fields[name]!r} is not among {known}")
    position = row.fields.get("position")
    if not isinstance(position, int):
        raise UserError(f"{row.place}: position must be a whole number, not {position!r}")
    values = [row.fields[name] for name in ("id", "article_id")]
    texts = [row.fields[name] for name in ("text", "true_label", "label")]
    return ScoredUnit(values[0], values[1], position, texts[0], texts[1], texts[2], _probabilities(row, taxonomy))


def _probabilities(row: TableRow, taxonomy: Taxonomy) -> dict[str, float]:
    """Checked. A row with several labels has a yes or no for each class, none for the negative one, and no sum."""
    several = "labels" in row.fields
    labels = taxonomy.labels
    wanted = set(taxonomy.classes if several else labels)
    given: Any = row.fields.get("probabilities")
    if not isinstance(given, dict) or not wanted <= set(given) <= set(labels):
        named = ", ".join(label for label in labels if label in wanted)
        raise UserError(f"{row.place}: probabilities must hold a number for each of {named}")
    if not all(isinstance(value, int | float) and 0 <= value <= 1 for value in given.values()):
        raise UserError(f"{row.place}: probabilities must be numbers between 0 and 1, not {list(given.values())}")
    total = math.fsum(given.values())
    if not several and abs(total - 1) > SUM_TOLERANCE:
        raise UserError(f"{row.place}: the probabilities sum to {total:.4f}, not to one; was the file changed?")
    return given
