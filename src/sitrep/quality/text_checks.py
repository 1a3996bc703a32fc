"""Oddities of the texts themselves: encoding, markup, language, length."""

from collections.abc import Callable, Sequence

from sitrep.pages.legibility import (
    has_control_characters,
    has_markup,
    is_mojibake,
    is_not_english,
    is_other_script,
)
from sitrep.quality.findings import EXAMPLES_SHOWN, Finding, Severity, example
from sitrep.sentences import LabelledSentence

LONG_WORDS = 120


def text_findings(sentences: Sequence[LabelledSentence]) -> list[Finding]:
    """Check every text for each oddity."""
    checks: list[tuple[str, Severity, Callable[[str], bool], str]] = [
        (
            "mojibake",
            Severity.warning,
            is_mojibake,
            "{} hold characters of a wrongly read encoding; read the source as UTF-8",
        ),
        ("markup", Severity.warning, has_markup, "{} hold HTML tags or entities; strip them before labelling"),
        ("control_characters", Severity.warning, has_control_characters, "{} hold control characters; remove them"),
        ("other_script", Severity.warning, is_other_script, "{} are mostly in another script than Latin"),
        (
            "not_english",
            Severity.hint,
            is_not_english,
            "{} seem to be in another language than English",
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


def _long(text: str) -> bool:
    return text.count(" ") > LONG_WORDS
