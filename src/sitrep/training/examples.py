"""Labelled sentences as rows, in batches of like length and like many sentences."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
import torch

from sitrep.labels import Taxonomy
from sitrep.model.encoding import NOWHERE, EncodedRow, InputEncoder
from sitrep.model.surroundings import reading_of
from sitrep.sentences import LabelledSentence
from sitrep.settings import Context
from sitrep.speakers import NAMES
from sitrep.training.mixed_pages import mixed_pages

IGNORED = -100
"""Label of what is not a sentence, or was not annotated, as ``transformers`` marks it."""

SHUFFLE_TOKENS = 8
"""How far from each other in length the rows of a batch may lie by chance, so that batches differ between epochs."""

UNLEARNT = -1
"""Minus a row's number: that row, with labels that the loss ignores."""

LabelledRow = tuple[EncodedRow, np.ndarray, np.ndarray, np.ndarray]
"""A row, and of each sentence that it answers: the number of its label, its wanted probabilities, and the numbers of
its ``speech`` and ``speaker``."""


class Examples(torch.utils.data.Dataset[LabelledRow]):  # type: ignore[misc]
    """Rows of labelled sentences.

    Args:
        sentences: In any order; those of an article are read by their ``position``, and those that were drawn out of
            their page among the lines that they carry (:mod:`sitrep.model.surroundings`), which are not learnt from.
        encoder: Of the model.
        taxonomy: Numbers the labels in the order of the model's outputs.
        targets: Wanted probability of each output, shape (sentences, outputs).
    """

    def __init__(
        self, sentences: Sequence[LabelledSentence], encoder: InputEncoder, taxonomy: Taxonomy, targets: np.ndarray
    ) -> None:
        self.encoder = encoder
        reading = reading_of(sentences)
        self.tokens, _ = encoder.tokenize(reading.texts)
        self.articles = reading.articles
        self.labels = np.array([taxonomy.labels.index(sentence.label) for sentence in sentences])
        self.units = reading.units
        furniture = [sentence.label in taxonomy.exclusive for sentence in sentences]
        self.furniture = np.array([any(furniture[unit] for unit in units) for units in self.units], dtype=bool)
        self.targets = targets.astype(np.float32)
        self.speakers = _speaker_numbers(sentences)
        self.rows = encoder.rows(self.tokens, self.articles, units=self.units)

    def draw(self, context_dropout: float, rng: np.random.Generator) -> None:
        """Make the rows of a training epoch: other pages of the same sentences each time, some read line by line.

        Args:
            context_dropout: Share of the articles that are read without context.
            rng: Where and which.
        """
        if self.encoder.context is Context.none:
            return
        alone = rng.random(len(self.articles)) < context_dropout
        together = [article for article, dropped in zip(self.articles, alone, strict=True) if not dropped]
        self.rows = self.encoder.rows(self.tokens, mixed_pages(together, self.furniture, rng), rng, self.units)
        for article, dropped in zip(self.articles, alone, strict=True):
            if dropped:
                self.rows += [
                    self.encoder.alone(self.tokens[number], unit) for number in article for unit in self.units[number]
                ]

    def fewest_rows(self) -> int:
        """How many rows there are at least, whatever pages the sentences are put into."""
        if self.encoder.context is Context.none:
            return len(self.labels)
        window = self.encoder.window_tokens
        own = (tokens for tokens, units in zip(self.tokens, self.units, strict=True) if units)
        return max(1, sum(min(len(tokens) + 2, window) for tokens in own) // window)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> LabelledRow:
        row = self.rows[index if index >= 0 else UNLEARNT - index]
        labels = self.labels[row.answers]
        known = labels if index >= 0 else np.full_like(labels, IGNORED)
        return row, known, self.targets[row.answers], self.speakers[row.answers]


def _speaker_numbers(sentences: Sequence[LabelledSentence]) -> np.ndarray:
    """Shape (sentences, 2): the numbers of ``speech`` and ``speaker`` of each."""
    said = [(sentence.speech, sentence.speaker) for sentence in sentences]
    numbers = [
        [IGNORED if name is None else known.index(name) for name, known in zip(pair, NAMES.values(), strict=True)]
        for pair in said
    ]
    return np.array(numbers, dtype=np.int64).reshape(len(sentences), len(NAMES))


class Collator:
    """Pads rows to the longest of a batch.

    Args:
        encoder: Of the model.
    """

    def __init__(self, encoder: InputEncoder) -> None:
        self.encoder = encoder

    def __call__(self, examples: Sequence[LabelledRow]) -> dict[str, torch.Tensor]:
        """Tensors of a batch; ``labels`` has the shape (rows, sentences), ``targets`` one more for the outputs.

        ``numbers`` are the sentences' own, of the shape of ``labels``; ``speakers`` has one more for both questions.
        """
        rows = [row for row, *_ in examples]
        batch = self.encoder.batch(rows, max(len(row.ids) for row in rows))
        answered = batch.starts != NOWHERE
        labels, numbers = np.full(answered.shape, IGNORED), np.full(answered.shape, IGNORED)
        targets = np.zeros((*answered.shape, examples[0][2].shape[1]), dtype=np.float32)
        speakers = np.full((*answered.shape, len(NAMES)), IGNORED)
        labels[answered] = np.concatenate([known for _, known, _, _ in examples])
        targets[answered] = np.concatenate([wanted for _, _, wanted, _ in examples])
        speakers[answered] = np.concatenate([said for _, _, _, said in examples])
        numbers[answered] = np.fromiter(chain.from_iterable(row.answers for row in rows), dtype=np.int64)
        arrays = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
        arrays |= {"starts": batch.starts, "owners": batch.owners}
        arrays |= {"labels": labels, "targets": targets, "numbers": numbers, "speakers": speakers}
        return {name: torch.from_numpy(array) for name, array in arrays.items()}


WANTED = ("labels", "targets", "numbers", "speakers")
"""What a batch holds besides what the model reads."""


def model_inputs(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What the model reads of a batch of :class:`Collator`; the rest says what is wanted of it."""
    return {name: value for name, value in batch.items() if name not in WANTED}


class RowBatches(torch.utils.data.Sampler[list[int]]):  # type: ignore[misc]
    """Batches of training rows of like length that hold about as many sentences each, made anew for each epoch.

    What a step learns from does not hang on how many processes and parts it is computed in: a batch is cut into its
    parts last, and they follow each other.

    Args:
        examples: What is batched; its rows are drawn anew for each epoch.
        sentences: A batch.
        context_dropout: As :meth:`Examples.draw` takes it.
        seed: Of rows and order.
        parts: That each batch is cut into.
    """

    def __init__(self, examples: Examples, sentences: int, context_dropout: float, seed: int, parts: int = 1) -> None:
        self.examples = examples
        self.context_dropout = context_dropout
        self.rng = np.random.default_rng(seed)
        self.parts = parts
        self._epoch_began = self.rng.bit_generator.state
        # Every epoch has the same number of batches, as the learning rate's schedule needs it, and a row for each.
        self.batches = min(-(-len(examples.labels) // sentences), examples.fewest_rows())

    def __len__(self) -> int:
        return self.batches * self.parts

    def __iter__(self) -> Iterator[list[int]]:
        # Not a generator: the rows have to be there before workers copy them.
        self._epoch_began = self.rng.bit_generator.state
        self.examples.draw(self.context_dropout, self.rng)
        lengths = np.array([len(row.ids) for row in self.examples.rows])
        counts = np.array([len(row.answers) for row in self.examples.rows])
        order = self.rng.permutation(len(lengths))
        jitter = self.rng.random(len(order)) * SHUFFLE_TOKENS
        order = order[np.argsort(lengths[order] + jitter, kind="stable")]
        batches = np.split(order, self._cuts(counts[order]))
        chosen = (batches[index].tolist() for index in self.rng.permutation(len(batches)))
        return iter([part for batch in chosen for part in self._parts(batch)])

    def _parts(self, batch: list[int]) -> list[list[int]]:
        """Every so manieth row, so that the parts take like long; a part without one repeats a row unlearnt."""
        return [batch[first :: self.parts] or [UNLEARNT - batch[0]] for first in range(self.parts)]

    def progress(self, epoch_is_over: bool) -> Any:
        """What :meth:`go_on` takes: where the random generator stood at the beginning of the epoch that comes next.

        Args:
            epoch_is_over: Whether the present one is no more to be read; else it is the one that comes next.
        """
        return self.rng.bit_generator.state if epoch_is_over else self._epoch_began

    def go_on(self, progress: Any) -> None:
        """Make the epochs from now on as another object would have from its :meth:`progress` on."""
        self.rng.bit_generator.state = progress

    def _cuts(self, counts: np.ndarray) -> np.ndarray:
        """Where batches end: as even in sentences as whole rows allow, with a row at least in each."""
        step = np.arange(1, self.batches)
        even = np.searchsorted(np.cumsum(counts), step * counts.sum() / self.batches, side="right")
        slack = np.maximum.accumulate(np.maximum(even - step, 0))
        cuts: np.ndarray = np.minimum(slack, len(counts) - self.batches) + step
        return cuts
