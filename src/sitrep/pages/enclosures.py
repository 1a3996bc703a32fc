"""Quotations and brackets of a line, inside which no sentence ends."""

import re

from sitrep.pages.line_breaks import Span

LONGEST = 500
"""Characters. What is longer is cut like any other text, and so is what is never closed."""

SIGN = re.compile(r"""["“”„«»()\[\]「」『』‘’']""")
OPENING = {"”": "“", "»": "«", ")": "(", "]": "[", "」": "「", "』": "『"}


def enclosures(line: str) -> list[Span]:
    """Find what is both opened and closed within a line.

    Args:
        line: Text without line breaks.

    Returns:
        Offsets of the opening and of the closing sign, in order; stretches that overlap are given as one.
    """
    opened: dict[str, int] = {}
    found: list[Span] = []
    for match in SIGN.finditer(line):
        place = match.start()
        kind, closing = _role(line, place, opened)
        if not closing:
            # A sign that opens again was never closed: what came before is not a quotation.
            opened[kind] = place
        elif kind in opened:
            start = opened.pop(kind)
            if place - start <= LONGEST:
                # In order of their ends: whatever begins later than this one lies inside it or overlaps it.
                while found and found[-1][1] >= start:
                    start = min(start, found.pop()[0])
                found.append((start, place))
    return found


def _role(line: str, place: int, opened: dict[str, int]) -> tuple[str, bool]:
    """What kind of sign stands here, named by its opening form, and whether it closes."""
    sign = line[place]
    before, after = line[place - 1 : place], line[place + 1 : place + 2]
    if sign in "'‘’":
        if sign == "‘" or (sign == "'" and not before.isalnum() and before not in {*".,!?…"} and after.isalnum()):
            return "'", False
        # An apostrophe looks the same; a quotation of sentences ends with a mark of its own.
        return "'" if before and before in ".,!?…" and not after.isalnum() else "an apostrophe", True
    if sign == '"':
        opens, closes = not before.strip("([ "), not after.strip(" ")
        return sign, ('"' in opened) if opens == closes else closes
    if sign == "“" and "„" in opened:
        return "„", True
    if sign == "”" and "“" not in opened and '"' in opened:
        return '"', True  # pages mix the two
    return OPENING.get(sign, sign), sign in OPENING
