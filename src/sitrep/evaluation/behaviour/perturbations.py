"""Damage that text takes on its way from a page: typing errors, lost punctuation, other letter case."""

import random
import re
from collections.abc import Callable, Mapping

TYPING_ERRORS = 2
SHORTEST_WORD = 5
"""Letters of the shortest word that may get a typing error; shorter ones may become another word."""


def typing_errors(text: str) -> str:
    """Exchange two neighbouring letters inside two words, chosen at random with the text itself as the seed.

    The way of CheckList's ``add_typos``, but never at the first or last letter of a word, and never two equal letters.
    """
    places = [
        place
        for word in re.finditer(rf"[^\W\d_]{{{SHORTEST_WORD},}}", text)
        if (place := _exchangeable(word, random.Random(text + word[0]))) is not None
    ]
    for place in random.Random(text).sample(places, min(TYPING_ERRORS, len(places))):
        text = text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    return text


def no_punctuation(text: str) -> str:
    """Leave out every mark but those inside a word or number, such as ``06:12`` and ``don't``."""
    return " ".join(re.sub(r"(?<!\w)[^\w\s]|[^\w\s](?!\w)", " ", text).split())


def tokenised(text: str) -> str:
    """Put spaces around punctuation, as corpora of tokens print it."""
    return " ".join(re.findall(r"\w+(?:[^\w\s]\w+)*|[^\w\s]", text))


PERTURBATIONS: Mapping[str, Callable[[str], str]] = {
    "text": str,
    "typing_errors": typing_errors,
    "no_punctuation": no_punctuation,
    "tokenised": tokenised,
    "lower_case": str.lower,
    "upper_case": str.upper,
}
"""What may stand in braces in a changed text besides the slots of its test; ``text`` is the original as it is."""


def _exchangeable(word: re.Match[str], generator: random.Random) -> int | None:
    """Offset of a letter inside a word that differs from the next; ``None`` if there is none."""
    letters = word[0]
    inside = [place for place in range(1, len(letters) - 2) if letters[place] != letters[place + 1]]
    return word.start() + generator.choice(inside) if inside else None
