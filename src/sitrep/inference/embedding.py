"""Sentence embeddings of the packaged backbone, without any fine-tuning."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sitrep.inference.batching import batches_by_length
from sitrep.model.hardware import choose_device, choose_precision
from sitrep.model.packaged import packaged_minilm
from sitrep.settings import Precision

MAX_TOKENS = 256
BATCH_TOKENS = 2048


class Embedder:
    """all-MiniLM-L6-v2 as it was published: mean of the token vectors, scaled to unit length.

    Raises:
        UserError: If the packaged weights are missing or changed.
    """

    def __init__(self) -> None:
        import torch
        from transformers import AutoModel, AutoTokenizer, logging

        logging.set_verbosity_error()
        logging.disable_progress_bar()
        folder = packaged_minilm()
        self.device = choose_device()
        choice = choose_precision(Precision.auto, self.device, "inference.precision")
        kind = torch.bfloat16 if choice.precision is Precision.bf16 else torch.float32
        self.tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model: Any = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True, dtype=kind)
        self.model = model.to(self.device).eval()

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Embed texts.

        Returns:
            Shape (texts, 384), float32, rows of length one; texts beyond 256 tokens are cut.
        """
        import torch

        ids = self.tokenizer(list(texts), truncation=True, max_length=MAX_TOKENS)["input_ids"]
        vectors = np.empty((len(texts), self.model.config.hidden_size), dtype=np.float32)
        for batch in batches_by_length([len(item) for item in ids], BATCH_TOKENS):
            padded = self.tokenizer.pad({"input_ids": [ids[index] for index in batch]}, return_tensors="pt")
            padded = padded.to(self.device)
            with torch.inference_mode():
                hidden = self.model(**padded).last_hidden_state.float()
            mask = padded["attention_mask"].unsqueeze(-1)
            mean = (hidden * mask).sum(dim=1) / mask.sum(dim=1)
            vectors[batch] = torch.nn.functional.normalize(mean, dim=-1).cpu().numpy()
        return vectors
