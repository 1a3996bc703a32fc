"""Files of saved pages: HTML and MHTML, compressed or not, and standard input."""

import email
import email.policy
import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sitrep.errors import UserError
from sitrep.pages.html import Page, read_html

PAGE_ENDINGS = {
    **dict.fromkeys((".html", ".htm", ".xhtml", ".html.gz", ".htm.gz", ".xhtml.gz"), "html"),
    **dict.fromkeys((".mhtml", ".mht", ".mhtml.gz", ".mht.gz"), "mhtml"),
    **dict.fromkeys((".warc", ".warc.gz"), "warc"),
    **dict.fromkeys((".tar", ".tar.gz", ".tgz"), "tar"),
    ".zip": "zip",
}
"""What holds pages, by its ending."""

GZIP = b"\x1f\x8b"
LARGEST_PAGE = 100_000_000
"""Bytes of a page, unpacked, that are read; a larger one is no page, or was made to fill the memory."""
CHUNK = 1 << 20

KeepText = Callable[[str, str, str], None]
"""Told the id of each page of HTML, its text and its place; it may refuse the page."""


@dataclass(frozen=True)
class SavedPage:
    """A page as it was found, not yet read.

    Attributes:
        content: Its bytes.
        name: What its article is called.
        place: Stands for it in messages.
        kind: ``html``, ``mhtml``, or ``text`` for plain text.
        encoding: That the transport named.
        url: Address that it was fetched from.
    """

    content: bytes
    name: str
    place: str
    kind: str = "html"
    encoding: str | None = None
    url: str | None = None

    def read(self) -> Page:
        """Read HTML or MHTML.

        Raises:
            UserError: If it is neither.
        """
        if self.kind == "mhtml":
            return _read_mhtml(self)
        return read_html(self.content, self.encoding, self.url, self.place)


def page_kind(path: Path | str) -> str | None:
    """What a file of pages is by its ending: ``html``, ``mhtml``, ``warc``, ``tar`` or ``zip``; ``None``: no such."""
    name = str(path).lower()
    return next((kind for ending, kind in PAGE_ENDINGS.items() if name.endswith(ending)), None)


def saved_page(stream: BinaryIO, name: str, place: str, kind: str, url: str | None = None) -> SavedPage:
    """Take a page out of a stream, unpacking it if it is compressed, whatever its name says.

    Raises:
        UserError: If it is too large, or breaks off.
    """
    return SavedPage(limited(stream, place), name, place, kind, url=url)


def limited(stream: BinaryIO, place: str) -> bytes:
    """All bytes of a stream, unpacked if they are compressed by gzip, if they are not too many.

    Raises:
        UserError: If they are, or what is compressed is damaged.
    """
    peeked = stream.peek(len(GZIP)) if hasattr(stream, "peek") else b""
    source = gzip.GzipFile(fileobj=stream) if peeked.startswith(GZIP) else stream
    content = bytearray()
    try:
        while piece := source.read(CHUNK):
            content += piece
            if len(content) > LARGEST_PAGE:
                raise UserError(f"{place}: the page is larger than {LARGEST_PAGE // 10**6} MB; pages are not")
    except EOFError:
        raise UserError(f"{place}: breaks off; what is compressed has no end") from None
    except (zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{place}: is damaged and cannot be unpacked: {error}") from None
    return bytes(content)


def _read_mhtml(saved: SavedPage) -> Page:
    """The page that an MHTML file is about: its first part of HTML; pictures and frames are other parts."""
    message = email.message_from_bytes(saved.content, policy=email.policy.compat32)
    for part in message.walk():
        if part.get_content_type() in ("text/html", "application/xhtml+xml"):
            content = part.get_payload(decode=True)
            url = part["Content-Location"] or message["Snapshot-Content-Location"]
            if isinstance(content, bytes):
                return read_html(content, part.get_content_charset(), url and str(url), saved.place)
    raise UserError(f"{saved.place}: holds no part of HTML; is it MHTML?")
