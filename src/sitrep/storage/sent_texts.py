"""Texts as they are sent to other programs, and whether one that comes back is still the same.

No program holds every text: spreadsheets and databases take no NUL, XML no control characters, a cell 32,767
characters at most. So the text that is sent is one to read; what a label is kept with is the text of the sample.
"""

import re

CELL_CHARACTERS = 32_000
"""In units of UTF-16, as spreadsheets count; a cell holds 32,767, and some go on in the next row beyond that."""
CUT = "…"

CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
"""How XLSX holds a character that XML does not."""
PICTURES = 0x2400
"""Of control characters, in their order."""


def showable(text: str) -> str:
    """A text whose control characters, but tabs and line breaks, are pictures of them, so that any program holds it."""
    return CONTROL.sub(_picture, text)


def cell_text(text: str) -> str:
    """The same, cut to what a cell of a spreadsheet holds."""
    shown = showable(text)
    if len(shown) * 2 <= CELL_CHARACTERS:
        return shown
    units = shown.encode("utf-16-le", "surrogatepass")
    if len(units) <= 2 * CELL_CHARACTERS:
        return shown
    return units[: 2 * CELL_CHARACTERS].decode("utf-16-le", "ignore") + CUT


def reads_alike(returned: str, text: str) -> bool:
    """Whether a text that came back is the one that was sent, but for white space and how characters are held."""
    sent = _read(showable(text))
    for each in (returned, ESCAPE.sub(lambda found: chr(int(found[1], 16)), returned)):
        read = _read(showable(each))
        if read == sent or (read.endswith(CUT) and len(read) > CELL_CHARACTERS // 4 and sent.startswith(read[:-1])):
            return True
    return False


def _read(text: str) -> str:
    return "".join(text.split())


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    return "\N{SYMBOL FOR DELETE}" if code == 0x7F else chr(PICTURES + code) if code < 0x20 else "\ufffd"
