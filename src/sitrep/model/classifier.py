"""Classifiers of ``transformers`` that answer every sentence of a row."""

from typing import Any

import torch

from sitrep.errors import UserError
from sitrep.model.packed_training import PackedTraining
from sitrep.settings import Context


class SentenceClassifier(torch.nn.Module):  # type: ignore[misc]
    """A classifier of ``transformers``, which answers one sentence a row.

    Args:
        model: Such as ``BertForSequenceClassification``.
    """

    accepts_loss_kwargs = True  # the trainer counts the sentences of a step: the loss is divided by them

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.config = model.config
        self.packed: PackedTraining | None = None
        """Computes training batches in the model's place where it is given."""

    @property
    def base_model(self) -> Any:
        """The encoder without its head."""
        return self.model.base_model

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        starts: torch.Tensor,
        owners: torch.Tensor,
        without_head: bool = False,
    ) -> dict[str, torch.Tensor]:
        """Answer the sentences of a batch of rows.

        Args:
            input_ids: This and the next three as in :class:`sitrep.model.encoding.Batch`.
            attention_mask: See there.
            starts: See there.
            owners: See there.
            without_head: Give what stands for each sentence before the head.

        Returns:
            ``logits`` of shape (rows, sentences, outputs), or ``vectors`` of shape (rows, sentences, size).
        """
        if without_head:
            return {"vectors": self.vectors(input_ids, attention_mask, starts, owners)}
        return {"logits": self.answers(input_ids, attention_mask, starts, owners)}

    def answers(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, starts: torch.Tensor, owners: torch.Tensor
    ) -> torch.Tensor:
        """Logits of shape (rows, sentences, outputs); arguments as in :meth:`forward`."""
        if self.packed is not None and self.training:
            return self.packed(input_ids, attention_mask)[:, None]
        logits: torch.Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits[:, None]
        return logits

    def vectors(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, starts: torch.Tensor, owners: torch.Tensor
    ) -> torch.Tensor:
        """The first token of each row, which stands for its sentence; arguments as in :meth:`forward`."""
        encoded = self.base_model(input_ids=input_ids, attention_mask=attention_mask)
        vectors: torch.Tensor = encoded.last_hidden_state[:, :1]
        return vectors


class WindowClassifier(SentenceClassifier):
    """The same classifier over a window of a page, each sentence of which begins with a begin token of its own.

    That token reads its own sentence and is read by it alone; all others read the whole window. So each sentence is
    answered from its own tokens, which know of their context, and a row of one sentence is answered exactly as by the
    model without any of this: a program that knows nothing of windows gets its answers for lone sentences.

    Raises:
        UserError: If the classifier is of a kind whose head cannot be told from its encoder here.
    """

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        if model.config.model_type not in HEADS:
            kinds = ", ".join(HEADS)
            raise UserError(f"model.context=article: there for {kinds}, not for {model.config.model_type}; use none")
        self.head = HEADS[model.config.model_type]

    def answers(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, starts: torch.Tensor, owners: torch.Tensor
    ) -> torch.Tensor:
        """As :meth:`SentenceClassifier.answers`."""
        return self.head(self.model, self.vectors(input_ids, attention_mask, starts, owners))

    def vectors(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, starts: torch.Tensor, owners: torch.Tensor
    ) -> torch.Tensor:
        """As :meth:`SentenceClassifier.vectors`: the begin token of each sentence."""
        begins = torch.ones_like(owners, dtype=torch.bool)
        begins[:, 1:] = owners[:, 1:] != owners[:, :-1]
        same = owners[:, :, None] == owners[:, None, :]
        seen = attention_mask[:, None, :].bool() & (same | ~(begins[:, :, None] | begins[:, None, :]))
        kind = self.model.dtype
        mask = torch.zeros(seen.shape, dtype=kind, device=seen.device).masked_fill(~seen, torch.finfo(kind).min)
        hidden = self.base_model(input_ids=input_ids, attention_mask=mask[:, None]).last_hidden_state
        places = starts.clamp(min=0)[..., None].expand(-1, -1, hidden.shape[-1])
        vectors: torch.Tensor = hidden.gather(1, places)
        return vectors


def _bert_head(model: Any, vectors: torch.Tensor) -> torch.Tensor:
    """Pooler, dropout and classifier of ``BertForSequenceClassification``, for any number of first tokens."""
    rows, sentences, size = vectors.shape
    pooled = model.bert.pooler(vectors.reshape(rows * sentences, 1, size))
    logits: torch.Tensor = model.classifier(model.dropout(pooled)).reshape(rows, sentences, -1)
    return logits


HEADS = {"bert": _bert_head}
"""What comes after the encoder, by ``model_type``."""


def wrap_classifier(model: Any, context: Context) -> SentenceClassifier:
    """A classifier of ``transformers`` as one that reads rows with ``context``."""
    return WindowClassifier(model) if context is Context.article else SentenceClassifier(model)
