"""Where the parts of a classifier of ``transformers`` lie, for kinds whose layers are BERT's.

A layer is attention and two products, each pair with a sum and a norm behind it; kinds differ in names, in how places
are told, and in the head. So one computation without padding serves all of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

Drop = Callable[[Any, torch.Tensor], torch.Tensor]
"""How a dropout of the head is applied to vectors of shape (sentences, size)."""


def _dropped(dropout: Any, vectors: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = dropout(vectors)
    return found


@dataclass(frozen=True)
class Head:
    """How a kind of classifier gets from first tokens to its answers.

    Attributes:
        pooled: Its layers but the last, for a classifier and vectors of shape (sentences, size).
        last: The last one.
    """

    pooled: Callable[[Any, torch.Tensor, Drop], torch.Tensor]
    last: Callable[[Any], torch.nn.Module]


def _bert_pooled(model: Any, vectors: torch.Tensor, drop: Drop) -> torch.Tensor:
    """Pooler and dropout of ``BertForSequenceClassification``."""
    pooler = model.bert.pooler
    return drop(model.dropout, pooler.activation(pooler.dense(vectors)))


def _roberta_pooled(model: Any, vectors: torch.Tensor, drop: Drop) -> torch.Tensor:
    """The head of ``RobertaForSequenceClassification`` and its like but for ``out_proj``."""
    head = model.classifier
    return drop(head.dropout, torch.tanh(head.dense(drop(head.dropout, vectors))))


_ROBERTA = Head(_roberta_pooled, lambda model: model.classifier.out_proj)
HEADS = {
    "bert": Head(_bert_pooled, lambda model: model.classifier),
    "mpnet": _ROBERTA,
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "camembert": _ROBERTA,
}
"""By ``model_type``, those that are known."""


def pooled(model: Any, vectors: torch.Tensor, drop: Drop = _dropped) -> torch.Tensor:
    """What the head's last layer reads.

    Args:
        model: A classifier whose ``model_type`` is among :data:`HEADS`.
        vectors: First tokens of sentences, shape (sentences, size).
        drop: Applies its dropouts.
    """
    return HEADS[model.config.model_type].pooled(model, vectors, drop)


def last(model: Any) -> torch.nn.Module:
    """The last layer of the head of a classifier whose ``model_type`` is among :data:`HEADS`."""
    return HEADS[model.config.model_type].last(model)


@dataclass(frozen=True)
class LayerParts:
    """The products and norms of one layer, by what they are for.

    Attributes:
        query: This and the next two make what attention compares and mixes.
        key: See there.
        value: See there.
        out: What follows attention.
        norm: Behind it.
        widen: The first of the two products, before the activation.
        narrow: The second.
        last_norm: Behind it.
    """

    query: torch.nn.Linear
    key: torch.nn.Linear
    value: torch.nn.Linear
    out: torch.nn.Linear
    norm: torch.nn.Module
    widen: torch.nn.Linear
    narrow: torch.nn.Linear
    last_norm: torch.nn.Module


class EncoderParts:
    """The encoder of a classifier by its parts, which stay those of the classifier.

    Args:
        model: A classifier of ``transformers``; :meth:`fit` says whether it is of a kind that this one knows.
    """

    def __init__(self, model: Any) -> None:
        encoder = model.base_model.encoder
        self._embeddings = model.base_model.embeddings
        self._relative = encoder if hasattr(encoder, "compute_position_bias") else None
        self.layers = [_parts(layer) for layer in encoder.layer]

    @staticmethod
    def fit(model: Any) -> bool:
        """Whether a classifier is of a kind that is known."""
        config = model.config
        return (
            config.model_type in HEADS
            and type(model).__name__.endswith("ForSequenceClassification")
            and config.hidden_act == "gelu"
            and not getattr(config, "is_decoder", False)
            and getattr(config, "position_embedding_type", "absolute") in (None, "absolute")
        )

    @property
    def has_bias(self) -> bool:
        """Whether what a token reads of another hangs on their distance."""
        return self._relative is not None

    def bias(self, tokens: int) -> torch.Tensor | None:
        """What the distance adds to the likeness of tokens, shape (1, heads, tokens, tokens); ``None``: nothing."""
        if self._relative is None:
            return None
        table = self._relative.relative_attention_bias.weight
        bias: torch.Tensor = self._relative.compute_position_bias(table.new_empty(1, tokens))
        return bias

    def embedded(self, ids: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """The input of the first layer, without its dropout.

        Args:
            ids: Token numbers, of any shape.
            places: Their places in their rows, from 0 on.
        """
        table = self._embeddings
        words = table.word_embeddings(ids)
        if hasattr(table, "token_type_embeddings"):
            words = words + table.token_type_embeddings.weight[0]
        padding = table.position_embeddings.padding_idx
        first = 0 if padding is None else padding + 1
        hidden: torch.Tensor = table.LayerNorm(words + table.position_embeddings(places + first))
        return hidden


def _parts(layer: Any) -> LayerParts:
    attention = layer.attention
    if hasattr(attention, "attn"):  # MPNet
        inner = attention.attn
        first = (inner.q, inner.k, inner.v, inner.o, attention.LayerNorm)
    else:
        inner = attention.self
        first = (inner.query, inner.key, inner.value, attention.output.dense, attention.output.LayerNorm)
    return LayerParts(*first, layer.intermediate.dense, layer.output.dense, layer.output.LayerNorm)
