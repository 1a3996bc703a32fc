"""A classifier that answers every sentence of a row, around an encoder of ``transformers``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from sitrep.checkpoint import CONTEXT_WEIGHTS
from sitrep.config import Context
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
        **others: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """Answer the sentences of a batch of rows.

        Args:
            input_ids: Shape (rows, tokens).
            attention_mask: Shape (rows, tokens); 0 is padding.
            spans: Shape (rows, sentences, 2); start and end of each sentence, both 0 for padding.
            token_type_ids: Shape (rows, tokens), where rows are pairs.
            others: Are not read.

        Returns:
            ``logits`` of shape (rows, sentences, labels).
        """
        vectors = self.vectors(input_ids, attention_mask, spans, token_type_ids)
        return {"logits": self.classifier(vectors.to(self.classifier.weight.dtype))}

    def vectors(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        spans: torch.Tensor,
        token_type_ids: torch.Tensor | None = None,
        **others: torch.Tensor,
    ) -> torch.Tensor:
        """What stands for each sentence: shape (rows, sentences, size), in fp32; arguments as in :meth:`forward`."""
        extra = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        hidden = self.base_model(input_ids=input_ids, attention_mask=attention_mask, **extra).last_hidden_state
        place = torch.arange(hidden.shape[1], device=hidden.device)
        inside = (place >= spans[..., :1]) & (place < spans[..., 1:])
        with torch.autocast(hidden.device.type, enabled=False):
            weights = inside.float() / inside.sum(-1, keepdim=True).clamp(min=1)
            vectors: torch.Tensor = weights @ hidden.float()
        return vectors


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

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        token_type_ids: torch.Tensor | None = None,
        **others: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """As :meth:`SentenceClassifier.forward`, with one sentence in each row."""
        extra = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        return {"logits": self.model(input_ids=input_ids, attention_mask=attention_mask, **extra).logits[:, None]}

    def vectors(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        token_type_ids: torch.Tensor | None = None,
        **others: torch.Tensor,
    ) -> torch.Tensor:
        """As :meth:`SentenceClassifier.vectors`: the first token of each row."""
        extra = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        encoded = self.base_model(input_ids=input_ids, attention_mask=attention_mask, **extra)
        vectors: torch.Tensor = encoded.last_hidden_state[:, :1]
        return vectors


class FirstTokens(WholeRow):
    """The same classifier over a window of a page, each sentence of which begins with a ``[CLS]`` of its own.

    That token reads its own sentence and is read by it alone; all others read the whole window. So each sentence is
    answered from its own tokens, which know of their context, and a row of one sentence is answered exactly as by the
    model without any of this: a program that knows nothing of windows gets its answers for lone sentences.

    Raises:
        UserError: If the classifier is of a kind whose head cannot be told from its encoder here.
    """

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        if model.config.model_type not in HEADS:
            raise UserError(
                f"model.pooling=cls: with model.context=article there for {', '.join(HEADS)}, not for "
                f"{model.config.model_type}; use model.pooling=mean"
            )
        self.head = HEADS[model.config.model_type]

    def forward(  # type: ignore[override]
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        spans: torch.Tensor,
        owners: torch.Tensor,
        **others: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """As :meth:`SentenceClassifier.forward`.

        Args:
            input_ids: Shape (rows, tokens).
            attention_mask: Shape (rows, tokens); 0 is padding.
            spans: Shape (rows, sentences, 2); the first number is the place of the sentence's ``[CLS]``.
            owners: Shape (rows, tokens); a number that the tokens of one sentence share.
            others: Are not read.
        """
        return {"logits": self.head(self.model, self.vectors(input_ids, attention_mask, spans, owners))}

    def vectors(  # type: ignore[override]
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        spans: torch.Tensor,
        owners: torch.Tensor,
        **others: torch.Tensor,
    ) -> torch.Tensor:
        """As :meth:`SentenceClassifier.vectors`: the first token of each sentence."""
        begins = torch.ones_like(owners, dtype=torch.bool)
        begins[:, 1:] = owners[:, 1:] != owners[:, :-1]
        same = owners[:, :, None] == owners[:, None, :]
        seen = attention_mask[:, None, :].bool() & (same | ~(begins[:, :, None] | begins[:, None, :]))
        kind = self.model.dtype
        mask = torch.zeros(seen.shape, dtype=kind, device=seen.device).masked_fill(~seen, torch.finfo(kind).min)
        hidden = self.base_model(input_ids=input_ids, attention_mask=mask[:, None]).last_hidden_state
        places = spans[..., :1].expand(-1, -1, hidden.shape[-1])
        vectors: torch.Tensor = hidden.gather(1, places)
        return vectors


def _bert_head(model: Any, vectors: torch.Tensor) -> torch.Tensor:
    """Pooler, dropout and classifier of ``BertForSequenceClassification``, for any number of first tokens."""
    rows, sentences, size = vectors.shape
    pooled = model.bert.pooler(vectors.reshape(rows * sentences, 1, size))
    return model.classifier(model.dropout(pooled)).reshape(rows, sentences, -1)


HEADS = {"bert": _bert_head}
"""What comes after the encoder, by ``model_type``."""


def wrap_classifier(model: Any, context: Context) -> WholeRow:
    """A classifier of ``transformers`` as the one that reads rows with ``context`` and answers from first tokens."""
    return FirstTokens(model) if context is Context.article else WholeRow(model)


def batch_of(rows: Sequence[Row], padding: int, width: int, pairs: bool) -> dict[str, torch.Tensor]:
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
    owners = torch.full((len(rows), width), -1, dtype=torch.long)
    spans = torch.zeros((len(rows), max(len(row.spans) for row in rows), 2), dtype=torch.long)
    for index, row in enumerate(rows):
        ids[index, : len(row.ids)] = torch.tensor(row.ids)
        mask[index, : len(row.ids)] = 1
        segments[index, : len(row.ids)] = torch.tensor(row.segments)
        owners[index, : len(row.ids)] = torch.tensor(row.owners)
        spans[index, : len(row.spans)] = torch.tensor(row.spans)
    batch = {"input_ids": ids, "attention_mask": mask, "spans": spans, "owners": owners}
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
