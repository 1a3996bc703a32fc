"""Predictions as pages for people: coloured HTML, or text without boilerplate; in one file, or a folder of them."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from sitrep.errors import UserError
from sitrep.labelled_pages.assembly import LabelledPage, PageAssembly
from sitrep.labelled_pages.clean_text import clean_markdown, clean_text, left_out_labels
from sitrep.labelled_pages.coloured import count, render_coloured, render_index, render_section
from sitrep.labelled_pages.colours import LabelCounts, looks_of
from sitrep.labelled_pages.file_names import FileNames, link_to
from sitrep.labels import Taxonomy
from sitrep.sentences import Prediction
from sitrep.storage.complete import complete_file, complete_folder, refuse_existing

COLOURED = ".html"
CLEAN = (".txt", ".md")
INDEX = "index.html"
SPOOL_BYTES = 1 << 24
"""Of coloured pages of one file that are held in memory; more of them wait on the disk for their legend."""
CHUNK = 1 << 16
"""Characters that are read from there at a time."""

WritePage = Callable[[LabelledPage], None]
WritePrediction = Callable[[Prediction], None]


@dataclass(frozen=True)
class PageOutput:
    """Where pages go to and as what.

    Attributes:
        path: The file or folder.
        ending: Of the files, in small letters.
        folder: Whether it is a folder, with a file for each page.
    """

    path: Path
    ending: str
    folder: bool

    @classmethod
    def of(cls, output: str, clean: bool) -> "PageOutput | None":
        """What an output is: its ending says the format, a slash at its end a folder; ``None`` for tables.

        Raises:
            UserError: If an ending and ``clean`` contradict each other.
        """
        path = Path(output)
        ending = path.suffix.lower()
        folder = output.endswith("/")
        if clean and ending not in CLEAN:
            raise UserError(
                f"output={output}: clean=true writes text; the ending must be one of {', '.join(CLEAN)}, with a slash "
                f"behind it for a folder of pages, or - for standard output"
            )
        if not clean and ending in CLEAN:
            raise UserError(f"output={output}: {ending} is for pages without boilerplate; set clean=true")
        return cls(path, ending, folder) if clean or ending == COLOURED else None

    def check(self, overwrite: bool) -> None:
        """Refuse what exists already; a folder is never replaced."""
        if not self.folder:
            refuse_existing(self.path, overwrite)
        elif self.path.exists() or self.path.is_symlink():
            raise UserError(f"{self.path}: exists already and was kept; choose another output or remove it")


@contextmanager
def open_pages(output: PageOutput, taxonomy: Taxonomy, overwrite: bool) -> Iterator[WritePrediction]:
    """Yield a function that writes one prediction; the file or folder appears when the block ends well."""
    if output.ending == COLOURED:
        opened = _coloured_folder(output, taxonomy) if output.folder else _coloured_file(output, taxonomy, overwrite)
    else:
        opened = _clean_folder(output, taxonomy) if output.folder else _clean_file(output, taxonomy, overwrite)
    with opened as write_page, assembled(write_page) as write:
        yield write


@contextmanager
def assembled(write_page: WritePage) -> Iterator[WritePrediction]:
    """Yield a function that takes one prediction after the other and writes each page when it is complete."""
    pages = PageAssembly(write_page)
    yield pages.add
    pages.close()


@contextmanager
def open_clean_stream(stream: IO[str], taxonomy: Taxonomy) -> Iterator[WritePrediction]:
    """The same for one clean page on a stream."""
    render = partial(clean_text, left_out=left_out_labels(taxonomy))
    with assembled(_one_page("-", stream, render)) as write:
        yield write


@contextmanager
def _coloured_file(output: PageOutput, taxonomy: Taxonomy, overwrite: bool) -> Iterator[WritePage]:
    """All pages one under the other. The legend with its counts comes first, so that the pages wait."""
    looks, total = looks_of(taxonomy), LabelCounts()
    headings: list[str] = []
    with (
        complete_file(output.path, overwrite) as path,
        tempfile.SpooledTemporaryFile(SPOOL_BYTES, "w+", encoding="utf-8", newline="") as waiting,
    ):

        def write(page: LabelledPage) -> None:
            if len(headings) < 2:
                headings.append(page.heading)
            total.add(count(page))
            waiting.write(render_section(page, looks))

        yield write
        waiting.seek(0)
        title = headings[0] if len(headings) == 1 else output.path.stem
        with _written(path) as file:
            file.writelines(render_coloured(title, iter(partial(waiting.read, CHUNK), ""), total, looks))


@contextmanager
def _coloured_folder(output: PageOutput, taxonomy: Taxonomy) -> Iterator[WritePage]:
    looks, total, names = looks_of(taxonomy), LabelCounts(), FileNames(COLOURED)
    rows: list[tuple[str, str, str, LabelCounts]] = []
    with complete_folder(str(output.path), "output") as (folder, _):

        def write(page: LabelledPage) -> None:
            name, counts = names.of(page.name), count(page)
            up = "../" * (len(name.parts) - 1)
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            with _written(folder / name) as file:
                file.writelines(render_coloured(page.heading, [render_section(page, looks)], counts, looks, up + INDEX))
            rows.append((page.heading, page.name, link_to(name), counts))
            total.add(counts)

        yield write
        with _written(folder / INDEX) as file:
            file.writelines(render_index(rows, total, looks))


@contextmanager
def _clean_file(output: PageOutput, taxonomy: Taxonomy, overwrite: bool) -> Iterator[WritePage]:
    render = _clean_renderer(output, taxonomy)
    with complete_file(output.path, overwrite) as path, _written(path) as file:
        yield _one_page(str(output.path), file, render)


@contextmanager
def _clean_folder(output: PageOutput, taxonomy: Taxonomy) -> Iterator[WritePage]:
    render, names = _clean_renderer(output, taxonomy), FileNames(output.ending)
    with complete_folder(str(output.path), "output") as (folder, _):

        def write(page: LabelledPage) -> None:
            path = folder / names.of(page.name)
            path.parent.mkdir(parents=True, exist_ok=True)
            with _written(path) as file:
                file.write(render(page))

        yield write


def _clean_renderer(output: PageOutput, taxonomy: Taxonomy) -> Callable[[LabelledPage], str]:
    render = clean_markdown if output.ending == ".md" else clean_text
    return partial(render, left_out=left_out_labels(taxonomy))


def _one_page(output: str, file: IO[str], render: Callable[[LabelledPage], str]) -> WritePage:
    first: list[str] = []

    def write(page: LabelledPage) -> None:
        if first and page.name != first[0]:
            raise UserError(
                f"output={output}: holds one clean page, and the input has more, {page.name} the second; "
                f"output=NAME.txt/ with a slash at its end writes a folder with a file for each"
            )
        first.append(page.name)
        file.write(render(page))

    return write


def _written(path: Path) -> AbstractContextManager[IO[str]]:
    """A file to write text to; what UTF-8 cannot hold, such as a part of a file name, becomes an escape."""
    return path.open("w", encoding="utf-8", errors="backslashreplace", newline="")
