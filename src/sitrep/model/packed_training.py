"""Classifiers in training, computing no more than what is learnt from.

All but attention sees the real tokens alone; attention takes the rows padded, as one product for a whole batch: by
stretches of one length, as prediction has it (``packed.py``), it is small products in great number, whose way back
costs more than the padding. Of the last layer only the begin tokens are read, so it is computed for them alone. And
since the kernels of a CPU's products are made anew for each number of rows that they meet, which took a fifth of a
step, the tokens of a batch are filled up to one of few numbers.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional

from sitrep.model.encoder_parts import EncoderParts, LayerParts, pooled
from sitrep.model.packed import joined
from sitrep.model.windows import added_mask, seen_tokens

FILLED_TOKENS = 64
"""A batch's tokens are filled up to a multiple of this,"""
FILLED_PLACES = 16
"""and its sentences, and the width of its rows, to a multiple of this."""


@dataclass(frozen=True)
class Pooled:
    """What a classifier's last layer reads of a batch.

    Attributes:
        vectors: Shape (filled sentences, size).
        places: Shape (rows, sentences): where each sentence stands among them; any place where a row has fewer.
    """

    vectors: torch.Tensor
    places: torch.Tensor

    def answers(self, head: Any) -> torch.Tensor:
        """What a layer makes of each sentence, shape (rows, sentences, outputs)."""
        answers: torch.Tensor = head(self.vectors).index_select(0, self.places.flatten())
        return answers.reshape(*self.places.shape, -1)


