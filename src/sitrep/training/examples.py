"""Labelled sentences as rows, in batches of like length and like many sentences."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from sitrep.config import Context
from sitrep.modelling.classifier import batch_of
from sitrep.modelling.rows import Reader, Row
from sitrep.sentences import LabelledSentence

IGNORED = -100
"""Label of what is not a sentence, as ``transformers`` marks it."""

SHUFFLE_TOKENS = 8
"""How far from each other in length the rows of a batch may lie by chance, so that batches differ between epochs."""


class Examples(torch.utils.data.Dataset[Row]):  # type: ignore[misc]
    """Rows of labelled sentences.

    Args:
        sentences: In any order; those of an article are read by their ``position``.
        reader: Of the model.
        labels: All labels in the order of the model's outputs.
        context_dropout: Share of the sentences that have a row without context besides.
        seed: Chooses which.
    """

    def __init__(
        self,
        sentences: Sequence[LabelledSentence],
        reader: Reader,
        labels: tuple[str, ...],
        context_dropout: float = 0.0,
        seed: int = 0,
    ) -> None:
        tokens, _ = reader.tokenise([sentence.text for sentence in sentences])
        articles: dict[str, list[int]] = {}
        for number, sentence in enumerate(sentences):
            articles.setdefault(sentence.article_id, []).append(number)
        in_order = [sorted(numbers, key=lambda n: sentences[n].position) for numbers in articles.values()]
        self.rows = reader.rows(tokens, in_order)
        if context_dropout and reader.context is not Context.none:
            chosen = np.random.default_rng(seed).random(len(sentences)) < context_dropout
            self.rows += [reader.alone(tokens[number], number) for number in np.flatnonzero(chosen).tolist()]
        self.labels = np.array([labels.index(sentence.label) for sentence in sentences])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Row:
        return self.rows[index]


class Collator:
    """Pads rows to the longest of a batch.

    Args:
        labels: Of every sentence that rows answer, as :class:`Examples` holds them.
        padding: Number of the padding token.
        pairs: Whether rows have two segments.
    """

    def __init__(self, labels: np.ndarray, padding: int, pairs: bool) -> None:
        self.labels = labels
        self.padding = padding
        self.pairs = pairs

    def __call__(self, rows: Sequence[Row]) -> dict[str, torch.Tensor]:
        """Tensors of a batch; ``labels`` has the shape (rows, sentences)."""
        batch = batch_of(rows, self.padding, max(len(row.ids) for row in rows), self.pairs)
        labels = torch.full(batch["spans"].shape[:2], IGNORED)
        for index, row in enumerate(rows):
            labels[index, : len(row.answers)] = torch.from_numpy(self.labels[row.answers])
        return batch | {"labels": labels}


class RowBatches(torch.utils.data.Sampler[list[int]]):  # type: ignore[misc]
    """Batches of rows that hold about as many sentences each, made anew for each epoch.

    Args:
        rows: What is batched.
        sentences: A batch.
        by_length: Put rows of like length together, so that little is padded.
        seed: Of the order.
        processes: The number of batches is a multiple of it.
    """

    def __init__(self, rows: Sequence[Row], sentences: int, by_length: bool, seed: int, processes: int = 1) -> None:
        self.lengths = np.array([len(row.ids) for row in rows])
        self.counts = np.array([len(row.answers) for row in rows])
        self.by_length = by_length
        self.generator = np.random.default_rng(seed)
        batches = -(-int(self.counts.sum()) // sentences)
        self.batches = min(-(-batches // processes) * processes, len(rows))

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[list[int]]:
        order = self.generator.permutation(len(self.lengths))
        if self.by_length:
            jitter = self.generator.random(len(order)) * SHUFFLE_TOKENS
            order = order[np.argsort(self.lengths[order] + jitter, kind="stable")]
        batches = np.split(order, self._cuts(self.counts[order]))
        for index in self.generator.permutation(len(batches)):
            yield batches[index].tolist()

    def _cuts(self, counts: np.ndarray) -> np.ndarray:
        """Where batches end: as even in sentences as whole rows allow, with a row at least in each."""
        step = np.arange(1, self.batches)
        even = np.searchsorted(np.cumsum(counts), step * counts.sum() / self.batches, side="right")
        slack = np.maximum.accumulate(np.maximum(even - step, 0))
        cuts: np.ndarray = np.minimum(slack, len(counts) - self.batches) + step
        return cuts


def pad_id(tokenizer: Any) -> int:
    """Number of the padding token; 0 where there is none, as masked positions are never read."""
    return int(tokenizer.pad_token_id or 0)
