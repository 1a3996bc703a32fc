"""Oddities of the texts themselves: encoding, markup, language, length."""

import re
import unicodedata
from collections.abc import Callable, Sequence

from sitrep.quality.findings import EXAMPLES_SHOWN, Finding, Severity, example
from sitrep.sentences import LabelledSentence

MOJIBAKE = re.compile(r"â€.|â€|Ã[\u0080-\u00bf©¨¡³±¼¶¤«ª]|Â[\u00a0-\u00bf]|ï¿½|\ufffd")
"""UTF-8 read as Windows-1252 or Latin-1, and the mark of what could not be read."""

MARKUP = re.compile(
    r"</?(?:p|div|span|a|b|i|br|li|ul|em|strong|script|img|h\d|td|tr)\b[^>]*>|&(?:nbsp|amp|quot|lt|gt|#\d+);", re.I
)
CONTROL = re.compile(r"[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f]")
ENGLISH = frozenset(
    "the of and to in a that is was for on with as at by from he she it his her they we be are were has have had not "
    "said who which this an or but its their been after two one more no than will would over when there into i "
    "you".split()
)
LANGUAGE_WORDS = 10
"""Shorter texts are menus and names as often as sentences, and say nothing of their language."""

LONG_WORDS = 120


def text_findings(sentences: Sequence[LabelledSentence]) -> list[Finding]:
    """Check every text for each oddity."""
    checks: list[tuple[str, Severity, Callable[[str], bool], str]] = [
        (
            "mojibake",
            Severity.warning,
            _has(MOJIBAKE),
            "{} hold characters of a wrongly read encoding; read the source as UTF-8",
        ),
        ("markup", Severity.warning, _has(MARKUP), "{} hold HTML tags or entities; strip them before labelling"),
        ("control_characters", Severity.warning, _has(CONTROL), "{} hold control characters; remove them"),
        ("other_script", Severity.warning, _other_script, "{} are mostly in another script than Latin"),
        (
            "not_english",
            Severity.hint,
            _not_english,
            "{} hold hardly any common English word; are they in another language?",
        ),
        ("long", Severity.hint, _long, f"{{}} are longer than {LONG_WORDS} words; are they several sentences?"),
    ]
    findings = []
    for kind, severity, test, message in checks:
        found = [sentence for sentence in sentences if test(sentence.text)]
        if found:
            shown = [example(sentence.id, sentence.text) for sentence in found[:EXAMPLES_SHOWN]]
            units = f"{len(found):,} units"
            findings.append(Finding(kind, severity, message.format(units), len(found), shown))
    return findings


def _has(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.search(text) is not None


def _other_script(text: str) -> bool:
    if text.isascii():
        return False
    letters = [character for character in text if character.isalpha()]
    foreign = sum("LATIN" not in unicodedata.name(character, "") for character in letters)
    return foreign > 0.5 * len(letters)


def _not_english(text: str) -> bool:
    words = re.findall(r"[^\W\d_]+", text.lower())
    return len(words) >= LANGUAGE_WORDS and sum(word in ENGLISH for word in words) < 0.1 * len(words)


def _long(text: str) -> bool:
    return text.count(" ") > LONG_WORDS
