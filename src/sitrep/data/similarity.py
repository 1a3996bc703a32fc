"""Texts that are the same or nearly so, found without comparing each with each.

MinHash with banding: Broder, "On the resemblance and containment of documents" (1997); Leskovec, Rajaraman and
Ullman, "Mining of Massive Datasets", ch. 3. Candidates are verified by the exact Jaccard similarity.
"""

from collections.abc import Iterator, Sequence

import numpy as np

SHINGLE_WORDS = 3
SHORT_WORDS = 6
"""Texts of fewer words recur rightly ("Share this", "He declined to comment"), so they are not looked at."""

BANDS, ROWS = 32, 4
"""Pairs of similarity s become candidates with probability 1 - (1 - s^4)^32: 0.988 at 0.6, 0.9998 at 0.7."""

CHUNK = 50_000
PRIME = np.uint64(2**31 - 1)
LARGEST_BUCKET = 50
"""In a larger bucket each text is compared with its next few only, so that the work stays in proportion."""


def near_duplicates(texts: Sequence[str], threshold: float) -> Iterator[tuple[int, int, float]]:
    """Find pairs of texts whose word 3-grams have a Jaccard similarity of at least ``threshold``.

    Args:
        texts: Normalised, all different, each of at least ``SHORT_WORDS`` words.
        threshold: From 0 to 1; below 0.6 pairs are missed more and more often.

    Yields:
        Indices ``(i, j)`` with ``i < j``, and the exact similarity.
    """
    signatures = np.concatenate([_signatures(texts[i : i + CHUNK]) for i in range(0, len(texts), CHUNK)] or [_none()])
    seen: set[tuple[int, int]] = set()
    for band in range(BANDS):
        keys = _hash_rows(signatures[:, band * ROWS : (band + 1) * ROWS])
        order = np.argsort(keys, kind="stable")
        same = np.flatnonzero(keys[order][1:] == keys[order][:-1])
        for start, end in _runs(same):
            members = order[start : end + 2]
            reach = len(members) if len(members) <= LARGEST_BUCKET else 3
            for place, one in enumerate(members):
                for other in members[place + 1 : place + reach]:
                    pair = (min(int(one), int(other)), max(int(one), int(other)))
                    if pair in seen:
                        continue
                    seen.add(pair)
                    similarity = jaccard(texts[pair[0]], texts[pair[1]])
                    if similarity >= threshold:
                        yield (*pair, similarity)


def jaccard(one: str, other: str) -> float:
    """Share of common word 3-grams among all of two normalised texts."""
    first, second = _shingles(one), _shingles(other)
    return len(first & second) / len(first | second) if first | second else 0.0


def _shingles(text: str) -> set[str]:
    words = text.split()
    return {" ".join(words[i : i + SHINGLE_WORDS]) for i in range(max(1, len(words) - SHINGLE_WORDS + 1))}


def _signatures(texts: Sequence[str]) -> np.ndarray:
    """MinHash signatures, shape (texts, BANDS * ROWS)."""
    from sklearn.feature_extraction.text import HashingVectorizer

    hasher = HashingVectorizer(
        n_features=2**30, analyzer=lambda text: _shingles(text), norm=None, alternate_sign=False, dtype=np.float32
    )
    matrix = hasher.transform(texts)
    generator = np.random.default_rng(0)
    factors = generator.integers(1, int(PRIME), BANDS * ROWS, dtype=np.uint64)
    offsets = generator.integers(0, int(PRIME), BANDS * ROWS, dtype=np.uint64)
    shingles = matrix.indices.astype(np.uint64)
    starts = matrix.indptr[:-1]
    signatures = np.empty((len(texts), BANDS * ROWS), dtype=np.uint32)
    for column, (factor, offset) in enumerate(zip(factors, offsets, strict=True)):
        signatures[:, column] = np.minimum.reduceat((shingles * factor + offset) % PRIME, starts)
    return signatures


def _none() -> np.ndarray:
    return np.empty((0, BANDS * ROWS), dtype=np.uint32)


def _hash_rows(block: np.ndarray) -> np.ndarray:
    keys = np.zeros(len(block), dtype=np.uint64)
    for column in block.T:
        keys = keys * np.uint64(0x9E3779B97F4A7C15) + column.astype(np.uint64)
    return keys


def _runs(positions: np.ndarray) -> Iterator[tuple[int, int]]:
    """First and last of each stretch of consecutive numbers."""
    if not len(positions):
        return
    breaks = np.flatnonzero(np.diff(positions) > 1)
    starts = np.concatenate([[0], breaks + 1])
    ends = np.concatenate([breaks, [len(positions) - 1]])
    yield from zip(positions[starts].tolist(), positions[ends].tolist(), strict=True)
