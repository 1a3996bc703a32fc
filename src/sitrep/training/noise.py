"""Damage that pages do to sentences, for training on sentences as they come off a page."""

import re
from collections.abc import Callable

import numpy as np

WORDS_LEFT = 4
"""A sentence is not cut to fewer words."""


def damage(text: str, chance: np.random.Generator) -> str:
    """The sentence with one kind of damage, chosen at random; never blank if ``text`` is not."""
    kind = KINDS[int(chance.integers(len(KINDS)))]
    return kind(text, chance)


def _lower(text: str, chance: np.random.Generator) -> str:
    return text.lower()


def _upper(text: str, chance: np.random.Generator) -> str:
    return text.upper()


def _without_punctuation(text: str, chance: np.random.Generator) -> str:
    return " ".join(re.sub(r"[^\w\s]", " ", text).split()) or text


def _wrong_encoding(text: str, chance: np.random.Generator) -> str:
    """UTF-8 read as Windows-1252, as pages with a wrong header come out: it's becomes itâ€™s."""
    typographic = text.replace("'", "’").replace(" - ", " – ").replace('"', "”")
    return typographic.encode("utf-8").decode("cp1252", errors="ignore")


def _cut(text: str, chance: np.random.Generator) -> str:
    """Without some words at one end, as a line breaks off."""
    words = text.split()
    spare = min(len(words) // 3, len(words) - WORDS_LEFT)
    if spare < 1:
        return text
    gone = int(chance.integers(1, spare + 1))
    return " ".join(words[gone:] if chance.random() < 0.5 else words[:-gone])


KINDS: tuple[Callable[[str, np.random.Generator], str], ...] = (
    _lower,
    _upper,
    _without_punctuation,
    _wrong_encoding,
    _cut,
)
