"""BERT classifiers in training, without computing padding: all but attention sees the real tokens alone.

Attention takes the rows padded, as one product for a whole batch: by stretches of one length, as prediction has it
(``packed.py``), it is small products in great number, whose way back costs more than the padding.
"""

from typing import Any

import torch
from torch.nn import functional

from sitrep.model.packed import PackedBert


class PackedTraining:
    """Answers batches as the classifier itself does, but for rounding.

    Args:
        model: A classifier of ``transformers``; :meth:`fits` says whether it is of the kind.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._heads = model.config.num_attention_heads

    @staticmethod
    def fits(model: Any) -> bool:
        """Whether a classifier is of the kind, has no dropout inside its encoder, and trains its weights themselves."""
        config = model.config
        if not PackedBert.fits(model) or config.hidden_dropout_prob or config.attention_probs_dropout_prob:
            return False
        return type(model.bert.encoder.layer[0].attention.self.query) is torch.nn.Linear  # or LoRA stands beside it

    def __call__(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, starts: torch.Tensor, seen: torch.Tensor | None
    ) -> torch.Tensor:
        """What the classifier's last layer reads.

        Args:
            input_ids: This and the next two as in :class:`sitrep.model.encoding.Batch`.
            attention_mask: See there.
            starts: See there.
            seen: Shape (rows, tokens, tokens): which token reads which; ``None``: all that are no padding.

        Returns:
            Shape (rows, sentences, size).
        """
        bert, width = self._model.bert, input_ids.shape[1]
        real = attention_mask.bool()
        tokens = real.flatten().nonzero()[:, 0]
        padded = (real.flatten().cumsum(0) - 1).clamp(min=0)
        seen = real[:, None, None] if seen is None else seen[:, None]
        unseen = torch.zeros(seen.shape).masked_fill(~seen, torch.finfo(torch.float32).min)
        hidden = self._embedded(bert.embeddings, input_ids.flatten()[tokens], tokens % width)
        for layer in bert.encoder.layer:
            found = self._attended(layer.attention.self, hidden, padded, unseen).index_select(0, tokens)
            after = layer.attention.output
            hidden = after.LayerNorm(after.dense(found) + hidden)
            widened = layer.intermediate.intermediate_act_fn(layer.intermediate.dense(hidden))
            hidden = layer.output.LayerNorm(layer.output.dense(widened) + hidden)
        before = (real.sum(1).cumsum(0) - real.sum(1))[:, None]
        first = hidden[(before + starts.clamp(min=0)).flatten()]
        pooled: torch.Tensor = self._model.dropout(bert.pooler.activation(bert.pooler.dense(first)))
        return pooled.reshape(*starts.shape, -1)

    @staticmethod
    def _embedded(embeddings: Any, ids: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        words = embeddings.word_embeddings(ids) + embeddings.token_type_embeddings.weight[0]
        hidden: torch.Tensor = embeddings.LayerNorm(words + embeddings.position_embeddings(places))
        return hidden

    def _attended(self, layer: Any, hidden: torch.Tensor, padded: torch.Tensor, unseen: torch.Tensor) -> torch.Tensor:
        """Shape (rows x width, size)."""
        parts = (layer.query, layer.key, layer.value)
        weight, bias = torch.cat([part.weight for part in parts]), torch.cat([part.bias for part in parts])
        mixed = functional.linear(hidden, weight, bias).index_select(0, padded)
        rows, width = len(unseen), unseen.shape[-1]
        queries, keys, values = mixed.view(rows, width, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
        likeness = queries @ keys.transpose(-1, -2) * queries.shape[-1] ** -0.5 + unseen
        found = likeness.softmax(-1, dtype=torch.float32).to(values.dtype) @ values
        return found.transpose(1, 2).reshape(rows * width, -1)
