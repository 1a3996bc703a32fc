"""Whether a mark ends a sentence, told from a few words on either side.

The rules are for English as news pages write it; the marks of some other scripts are known too.
"""

import re
from enum import Enum, auto
from typing import NamedTuple

from sitrep.pages import abbreviations as known

WINDOW = 80
"""Characters on either side of a mark that a decision may depend on."""

OPENERS = "\"'“‘„«([¿¡「『"
DASHES = "-–—"

LIST_MARK = re.compile(r"\W*(?:\d{1,3}[a-z]?|[A-Za-z]|[ivx]{1,5}|[IVX]{1,5})")
SECOND_ITEM = re.compile(r"[.;,!?] 2\. ")
CAPITALS_FIRST = re.compile(r"[A-Z]{3,}[A-Z /'’.-]*,[^,]{0,24}(?:,[^,]{0,24})?$")
"""A place and a date or a country, as a dateline begins."""

LIST_LETTER = re.compile(r"(?:\((?:[a-z]|[ivx]{1,5})\)|(?:[b-h]|[ivx]{1,5})\))\s|[b-h]\.\s[A-Z]")
CLOCK = re.compile(r"\d\s?[ap]\.?m$", re.IGNORECASE)
ONLY_A_TIME = re.compile(
    r"\W*(?:(?:on|early|late)\s\S+\s)?"
    r"(?:(?:at|by|around|about|shortly|just|soon|before|after|until|since|from|nearly|almost|exactly)\s){1,3}\S+\s?[ap]\.m",
    re.IGNORECASE,
)
"""``Shortly before 9 a.m.``: a sentence does not end before it has said anything."""

DATELINE = re.compile(r"(?:[A-Z'’-]{2,}[. ]){1,3}[A-Z'’-]{3,}(?![a-z])")
"""``ST. LOUIS, Mo.``: words in capitals before others."""

ANY_WORD = re.compile(r"\w")
PARTS = re.compile(r"[-/.]")
ACRONYM = re.compile(r"[^\W\d_]{1,2}(?:\.-?[^\W\d_]{1,2})+")
BRACKET = re.compile(r"[^\[]*[)\]]")
NO_NAME = re.compile(r"(?:The|They|This)\s[a-z]")
PLAIN_WORD = re.compile(r"[a-z][a-z'’-]{2,}")
ADDRESS = re.compile(r"[/@:\\]|www")
GLUED_WORD = re.compile(r"[A-Z][a-z]*(?=[\s,'’])")
SPEAKER = re.compile(
    r"[A-Z]\S{1,20}(?:\s(?:[A-Z]|al-|el-|bin\s|de\s|van\s|von\s)\S{0,20}){0,3}"
    r"(?:,[^,.]{1,40},)?\s(?:said|says|asked|asks|shouted|cried|wondered|replied|added|wrote|yelled|called|told|screamed|demanded|read)\b"
)


class Letters(Enum):
    """How a line uses capitals, which decides what a capital tells."""

    MIXED = auto()
    TITLED = auto()
    SMALL = auto()


class Mark(NamedTuple):
    """A mark that may end a sentence, with what stands around it.

    Attributes:
        so_far: The sentence up to the mark, of which at most the last ``WINDOW`` characters.
        whole: Whether ``so_far`` goes back to where the sentence begins.
        bracketed: Whether the sentence begins with a bracket.
        marks: The mark, or several in a row.
        closers: Closing quotes, brackets and footnotes behind it.
        spaced: Whether white space follows.
        rest: The next ``WINDOW`` characters, from the next word on.
        letters: How the line uses capitals.
    """

    so_far: str
    whole: bool
    bracketed: bool
    marks: str
    closers: str
    spaced: bool
    rest: str
    letters: Letters


def letters_of(line: str) -> Letters:
    """Tell how a line uses capitals: as prose does, on every word, or nowhere."""
    if line.islower():
        return Letters.SMALL
    return Letters.MIXED if re.search(r"\b[a-zà-öø-ÿа-яё]{4,}", line) else Letters.TITLED


def ends_sentence(mark: Mark) -> bool:
    """Decide whether a sentence ends at a mark.

    Args:
        mark: With what stands around it; more text follows behind it.
    """
    if mark.marks[0] not in ".!?…":
        return True  # a script that has no capitals and uses its marks for nothing else
    if not mark.spaced:
        return _ends_without_blank(mark)
    if not _may_begin(mark) or (mark.whole and not ANY_WORD.search(mark.so_far)):
        return False
    # A bracket in the middle of a sentence may hold one, and the outer one go on.
    within = bool(mark.closers) and not mark.bracketed and BRACKET.match(mark.closers) is not None
    if within and not known.SENTENCE_START.match(mark.rest):
        return False
    if "!" in mark.marks or "?" in mark.marks:
        quoted = any(sign in mark.closers for sign in "\"'”’»“")
        return not (quoted and SPEAKER.match(mark.rest) and not known.SENTENCE_START.match(mark.rest))
    if "…" in mark.marks or len(mark.marks) > 2:
        leads_to_page = len(mark.marks) > 3 and mark.rest[0].isdigit()
        return mark.letters is not Letters.SMALL and not leads_to_page
    return _full_stop_ends(mark, within)


