"""Classifiers over rows that are laid end to end, so that no token is padding.

The weights are those of the model of ``transformers``; only attention looks at which tokens are of one row. On a GPU
that is one kernel for rows of any lengths, elsewhere one call for each stretch of rows of one length. A row is a
sentence, or a window of a page, whose attention has a mask of its own and wants the second way. Of the last layer only
the begin tokens of the answered sentences are read, so it is computed for them alone.
"""

from typing import Any

import numpy as np
import torch
from torch.nn import functional

from sitrep.model.encoder_parts import EncoderParts, LayerParts, last, pooled
from sitrep.model.windows import added_mask, seen_tokens

Run = tuple[int, int, int]
"""First token, rows and tokens a row of a stretch of rows that are equally long."""

SHORTEST = 16
"""Tokens that a sentence is filled up to at least where begin tokens read it, or else to a power of two."""

CPU_STEP = 256
"""On a CPU the tokens of a batch, and its sentences, are filled up to a multiple of this, few to a part of it: its
kernels are made and kept for each number of them, and memory would grow with them (`benchmarks/memory.py`)."""


class PackedClassifier:
    """A classifier of ``transformers`` that takes rows without padding.

    Args:
        model: The classifier, on its device and in its number format; :meth:`fits` says whether it is of the kind.
        speakers: A :class:`sitrep.model.speaker_heads.SpeakerHeads`, whose answers are given behind the logits.
    """

    def __init__(self, model: Any, speakers: Any = None) -> None:
        self._heads = model.config.num_attention_heads
        self._size = model.config.hidden_size
        self._device = model.device
        self._model = model
        self._last = [last(model), *(speakers.values() if speakers is not None else ())]
        self._parts = EncoderParts(model)
        on_cpu = self._device.type == "cpu"
        prepared = on_cpu and torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        linear = _PreparedLinear if prepared else _Linear
        *layers, last_layer = self._parts.layers
        self._layers = [_Layer(layer, linear) for layer in layers]
        self._last_layer = _LastLayer(last_layer, linear)
        self._filled = filled if on_cpu else int
        self._one_kernel = self._device.type == "cuda" and model.dtype is not torch.float32

    @staticmethod
    def fits(model: Any) -> bool:
        """Whether a classifier is of the kind that this one computes, on the device that it is on."""
        if not EncoderParts.fit(model):
            return False
        return model.device.type == "cpu" or not EncoderParts(model).has_bias  # the one kernel of a GPU adds none

    def __call__(
        self, ids: np.ndarray, lengths: np.ndarray, answered: np.ndarray, owners: np.ndarray | None = None
    ) -> torch.Tensor:
        """Answer sentences.

        Args:
            ids: Tokens of all rows, one behind the other; int64.
            lengths: Tokens of each row.
            answered: Places among ``ids`` of the begin tokens of the sentences that are answered.
            owners: For each token, a number that the tokens of one sentence share, where rows are windows of pages;
                ``None``: each row is one sentence.

        Returns:
            Logits of shape (sentences, outputs), those of the speakers behind those of the labels.
        """
        ends = np.cumsum(lengths)
        places = np.arange(len(ids)) - np.repeat(ends - lengths, lengths)
        filling = self._filled(len(ids)) - len(ids)
        if filling:
            ids, places = np.pad(ids, (0, filling)), np.pad(places, (0, filling))
        hidden = self._parts.embedded(self._moved(ids), self._moved(places))
        one_kernel = self._one_kernel and owners is None
        cuts = self._moved(np.concatenate(([0], ends)).astype(np.int32)) if one_kernel else None
        runs = [] if one_kernel else runs_of(lengths)
        bias = self._parts.bias(int(lengths.max()))
        masks = [self._mask(owners, run, bias) for run in runs]
        for layer in self._layers:
            mixed = layer.queries_keys_values(hidden)
            if cuts is not None:
                attended = self._at_once(mixed, cuts, int(lengths.max()))
            else:
                attended = self._by_run(mixed, runs, masks)
            hidden = layer.rest(hidden, attended)
        count = len(answered)
        begins = hidden[self._moved(np.pad(answered, (0, self._filled(count) - count)))]
        attended = self._by_begins(begins, hidden, answered, sentence_lengths(answered, lengths, owners))
        found = pooled(self._model, self._last_layer.rest(begins, attended))
        logits: torch.Tensor = torch.cat([head(found)[:count] for head in self._last], dim=-1)
        return logits

    def _mask(self, owners: np.ndarray | None, run: Run, bias: torch.Tensor | None) -> torch.Tensor | None:
        """Which token reads which, or what is added to their likeness, shape (rows or 1, heads or 1, tokens, tokens).

        ``None``: every one reads every one of its row, and nothing is added.
        """
        begin, count, length = run
        if bias is not None:
            bias = bias[:, :, :length, :length]
        rows = None if owners is None else owners[begin : begin + count * length].reshape(count, length)
        if rows is None or (rows == rows[:, :1]).all():
            return bias
        seen = seen_tokens(self._moved(rows))[:, None]
        return seen if bias is None else added_mask(seen, bias.dtype) + bias

    def _at_once(self, mixed: torch.Tensor, cuts: torch.Tensor, longest: int) -> torch.Tensor:
        from torch.nn.attention.varlen import varlen_attn

        queries, keys, values = mixed.view(len(mixed), 3, self._heads, -1).unbind(1)
        attended: torch.Tensor = varlen_attn(queries, keys, values, cuts, cuts, longest, longest)
        return attended.reshape(len(mixed), self._size)

    def _by_run(self, mixed: torch.Tensor, runs: list[Run], masks: list[torch.Tensor | None]) -> torch.Tensor:
        attended = mixed.new_zeros(len(mixed), self._size)
        for (begin, count, length), mask in zip(runs, masks, strict=True):
            stretch = mixed[begin : begin + count * length]
            queries, keys, values = stretch.view(count, length, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
            found = functional.scaled_dot_product_attention(queries, keys, values, mask).transpose(1, 2)
            attended[begin : begin + count * length] = found.reshape(count * length, self._size)
        return attended

    def _by_begins(
        self, begins: torch.Tensor, hidden: torch.Tensor, answered: np.ndarray, lengths: np.ndarray
    ) -> torch.Tensor:
        """What each begin token finds in its own sentence, those of like length at once."""
        queries = self._last_layer.queries(begins).view(len(begins), self._heads, 1, -1)
        mixed = self._last_layer.keys_values(hidden)
        attended = torch.zeros_like(begins)
        widths = np.maximum(SHORTEST, 2 ** np.ceil(np.log2(lengths)).astype(np.int64))
        for width in np.unique(widths):
            chosen = np.flatnonzero(widths == width)
            own = np.arange(width) < lengths[chosen, None]
            tokens = answered[chosen, None] + np.where(own, np.arange(width), 0)
            read = mixed[self._moved(tokens.ravel())].view(*own.shape, 2, self._heads, -1)
            keys, values = read.permute(2, 0, 3, 1, 4)
            places, seen = self._moved(chosen), self._moved(own)[:, None, None]
            bias = self._parts.bias(int(width))
            mask = seen if bias is None else added_mask(seen, bias.dtype) + bias[:, :, :1]
            found = functional.scaled_dot_product_attention(queries[places], keys, values, mask)
            attended[places] = found.reshape(len(chosen), self._size)
        return attended

    def _moved(self, array: np.ndarray) -> torch.Tensor:
        tensor = torch.from_numpy(array)
        return tensor.pin_memory().to(self._device, non_blocking=True) if self._device.type == "cuda" else tensor


def filled(tokens: int) -> int:
    """How many tokens a batch is filled up to on a CPU.

    Examples:
        >>> [filled(tokens) for tokens in (5, 33, 100, 256, 257)]
        [32, 64, 128, 256, 512]
    """
    part = next((part for part in (8, 4, 2) if tokens * part <= CPU_STEP), 1)
    step = CPU_STEP // part
    return -(-tokens // step) * step


def runs_of(lengths: np.ndarray) -> list[Run]:
    """Stretches of rows that stand together and are equally long.

    Examples:
        >>> runs_of(np.array([3, 3, 2]))
        [(0, 2, 3), (6, 1, 2)]
    """
    bounds = np.flatnonzero(np.diff(lengths, prepend=-1, append=-1))
    starts = np.concatenate(([0], np.cumsum(lengths)))
    edges = zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
    return [(int(starts[first]), last - first, int(lengths[first])) for first, last in edges]


def sentence_lengths(answered: np.ndarray, lengths: np.ndarray, owners: np.ndarray | None) -> np.ndarray:
    """Tokens of each answered sentence; arguments as :class:`PackedClassifier` takes them.

    Examples:
        >>> sentence_lengths(np.array([0, 2, 5]), np.array([5, 4]), np.array([0, 0, 1, 1, 1, 0, 0, 0, 0]))
        array([2, 3, 4])
    """
    ends = np.cumsum(lengths)
    if owners is not None:
        ends = np.union1d(ends, np.flatnonzero(np.diff(owners)) + 1)
    sizes: np.ndarray = ends[np.searchsorted(ends, answered, side="right")] - answered
    return sizes


class _Block:
    """What all layers of the encoder have behind their attention."""

    def __init__(self, layer: LayerParts, linear: type["_Linear"]) -> None:
        self._out, self._widen, self._narrow = (
            linear(part.weight.detach(), part.bias.detach()) for part in (layer.out, layer.widen, layer.narrow)
        )
        self._norm, self._last_norm = layer.norm, layer.last_norm

    def rest(self, hidden: torch.Tensor, attended: torch.Tensor) -> torch.Tensor:
        """What follows attention."""
        hidden = self._norm(self._out.added(attended, hidden))
        last: torch.Tensor = self._last_norm(self._narrow.added(self._widen.gelu(hidden), hidden))
        return last


class _Layer(_Block):
    """One layer of the encoder; queries, keys and values come from one product."""

    def __init__(self, layer: LayerParts, linear: type["_Linear"]) -> None:
        super().__init__(layer, linear)
        self.queries_keys_values = _as_one((layer.query, layer.key, layer.value), linear)


class _LastLayer(_Block):
    """The last one, whose queries are the begin tokens' alone."""

    def __init__(self, layer: LayerParts, linear: type["_Linear"]) -> None:
        super().__init__(layer, linear)
        self.queries = _as_one((layer.query,), linear)
        self.keys_values = _as_one((layer.key, layer.value), linear)


def _as_one(parts: tuple[Any, ...], linear: type["_Linear"]) -> "_Linear":
    """One product for several; their outputs stand side by side."""
    weight, bias = joined(parts)
    return linear(weight.detach(), bias.detach())


def joined(parts: tuple[Any, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight and bias of the one product that does what several linear layers do."""
    return torch.cat([part.weight for part in parts]), torch.cat([part.bias for part in parts])


class _Linear:
    """A product with weights, and what follows it."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor) -> None:
        self.weight, self.bias = weight.contiguous(), bias

    def __call__(self, given: torch.Tensor) -> torch.Tensor:
        return functional.linear(given, self.weight, self.bias)

    def gelu(self, given: torch.Tensor) -> torch.Tensor:
        return functional.gelu(self(given))

    def added(self, given: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return self(given) + other


class _PreparedLinear(_Linear):
    """The same by oneDNN, as compiled models have it: weights in the order that its kernel reads, one pass for both.

    In fp32 torch takes another library by itself, which on AMD's processors is less than half as fast.
    """

    ROWS = 2048

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor) -> None:
        super().__init__(torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), self.ROWS), bias)

    def __call__(self, given: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = torch.ops.mkldnn._linear_pointwise(given, self.weight, self.bias, "none", [], "")
        return found

    def gelu(self, given: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = torch.ops.mkldnn._linear_pointwise(given, self.weight, self.bias, "gelu", [], "none")
        return found

    def added(self, given: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = torch.ops.mkldnn._linear_pointwise.binary(given, other, self.weight, self.bias, "add")
        return found
