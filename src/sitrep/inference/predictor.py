"""A loaded checkpoint that labels sentences."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sitrep.checkpoint import Checkpoint
from sitrep.config import InferenceSettings, Precision
from sitrep.errors import UserError
from sitrep.hardware import choose_device, choose_precision
from sitrep.inference.batching import batches_by_length, windows
from sitrep.sentences import Passage, Prediction

if TYPE_CHECKING:
    import torch

BATCH_TOKENS = {"cpu": 2048, "cuda": 32768, "mps": 8192}
"""Tokens a batch at which throughput no longer grows, by kind of device (`benchmarks/prediction.py`)."""

WIDTH_STEP = 8
"""Batches are padded to a multiple of this: the CPU's kernels are compiled and kept for each shape, so that few shapes
save time, and memory that would grow with the first hundreds of thousands of rows (`benchmarks/memory.py`)."""


@dataclass(frozen=True)
class Scored:
    """Outputs for a list of texts, in its order.

    Attributes:
        probabilities: Shape (texts, labels); rows sum to one.
        truncated: Shape (texts,); whether the end of the text was cut off.
    """

    probabilities: np.ndarray
    truncated: np.ndarray


class Predictor:
    """A model and its tokenizer, ready to label any number of sentences.

    Args:
        checkpoint: Verified checkpoint.
        settings: Precision, batch budget and window.
        device: Where to run; ``None`` takes the GPU if there is one.

    Raises:
        UserError: If the folder cannot be loaded.
    """

    def __init__(
        self, checkpoint: Checkpoint, settings: InferenceSettings, device: "torch.device | None" = None
    ) -> None:
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer, logging

        logging.set_verbosity_error()
        logging.disable_progress_bar()
        self.checkpoint = checkpoint
        self.window = settings.window
        self.device = device or choose_device()
        self.precision = choose_precision(settings.precision, self.device, "inference.precision")
        self.batch_tokens = settings.batch_tokens or BATCH_TOKENS[self.device.type]
        try:
            self.tokenizer: Any = AutoTokenizer.from_pretrained(checkpoint.folder, local_files_only=True)
            model: Any
            model, report = AutoModelForSequenceClassification.from_pretrained(
                checkpoint.folder,
                local_files_only=True,
                use_safetensors=True,
                dtype=torch.float32,
                output_loading_info=True,
            )
        except (
            Exception
        ) as error:  # what is wrong with a foreign folder decides the type: tokenizers knows only Exception
            raise UserError(f"{checkpoint.folder}: cannot be loaded: {type(error).__name__}: {error}") from None
        for problem in ("missing_keys", "mismatched_keys", "unexpected_keys"):
            if found := sorted(map(str, report[problem])):
                raise UserError(
                    f"{checkpoint.folder}: the weights do not fit config.json: {problem.replace('_', ' ')}: {found[0]}"
                    + (f" and {len(found) - 1} more" if len(found) > 1 else "")
                )
        if self.tokenizer.pad_token_id is None:
            raise UserError(f"{checkpoint.folder}: the tokenizer has no padding token")
        self._longest = checkpoint.max_tokens
        self.model = model.to(self.device).eval()
        if self.precision is Precision.bf16:
            self.model = self.model.to(torch.bfloat16)

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels in the order of the columns of :meth:`score`."""
        return self.checkpoint.labels

    def predict(self, passages: Iterable[Passage]) -> Iterator[Prediction]:
        """Label a stream of passages, in its order, one window in memory at a time."""
        for window in windows(passages, self.window):
            scored = self.score([passage.text for passage in window])
            best = scored.probabilities.argmax(axis=1).tolist()
            rows = scored.probabilities.tolist()
            for passage, index, row, cut in zip(window, best, rows, scored.truncated.tolist(), strict=True):
                yield Prediction(passage, self.labels[index], dict(zip(self.labels, row, strict=True)), cut)

    def score(self, texts: Sequence[str]) -> Scored:
        """Probabilities of every label for each text; what batch a text falls into does not matter to it."""
        ids, truncated = self._tokenise(texts)
        probabilities = np.empty((len(texts), len(self.labels)), dtype=np.float64)
        widths = [-(-len(item) // WIDTH_STEP) * WIDTH_STEP for item in ids]
        for batch in batches_by_length(widths, self.batch_tokens):
            probabilities[batch] = self._forward([ids[index] for index in batch], min(widths[batch[0]], self._longest))
        return Scored(probabilities, truncated)

    def _tokenise(self, texts: Sequence[str]) -> tuple[list[list[int]], np.ndarray]:
        limit = self.checkpoint.max_tokens
        ids = self.tokenizer(
            list(texts), truncation=True, max_length=limit, return_attention_mask=False, return_token_type_ids=False
        )["input_ids"]
        truncated = np.zeros(len(texts), dtype=bool)
        for index, item in enumerate(ids):
            if len(item) >= limit:  # full to the brim: cut, or just long enough?
                truncated[index] = (
                    len(self.tokenizer(texts[index], truncation=False, verbose=False)["input_ids"]) > limit
                )
        return ids, truncated

    def _forward(self, batch: list[list[int]], width: int) -> np.ndarray:
        import torch

        ids = torch.full((len(batch), width), self.tokenizer.pad_token_id, dtype=torch.long)
        mask = torch.zeros((len(batch), width), dtype=torch.long)
        for row, item in enumerate(batch):
            ids[row, : len(item)] = torch.tensor(item)
            mask[row, : len(item)] = 1
        with torch.inference_mode():
            try:
                logits = self.model(input_ids=ids.to(self.device), attention_mask=mask.to(self.device)).logits
            except torch.OutOfMemoryError:
                tokens = self.batch_tokens
                raise UserError(f"inference.batch_tokens={tokens}: the GPU's memory is too small; lower it") from None
            probabilities: np.ndarray = torch.softmax(logits.double(), dim=-1).cpu().numpy()
        if not np.isfinite(probabilities).all():
            raise UserError(f"{self.checkpoint.folder}: the model gives no finite figures; its training diverged")
        return probabilities
