"""From the bytes of a page to its characters, whatever encoding they are in and whatever the page says of it."""

import codecs
import re

BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",  # before that of UTF-16, with which it begins
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}

DECLARED = re.compile(rb"<meta\b[^>]{0,400}?\bcharset\s*=\s*[\"']?\s*([\w:.-]+)", re.I)
XML_DECLARED = re.compile(rb"^\s*<\?xml\b[^>]{0,400}?\bencoding\s*=\s*[\"']\s*([\w:.-]+)", re.I)
DECLARED_WITHIN = 8192
"""Bytes in which a declaration is looked for. Browsers look at 1,024, and pages put scripts before it."""

SUPERSETS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "utf-16": "utf-8",  # bytes that could be read for the declaration were not UTF-16
    "utf-16-le": "utf-8",
    "utf-16-be": "utf-8",
    "utf-7": "utf-8",
}
"""What browsers read where a page declares the key (https://encoding.spec.whatwg.org/#names-and-labels)."""

DAMAGED = 0.001
"""Share of bytes up to which a page that is not quite UTF-8 is UTF-8 that was damaged, and no other encoding."""

DETECTED_FROM = 20_000
"""Bytes from which an encoding that nothing declares is guessed."""


def decode_page(data: bytes, declared: str | None = None) -> str:
    """The characters of a page.

    What the bytes show goes before what is declared: a byte order mark, then UTF-8, which other text does not look
    like by chance. Then comes what the transport declares, then the page itself; then a guess. What cannot be read
    becomes U+FFFD, which marks the sentence as damaged.

    Args:
        data: The page as it was saved.
        declared: Encoding that the transport named, as in the header ``Content-Type``.
    """
    for mark, name in BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            return data[len(mark) :].decode(name, "replace")
    if data[:400].count(0) * 4 > len(data[:400]):  # UTF-16 without its mark: every other byte of a tag is zero
        return data.decode("utf-16-le" if data[1:2] == b"\0" else "utf-16-be", "replace")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return text if "\x1b" not in text else _declared_only(data, declared, text)
    named = [name for name in (known_name(declared), _stated(data)) if name]
    for name in named:
        if name != "utf-8":
            return data.decode(name, "replace")
    text = data.decode("utf-8", "replace")
    if text.count("\ufffd") <= DAMAGED * len(data) and not data.isascii() and _has_utf8(text):
        return text
    return data.decode(_guessed(data), "replace")


def known_name(label: str | None) -> str | None:
    """Python's name of the encoding that a label stands for on the web; ``None`` if there is none such."""
    try:
        name = codecs.lookup((label or "").strip().strip("\"'")).name
        "".encode(name)  # some codecs, such as rot13, encode no text
    except (LookupError, ValueError):
        return None
    return SUPERSETS.get(name, name)


def _declared_only(data: bytes, declared: str | None, text: str) -> str:
    """Text of an encoding that is all ASCII and switches by escapes, if it is declared."""
    name = known_name(declared) or _stated(data) or ""
    return data.decode(name, "replace") if name.startswith("iso2022") else text


def _stated(data: bytes) -> str | None:
    head = data[:DECLARED_WITHIN]
    found = DECLARED.search(head) or XML_DECLARED.search(head)
    return known_name(found[1].decode("ascii", "replace")) if found else None


def _has_utf8(text: str) -> bool:
    """Whether some letters beyond ASCII were read, more than could not be."""
    return sum(character > "\x7f" for character in text) > 2 * text.count("\ufffd")


def _guessed(data: bytes) -> str:
    from charset_normalizer import from_bytes

    # Tags are ASCII and say nothing; the letters beyond it decide.
    said = re.sub(rb"<script\b.*?</script>|<style\b.*?</style>|<[^>]*>", b" ", data, flags=re.I | re.S)
    best = from_bytes(said[:DETECTED_FROM]).best()
    name = known_name(best.encoding) if best else None
    return name if name and name != "utf-8" else "cp1252"
