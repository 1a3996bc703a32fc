"""Predictions as JSON lines, CSV or Parquet, written as they come."""

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from sitrep.errors import UserError, is_installed, not_installed
from sitrep.inference.arrow_columns import Types
from sitrep.inference.page_outputs import PageOutput, open_clean_stream, open_pages
from sitrep.inference.table_files import CsvWriter, ParquetWriter, TableWriter
from sitrep.labels import Taxonomy
from sitrep.sentences import Prediction
from sitrep.storage.complete import complete_file, refuse_existing
from sitrep.storage.json_lines import json_line

STANDARD_OUTPUT = "-"
ENDINGS = (".jsonl", ".csv", ".parquet")
PASSAGE_COLUMNS = ("id", "article_id", "position", "start", "end", "text", "label")
"""First columns of every format; those of the probabilities come behind them."""

Write = Callable[[Prediction], None]


def check_output(output: str, overwrite: bool, clean: bool = False) -> None:
    """Refuse an output that cannot or must not be written, before any work is done for it."""
    if output == STANDARD_OUTPUT:
        if sys.stdout is None:
            raise UserError("output=-: standard output is closed")
        return
    if pages := PageOutput.of(output, clean):
        pages.check(overwrite)
        return
    path = Path(output)
    if path.suffix.lower() not in ENDINGS:
        endings = ", ".join((*ENDINGS, ".html"))
        raise UserError(f"output={output}: the ending must be one of {endings}, or - for standard output")
    refuse_existing(path, overwrite)
    if path.suffix.lower() == ".parquet" and not is_installed("pyarrow"):
        raise not_installed("pyarrow")


@contextmanager
def open_output(
    output: str,
    overwrite: bool = False,
    taxonomy: Taxonomy | None = None,
    clean: bool = False,
    types: Callable[[], Types] = dict,
) -> Iterator[Write]:
    """Yield a function that writes one prediction.

    A file appears under its name only when the block ends well; standard output is written at once.

    Args:
        output: File name whose ending picks the format, or ``-`` for JSON lines on standard output.
        overwrite: Whether an existing file is replaced.
        taxonomy: Of the labels; pages for people want it.
        clean: Whether pages without their boilerplate are written instead of predictions.
        types: Asked for the types that the input declares, if the output has types.

    Raises:
        UserError: If the file exists already or cannot be written.
    """
    check_output(output, overwrite, clean)
    if output == STANDARD_OUTPUT:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # whatever the terminal's locale is
        if clean and taxonomy:
            with open_clean_stream(sys.stdout, taxonomy) as write:
                yield write
        else:
            yield _jsonl_writer(sys.stdout)
        sys.stdout.flush()
        return
    if taxonomy and (pages := PageOutput.of(output, clean)):
        with open_pages(pages, taxonomy, overwrite) as write:
            yield write
        return
    path = Path(output)
    with ExitStack() as stack:
        partial = stack.enter_context(complete_file(path, overwrite))
        match path.suffix.lower():
            case ".parquet":
                yield _table_writer(stack.enter_context(ParquetWriter(partial, path.name, _say, types=types())))
            case ".csv":
                yield _table_writer(stack.enter_context(CsvWriter(partial, path.name, _say)))
            case _:
                yield _jsonl_writer(stack.enter_context(partial.open("w", encoding="utf-8", newline="\n")))


@contextmanager
def open_part(path: Path, first: Path | None, types: Callable[[], Types] = dict) -> Iterator[Write]:
    """Like :func:`open_output` for a part of a job: on the disk before it has its name, and one that is there goes.

    Args:
        path: Of the part, whose ending picks the format.
        first: The part whose columns it has, if there is one.
        types: Asked for the types that the input declares, if there is none.
    """
    with ExitStack() as stack:
        partial = stack.enter_context(complete_file(path, overwrite=True, durable=True))
        if path.suffix == ".parquet":
            declared = {} if first else types()
            yield _table_writer(stack.enter_context(ParquetWriter(partial, path.name, _say, first, declared)))
        else:
            yield _jsonl_writer(stack.enter_context(partial.open("w", encoding="utf-8", newline="\n")))


def as_row(prediction: Prediction) -> dict[str, Any]:
    """One output object: the fields of the contract, then those carried through from the input."""
    passage = prediction.passage
    row = {
        "id": readable(passage.id),
        "article_id": readable(passage.article_id),
        "position": passage.position,
        "start": passage.start,
        "end": passage.end,
        "text": passage.text,
        "label": prediction.label,
    }
    if prediction.labels is not None:
        row["labels"] = list(prediction.labels)
    row["probabilities"] = {label: round(value, 6) for label, value in prediction.probabilities.items()}
    if prediction.speaker_probabilities is not None:
        row |= {"speech": prediction.speech, "speaker": prediction.speaker}
        row["speaker_probabilities"] = {name: round(p, 6) for name, p in prediction.speaker_probabilities.items()}
    if prediction.decision is not None:
        row["decision"] = prediction.decision
    row["unfamiliar"] = prediction.unfamiliar
    if prediction.truncated:
        row["truncated"] = True
    if passage.read_as is not None:
        row["read_as"] = passage.read_as
    fields = dict(passage.fields)
    if prediction.labels is not None and "labels" in fields:  # only such a model has a field of that name itself
        fields["input_labels"] = fields.pop("labels")
    return row | fields


def _jsonl_writer(file: IO[str]) -> Write:
    def write(prediction: Prediction) -> None:
        file.write(json_line(as_row(prediction)) + "\n")

    return write


def _table_writer(table: TableWriter) -> Write:
    def write(prediction: Prediction) -> None:
        table.write(_flat(prediction))

    return write


def _say(line: str) -> None:
    """One line on standard error, where a progress display that runs there puts it above itself."""
    if sys.stderr is not None:
        sys.stderr.write(f"{line}\n")


def readable(name: str) -> str:
    """A name made of a file's; bytes of it that are not UTF-8 are shown as backslash escapes."""
    return name if name.isascii() else name.encode("utf-8", "backslashreplace").decode("utf-8")


def _flat(prediction: Prediction) -> dict[str, Any]:
    """A row of a table: one column a probability."""
    row = as_row(prediction)
    flat: dict[str, Any] = {}
    for name, value in row.items():
        if name == "labels" and prediction.labels is not None:
            flat[name] = "|".join(value)  # as training data may name several in a table
        elif name == "probabilities":
            flat |= {f"probability_{label}": probability for label, probability in value.items()}
            flat["truncated"] = prediction.truncated
        elif name == "speaker_probabilities" and prediction.speaker_probabilities is not None:
            flat |= {f"speaker_probability_{speaker}": probability for speaker, probability in value.items()}
        else:
            flat[name] = value
    return flat