class PackedTraining:
    """Answers batches as the classifier itself does, but for rounding.

    Args:
        model: A classifier of ``transformers``; :meth:`fits` says whether it is of the kind.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._parts = EncoderParts(model)
        self._heads = model.config.num_attention_heads

    @staticmethod
    def fits(model: Any) -> bool:
        """Whether a classifier is of the kind, has no dropout inside its encoder, and trains its weights themselves."""
        config = model.config
        if not EncoderParts.fit(model) or config.hidden_dropout_prob or config.attention_probs_dropout_prob:
            return False
        return type(EncoderParts(model).layers[0].query) is torch.nn.Linear  # or LoRA stands beside it

    def __call__(self, input_ids: torch.Tensor, starts: torch.Tensor, owners: torch.Tensor) -> Pooled:
        """Compute a batch.

        Args:
            input_ids: This and the next two as in :class:`sitrep.model.encoding.Batch`.
            starts: See there.
            owners: See there.
        """
        more = _missing(owners.shape[1], FILLED_PLACES)
        input_ids, owners = functional.pad(input_ids, (0, more)), functional.pad(owners, (0, more), value=-1)
        width, real = owners.shape[1], (owners >= 0).flatten()
        tokens = _filled_up(real.nonzero()[:, 0], FILLED_TOKENS)
        padded = (real.cumsum(0) - 1).clamp(min=0)
        bias = self._parts.bias(width)
        mask = _mask(seen_tokens(owners))[:, None]
        hidden = self._parts.embedded(input_ids.flatten()[tokens], tokens % width)
        *layers, last = self._parts.layers
        for layer in layers:
            found = self._attended(layer, hidden, padded, mask, bias).index_select(0, tokens)
            hidden = self._rest(layer, hidden, found)
        answered = (starts >= 0).flatten()
        sentences = _filled_up(answered.nonzero()[:, 0], FILLED_PLACES)
        begins = (torch.arange(len(starts))[:, None] * width + starts).flatten()[sentences]
        first = self._last(last, hidden, padded, begins, owners)
        places = (answered.cumsum(0) - 1).clamp(min=0)

        def drop(dropout: Any, vectors: torch.Tensor) -> torch.Tensor:
            """It draws for sentences as rows hold them."""
            dropped: torch.Tensor = dropout(vectors.index_select(0, places))
            return dropped.index_select(0, sentences)

        return Pooled(pooled(self._model, first, drop), places.reshape(starts.shape))

    def _attended(
        self,
        layer: LayerParts,
        hidden: torch.Tensor,
        padded: torch.Tensor,
        mask: torch.Tensor,
        bias: torch.Tensor | None,
    ) -> torch.Tensor:
        """Shape (rows x width, size)."""
        mixed = _at_once((layer.query, layer.key, layer.value), hidden).index_select(0, padded)
        rows, width = len(mask), mask.shape[-1]
        queries, keys, values = mixed.view(rows, width, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
        found = _read(queries, keys, values, mask, bias)
        return found.transpose(1, 2).reshape(rows * width, -1)

    def _last(
        self, layer: LayerParts, hidden: torch.Tensor, padded: torch.Tensor, begins: torch.Tensor, owners: torch.Tensor
    ) -> torch.Tensor:
        """A layer of which the begin tokens alone are read, each of which reads its own sentence.

        Args:
            layer: The last one.
            hidden: Shape (filled tokens, size).
            padded: Where a token of a padded row stands among them.
            begins: Places of the begin tokens in padded rows that lie end to end.
            owners: As in :meth:`__call__`.

        Returns:
            Shape (filled sentences, size).
        """
        width = owners.shape[1]
        lengths = (owners[begins // width] == owners.flatten()[begins][:, None]).sum(1, keepdim=True)
        longest = int(lengths.max())
        offsets = torch.arange(longest + _missing(longest, FILLED_PLACES))
        own = offsets < lengths
        sentence = padded[begins][:, None] + offsets.expand_as(own).where(own, 0)
        mixed = _at_once((layer.key, layer.value), hidden).index_select(0, sentence.flatten())
        keys, values = mixed.view(*own.shape, 2, self._heads, -1).permute(2, 0, 3, 1, 4)
        begun = hidden.index_select(0, padded[begins])
        queries = layer.query(begun).view(len(begins), self._heads, 1, -1)
        bias = self._parts.bias(len(offsets))
        first = bias[:, :, :1] if bias is not None else None
        found = _read(queries, keys, values, _mask(own)[:, None, None], first)
        return self._rest(layer, begun, found.reshape(len(begins), -1))

    @staticmethod
    def _rest(layer: LayerParts, hidden: torch.Tensor, found: torch.Tensor) -> torch.Tensor:
        """What follows attention in a layer."""
        hidden = layer.norm(layer.out(found) + hidden)
        rest: torch.Tensor = layer.last_norm(layer.narrow(functional.gelu(layer.widen(hidden))) + hidden)
        return rest


def _at_once(parts: tuple[Any, ...], hidden: torch.Tensor) -> torch.Tensor:
    """Linear layers as one product, their outputs side by side."""
    return functional.linear(hidden, *joined(parts))


def _mask(seen: torch.Tensor) -> torch.Tensor:
    """As :func:`sitrep.model.windows.added_mask`, in the format of the products."""
    in_bf16 = torch.is_autocast_enabled("cpu")
    return added_mask(seen, torch.get_autocast_dtype("cpu") if in_bf16 else torch.float32)


def _read(
    queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, mask: torch.Tensor, bias: torch.Tensor | None
) -> torch.Tensor:
    """Attention in the format of the products; a softmax adds up in fp32 by itself."""
    likeness = (queries * queries.shape[-1] ** -0.5) @ keys.transpose(-1, -2)
    if bias is not None:
        likeness = likeness.add_(bias)
    found: torch.Tensor = likeness.add_(mask).softmax(-1) @ values
    return found


def _missing(count: int, multiple: int) -> int:
    return -count % multiple


def _filled_up(places: torch.Tensor, multiple: int) -> torch.Tensor:
    """With the first one again as often as it takes; nothing reads these, so nothing is learnt from them."""
    return torch.cat([places, places[:1].expand(_missing(len(places), multiple))])
