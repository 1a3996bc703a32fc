"""Labelled sentences out of files, saved data sets, the hub, and the shipped corpus."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sitrep.data import corpus
from sitrep.errors import UserError
from sitrep.labels import Taxonomy, shipped_taxonomy
from sitrep.normalization import identifier
from sitrep.sentences import LabelledSentence
from sitrep.storage.hub import HUB_NAME, hub_is_reachable
from sitrep.storage.tables import ROW_SUFFIXES, TableRow, read_rows, whole_number

if TYPE_CHECKING:
    import datasets

SHIPPED = "sitrep:corpus"


@dataclass(frozen=True)
class Columns:
    """Which column holds what, and what the file's label names mean."""

    text: str = "text"
    label: str = "label"
    labels: str = "labels"
    article_id: str = "article_id"
    position: str = "position"
    id: str = "id"
    label_map: dict[str, str] = field(default_factory=dict)


def read_labelled(
    source: str,
    columns: Columns,
    taxonomy: Taxonomy | None = None,
    problems: list[UserError] | None = None,
    name: str | None = None,
) -> list[LabelledSentence]:
    """Read all labelled sentences of one source, in its order.

    Args:
        source: A file, a folder saved by ``datasets``, a hub name (``owner/name`` or ``owner/name:split``), or
            ``sitrep:corpus``.
        columns: Names of the columns and labels in it.
        taxonomy: That the labels are of; ``None``: the four classes and ``none``.
        problems: If given, what is wrong is added to it and reading goes on with the next row, or, where the file
            itself is broken, ends.
        name: What rows without an id or an article are named after; by default the file's name.

    Raises:
        UserError: Without ``problems``, at the first row that is not right, with its file and line.
    """
    taxonomy = taxonomy or shipped_taxonomy("five")
    sentences: list[LabelledSentence] = []
    places: dict[str, str] = {}
    positions: Counter[str] = Counter()
    try:
        for index, row in enumerate(_rows(source)):
            try:
                sentence = _sentence(row, columns, taxonomy, f"{name or Path(source).stem}-{index}", positions)
                if sentence.id in places:
                    first = places[sentence.id]
                    raise UserError(f"{row.place}: id {sentence.id!r} stands at {first} already; ids must differ")
            except UserError as error:
                if problems is None:
                    raise
                problems.append(error)
            else:
                places[sentence.id] = row.place
                sentences.append(sentence)
    except UserError as error:
        if problems is None:
            raise
        problems.append(error)
    return sentences


def _rows(source: str) -> Iterator[TableRow]:
    if source == SHIPPED:
        return _dataset_rows(corpus.load(), SHIPPED)
    path = Path(source)
    if path.is_dir():
        return _saved_rows(path)
    if path.suffix.lower() in ROW_SUFFIXES or path.exists():
        return read_rows(path)
    if HUB_NAME.fullmatch(source.partition(":")[0]):
        return _hub_rows(source)
    raise UserError(f"{source}: no such file or folder")


def _saved_rows(folder: Path) -> Iterator[TableRow]:
    import datasets

    try:
        saved = datasets.load_from_disk(str(folder))
    except (FileNotFoundError, ValueError) as error:
        raise UserError(f"{folder}: not a data set saved by `datasets`: {error}") from None
    parts = saved if isinstance(saved, datasets.DatasetDict) else {"": saved}
    if len(parts) > 1:
        raise UserError(
            f"{folder}: holds the splits {', '.join(map(str, parts))}; name their folders one by one, "
            f"for example data.train_files=[{folder / 'train'}] data.test_files=[{folder / 'test'}]"
        )
    for part in parts.values():
        yield from _dataset_rows(part, str(folder))


def _hub_rows(name: str) -> Iterator[TableRow]:
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
    yield from _dataset_rows(part, name)


def _dataset_rows(part: "datasets.Dataset", name: str) -> Iterator[TableRow]:
    """Rows with class numbers written out as names, as the data set itself names them."""
    import datasets

    named = {column: kind for column, kind in part.features.items() if isinstance(kind, datasets.ClassLabel)}
    for number, fields in enumerate(part, 1):
        for column, kind in named.items():
            if fields[column] is not None and fields[column] >= 0:
                fields[column] = kind.int2str(fields[column])
        yield TableRow(f"{name}:row {number}", fields)


def _sentence(
    row: TableRow, columns: Columns, taxonomy: Taxonomy, own_name: str, positions: Counter[str]
) -> LabelledSentence:
    """A row as a sentence; ``own_name`` names it if nothing else does, ``positions`` counts units by article."""
    rest = dict(row.fields)
    for name, setting in ((columns.text, "data.text_field"), (columns.label, "data.label_field")):
        if name not in rest:
            raise UserError(f"{row.place}: no column {name!r} ({setting}); there are {', '.join(map(repr, rest))}")
    text, label = rest.pop(columns.text), rest.pop(columns.label)
    if not isinstance(text, str):
        raise UserError(f"{row.place}: {columns.text} must be text, not {text!r}")
    if label is None or not str(label).strip():
        remedy = f"; write {taxonomy.negative} where none of the classes applies" if taxonomy.negative else ""
        raise UserError(f"{row.place}: the label is empty{remedy}")
    label = columns.label_map.get(str(label).strip(), str(label).strip())
    labels = _label_list(rest.pop(columns.labels, None), row, columns)
    no_class = (taxonomy.negative, *taxonomy.left_out)
    if labels is None:
        labels = () if label in no_class else (label,)
    labels = tuple(name for name in labels if name not in no_class)
    article_id = rest.pop(columns.article_id, None)
    article = identifier(article_id) or own_name
    position = whole_number(rest.pop(columns.position, None), columns.position, row.place)
    identity = rest.pop(columns.id, None)
    try:
        taxonomy.validate(label, labels)
        sentence = LabelledSentence(
            text=text,
            label=label,
            labels=labels,
            id=identifier(identity) or own_name,
            article_id=article,
            position=positions[article] if position is None else position,
            fields=rest,
        )
    except ValueError as error:
        raise UserError(f"{row.place}: {error}") from None
    positions[article] += 1
    return sentence


def _label_list(value: Any, row: TableRow, columns: Columns) -> tuple[str, ...] | None:
    """``labels`` as a tuple of mapped names; ``None`` where the row has no such column or leaves it empty in a CSV."""
    if value is None:
        return None
    if isinstance(value, str):
        if value.lstrip().startswith("["):
            try:
                value = json.loads(value)
            except json.JSONDecodeError as error:
                raise UserError(f"{row.place}: {columns.labels} {value!r} is not a JSON list: {error.msg}") from None
        elif not value.strip():
            return None
        else:
            value = value.split("|")
    if not isinstance(value, list | tuple):
        raise UserError(f"{row.place}: {columns.labels} must be a list of labels, not {value!r}")
    names = (str(item).strip() for item in value)
    return tuple(columns.label_map.get(name, name) for name in names)
