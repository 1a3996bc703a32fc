"""Batches of sentences of like length that share a budget of tokens."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


def windows(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Cut a stream into lists of ``size`` items, the last one shorter."""
    iterator = iter(items)
    while window := list(islice(iterator, size)):
        yield window


def batches_by_length(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Group indices of a window such that each batch, padded to its longest item, fits the budget.

    Args:
        lengths: Tokens of each item.
        budget: Tokens a batch, padding included. An item longer than that is a batch of its own.

    Yields:
        Indices, longest items first, so that memory runs out at once or never. Ties keep their order,
        which makes the batches, and so every bit of the result, depend on the lengths alone.
    """
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    batch: list[int] = []
    for index in order:
        if batch and lengths[batch[0]] * (len(batch) + 1) > budget:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch
