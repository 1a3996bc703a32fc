"""From data settings to a checked division of labelled sentences."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from sitrep.data import corpus
from sitrep.data.reading import SHIPPED, Columns, check_source, read_labelled
from sitrep.data.split import Split, check_split, hold_out
from sitrep.errors import UserError
from sitrep.labels import Taxonomy
from sitrep.sentences import LabelledSentence, Use
from sitrep.settings import DataSettings
from sitrep.storage.complete import sha256_of, shown


@dataclass(frozen=True)
class SourceFile:
    """Where sentences came from.

    Attributes:
        source: As it was named in the settings; bytes of a name that are not UTF-8 as escapes.
        units: Rows read, those labelled ``none`` included.
        sha256: Of the file; ``None`` for folders and hub names.
        bytes: Its size; likewise.
    """

    source: str
    units: int
    sha256: str | None
    bytes: int | None


@dataclass(frozen=True)
class LoadedData:
    """A division with its origin.

    Attributes:
        split: The three sets.
        sources: Every file read.
        passed_over: Units whose label the taxonomy leaves out, such as ``none`` with ``labels=four``.
        calibration: Units of pages unlike those of the three sets, on which promises are fitted too.
    """

    split: Split
    sources: tuple[SourceFile, ...]
    passed_over: tuple[LabelledSentence, ...]
    calibration: tuple[LabelledSentence, ...] = ()

    @property
    def left_out(self) -> int:
        """Number of units that are passed over."""
        return len(self.passed_over)

    @property
    def known_to_the_model(self) -> tuple[LabelledSentence, ...]:
        """Units that a model is trained or chosen on, or something of it fitted on."""
        return (*self.split.train, *self.split.validation, *self.calibration)


def load_data(settings: DataSettings, taxonomy: Taxonomy) -> LoadedData:
    """Read, validate and divide the data of a training run.

    Raises:
        UserError: For unreadable or wrong data, a set that lacks a label, an article in two sets.
    """
    data = divide(settings, taxonomy)
    check_split(data.split, taxonomy.labels, held_out_sets(settings))
    return data


def held_out_sets(settings: DataSettings) -> set[str]:
    """Sets that are no files of their own but taken from the training files."""
    given = {"test": settings.test_files, "validation": settings.validation_files}
    return {name for name, files in given.items() if not files}


def named_sources(settings: DataSettings) -> list[str]:
    """Every source that data settings name, in the order in which they are read."""
    return [*settings.train_files, *settings.test_files, *settings.validation_files, *settings.calibration_files]


def divide(settings: DataSettings, taxonomy: Taxonomy, problems: list[UserError] | None = None) -> LoadedData:
    """Read and divide data without judging the division.

    Args:
        settings: That name the data.
        taxonomy: That the labels are of.
        problems: As in :func:`sitrep.data.reading.read_labelled`.

    Raises:
        UserError: If a source is of no kind that can be read, before any is; without ``problems``, for wrong rows.
    """
    for source in named_sources(settings):
        check_source(source)
    columns = columns_of(asdict(settings))
    sources: list[SourceFile] = []
    train = _read_all(settings.train_files, columns, taxonomy, sources, problems)
    test = _read_all(settings.test_files, columns, taxonomy, sources, problems)
    validation = _read_all(settings.validation_files, columns, taxonomy, sources, problems)
    given = _read_all(settings.calibration_files, columns, taxonomy, sources, problems)
    train, learning, calibration = ([s for s in train if s.use is use] for use in Use)
    units = len(train)
    if not settings.test_files:
        train, test = hold_out(train, settings.test_fraction, settings.split_seed)
    if not settings.validation_files:
        # The share is of all units that were given, whether or not a test set was taken from them first.
        fraction = settings.validation_fraction * units / max(1, len(train))
        train, validation = hold_out(train, fraction, settings.split_seed + 1)
    parts = (train + learning, validation, test, calibration + given)
    kept = [tuple(s for s in part if s.label in taxonomy.labels) for part in parts]
    passed_over = tuple(s for part in parts for s in part if s.label not in taxonomy.labels)
    return LoadedData(Split(*kept[:3]), tuple(sources), passed_over, kept[3])


def load_test(
    files: Sequence[str], columns: Columns, taxonomy: Taxonomy
) -> tuple[tuple[LabelledSentence, ...], tuple[SourceFile, ...], int]:
    """Read labelled data to score a checkpoint on.

    Returns:
        The sentences, their origin, and how many the taxonomy leaves out.

    Raises:
        UserError: For unreadable or wrong data, or if nothing remains.
    """
    for source in files:
        check_source(source)
    sources: list[SourceFile] = []
    read = _read_all(files, columns, taxonomy, sources)
    kept = tuple(sentence for sentence in read if sentence.label in taxonomy.labels)
    if not kept:
        left_out = " or ".join(taxonomy.left_out)
        raise UserError(
            f"data.test_files={list(map(shown, files))}: all {len(read)} rows are labelled {left_out}; nothing to score"
        )
    return kept, tuple(sources), len(read) - len(kept)


def columns_of(settings: dict[str, Any]) -> Columns:
    """Column names out of data settings, which call them ``<name>_field``; what is not in them is as in ``Columns``."""
    named = {item.name: settings.get(f"{item.name}_field", item.default) for item in fields(Columns)}
    return Columns(**named | {"label_map": dict(settings.get("label_map", {}))})


def _read_all(
    files: Sequence[str],
    columns: Columns,
    taxonomy: Taxonomy,
    sources: list[SourceFile],
    problems: list[UserError] | None = None,
) -> list[LabelledSentence]:
    sentences: list[LabelledSentence] = []
    for source in files:
        # Rows without ids of two files of one name must not get the same ones; a path would differ from place to place.
        name = f"{Path(source).stem}.{len(sources)}" if sources else Path(source).stem
        found = read_labelled(source, columns, taxonomy, problems, name)
        sources.append(SourceFile(shown(source), len(found), *_identity(source)))
        sentences.extend(found)
    seen: set[str] = set()
    for sentence in sentences:
        if sentence.id in seen:
            error = UserError(f"id {sentence.id!r} stands in two of {', '.join(map(shown, files))}; ids must differ")
            if problems is None:
                raise error
            problems.append(error)
        seen.add(sentence.id)
    return sentences


def _identity(source: str) -> tuple[str | None, int | None]:
    """SHA-256 and size of a file or of the shipped corpus."""
    if source == SHIPPED:
        return corpus.sha256(), corpus.size()
    path = Path(source)
    return (sha256_of(path), path.stat().st_size) if path.is_file() else (None, None)
