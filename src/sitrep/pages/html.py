"""From HTML, whatever its state, to the text of a page with its blocks and what it states of itself.

Parsing follows the standard as browsers do (`lexbor <https://lexbor.com>`_), so that what is not closed ends where
browsers end it, and an XPath names the same element there.
"""

import hashlib
import re
from dataclasses import asdict, dataclass, field
from typing import Any

from selectolax.lexbor import LexborHTMLParser

from sitrep.errors import UserError
from sitrep.pages.encodings import decode_page
from sitrep.pages.metadata import PageMetadata, page_metadata
from sitrep.pages.visible_text import PageBlock, visible_text

TAG = re.compile(r"<(?:[a-z][a-z0-9:-]*[\s/>]|!doctype\b|!--)", re.I)
LOOKS_LIKE_HTML = re.compile(
    r"\ufeff?\s*(?:<!--.{0,2000}?-->\s*)*<(?:!doctype\s+html|\?xml|(?:html|head|body|title|meta|link|script|style|div|p|"
    r"article|main|section|header|nav|table|ul|ol|h[1-6]|center|font|frameset)[\s/>])",
    re.I | re.S,
)
OTHER_KINDS_OF_FILE = {
    b"%PDF-": "a PDF; save its text",
    b"PK\x03\x04": "a ZIP archive or an office document; name it by its own ending",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"\xd0\xcf\x11\xe0": "an office document; save its text",
    b"PAR1": "a Parquet file; name it .parquet",
    b"Rar!": "a RAR archive; unpack it first",
}
"""What a file is by how it begins, whatever its name."""

SELF_CLOSED = re.compile(r"<(script|style|title|textarea|iframe|a|div|span|p|i|b|em|td|li)((?:\s[^<>]*)?)/>", re.I)
INTERNAL_SUBSET = re.compile(r"<!doctype[^<>\[]*\[.{0,20000}?\]\s*>", re.I | re.S)
OPEN_OR_CLOSE = re.compile(r"<(/?)(?!(?:p|li|td|th|tr|dt|dd|option|br|img|input|hr|meta|link|source|wbr|col)\b)[a-z]")
MANY_TAGS = 10_000
DEEPEST = 4_000
"""Levels of nesting that are read; parsing takes time that grows with their square."""
CHECKED = 4096
"""Bytes that tell whether a file is text at all."""


@dataclass(frozen=True)
class Page:
    """A page as it is read.

    Attributes:
        text: What it shows; blocks are parted by blank lines.
        blocks: In their order, not overlapping; together all of the text but the blank lines.
        metadata: What it states of itself.
        sha256: Of the bytes that were read.
    """

    text: str
    blocks: tuple[PageBlock, ...]
    metadata: PageMetadata = field(default_factory=PageMetadata)
    sha256: str = ""

    def columns(self) -> dict[str, Any]:
        """What is carried with every sentence of the page."""
        return asdict(self.metadata) | {"page_sha256": self.sha256}


def looks_like_html(text: str) -> bool:
    """Whether a text begins as a page of HTML does."""
    return LOOKS_LIKE_HTML.match(text) is not None


def read_html(html: str | bytes, encoding: str | None = None, url: str | None = None, place: str = "page") -> Page:
    """Read a page.

    Args:
        html: As it was saved: bytes, or characters if it was decoded already.
        encoding: That the transport named, as in the header ``Content-Type``; of bytes only.
        url: Address that it was fetched from.
        place: Stands for the page in messages.

    Raises:
        UserError: If it is no HTML, or shows no text.
    """
    data = html if isinstance(html, bytes) else html.encode("utf-8", "replace")
    source = _source(data, encoding if isinstance(html, bytes) else "utf-8", place)
    tree = LexborHTMLParser(source)
    root = tree.root
    text, blocks = visible_text(root) if root is not None else ("", [])
    frames = tree.css("frame")
    if not text and frames:
        instead = tree.css_first("noframes")
        inner = LexborHTMLParser(instead.text() if instead else "").root
        text, blocks = visible_text(inner) if inner is not None else ("", [])
    if not text:
        named = ", ".join(filter(None, (frame.attributes.get("src") for frame in frames[:4])))
        reason = f"is a frameset; its text is in {named or 'its frames'}" if frames else "shows no text"
        raise UserError(f"{place}: the page {reason}")
    return Page(text, tuple(blocks), page_metadata(tree, url), hashlib.sha256(data).hexdigest())


def _source(data: bytes, encoding: str | None, place: str) -> str:
    """The characters to parse, if they can be HTML at all."""
    for start, kind in OTHER_KINDS_OF_FILE.items():
        if data.lstrip()[:8].startswith(start):
            raise UserError(f"{place}: is no HTML but {kind}")
    if not data.strip(b"\0 \t\r\n"):
        raise UserError(f"{place}: the page is empty")
    source = decode_page(data, encoding)
    odd = sum(character < " " and character not in "\t\n\r\f\0\x1b" for character in source[:CHECKED])
    if odd > len(source[:CHECKED]) / 20:
        raise UserError(f"{place}: is no HTML but binary data")
    if TAG.search(source) is None:
        raise UserError(f"{place}: holds no HTML tag; if it is plain text, call it .txt")
    if source.count("<") > MANY_TAGS:
        _check_depth(source, place)
    if re.match(r"\s*<\?xml\b", source):
        # In XML an element may close itself, in HTML a script that does swallows the page behind it.
        source = SELF_CLOSED.sub(r"<\1\2></\1>", source)
    return INTERNAL_SUBSET.sub("<!doctype html>", source, count=1)


def _check_depth(source: str, place: str) -> None:
    depth = 0
    for found in OPEN_OR_CLOSE.finditer(source.lower()):
        depth = max(0, depth - 1) if found[1] else depth + 1
        if depth > DEEPEST:
            raise UserError(f"{place}: elements are nested more than {DEEPEST:,} deep, as no page's are")