def _may_begin(mark: Mark) -> bool:
    """Whether a sentence may begin with the next word."""
    if LIST_LETTER.match(mark.rest):
        return True
    rest = mark.rest.lstrip(OPENERS).lstrip()
    first = rest[:1]
    if first.islower():
        # In a line without capitals a quotation may still be followed by who said it.
        return bool(known.PARTICLE.match(rest)) or (mark.letters is Letters.SMALL and not mark.closers)
    if first and first in DASHES:
        then = rest.lstrip(DASHES).lstrip()[:1]
        return then.isalnum() and not then.islower()
    return first.isalnum() or (first != "" and first in "@#$€£•·©") or first >= "\u2190"


def _full_stop_ends(mark: Mark, within: bool) -> bool:
    word = _last_word(mark)
    if mark.whole and LIST_MARK.fullmatch(mark.so_far):
        return False
    if mark.so_far.endswith(" 1") and SECOND_ITEM.search(mark.rest):
        return False
    if mark.rest[0] in DASHES and mark.whole and CAPITALS_FIRST.match(mark.so_far):
        return False  # "AMMAN, Aug. 2. — The envoy left."
    if word[-1:] in ("m", "M") and CLOCK.search(mark.so_far[-6:]):
        return _clock_ends(mark)
    part, capital = _looked_up(word, mark)
    number = mark.rest[:1].isdigit()
    if part in known.INNER or word in known.INNER:
        return False
    if capital and part.lower() in known.TITLES:
        return bool(NO_NAME.match(mark.rest))
    if number and (part in known.NUMBERED or (part in known.SHORT_MONTHS and capital)):
        return False
    if part in known.SHORT_DAYS and capital and known.DATE.match(mark.rest):
        return False
    if part in known.MAY_END or _is_initial(part) or ACRONYM.fullmatch(word) or _is_state(word, mark):
        alone = mark.whole and mark.so_far.strip() == word  # "P.S. The road is open."
        return not (within or alone) and _begins_anew(mark)
    return True


def _clock_ends(mark: Mark) -> bool:
    if known.AFTER_CLOCK.match(mark.rest) or mark.rest[0] in DASHES + "([":
        return False
    if mark.whole and ONLY_A_TIME.fullmatch(mark.so_far):
        return False
    return mark.letters is not Letters.SMALL or _begins_anew(mark)


def _ends_without_blank(mark: Mark) -> bool:
    """``the army said.The road``: only where it can be nothing else, such as an address or a name."""
    if not GLUED_WORD.match(mark.rest) or len(mark.marks) > 2:
        return False
    word = _last_word(mark)
    part, capital = _looked_up(word, mark)
    if ADDRESS.search(word) or _is_initial(part) or ACRONYM.fullmatch(word):
        return False
    if part in known.MAY_END or (part.lower() in known.TITLES and capital):
        return False
    return bool(PLAIN_WORD.fullmatch(word) or known.SENTENCE_START.match(mark.rest))


def _begins_anew(mark: Mark) -> bool:
    start = known.SENTENCE_START if mark.letters is Letters.MIXED else known.FIRST_WORD
    return bool(start.match(mark.rest.lstrip(OPENERS)))


def _last_word(mark: Mark) -> str:
    return mark.so_far[mark.so_far.rfind(" ") + 1 :].lstrip(OPENERS)


def _looked_up(word: str, mark: Mark) -> tuple[str, bool]:
    """The last part of a word as the lists spell it, and whether it may be a title."""
    part = PARTS.split(word)[-1]
    capital = part[:1].isupper() or part[:1].isdigit() or mark.letters is Letters.SMALL
    # A word in capitals among others in small letters is an acronym, "CA." is not "ca.", but in a dateline it is not.
    dateline = mark.whole and DATELINE.match(f"{mark.so_far}.{mark.rest}") is not None
    return (part.lower() if dateline or mark.letters is Letters.TITLED else part[:1].lower() + part[1:]), capital


def _is_state(word: str, mark: Mark) -> bool:
    """Whether it says which state a town is in, as datelines do in capitals, too."""
    return word.lower() in known.STATES and mark.so_far.endswith(f", {word}")


def _is_initial(part: str) -> bool:
    return len(part) == 1 and part.isalpha()
