"""Sentences and their context as rows of tokens, each row one pass of the encoder.

A row answers one sentence or many. Without context it is the sentence; with its neighbours it is the sentence as first
segment and the ones around it as second; with the article it is a window of the page, in which every sentence is
answered from where it has most around it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sitrep.config import Context, Pooling
from sitrep.errors import UserError
from sitrep.sentences import LabelledSentence, Passage

FIRST_LINE_TOKENS = 32
"""Tokens of a page's first line that are repeated before each later window of it."""

OVERLAP = 0.25
"""Share of a window that repeats the end of the one before, so that a sentence at its start has something before it."""

Span = tuple[int, int]


@dataclass(frozen=True)
class Row:
    """One pass of the encoder.

    Attributes:
        ids: Token numbers, special tokens included.
        segments: 0 or 1 for each token; 1 is the second segment of a pair.
        spans: For each sentence that is answered, the tokens ``start`` to ``end`` (exclusive) that stand for it.
        answers: Numbers of these sentences, in the same order.
        owners: For each token, a number that the tokens of one sentence share.
    """

    ids: list[int]
    segments: list[int]
    spans: list[Span]
    answers: list[int]
    owners: list[int]


class Reader:
    """Makes rows out of texts.

    Args:
        tokenizer: Of the model.
        context: What a sentence is read with.
        pooling: ``cls`` points a span at the token before the sentence, ``mean`` at its own tokens.
        longest: Tokens of the longest row for a single sentence.
        window: Tokens of the longest row that holds a stretch of a page; at least ``longest``.

    Raises:
        UserError: If the tokenizer lacks a token that context needs.
    """

    def __init__(self, tokenizer: Any, context: Context, pooling: Pooling, longest: int, window: int) -> None:
        self.tokenizer = tokenizer
        self.context = context
        self.pooling = pooling
        self.longest = longest
        self.window = window
        self.begin: int = tokenizer.cls_token_id
        self.end: int = tokenizer.sep_token_id
        self.plain = context is Context.none and pooling is Pooling.cls
        self.pairs = context is Context.neighbours and "token_type_ids" in tokenizer.model_input_names
        if not self.plain and (self.begin is None or self.end is None):
            raise UserError(
                f"model.context={context.name}, model.pooling={pooling.name}: the tokenizer has no tokens that begin "
                "and end a sentence ([CLS], [SEP]); use model.context=none model.pooling=cls"
            )

    def tokenise(self, texts: Sequence[str]) -> tuple[list[list[int]], np.ndarray]:
        """Token numbers of each text, and whether its end was cut off.

        Special tokens are in them only where the row is to be the tokenizer's own, without context and ``cls``.
        """
        limit = self.longest - (0 if self.plain else 2)
        options = {"add_special_tokens": self.plain, "return_attention_mask": False, "return_token_type_ids": False}
        tokens = self.tokenizer(list(texts), truncation=True, max_length=limit, **options)["input_ids"]
        truncated = np.zeros(len(texts), dtype=bool)
        for index, item in enumerate(tokens):
            if len(item) >= limit:  # full to the brim: cut, or just long enough?
                whole = self.tokenizer(texts[index], truncation=False, verbose=False, **options)["input_ids"]
                truncated[index] = len(whole) > limit
        return tokens, truncated

    def rows(
        self,
        tokens: Sequence[list[int]],
        articles: Sequence[Sequence[int]],
        chance: np.random.Generator | None = None,
    ) -> list[Row]:
        """Rows that answer every sentence once.

        Args:
            tokens: Of each sentence, from :meth:`tokenise`.
            articles: Numbers of the sentences of each article in reading order.
            chance: For training, cuts pages into windows at other places each time, and without overlap.
        """
        if self.context is Context.neighbours:
            return [self._pair(tokens, article, place) for article in articles for place in range(len(article))]
        if self.context is Context.article:
            return [row for article in articles for row in self._windows(tokens, article, chance)]
        return [self.alone(tokens[number], number) for article in articles for number in article]

    def alone(self, tokens: list[int], number: int) -> Row:
        """A sentence without any context, as a row of its own."""
        ids = tokens if self.plain else [self.begin, *tokens, self.end]
        return Row(ids, [0] * len(ids), [self._span(0, len(ids))], [number], [0] * len(ids))

    def _span(self, start: int, end: int) -> Span:
        """The tokens that stand for a sentence whose row begins at ``start`` with the special token."""
        return (start, start + 1) if self.pooling is Pooling.cls else (start + 1, end)

    def _pair(self, tokens: Sequence[list[int]], article: Sequence[int], place: int) -> Row:
        number = article[place]
        row = self.alone(tokens[number], number)
        room = self.longest - len(row.ids) - 1
        before = tokens[article[place - 1]] if place else []
        after = tokens[article[place + 1]] if place + 1 < len(article) else []
        kept = max(room // 2, room - len(after))  # half the room for each, and what one leaves over for the other
        before = before[-kept:] if kept > 0 else []
        around = [*before, self.end, *after][: max(0, room)]
        if (not before and not after) or room <= 1:
            return row
        ids = [*row.ids, *around, self.end]
        segments = [0] * len(row.ids) + [1] * (len(around) + 1)
        return Row(ids, segments, row.spans, row.answers, [0] * len(ids))

    def _windows(
        self, tokens: Sequence[list[int]], article: Sequence[int], chance: np.random.Generator | None
    ) -> list[Row]:
        lengths = [len(tokens[number]) + 2 for number in article]
        first_line = min(len(tokens[article[0]]), FIRST_LINE_TOKENS) + 2
        if chance is None:
            stretches = _stretches(lengths, self.window, self.window, first_line, OVERLAP)
        else:
            first = int(chance.integers(self.window // 3, self.window + 1))
            stretches = _stretches(lengths, first, self.window, first_line, 0.0)
        home = _homes(lengths, stretches)
        return [
            row
            for index, (start, end) in enumerate(stretches)
            if (row := self._window(tokens, article, start, end, {p for p in range(start, end) if home[p] == index}))
        ]

    def _window(
        self, tokens: Sequence[list[int]], article: Sequence[int], start: int, end: int, answered: set[int]
    ) -> Row | None:
        if not answered:
            return None
        ids: list[int] = []
        spans: list[Span] = []
        answers: list[int] = []
        owners: list[int] = []
        first_line = [self.begin, *tokens[article[0]][:FIRST_LINE_TOKENS], self.end]
        if (
            start
            and len(first_line) + sum(len(tokens[article[place]]) + 2 for place in range(start, end)) <= self.window
        ):
            ids += first_line
            owners += [end] * len(first_line)  # a number that no sentence of the window has
        for place in range(start, end):
            opened = self.pooling is Pooling.cls or not ids
            at = len(ids) if opened else len(ids) - 1  # without a token of its own, the end of the last one opens it
            ids += [*([self.begin] if opened else []), *tokens[article[place]], self.end]
            owners += [place] * (len(ids) - len(owners))
            if place in answered:
                spans.append(self._span(at, len(ids)))
                answers.append(article[place])
        return Row(ids, [0] * len(ids), spans, answers, owners)


def reading_order(units: Sequence[LabelledSentence | Passage]) -> list[list[int]]:
    """Numbers of the units of each article, in the order of ``position``; ties keep the given order."""
    articles: dict[str, list[int]] = {}
    for number, unit in enumerate(units):
        articles.setdefault(unit.article_id, []).append(number)
    return [sorted(numbers, key=lambda number: units[number].position) for numbers in articles.values()]


def _stretches(lengths: Sequence[int], first: int, window: int, first_line: int, overlap: float) -> list[Span]:
    """Stretches of sentences that fit a window, the first one another length, the later ones beside the first line."""
    stretches: list[Span] = []
    start = 0
    while True:
        room = window - first_line if start else first
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
