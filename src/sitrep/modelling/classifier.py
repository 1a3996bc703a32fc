"""A classifier that answers every sentence of a row, around an encoder of ``transformers``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from sitrep.checkpoint import CONTEXT_WEIGHTS
from sitrep.errors import UserError
from sitrep.modelling.rows import Row

CLASSIFIER_STD = 0.02
"""Standard deviation of a new linear layer's weights, as BERT draws them."""


class SentenceClassifier(torch.nn.Module):  # type: ignore[misc]
    """An encoder, the mean over each sentence's tokens, and one linear layer.

    Args:
        encoder: A ``transformers`` model without head; a pooler in it is left out.
        labels: Number of outputs.
    """

    def __init__(self, encoder: Any, labels: int) -> None:
        super().__init__()
        if getattr(encoder, "pooler", None) is not None:
            encoder.pooler = None
        self.base_model = encoder
        self.config = encoder.config
        self.classifier = torch.nn.Linear(encoder.config.hidden_size, labels)
        torch.nn.init.normal_(self.classifier.weight, std=CLASSIFIER_STD)
        torch.nn.init.zeros_(self.classifier.bias)

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        spans: torch.Tensor,
        token_type_ids: torch.Tensor | None = None,
    ) -> dict[str, torch.Tensor]:
        """Answer the sentences of a batch of rows.

        Args:
            input_ids: Shape (rows, tokens).
            attention_mask: Shape (rows, tokens); 0 is padding.
            spans: Shape (rows, sentences, 2); start and end of each sentence, both 0 for padding.
            token_type_ids: Shape (rows, tokens), where rows are pairs.

        Returns:
            ``logits`` of shape (rows, sentences, labels) and ``vectors`` of shape (rows, sentences, hidden size).
        """
        extra = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        hidden = self.base_model(input_ids=input_ids, attention_mask=attention_mask, **extra).last_hidden_state
        place = torch.arange(hidden.shape[1], device=hidden.device)
        inside = (place >= spans[..., :1]) & (place < spans[..., 1:])
        with torch.autocast(hidden.device.type, enabled=False):
            weights = inside.float() / inside.sum(-1, keepdim=True).clamp(min=1)
            vectors = weights @ hidden.float()
        vectors = vectors.to(self.classifier.weight.dtype)
        return {"logits": self.classifier(vectors), "vectors": vectors}


class WholeRow(torch.nn.Module):  # type: ignore[misc]
    """A classifier of ``transformers``, which answers one sentence a row, behind the same interface.

    Args:
        model: Such as ``BertForSequenceClassification``.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.config = model.config

    @property
    def base_model(self) -> Any:
        """The encoder without its head."""
        return self.model.base_model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, **others: Any) -> dict[str, torch.Tensor]:
        """As :meth:`SentenceClassifier.forward`, with one sentence in each row."""
        logits = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        return {"logits": logits[:, None]}


def batch_of(rows: Sequence[Row], padding: int, width: int, pairs: bool = False) -> dict[str, torch.Tensor]:
    """Rows as tensors, as the classifiers take them.

    Args:
        rows: At least one.
        padding: Number of the padding token.
        width: Tokens to pad each row to.
        pairs: Whether to name the segments.
    """
    ids = torch.full((len(rows), width), padding, dtype=torch.long)
    mask = torch.zeros((len(rows), width), dtype=torch.long)
    segments = torch.zeros((len(rows), width), dtype=torch.long)
    spans = torch.zeros((len(rows), max(len(row.spans) for row in rows), 2), dtype=torch.long)
    for index, row in enumerate(rows):
        ids[index, : len(row.ids)] = torch.tensor(row.ids)
        mask[index, : len(row.ids)] = 1
        segments[index, : len(row.ids)] = torch.tensor(row.segments)
        spans[index, : len(row.spans)] = torch.tensor(row.spans)
    batch = {"input_ids": ids, "attention_mask": mask, "spans": spans}
    return batch | {"token_type_ids": segments} if pairs else batch


def save_sentence_classifier(model: SentenceClassifier, folder: Path) -> None:
    """Write configuration and weights.

    The weights do not go by the library's name: a program that does not know of rows and spans would load the encoder,
    add a head of random weights, and answer at random without a word. So it finds no weights instead.
    """
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    model.config.save_pretrained(folder)
    weights = {name: weight.detach().cpu().contiguous() for name, weight in model.state_dict().items()}
    save_file(weights, folder / CONTEXT_WEIGHTS, metadata={"format": "pt"})


def load_sentence_classifier(folder: Path, labels: int) -> SentenceClassifier:
    """Read what :func:`save_sentence_classifier` wrote, in fp32.

    Raises:
        UserError: If the weights do not fit the configuration.
    """
    from safetensors.torch import load_file
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.from_pretrained(folder, local_files_only=True)
    model = SentenceClassifier(AutoModel.from_config(config), labels)
    missing, unexpected = model.load_state_dict(load_file(folder / CONTEXT_WEIGHTS), strict=False)
    for problem, names in (("missing keys", missing), ("unexpected keys", unexpected)):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise UserError(f"{folder}: the weights do not fit config.json: {problem}: {names[0]}{more}")
    return model
