"""Which of many uncertain units to label: near duplicates once, and the others as unlike each other as can be."""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from sitrep.inference.duplicates import BANDS, SENTENCES_ALIKE, SHINGLE_WORDS
from sitrep.normalization import comparable
from sitrep.pages.similarity import SHORT_WORDS, ShingleSets

Embed = Callable[[Sequence[str]], np.ndarray]
"""From texts to vectors of length one, shape (texts, numbers)."""


def without_near_duplicates(texts: Sequence[str], first: int) -> list[int]:
    """Which texts to keep so that no two of them are alike.

    Args:
        texts: Earlier ones go before later ones.
        first: Texts before this place are there anyway, and are not given again.

    Returns:
        Places from ``first`` on, rising.
    """
    plain = [comparable(text) for text in texts]
    long = [place for place, text in enumerate(plain) if text.count(" ") >= SHORT_WORDS - 1]
    shingles = ShingleSets((plain[place] for place in long), words=SHINGLE_WORDS)
    like: dict[int, set[int]] = {}
    for one, other, _ in shingles.similar(SENTENCES_ALIKE, bands=BANDS):
        like.setdefault(long[other], set()).add(long[one])
    kept = set(range(first))
    for place in range(first, len(texts)):
        if not like.get(place, set()) & kept:
            kept.add(place)
    return sorted(kept)[first:]


def spread(
    vectors: np.ndarray, weights: np.ndarray, pages: Sequence[int], count: int, per_page: int, rng: np.random.Generator
) -> list[int]:
    """Choose units that are uncertain and far from each other.

    As k-means++ and BADGE (Ash et al., "Deep Batch Active Learning by Diverse, Uncertain Gradient Lower Bounds", 2020)
    draw: each with a probability that grows with its squared distance from the nearest that is chosen already, here
    times its weight.

    Args:
        vectors: Of the units, of length one.
        weights: How uncertain each is, from 0 to 1.
        pages: Of each unit.
        count: To be chosen; fewer come out where pages have not enough.
        per_page: Units of a page at most.
        rng: Decides.

    Returns:
        Places, in the order in which they were chosen.
    """
    chosen: list[int] = []
    taken: Counter[int] = Counter()
    page_of = np.asarray(pages)
    free = np.ones(len(vectors), dtype=bool)
    nearest = np.full(len(vectors), 2.0)
    while len(chosen) < count and free.any():
        chances = np.where(free, nearest * np.maximum(weights, 1e-6), 0)
        if not chances.sum() > 0:  # all that are left are the same as chosen ones
            chances = free.astype(float)
        place = int(np.argmax(weights)) if not chosen else int(rng.choice(len(vectors), p=chances / chances.sum()))
        chosen.append(place)
        free[place] = False
        taken[pages[place]] += 1
        if taken[pages[place]] >= per_page:
            free[page_of == pages[place]] = False
        distances = np.maximum(2 - 2 * (vectors @ vectors[place]), 0)
        nearest = np.minimum(nearest, distances)
    return chosen


def first_of_each_page(pages: Sequence[int], count: int, per_page: int) -> list[int]:
    """The first units of a list, so many of a page at most."""
    chosen: list[int] = []
    taken: Counter[int] = Counter()
    for place, page in enumerate(pages):
        if len(chosen) == count:
            break
        if taken[page] < per_page:
            taken[page] += 1
            chosen.append(place)
    return chosen
