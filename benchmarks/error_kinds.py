"""Kinds of errors on real pages: named slices of units, so that counts of them can be compared over time.

A kind is a function of a unit and its neighbours on the page. It answers with the labels that would be an error of that
kind, and with none where the unit is not in its slice. It never looks at what a model says, so that a slice holds the
same units for every checkpoint. Where a rule changes, the counts from before are no longer comparable.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sitrep.labels import shipped_taxonomy
from sitrep.model.encoding import reading_order
from sitrep.pages.legibility import has_markup
from sitrep.sentences import LabelledSentence

LABELS = shipped_taxonomy("five").labels
ATTACK, STATEMENT, CASUALTY, BOILERPLATE, NONE = LABELS

LONGEST_QUOTATION = 10
"""Units within which a quotation that one unit opens has to be closed, else it counts as one that lost its end."""

QUOTATION_MARK = re.compile(r"[\"“”«»]|``|''")
"""Single quotation marks are left out: an apostrophe looks the same."""

VERBS = (
    r"(?:said|says?|told|tells|tweeted|wrote|writes|added|adds|announced|warned|warns|confirmed|denied|stated|stressed"
    r"|noted|explained|insisted|argued|replied|declared|acknowledged|admitted|recalled|vowed)"
)
ATTRIBUTION = re.compile(rf"\b(?:{VERBS}|asked|claims?|claimed|according to)\b", re.IGNORECASE)
PRONOUN_SPEAKS = re.compile(
    rf"\b(?:he|she|it|they)\s+(?:(?:also|then|later|further|has|have|had|\w+ly)\s+){{0,2}}{VERBS}\b"
    rf"|\b{VERBS}\s+(?:he|she|they)(?=\s*[.,;]|\s*$)",
    re.IGNORECASE,
)
WORD = re.compile(r"\w")
SENTENCE_END = re.compile(r"[.!?…:][\"'”’»)\]]*(?:\[\d+\])*$")
"""A colon too: a line that leads up to a quotation was not cut off."""
NO_SENTENCE_START = re.compile(r"https?:|www\.|pic\.|al-|el-", re.IGNORECASE)
"""Addresses, and names that begin in lower case."""
REMAINS = re.compile(
    r"\[/?\w+(?:_\w+|\s+\w+=[^\]]*)\]|\[/\w+\]"  # shortcodes
    r"|\[\d+\]|\{\{|\}\}|\bCategory:|={2,}"  # wikis: reference marks, templates, categories, headings
    r"|\\u[0-9a-f]{4}|(?<=[a-z])u20[0-9a-f]{2}",  # escapes of a typographic sign
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Place:
    """A unit where it stands on its page.

    Attributes:
        text: Of the unit, without blanks around it.
        true: Its label.
        before: Text of the unit before it; empty at the top of the page.
        after: Text of the unit behind it; empty at the end.
        quoted: Whether a quotation is open where it begins.
        own_words: Its text but for what stands in quotation marks.
    """

    text: str
    true: str
    before: str
    after: str
    quoted: bool
    own_words: str


Kind = Callable[[Place], frozenset[str]]
"""From a unit to the labels that would be an error of this kind."""

NO_LABEL: frozenset[str] = frozenset()


def places_of(units: Sequence[LabelledSentence]) -> list[Place]:
    """Each unit with its neighbours, in the order that is given; pages are read in the order of ``position``."""
    found: dict[int, Place] = {}
    for numbers in reading_order(units):
        texts = [units[number].text.strip() for number in numbers]
        neighbours = zip(["", *texts], [*texts[1:], ""], quoted_starts(texts), strict=False)
        for number, text, (before, after, quoted) in zip(numbers, texts, neighbours, strict=True):
            found[number] = Place(text, units[number].label, before, after, quoted, outside_quotations(text, quoted)[0])
    return [found[number] for number in range(len(units))]


def quoted_starts(texts: Sequence[str]) -> list[bool]:
    """Whether each unit of a page begins inside a quotation.

    It does if an earlier unit opened one, and the next quotation mark on the page, in this unit or a later one, closes
    it; or if it opens again, first thing, what the unit just before it left open, as paragraphs of a long quotation do.
    """
    starts = [False] * len(texts)
    for number, text in enumerate(texts):
        if not QUOTATION_MARK.search(text) or not outside_quotations(text, starts[number])[1]:
            continue
        for later in range(number + 1, min(number + 1 + LONGEST_QUOTATION, len(texts))):
            mark = QUOTATION_MARK.search(texts[later])
            if mark:
                if not _opens(texts[later], mark, True) or (mark.start() == 0 and later == number + 1):
                    starts[number + 1 : later + 1] = [True] * (later - number)
                break
    return starts


def outside_quotations(text: str, quoted: bool) -> tuple[str, bool]:
    """What stands outside quotation marks, and whether a quotation is open at the end.

    Args:
        text: Of a unit.
        quoted: Whether a quotation is open where it begins.
    """
    kept, start = [], 0
    for mark in QUOTATION_MARK.finditer(text):
        if not quoted:
            kept.append(text[start : mark.start()])
        quoted = _opens(text, mark, quoted)
        start = mark.end()
    if not quoted:
        kept.append(text[start:])
    return " ".join(" ".join(kept).split()), quoted


def _opens(text: str, mark: re.Match[str], quoted: bool) -> bool:
    if mark[0] != '"':
        return mark[0] in ("“", "«", "``")
    opens = not text[mark.start() - 1 : mark.start()].strip("([—–-")
    closes = not text[mark.end() : mark.end() + 1].strip()
    return opens if opens != closes else not quoted


def others(place: Place) -> frozenset[str]:
    """Every label but the true one."""
    return frozenset(LABELS) - {place.true}


def _read_as(place: Place, true: str, label: str) -> frozenset[str]:
    return frozenset({label}) if place.true == true else NO_LABEL


def _any_error(place: Place, holds: bool) -> frozenset[str]:
    return others(place) if holds else NO_LABEL


def who_speaks(place: Place) -> frozenset[str]:
    """True ``none`` read as ``official_statement``, or the reverse: whether the speaker is official was misjudged."""
    return _read_as(place, NONE, STATEMENT) | _read_as(place, STATEMENT, NONE)


def act_in_statement(place: Place) -> frozenset[str]:
    """A true act read as a statement, mostly since an official is credited with the account."""
    return _read_as(place, ATTACK, STATEMENT)


def missed_act(place: Place) -> frozenset[str]:
    """A true act read as ``none``."""
    return _read_as(place, ATTACK, NONE)


def told_as_act(place: Place) -> frozenset[str]:
    """True ``none`` read as an act, such as history, background, or a threat."""
    return _read_as(place, NONE, ATTACK)


def missed_casualty(place: Place) -> frozenset[str]:
    """A true casualty report read as anything else."""
    return _any_error(place, place.true == CASUALTY)


def furniture(place: Place) -> frozenset[str]:
    """True boilerplate read as anything else; each unit is in one of the four slices below too."""
    return _any_error(place, place.true == BOILERPLATE)


def furniture_markup(place: Place) -> frozenset[str]:
    """Boilerplate with remains of shortcodes, tags, entities or a wiki's marks: ``[ad_1]``, ``[3]``, ``Category:``."""
    return _any_error(place, _shape_of_furniture(place) == "markup")


