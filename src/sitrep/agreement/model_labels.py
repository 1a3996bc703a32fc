"""What the model says of the units that coders labelled, out of a sample or of predictions."""

from collections.abc import Iterator
from pathlib import Path

from sitrep.agreement.coder_files import CodedUnits
from sitrep.data.own_labels import unit_of
from sitrep.errors import UserError
from sitrep.inference.predicted_rows import read_predictions
from sitrep.storage.complete import shown
from sitrep.storage.tables import read_rows

SAMPLE_MARK = "text_hash"
"""Field of every row of a sample, and of no prediction."""


def read_guesses(path: Path, coded: CodedUnits) -> dict[str, str]:
    """Labels of the model by id, of the units that coders labelled.

    Args:
        path: A sample with guesses, or what prediction wrote.
        coded: The units.

    Raises:
        UserError: If it holds none of the units or no guesses, or a text or label is not of theirs.
    """
    units = {one.unit.id: one.unit for one in coded.units}
    found: dict[str, str] = {}
    for place, name, text, label in _rows(path):
        if name not in units:
            continue
        if text != units[name].text:
            raise UserError(f"{place}: the text of {shown(name)} is not the one that was labelled; name the same pages")
        if label not in coded.taxonomy.known:
            choices = ", ".join(coded.taxonomy.known)
            raise UserError(f"{place}: the model's label {label!r} is none of {choices}; labels= names its taxonomy")
        found.setdefault(name, label)
    if not found:
        raise UserError(f"predictions={shown(path)}: holds none of the units that were labelled")
    return found


def _rows(path: Path) -> Iterator[tuple[str, str, str, str]]:
    """Place, id, text and label of each row."""
    if path.is_dir() or SAMPLE_MARK not in next(read_rows(path)).fields:
        for predicted in read_predictions(path):
            yield predicted.place, predicted.id, predicted.text, predicted.label
        return
    for row in read_rows(path):
        unit = unit_of(row)
        if unit.guess is None:
            raise UserError(
                f"{row.place}: the sample holds no guess of the model; name what scripts/predict.py wrote of its pages"
            )
        yield row.place, unit.id, unit.text, unit.guess
