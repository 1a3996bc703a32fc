"""Corrected labels in the words and the columns of the user's own data."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from sitrep.data.columns import Columns
from sitrep.errors import UserError
from sitrep.quality.corrections import Correction


class OwnNames:
    """How the labels of one source are called in it.

    Args:
        columns: Names of the columns, and what the source's labels mean.
        used: Labels that its rows hold, as they are written.
    """

    def __init__(self, columns: Columns, used: Iterable[Any]) -> None:
        self.columns = columns
        self.used = Counter(str(value).strip() for value in used)

    def changed_cells(self, fields: Mapping[str, Any], correction: Correction) -> dict[str, Any]:
        """Cells of a row that a correction changes, by column: of the label, and of all labels where there are some.

        Args:
            fields: The row as it was read.
            correction: Of the sentence in it.

        Raises:
            UserError: If the source has no name for a label.
        """
        columns = self.columns
        cells = {columns.label: _typed_like(fields[columns.label], self._name_of(correction.after.label, correction))}
        old = fields.get(columns.labels)
        if old is None or (isinstance(old, str) and not old.strip()):
            return cells  # an empty cell means the label alone
        as_json = isinstance(old, str) and old.lstrip().startswith("[")
        given: list[Any] = json.loads(old) if as_json else old.split("|") if isinstance(old, str) else list(old)
        # What else applies keeps the name that it has in this row, though another may mean the same.
        spelt = {columns.label_map.get(str(item).strip(), str(item).strip()): item for item in given}
        names = [
            spelt[label] if label in spelt else _typed_like(next(iter(given), ""), self._name_of(label, correction))
            for label in correction.after.labels
        ]
        if isinstance(old, str):
            cells[columns.labels] = json.dumps(names, ensure_ascii=False) if as_json else "|".join(names)
        else:
            cells[columns.labels] = names
        return cells

    def _name_of(self, label: str, correction: Correction) -> str:
        meanings = self.columns.label_map
        names = [name for name, ours in meanings.items() if ours == label]
        if meanings.get(label, label) == label:
            names.append(label)
        if not names:
            raise UserError(
                f"{correction.before.place}: cannot become {label}: data.label_map gives that name another meaning "
                "and has none for it; add one"
            )
        return next((name for name in names if self.used[name]), names[0])


def _typed_like(old: Any, name: str) -> Any:
    """A label's name as a number where labels are numbers in the data."""
    if isinstance(old, str) or old is None:
        return name
    if isinstance(old, bool):
        return name == "True" if name in ("True", "False") else name
    try:
        return float(name) if isinstance(old, float) else int(name)
    except ValueError:
        return name