def furniture_words(place: Place) -> frozenset[str]:
    """Boilerplate of one or two words: ``Share``, ``Read more``."""
    return _any_error(place, _shape_of_furniture(place) == "words")


def furniture_sentence(place: Place) -> frozenset[str]:
    """Boilerplate that has the form of a sentence: three words or more, a mark at the end, no small letter first."""
    return _any_error(place, _shape_of_furniture(place) == "sentence")


def furniture_line(place: Place) -> frozenset[str]:
    """Boilerplate that is none of these, such as headlines of other stories, captions and bylines without a stop."""
    return _any_error(place, _shape_of_furniture(place) == "line")


def _shape_of_furniture(place: Place) -> str:
    """The first that holds, so that each unit of boilerplate has one shape; empty for other units."""
    if place.true != BOILERPLATE:
        return ""
    if has_markup(place.text) or REMAINS.search(place.text):
        return "markup"
    words = len(place.text.split())
    if words < 3:
        return "words"
    ended = place.text[-1] != ":" and SENTENCE_END.search(place.text)
    return "sentence" if ended and not _begins_small(place.text) else "line"


def quoted_middle(place: Place) -> frozenset[str]:
    """Begins inside a quotation that an earlier unit opened, and does not say itself who speaks.

    The last unit of a quotation is one of them where nothing is said behind it, and so is a unit that opens the same
    quotation again, as each paragraph of a long one does.
    """
    return _any_error(place, place.quoted and not ATTRIBUTION.search(place.own_words))


