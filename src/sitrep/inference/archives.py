"""Archives of saved pages: ZIP, tar and WARC, read as they stand; nothing is unpacked to the disk."""

import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from sitrep.errors import Refuse, UserError
from sitrep.inference.content_encodings import answer_content
from sitrep.inference.page_files import GZIP, LARGEST_PAGE, SavedPage, page_kind, saved_page

MOST_PACKED = 200
"""Times that the pages of an archive may be larger than it is; those of the real web are 3 to 30 times."""
SMALL = 10_000_000
"""Bytes that are always let through."""

HTML_TYPES = ("text/html", "application/xhtml+xml")
WARC_BEGINS = b"WARC/1."
BLOCK = 1 << 20

Reach = Callable[[int], None]
"""Called with the place in the archive's file up to which it has been read."""


def zip_pages(path: Path, name: str, place: str, refuse: Refuse, reach: Reach) -> Iterator[SavedPage]:
    """Pages of a ZIP archive by their place in it; files of other kinds are passed over.

    Args:
        path: Of the archive.
        name: What its articles are named after.
        place: Stands for it in messages.
        refuse: Told of each page that cannot be read.
        reach: Told how far it has been read.

    Raises:
        UserError: If it is no ZIP archive, holds no page, or would unpack to far more than it is.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [item for item in archive.infolist() if not item.is_dir() and _kind(item.filename)]
            _check_growth(sum(item.file_size for item in members), path.stat().st_size, place)
            _check_some(bool(members), place)
            for item in members:
                inside = f"{place}:{item.filename}"
                reach(item.header_offset + item.compress_size)
                try:
                    _check_name(item.filename, inside)
                    with archive.open(item) as stream:
                        found = saved_page(
                            cast(BinaryIO, stream), f"{name}/{item.filename}", inside, _kind(item.filename)
                        )
                except UserError as error:
                    refuse(error)
                except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
                    refuse(UserError(f"{inside}: cannot be unpacked: {error}"))
                else:
                    yield found
    except zipfile.BadZipFile as error:
        raise UserError(f"{place}: is no ZIP archive, or a damaged one: {error}") from None


def tar_pages(path: Path, name: str, place: str, refuse: Refuse, reach: Reach) -> Iterator[SavedPage]:
    """Pages of a tar archive, compressed or not, in its order; links and files of other kinds are passed over.

    Args:
        path: Of the archive.
        name: What its articles are named after.
        place: Stands for it in messages.
        refuse: Told of each page that cannot be read.
        reach: Told how far it has been read.

    Raises:
        UserError: If it is no tar archive, breaks off, holds no page, or unpacks to far more than it is.
    """
    size, grown, some = path.stat().st_size, 0, False
    try:
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r|*") as archive:
            for item in iter(archive.next, None):
                archive.members.clear()  # type: ignore[attr-defined]  # else each costs memory until the end
                reach(file.tell())
                grown += item.size
                _check_growth(grown, size, place)
                if not item.isreg() or not _kind(item.name):
                    continue
                some = True
                inside = f"{place}:{item.name}"
                try:
                    _check_name(item.name, inside)
                    stream = archive.extractfile(item)
                    assert stream is not None  # it is a regular file
                    found = saved_page(cast(BinaryIO, stream), f"{name}/{item.name}", inside, _kind(item.name))
                except UserError as error:
                    refuse(error)
                else:
                    yield found
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        raise UserError(f"{place}: is no tar archive, or breaks off: {error}") from None
    _check_some(some, place)


def warc_pages(path: Path, name: str, place: str, refuse: Refuse, reach: Reach) -> Iterator[SavedPage]:
    """Pages of a WARC file: successful answers, and resources, that are HTML. Behind a damaged record it goes on.

    Args:
        path: Of the file.
        name: What its articles are named after, with the number of the record.
        place: Stands for it in messages.
        refuse: Told of each record that cannot be read.
        reach: Told how far it has been read.

    Raises:
        UserError: If it holds no page.
    """
    some = False
    with path.open("rb") as file:
        for number, found in enumerate(_records(file)):
            inside = f"{place}:record {number}"
            reach(file.tell())
            if isinstance(found, str):
                refuse(UserError(f"{inside}: {found}"))
                some = True
            elif found is not None:
                some = True
                content, encoding, url = found
                if len(content) > LARGEST_PAGE:
                    refuse(UserError(f"{inside}: the page is larger than {LARGEST_PAGE // 10**6} MB; pages are not"))
                else:
                    yield SavedPage(content, f"{name}:{number}", inside, "html", encoding, url)
    _check_some(some, place)


def _records(file: BinaryIO) -> Iterator[tuple[bytes, str | None, str | None] | str | None]:
    """Each record: a page, ``None`` for what is none, or why it cannot be read."""
    from warcio.archiveiterator import ArchiveIterator
    from warcio.exceptions import ArchiveLoadFailed

    class _Records(ArchiveIterator):  # type: ignore[misc]
        INC_RECORD = ""  # else it is written to standard error

    mark = GZIP + b"\x08" if file.read(2) == GZIP else WARC_BEGINS
    place: int | None = 0
    told = False
    while place is not None:
        file.seek(place)
        records = _Records(file)
        try:
            for record in records:
                found = _page_of(record)
                records.read_to_end()
                if records.err_count:
                    raise ArchiveLoadFailed("its length is not what it says")
                told = False
                yield found
                place = records.offset
            return
        except (ArchiveLoadFailed, zlib.error, EOFError, ValueError) as error:
            reason = str(error)
        except (AttributeError, TypeError):  # warcio takes for granted what a record must have
            reason = "it lacks a header that it must have"
        if not told:
            yield "is damaged: " + " ".join(reason.split())[:200]
        told = True
        place = _next_mark(file, place + 1, mark)


def _page_of(record: Any) -> tuple[bytes, str | None, str | None] | str | None:
    from warcio.exceptions import ArchiveLoadFailed

    if record.rec_type == "response" and record.http_headers is not None:
        headers = record.http_headers
        wanted = headers.get_statuscode().startswith("2")
        kind = headers.get_header("Content-Type") or ""
    else:
        wanted, kind = record.rec_type == "resource", record.rec_headers.get_header("Content-Type") or ""
    if not wanted or kind.split(";")[0].strip().lower() not in HTML_TYPES:
        return None
    content = answer_content(record, LARGEST_PAGE + 1)
    if isinstance(content, str):
        return content
    missing = getattr(record.raw_stream, "limit", 0)
    if missing and len(content) <= LARGEST_PAGE:
        raise ArchiveLoadFailed(f"breaks off, {missing} bytes before its end")
    _, _, charset = kind.lower().partition("charset=")
    return content, charset.split(";")[0].strip(" \"'") or None, record.rec_headers.get_header("WARC-Target-URI")


def _next_mark(file: BinaryIO, place: int, mark: bytes) -> int | None:
    """Where the next record may begin."""
    file.seek(place)
    held = b""
    while block := file.read(BLOCK):
        found = (held + block).find(mark)
        if found >= 0:
            return place - len(held) + found
        place += len(block)
        held = block[-len(mark) + 1 :]
    return None


def _kind(member: str) -> str:
    """What a member of an archive is; empty for what is not read, such as archives inside."""
    if PurePosixPath(member).name.startswith("."):
        return ""
    kind = page_kind(member)
    return kind if kind in ("html", "mhtml") else "text" if member.lower().endswith(".txt") else ""


def _check_name(member: str, place: str) -> None:
    parts = member.replace("\\", "/").split("/")
    if ".." in parts or not parts[0] or parts[0].endswith(":"):
        raise UserError(f"{place}: its name leads out of the archive, as those of attacks do; it is not read")


def _check_growth(unpacked: int, packed: int, place: str) -> None:
    if unpacked > max(SMALL, MOST_PACKED * packed):
        what = f"{packed / 10**6:.1f} MB would become {unpacked / 10**6:,.0f} MB"
        raise UserError(f"{place}: {what}, which is an attack or a mistake; unpack it yourself if it is neither")


def _check_some(some: bool, place: str) -> None:
    if not some:
        raise UserError(f"{place}: holds no page (.html, .htm, .xhtml, .mhtml or .txt, or in a WARC an answer of HTML)")
