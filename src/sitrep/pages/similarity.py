"""Texts that are the same or nearly so, found without comparing each with each, and without keeping the texts.

MinHash with banding: Broder, "On the resemblance and containment of documents" (1997); Leskovec, Rajaraman and
Ullman, "Mining of Massive Datasets", ch. 3. Candidates are verified by the Jaccard similarity of all hashed shingles.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from zlib import crc32

import numpy as np

SHINGLE_WORDS = 3
SHORT_WORDS = 6
"""Texts of fewer words recur rightly ("Share this", "He declined to comment"), so they are not looked at."""

BANDS, ROWS = 32, 4
"""Pairs of similarity s become candidates with probability 1 - (1 - s^4)^32: 0.988 at 0.6, 0.9998 at 0.7."""

CHUNK = 5_000
LARGEST_BUCKET = 50
"""In a larger bucket each text is compared with its next few only, so that the work stays in proportion."""

FACTORS = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9], dtype=np.uint64)
"""Odd numbers that set the words of a shingle apart by their place."""


class ShingleSets:
    """The word n-grams of texts as hashes of four bytes each; the texts themselves are not kept.

    Two different shingles have the same hash once in four thousand million pairs.

    Args:
        texts: Normalised; more can be added.
        words: Of a shingle, three at most.
    """

    def __init__(self, texts: Iterable[str] = (), words: int = SHINGLE_WORDS) -> None:
        self.words = words
        self._hashes = array("I")
        self._starts = array("Q", [0])
        for text in texts:
            self.add(text)

    def __len__(self) -> int:
        return len(self._starts) - 1

    def add(self, text: str) -> None:
        """Add a normalised text."""
        words = text.split() or [""]
        words += [""] * (self.words - len(words))
        hashes = np.fromiter((crc32(word.encode("utf-8", "surrogatepass")) for word in words), np.uint64, len(words))
        count = len(words) - self.words + 1
        mixed = np.zeros(count, dtype=np.uint64)
        for place, factor in enumerate(FACTORS[: self.words]):
            mixed += hashes[place : place + count] * factor
        self._hashes.frombytes(np.unique((mixed >> np.uint64(32)).astype(np.uint32)).tobytes())
        self._starts.append(len(self._hashes))

    def jaccard(self, one: int, other: int) -> float:
        """Share of common shingles among all of two texts."""
        first, second = self._set(one), self._set(other)
        return len(first & second) / len(first | second)

    def similar(
        self,
        threshold: float,
        order: Sequence[int] | None = None,
        bands: int = BANDS,
        known: Callable[[int, int], bool] | None = None,
    ) -> Iterator[tuple[int, int, float]]:
        """Find pairs with a Jaccard similarity of at least ``threshold``.

        Args:
            threshold: From 0 to 1; pairs of similarity s are found with probability ``1 - (1 - s^4)^bands``.
            bands: Looked at, each in a time that grows with the texts.
            known: Whether a pair needs no answer, as where both are of one group already.
            order: All numbers, in the order in which large buckets are gone through; ``None``: as they were added.

        Yields:
            Numbers ``(i, j)`` with ``i < j``, and the similarity.
        """
        places = np.arange(len(self)) if order is None else np.asarray(order, dtype=np.int64)
        rng = np.random.default_rng(0)
        # Multiply and add modulo 2^64: the high digits, which decide what is least, are as good as random.
        factors = rng.integers(0, 2**64, (bands, ROWS), dtype=np.uint64) | np.uint64(1)
        offsets = rng.integers(0, 2**64, (bands, ROWS), dtype=np.uint64)
        seen: set[int] = set()
        # Band by band: of the signatures no more than one key a text is held at a time.
        for band in range(bands):
            keys = self._keys(factors[band], offsets[band])[places]
            by_key = np.argsort(keys, kind="stable")
            same = np.flatnonzero(keys[by_key][1:] == keys[by_key][:-1])
            for start, end in _runs(same):
                for one, other in pairs_of(places[by_key[start : end + 2]].tolist()):
                    pair = (min(one, other), max(one, other))
                    number = pair[0] * len(self) + pair[1]
                    if number in seen or (known is not None and known(one, other)):
                        continue
                    seen.add(number)
                    similarity = self.jaccard(*pair)
                    if similarity >= threshold:
                        yield (*pair, similarity)

    def _set(self, number: int) -> set[int]:
        return set(self._hashes[self._starts[number] : self._starts[number + 1]])

    def _keys(self, factors: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """One key a text for one band: a mixture of its least hashes under each function."""
        starts = np.frombuffer(self._starts, dtype=np.uint64).astype(np.int64)
        hashes = np.frombuffer(self._hashes, dtype=np.uint32)
        keys = np.zeros(len(self), dtype=np.uint64)
        for first in range(0, len(self), CHUNK):
            last = min(first + CHUNK, len(self))
            some = hashes[starts[first] : starts[last]].astype(np.uint64)
            inner = starts[first:last] - starts[first]
            for factor, offset in zip(factors, offsets, strict=True):
                least = np.minimum.reduceat(some * factor + offset, inner)
                keys[first:last] = keys[first:last] * FACTORS[0] + least
        return keys


def pairs_of(members: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Every pair of a bucket, of a large one each with its next two."""
    reach = len(members) if len(members) <= LARGEST_BUCKET else 3
    for place, one in enumerate(members):
        for other in members[place + 1 : place + reach]:
            yield one, other


def near_duplicates(texts: Sequence[str], threshold: float) -> Iterator[tuple[int, int, float]]:
    """Find pairs of texts whose word 3-grams have a Jaccard similarity of at least ``threshold``.

    Args:
        texts: Normalised, all different, each of at least ``SHORT_WORDS`` words.
        threshold: From 0 to 1; below 0.6 pairs are missed more and more often.

    Yields:
        Indices ``(i, j)`` with ``i < j``, and the similarity.
    """
    return ShingleSets(texts).similar(threshold)


def _runs(positions: np.ndarray) -> Iterator[tuple[int, int]]:
    """First and last of each stretch of consecutive numbers."""
    if not len(positions):
        return
    breaks = np.flatnonzero(np.diff(positions) > 1)
    starts = np.concatenate([[0], breaks + 1])
    ends = np.concatenate([breaks, [len(positions) - 1]])
    yield from zip(positions[starts].tolist(), positions[ends].tolist(), strict=True)