def quoted_alone(place: Place) -> frozenset[str]:
    """Opens a quotation of its own and says nothing outside it, so that only the page tells who speaks."""
    holds = not place.quoted and QUOTATION_MARK.search(place.text) is not None
    return _any_error(place, holds and not WORD.search(place.own_words))


def pronoun_speaker(place: Place) -> frozenset[str]:
    """Outside quotation marks ``he said``, ``she also told``, ``said they.``: only the page tells who speaks."""
    return _any_error(place, PRONOUN_SPEAKS.search(place.own_words) is not None)


def fragment(place: Place) -> frozenset[str]:
    """A cut line: it begins in lower case, or has no end of a sentence and the next unit begins in lower case.

    Where no small letter can tell: a line of ``telex`` that goes on in the next line of capitals, or goes on from the
    one before, by the same sign. Two headings in capitals one after the other look the same.
    """
    if _is_telex(place):
        runs_on = place.after.isupper() and not SENTENCE_END.search(place.text)
        return _any_error(place, runs_on or (place.before.isupper() and not SENTENCE_END.search(place.before)))
    runs_on = _begins_small(place.after) and not SENTENCE_END.search(place.text)
    return _any_error(place, runs_on or _begins_small(place.text))


def _begins_small(text: str) -> bool:
    bare = text.lstrip("\"'“‘«… ")
    return bare[:1].islower() and not NO_SENTENCE_START.match(bare)


def telex(place: Place) -> frozenset[str]:
    """Capitals only, as old wire copy: three words or more, or next to such a line; a lone ``VK`` is none."""
    return _any_error(place, _is_telex(place))


def _is_telex(place: Place) -> bool:
    return place.text.isupper() and any(map(_line_of_capitals, (place.text, place.before, place.after)))


def _line_of_capitals(text: str) -> bool:
    return text.isupper() and len(text.split()) >= 3


KINDS: dict[str, Kind] = {
    "all": others,
    "who-speaks": who_speaks,
    "act-in-statement": act_in_statement,
    "missed-act": missed_act,
    "told-as-act": told_as_act,
    "missed-casualty": missed_casualty,
    "furniture": furniture,
    "furniture-words": furniture_words,
    "furniture-markup": furniture_markup,
    "furniture-sentence": furniture_sentence,
    "furniture-line": furniture_line,
    "quoted-middle": quoted_middle,
    "quoted-alone": quoted_alone,
    "pronoun-speaker": pronoun_speaker,
    "fragment": fragment,
    "telex": telex,
}
"""By name; a unit may be in several."""

SECOND_GUESS = "second-guess"
"""Of all units, those misread whose true label is the second likeliest. It is the one kind that asks the model."""


def kinds_of(place: Place, predicted: str, second: str) -> list[str]:
    """The kinds of error that a misread unit counts in, ``all`` left out; none where it was read right.

    Args:
        place: The unit.
        predicted: The label that it was given.
        second: The likeliest of the other labels.
    """
    found = [name for name, kind in KINDS.items() if name != "all" and predicted in kind(place)]
    return [*found, SECOND_GUESS] if second == place.true != predicted else found
