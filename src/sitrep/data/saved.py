"""Rows of what the library ``datasets`` reads: folders that it saved, and data sets on the hub."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sitrep.errors import UserError
from sitrep.storage.class_numbers import class_names, with_class_names
from sitrep.storage.complete import shown
from sitrep.storage.hub import hub_is_reachable
from sitrep.storage.tables import TableRow

if TYPE_CHECKING:
    import datasets


READ_AT_ONCE = 1000
"""Rows that are taken out of a data set together."""


def is_saved_data_set(folder: Path) -> bool:
    """Whether a folder looks like one that ``datasets`` saved, by the files that it leaves."""
    whole = all((folder / name).is_file() for name in ("dataset_info.json", "state.json"))
    return whole or (folder / "dataset_dict.json").is_file()


def saved_rows(folder: Path) -> Iterator[TableRow]:
    """Rows of a folder saved by ``datasets``.

    Raises:
        UserError: If it is none, or holds several splits.
    """
    import datasets

    try:
        saved = datasets.load_from_disk(str(folder))
    except (FileNotFoundError, ValueError) as error:
        raise UserError(f"{shown(folder)}: not a data set saved by `datasets`: {error}") from None
    parts = saved if isinstance(saved, datasets.DatasetDict) else {"": saved}
    if len(parts) > 1:
        raise UserError(
            f"{shown(folder)}: holds the splits {', '.join(map(str, parts))}; name their folders one by one, "
            f"for example data.train_files=[{shown(folder / 'train')}] data.test_files=[{shown(folder / 'test')}]"
        )
    for part in parts.values():
        yield from data_set_rows(part, shown(folder))


def hub_rows(name: str) -> Iterator[TableRow]:
    """Rows of a data set on the hub: ``owner/name`` or ``owner/name:split``.

    Raises:
        UserError: If it cannot be had.
    """
    if not hub_is_reachable():
        raise UserError(
            f"{name}: no such file or folder here, and not to be had from the hub: it cannot be reached; "
            "where there is a network, save the data set with save_to_disk and name that folder"
        )
    import datasets

    repository, _, split = name.partition(":")
    try:
        part = datasets.load_dataset(repository, split=split or "train")
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{name}: no such file or folder here, and not to be had from the hub: {reason}") from None
    yield from data_set_rows(part, name)


def data_set_rows(part: "datasets.Dataset", name: str) -> Iterator[TableRow]:
    """Rows with class numbers written out as names, as the data set itself names them."""
    classes = class_names(part.features.to_dict())
    number = 0
    for columns in part.iter(batch_size=READ_AT_ONCE):  # row by row takes ten times as long
        for values in zip(*columns.values(), strict=True):
            number += 1
            yield TableRow(f"{name}:row {number}", with_class_names(dict(zip(columns, values, strict=True)), classes))
