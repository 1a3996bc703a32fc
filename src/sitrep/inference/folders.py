"""Which files of a folder are input for prediction."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sitrep.errors import UserError
from sitrep.inference.outputs import PASSAGE_COLUMNS
from sitrep.storage.complete import shown
from sitrep.storage.tables import ROW_SUFFIXES, read_rows

ARTICLE_SUFFIXES = (".txt",)
READABLE = (*ARTICLE_SUFFIXES, *ROW_SUFFIXES)
ERRORS_SUFFIX = ".errors.jsonl"
"""Ending of the file that says what an earlier prediction left out."""

MANIFEST = "manifest.json"
"""What the folder of a job in parts holds besides them."""
JOB_ERRORS, JOB_PAGES, JOB_INPUT = "errors.jsonl", "pages.jsonl", "input.jsonl"
JOB_TABLES = (JOB_ERRORS, JOB_PAGES, JOB_INPUT)


@dataclass(frozen=True)
class FolderFiles:
    """What is below a folder, by name, so that the order is the same everywhere; hidden files are not looked at.

    Attributes:
        readable: Articles and tables, dead links among them: they stand for pages that are missing.
        predictions: What earlier predictions wrote, which would be counted twice.
        others: Files of no kind that can be read, and pipes.
    """

    readable: list[Path]
    predictions: list[Path]
    others: list[Path]

    def remarks(self) -> list[str]:
        """What is not read, a line each."""
        said = []
        if self.predictions:
            said.append(f"{_number(self.predictions, 'holds', 'hold')} predictions: not read")
        if self.others:
            said.append(f"{_number(self.others, 'is', 'are')} of a kind that is not read")
        return said


def find_files(folder: Path, output: Path | None = None) -> FolderFiles:
    """Look through a folder, links to other folders included.

    Args:
        folder: To look through.
        output: File or folder that is about to be written, which is no input.
    """
    found = FolderFiles([], [], [])
    own = output.resolve() if output else None
    for path in sorted(_visible(folder)):
        dead = path.is_symlink() and not path.exists()
        if own and path.resolve().is_relative_to(own):
            continue
        if not (path.is_file() or dead) or path.suffix.lower() not in READABLE:
            found.others.append(path)
        elif is_prediction(path):
            found.predictions.append(path)
        else:
            found.readable.append(path)
    return found


def is_prediction(path: Path) -> bool:
    """Whether a table is what a prediction wrote, by the columns of its first row."""
    if path.name.endswith(ERRORS_SUFFIX) or (path.name in JOB_TABLES and (path.parent / MANIFEST).is_file()):
        return True
    if path.suffix.lower() not in ROW_SUFFIXES:
        return False
    try:
        first = next(read_rows(path), None)
    except (UserError, OSError):
        return False  # it is told where it is read
    columns = first.fields.keys() if first else set()
    return columns >= set(PASSAGE_COLUMNS) and any(
        name.startswith(("probabilities", "probability_")) for name in columns
    )


def _visible(root: Path) -> Iterator[Path]:
    """Files below a folder, each once.

    Links are followed out of the folder only: what they point at inside it is found there under its own name, and a
    folder around it holds it again.
    """
    top = Path(os.path.realpath(root))
    walked: set[Path] = set()

    def below(folder: Path, its_own: Path) -> Iterator[Path]:
        walked.add(its_own)
        for entry in os.scandir(folder):
            if entry.name.startswith("."):
                continue
            path, real = folder / entry.name, its_own / entry.name
            if entry.is_symlink():  # only links cost the system a question each
                real = Path(os.path.realpath(path))
                if path.exists() and (real.is_relative_to(top) or top.is_relative_to(real)):
                    continue
            if not entry.is_dir():
                yield path
            elif real not in walked:
                yield from below(path, real)

    yield from below(root, top)


def _number(paths: list[Path], one: str, several: str) -> str:
    first = shown(paths[0])
    return f"{first} {one}" if len(paths) == 1 else f"{len(paths)} files, {first} the first of them, {several}"
