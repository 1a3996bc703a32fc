"""Labelled sentences as rows, in batches of like length and like many sentences."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from sitrep.config import Context
from sitrep.labels import CLASSES
from sitrep.modelling.classifier import batch_of
from sitrep.modelling.rows import Reader, Row, reading_order
from sitrep.sentences import LabelledSentence
from sitrep.training.noise import damage

IGNORED = -100
"""Label of what is not a sentence, as ``transformers`` marks it."""

SHUFFLE_TOKENS = 8
"""How far from each other in length the rows of a batch may lie by chance, so that batches differ between epochs."""


Labelled = tuple[Row, np.ndarray, np.ndarray]
"""A row, the number of the label of each sentence that it answers, and which classes apply to each."""


class Examples(torch.utils.data.Dataset[Labelled]):  # type: ignore[misc]
    """Rows of labelled sentences.

    Args:
        sentences: In any order; those of an article are read by their ``position``.
        reader: Of the model.
        labels: All labels in the order of the model's outputs.
    """

    def __init__(self, sentences: Sequence[LabelledSentence], reader: Reader, labels: tuple[str, ...]) -> None:
        self.reader = reader
        self.texts = [sentence.text for sentence in sentences]
        self.tokens, _ = reader.tokenise(self.texts)
        self.articles = reading_order(sentences)
        self.labels = np.array([labels.index(sentence.label) for sentence in sentences])
        self.applies = np.array([[name in sentence.labels for name in CLASSES] for sentence in sentences])
        self.rows = reader.rows(self.tokens, self.articles)

    def draw(self, context_dropout: float, noise: float, chance: np.random.Generator) -> None:
        """Make the rows of a training epoch.

        Pages are cut at other places each time, some are read sentence by sentence, and some sentences are damaged.

        Args:
            context_dropout: Share of the articles that are read without context.
            noise: Share of the sentences that are damaged.
            chance: Where and which.
        """
        if self.reader.context is Context.none and not noise:
            return
        tokens = list(self.tokens)
        damaged = np.flatnonzero(chance.random(len(tokens)) < noise) if noise else ()
        if len(damaged):
            broken, _ = self.reader.tokenise([damage(self.texts[number], chance) for number in damaged])
            for number, ids in zip(damaged, broken, strict=True):
                tokens[number] = ids
        self.rows = self._rows(tokens, context_dropout, chance)

    def _rows(self, tokens: list[list[int]], context_dropout: float, chance: np.random.Generator) -> list[Row]:
        if self.reader.context is Context.none:
            return self.reader.rows(tokens, self.articles)
        alone = chance.random(len(self.articles)) < context_dropout
        together = [article for article, dropped in zip(self.articles, alone, strict=True) if not dropped]
        rows = self.reader.rows(tokens, together, chance)
        for article, dropped in zip(self.articles, alone, strict=True):
            if dropped:
                rows += [self.reader.alone(tokens[number], number) for number in article]
        return rows

    def fewest_rows(self) -> int:
        """How many rows there are at least, wherever the pages are cut."""
        if self.reader.context is not Context.article:
            return len(self.labels)
        tokens = [sum(len(self.tokens[number]) for number in article) for article in self.articles]
        return sum(max(1, -(-count // self.reader.window)) for count in tokens)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Labelled:
        row = self.rows[index]
        return row, self.labels[row.answers], self.applies[row.answers]


class Collator:
    """Pads rows to the longest of a batch.

    Args:
        padding: Number of the padding token.
        pairs: Whether rows have two segments.
    """

    def __init__(self, padding: int, pairs: bool) -> None:
        self.padding = padding
        self.pairs = pairs

    def __call__(self, examples: Sequence[Labelled]) -> dict[str, torch.Tensor]:
        """Tensors of a batch; ``labels`` has the shape (rows, sentences), ``applies`` one more for the classes."""
        rows = [row for row, _, _ in examples]
        batch = batch_of(rows, self.padding, max(len(row.ids) for row in rows), self.pairs)
        labels = torch.full(batch["spans"].shape[:2], IGNORED)
        applies = torch.full((*labels.shape, len(CLASSES)), IGNORED)
        for index, (_, known, sets) in enumerate(examples):
            labels[index, : len(known)] = torch.from_numpy(known)
            applies[index, : len(sets)] = torch.from_numpy(sets)
        return batch | {"labels": labels, "applies": applies}


class RowBatches(torch.utils.data.Sampler[list[int]]):  # type: ignore[misc]
    """Batches of training rows that hold about as many sentences each, made anew for each epoch.

    Args:
        examples: What is batched; its rows are drawn anew for each epoch.
        sentences: A batch.
        by_length: Put rows of like length together, so that little is padded.
        context_dropout: As :meth:`Examples.draw` takes it.
        noise: The same.
        seed: Of rows and order.
        processes: The number of batches is a multiple of it.
    """

    def __init__(
        self,
        examples: Examples,
        sentences: int,
        by_length: bool,
        context_dropout: float,
        noise: float,
        seed: int,
        processes: int = 1,
    ) -> None:
        self.examples = examples
        self.by_length = by_length
        self.context_dropout = context_dropout
        self.noise = noise
        self.chance = np.random.default_rng(seed)
        # Every epoch has the same number of batches, as the learning rate's schedule needs it, and a row for each.
        batches = -(-len(examples.labels) // sentences)
        self.batches = min(-(-batches // processes) * processes, examples.fewest_rows())

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[list[int]]:
        # Not a generator: the rows have to be there before workers copy them.
        self.examples.draw(self.context_dropout, self.noise, self.chance)
        lengths = np.array([len(row.ids) for row in self.examples.rows])
        counts = np.array([len(row.answers) for row in self.examples.rows])
        order = self.chance.permutation(len(lengths))
        if self.by_length:
            jitter = self.chance.random(len(order)) * SHUFFLE_TOKENS
            order = order[np.argsort(lengths[order] + jitter, kind="stable")]
        batches = np.split(order, self._cuts(counts[order]))
        return iter([batches[index].tolist() for index in self.chance.permutation(len(batches))])

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
