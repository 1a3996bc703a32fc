"""Which files of a folder are input for prediction."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sitrep.errors import UserError
from sitrep.inference.outputs import PASSAGE_COLUMNS
from sitrep.inference.page_files import PAGE_ENDINGS
from sitrep.storage.complete import shown
from sitrep.storage.tables import ROW_SUFFIXES, read_rows

ARTICLE_SUFFIXES = (".txt",)
READABLE = (*ARTICLE_SUFFIXES, *PAGE_ENDINGS, *ROW_SUFFIXES)
OWN_PAGE = re.compile(rb"""<meta\s+name=["']?generator["']?\s+content=["']?sitrep""", re.I)
"""Stands in the head of pages that show predictions."""
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
        readable: Articles, pages, archives and tables, dead links and folders that may not be looked into among them:
            they stand for pages that are missing.
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


def find_files(folder: Path, outputs: Sequence[Path] = ()) -> FolderFiles:
    """Look through a folder, links to other folders included.

    Args:
        folder: To look through.
        outputs: Files and folders that are about to be written, which are no input.
    """
    found = FolderFiles([], [], [])
    own = [os.path.realpath(output) for output in outputs]
    for path in sorted(_visible(folder)):
        dead = path.is_symlink() and not path.exists()
        if own and any(map(Path(os.path.realpath(path)).is_relative_to, own)):
            continue
        if path.is_dir():  # that may not be looked into
            found.readable.append(path)
        elif not (path.is_file() or dead) or not path.name.lower().endswith(READABLE):
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
        return path.suffix.lower() == ".html" and _is_own_page(path)
    try:
        first = next(read_rows(path), None)
    except (UserError, OSError):
        return False  # it is told where it is read
    columns = first.fields.keys() if first else set()
    return columns >= set(PASSAGE_COLUMNS) and any(
        name.startswith(("probabilities", "probability_")) for name in columns
    )


def _is_own_page(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return OWN_PAGE.search(file.read(1024)) is not None
    except OSError:
        return False  # it is told where it is read


def _visible(root: Path) -> Iterator[Path]:
    """Files below a folder, each once, and folders that may not be looked into.

    Links are followed out of the folder only: what they point at inside it is found there under its own name, and a
    folder around it holds it again.
    """
    top = Path(os.path.realpath(root))
    walked: set[Path] = set()

    def below(folder: Path, its_own: Path) -> Iterator[Path]:
        walked.add(its_own)
        try:
            entries = os.scandir(folder)
        except OSError:
            yield folder  # it is told where it is read
            return
        for entry in entries:
            if entry.name.startswith("."):
                continue
            path, real = folder / entry.name, its_own / entry.name
            if entry.is_symlink():  # only links cost the system a question each
                real = Path(os.path.realpath(path))
                if path.exists() and (real.is_relative_to(top) or top.is_relative_to(real)):
                    continue
            if not path.is_dir():  # unlike the entry, it answers for links in a circle, too
                yield path
            elif real not in walked:
                yield from below(path, real)

    yield from below(root, top)


def _number(paths: list[Path], one: str, several: str) -> str:
    first = shown(paths[0])
    return f"{first} {one}" if len(paths) == 1 else f"{len(paths)} files, {first} the first of them, {several}"
