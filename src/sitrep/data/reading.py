"""Labelled sentences out of files, saved data sets, the hub, and the shipped corpus."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from sitrep.data import corpus
from sitrep.data.columns import Columns, sentence_of
from sitrep.data.saved import data_set_rows, hub_rows, is_saved_data_set, saved_rows
from sitrep.errors import UserError
from sitrep.labels import Taxonomy, shipped_taxonomy
from sitrep.sentences import LabelledSentence
from sitrep.settings.data import SHIPPED
from sitrep.storage.complete import shown
from sitrep.storage.hub import HUB_NAME
from sitrep.storage.tables import (
    NO_PARQUET_FROM_A_PIPE,
    ROW_SUFFIXES,
    TableRow,
    check_readable,
    is_stream,
    kind_of,
    read_rows,
)

__all__ = ["SHIPPED", "Columns", "check_source", "name_in_places", "read_labelled", "rows_of"]


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
    stem = shown(name or Path(source).stem)
    try:
        for index, row in enumerate(rows_of(source)):
            try:
                sentence = sentence_of(row, columns, taxonomy, f"{stem}-{index}", positions)
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
    return _as_shipped(sentences) if source == SHIPPED else sentences


def _as_shipped(units: Sequence[LabelledSentence]) -> list[LabelledSentence]:
    """Units of the shipped corpus with what larger models hold them for, and what they are for."""
    probabilities, uses = corpus.load_probabilities(), corpus.load_uses()
    return [replace(unit, probabilities=probabilities.get(unit.id), use=uses[unit.article_id]) for unit in units]


def check_source(source: str) -> None:
    """Refuse at once what cannot be read as labelled data; nothing is opened, and no heavy library imported.

    Args:
        source: As for :func:`read_labelled`.

    Raises:
        UserError: If there is no such file, if it is empty or of an unknown ending, or if a folder is no data set.
    """
    if source == SHIPPED or _is_hub_name(source):
        return
    path = Path(source)
    if path.is_dir():
        if not is_saved_data_set(path):
            raise UserError(
                f"{shown(path)}: a folder, but not one that `datasets` saved; name its files one by one, "
                f"for example data.train_files=[{shown(path / 'FILE.csv')}]"
            )
        return
    if not path.exists() and path.suffix.lower() not in ROW_SUFFIXES:
        raise UserError(f"{shown(source)}: no such file or folder")
    check_readable(path)
    if kind_of(path) == "parquet" and is_stream(path):
        raise UserError(f"{shown(path)}: {NO_PARQUET_FROM_A_PIPE}")


def rows_of(source: str) -> Iterator[TableRow]:
    """Every row of a source, as the source itself names its columns.

    Raises:
        UserError: If it cannot be read.
    """
    check_source(source)
    if source == SHIPPED:
        return data_set_rows(corpus.load(), SHIPPED)
    if _is_hub_name(source):
        return hub_rows(source)
    path = Path(source)
    return saved_rows(path) if path.is_dir() else read_rows(path)


def name_in_places(source: str) -> str:
    """What stands before the line in the places of a source's rows."""
    return source if source == SHIPPED or _is_hub_name(source) else shown(Path(source))


def _is_hub_name(source: str) -> bool:
    """Whether it can only be a name on the hub: files and folders that are there go first."""
    path = Path(source)
    named = HUB_NAME.fullmatch(source.partition(":")[0]) is not None
    return named and path.suffix.lower() not in ROW_SUFFIXES and not path.exists()
