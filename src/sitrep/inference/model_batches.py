"""A model and what makes its inputs: from texts to logits, in batches of like length."""

from collections.abc import Sequence

import numpy as np

from sitrep.errors import UserError
from sitrep.inference.batching import batches_by_length, stepped_width
from sitrep.inference.engine import Engine
from sitrep.inference.known_answers import KnownAnswers
from sitrep.inference.stage_clock import MODEL, TOKENIZING, StageClock
from sitrep.model.encoding import EncodedRow, InputEncoder
from sitrep.settings import Context
from sitrep.speakers import OUTPUTS

BATCH_TOKENS = {"cpu": 2048, "cuda": 32768, "mps": 8192}
"""Tokens a batch at which throughput no longer grows, by kind of device (`benchmarks/prediction.py`)."""


class ModelBatches:
    """What :class:`sitrep.inference.predictor.Predictor` computes with.

    Args:
        engine: Runs the model.
        encoder: Makes its inputs.
        classes: Outputs of the model for the labels.
        batch_tokens: Tokens a batch, padding included; ``None``: what suits the device.

    Attributes:
        clock: Time spent tokenizing and in the model.
        says_speakers: Whether the model answers who speaks too.
        outputs: Figures of the model for each sentence: those of the classes, and behind them those of who speaks.
    """

    def __init__(self, engine: Engine, encoder: InputEncoder, classes: int, batch_tokens: int | None) -> None:
        self.engine = engine
        self.encoder = encoder
        self.batch_tokens = batch_tokens or BATCH_TOKENS[engine.device]
        self.clock = StageClock()
        self.says_speakers: bool = getattr(engine, "with_speakers", False)
        self.outputs = classes + (OUTPUTS if self.says_speakers else 0)

    def batch_logits(self, rows: Sequence[EncodedRow]) -> np.ndarray:
        """The model's answer to one batch.

        Returns:
            Shape (sentences, outputs), as :meth:`sitrep.inference.engine.Engine.logits` gives them.
        """
        return self.engine.logits(self.encoder.batch(rows, self._width(max(len(row.ids) for row in rows))))

    def _tokenize(
        self,
        texts: Sequence[str],
        articles: Sequence[Sequence[int]] | None,
        units: Sequence[Sequence[int]] | None = None,
    ) -> tuple[list[list[int]], np.ndarray, list[EncodedRow]]:
        """The tokens of each text, whether its end was cut off, and the rows that answer them."""
        alone = [[number] for number in range(len(texts))] if articles is None else articles
        with self.clock.measure(TOKENIZING):
            tokens, truncated = self.encoder.tokenize(texts)
            return tokens, truncated, self.encoder.rows(tokens, alone, units=units)

    def _memory(self) -> KnownAnswers | None:
        """For what is answered together; with context the same sentence may be answered otherwise elsewhere."""
        return KnownAnswers() if self.encoder.context is Context.none else None

    def _logits(self, rows: Sequence[EncodedRow], count: int, known: KnownAnswers | None) -> np.ndarray:
        """Of the sentences that the rows answer, each different one computed once where ``known`` is given."""
        logits = np.empty((count, self.outputs), dtype=np.float32)
        if known is None:
            self._compute(rows, logits)
        else:
            known.answer(rows, logits, self._compute)
        if not np.isfinite(logits).all():
            raise UserError("the model gives no finite figures; its training diverged")
        return logits

    def _compute(self, rows: Sequence[EncodedRow], logits: np.ndarray) -> None:
        """Run the model on rows and put what it says of each sentence into its place."""
        lengths = [len(row.ids) for row in rows]
        for places in batches_by_length(lengths, self.batch_tokens):
            chosen = [rows[place] for place in places]
            answers = [number for row in chosen for number in row.answers]
            with self.clock.measure(MODEL):
                logits[answers] = self.batch_logits(chosen)

    def _width(self, longest: int) -> int:
        """Tokens of every row of a batch."""
        stepped = stepped_width(longest)
        return min(stepped, self.encoder.max_tokens) if self.encoder.context is Context.none else stepped
