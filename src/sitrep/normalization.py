"""One form of what reads alike: texts that are compared, and identifiers as tables spell them."""

import math
import re
import unicodedata
from typing import Any

SPELT_WITH_A_POINT = re.compile(r"[+-]?\d+\.0+")
"""How tables with gaps write whole numbers."""

SHORTENED_NUMBER = re.compile(r"\d(\.\d+)?[eE]\+\d+")
"""How spreadsheets write long numbers: what was cut off is lost, and different ones become the same."""


def plain(text: str) -> str:
    """Text without what is not seen: composed (NFKC), without soft hyphens, joiners and other format characters."""
    if text.isascii():
        return text
    composed = unicodedata.normalize("NFKC", text)
    return "".join(character for character in composed if unicodedata.category(character) != "Cf")


def comparable(text: str) -> str:
    """The words of a text, to compare it by: no case, punctuation, unseen characters or differences of white space."""
    return " ".join(re.findall(r"\w+", plain(text).casefold()))


def identifier(value: Any) -> str | None:
    """A cell that names a row or an article; ``None`` where it is empty, blank, or not a number.

    White space around it does not count, and ``7.0``, as tables with gaps write whole numbers, is ``7``.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    text = plain(str(value)).strip()
    if text.lower() in ("", "nan"):
        return None
    return text.partition(".")[0] if SPELT_WITH_A_POINT.fullmatch(text) else text
