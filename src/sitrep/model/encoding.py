"""Sentences and their context as rows of tokens, and rows as batches; each row is one pass of the encoder.

Without context a row is one sentence. With the article it is a window of the page, in which every sentence begins with
a begin token of its own and is answered from where it has most around it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from sitrep.errors import UserError
from sitrep.model.tokenizer import TextTokenizer
from sitrep.sentences import LabelledSentence, Passage
from sitrep.settings import Context

OVERLAP = 0.25
"""Share of a window that repeats the end of the one before, so that a sentence at its start has something before it."""

NOWHERE = -1
"""Place of a sentence that a row does not have, in a batch of rows with more of them."""

Span = tuple[int, int]


@dataclass(frozen=True)
class EncodedRow:
    """One pass of the encoder.

    Attributes:
        ids: Token numbers, special tokens included.
        starts: For each sentence that is answered, the place of the token that stands for it.
        answers: Numbers of these sentences, in the same order.
        owners: For each token, a number that the tokens of one sentence share.
    """

    ids: list[int]
    starts: list[int]
    answers: list[int]
    owners: list[int]


@dataclass(frozen=True)
class Batch:
    """Rows of one width, as engines take them; int64 throughout.

    Attributes:
        input_ids: Shape (rows, tokens).
        attention_mask: Shape (rows, tokens); 0 is padding.
        starts: Shape (rows, sentences); place of the token that stands for each sentence, -1 where a row has fewer.
        owners: Shape (rows, tokens); a number that the tokens of one sentence share, -1 for padding.

    Raises:
        ValueError: If the shapes do not fit each other.
    """

    input_ids: np.ndarray
    attention_mask: np.ndarray
    starts: np.ndarray
    owners: np.ndarray

    def __post_init__(self) -> None:
        if not self.input_ids.shape == self.attention_mask.shape == self.owners.shape:
            raise ValueError("input_ids, attention_mask and owners must have one shape")
        if len(self.starts) != len(self.input_ids):
            raise ValueError("starts must have a row for each row of input_ids")


class InputEncoder:
    """Makes rows out of texts.

    Args:
        tokenizer: Of the model.
        context: What a sentence is read with.
        max_tokens: Tokens of the longest row for a single sentence.
        window_tokens: Tokens of the longest row that holds a stretch of a page; at least ``max_tokens``.

    Raises:
        UserError: If the tokenizer lacks a token that context needs.
    """

    def __init__(self, tokenizer: TextTokenizer, context: Context, max_tokens: int, window_tokens: int) -> None:
        self.tokenizer = tokenizer
        self.context = context
        self.max_tokens = max_tokens
        self.window_tokens = window_tokens
        if context is Context.article and None in (tokenizer.begin_id, tokenizer.end_id):
            raise UserError(
                f"model.context={context.name}: the tokenizer has no tokens that begin and end a sentence "
                "([CLS], [SEP]); use model.context=none"
            )

    def tokenize(self, texts: Sequence[str]) -> tuple[list[list[int]], np.ndarray]:
        """Token numbers of each text, and whether its end was cut off.

        Special tokens are in them only where a sentence is read alone, as the tokenizer itself puts them.
        """
        alone = self.context is Context.none
        return self.tokenizer.encode(texts, self.max_tokens if alone else self.max_tokens - 2, special_tokens=alone)

    def rows(
        self,
        tokens: Sequence[list[int]],
        articles: Sequence[Sequence[int]],
        rng: np.random.Generator | None = None,
        units: Sequence[Sequence[int]] | None = None,
    ) -> list[EncodedRow]:
        """Rows that answer every sentence once that anything is asked of.

        Args:
            tokens: Of each sentence, from :meth:`tokenize`.
            articles: Numbers of the sentences of each article in reading order.
            rng: For training, cuts pages into windows at other places each time, and without overlap.
            units: For each sentence the numbers that its answer is wanted under; with none it is read beside others
                only. ``None``: each under its own.
        """
        units = units if units is not None else [[number] for number in range(len(tokens))]
        if self.context is Context.article:
            return [row for article in articles for row in self._windows(tokens, article, rng, units)]
        return [
            self.alone(tokens[number], unit) for article in articles for number in article for unit in units[number]
        ]

    def alone(self, tokens: list[int], number: int) -> EncodedRow:
        """A sentence without any context, as a row of its own."""
        ids = tokens if self.context is Context.none else self._framed(tokens)
        return EncodedRow(ids, [0], [number], [0] * len(ids))

    def batch(self, rows: Sequence[EncodedRow], width: int) -> Batch:
        """Rows padded to ``width`` tokens.

        Args:
            rows: At least one, none longer than ``width``.
            width: Tokens of every row of the batch.
        """
        ids, real = _filled([row.ids for row in rows], width, self.tokenizer.padding_id)
        owners, _ = _filled([row.owners for row in rows], width, -1)
        starts, _ = _filled([row.starts for row in rows], max(len(row.starts) for row in rows), NOWHERE)
        return Batch(ids, real.astype(np.int64), starts, owners)

    def _framed(self, tokens: list[int]) -> list[int]:
        assert self.tokenizer.begin_id is not None
        assert self.tokenizer.end_id is not None
        return [self.tokenizer.begin_id, *tokens, self.tokenizer.end_id]

    def _windows(
        self,
        tokens: Sequence[list[int]],
        article: Sequence[int],
        rng: np.random.Generator | None,
        units: Sequence[Sequence[int]],
    ) -> list[EncodedRow]:
        lengths = [len(tokens[number]) + 2 for number in article]
        if rng is None:
            stretches = _stretches(lengths, self.window_tokens, self.window_tokens, OVERLAP)
        else:
            first = int(rng.integers(self.window_tokens // 3, self.window_tokens + 1))
            stretches = _stretches(lengths, first, self.window_tokens, 0.0)
        home = _homes(lengths, stretches)
        wanted = [
            {place: units[article[place]] for place in range(start, end) if home[place] == index}
            for index, (start, end) in enumerate(stretches)
        ]
        return [
            self._window(tokens, article, start, end, answered)
            for (start, end), answered in zip(stretches, wanted, strict=True)
            if any(answered.values())
        ]

    def _window(
        self,
        tokens: Sequence[list[int]],
        article: Sequence[int],
        start: int,
        end: int,
        answered: Mapping[int, Sequence[int]],
    ) -> EncodedRow:
        row = EncodedRow([], [], [], [])
        for place in range(start, end):
            for unit in answered.get(place, ()):
                row.starts.append(len(row.ids))
                row.answers.append(unit)
            sentence = self._framed(tokens[article[place]])
            row.ids.extend(sentence)
            row.owners.extend([place] * len(sentence))
        return row


def _filled(lists: Sequence[Sequence[int]], width: int, filling: int) -> tuple[np.ndarray, np.ndarray]:
    """Lists as rows of one width, and where they hold what was given."""
    lengths = np.fromiter(map(len, lists), dtype=np.int64, count=len(lists))
    given = np.arange(width) < lengths[:, None]
    rows = np.full(given.shape, filling, dtype=np.int64)
    rows[given] = np.fromiter(chain.from_iterable(lists), dtype=np.int64, count=int(lengths.sum()))
    return rows, given


def reading_order(units: Sequence[LabelledSentence | Passage]) -> list[list[int]]:
    """Numbers of the units of each article, in the order of ``position``; ties keep the given order."""
    articles: dict[str, list[int]] = {}
    for number, unit in enumerate(units):
        articles.setdefault(unit.article_id, []).append(number)
    return [sorted(numbers, key=lambda number: units[number].position) for numbers in articles.values()]


def _stretches(lengths: Sequence[int], first: int, window: int, overlap: float) -> list[Span]:
    """Stretches of sentences that fit a window, the first of them one of another length."""
    stretches: list[Span] = []
    start = 0
    while True:
        room = window if start else first
        end = start
        used = 0
        while end < len(lengths) and (end == start or used + lengths[end] <= room):
            used += lengths[end]
            end += 1
        stretches.append((start, end))
        if end >= len(lengths):
            return stretches
        repeated = 0
        following = end
        while following > start + 1 and repeated + lengths[following - 1] <= overlap * window:
            following -= 1
            repeated += lengths[following]
        start = following


def _homes(lengths: Sequence[int], stretches: Sequence[Span]) -> dict[int, int]:
    """For each sentence the stretch whose nearer end is farthest from it; the ends of the page itself do not count."""
    best: dict[int, tuple[float, int]] = {}
    for index, (start, end) in enumerate(stretches):
        for place in range(start, end):
            before = float("inf") if start == 0 else sum(lengths[start:place])
            after = float("inf") if end == len(lengths) else sum(lengths[place + 1 : end])
            if place not in best or min(before, after) > best[place][0]:
                best[place] = (min(before, after), index)
    return {place: index for place, (_, index) in best.items()}
