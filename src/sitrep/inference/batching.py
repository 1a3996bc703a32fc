"""Batches of sentences of like length that share a budget of tokens."""

from collections.abc import Iterable, Iterator, Sequence

from sitrep.sentences import Passage

WIDTH_STEP = 8
"""Batches are padded to a multiple of this: the CPU's kernels are compiled and kept for each shape, so that few shapes
save time, and memory that would grow with the first hundreds of thousands of rows (`benchmarks/memory.py`)."""


def whole_articles(passages: Iterable[Passage], size: int) -> Iterator[list[Passage]]:
    """Cut a stream into lists of at most ``size`` passages, between articles wherever that is possible.

    An article longer than ``size`` is cut all the same, so that memory stays bounded.
    """
    window: list[Passage] = []
    start = 0  # of the last article in the window
    for passage in passages:
        if window and passage.article_id != window[-1].article_id:
            start = len(window)
        if len(window) == size:
            cut = start if 0 < start < size else size
            yield window[:cut]
            window = window[cut:]
            start = 0
        window.append(passage)
    if window:
        yield window


def stepped_width(longest: int) -> int:
    """Tokens that the rows of a batch are padded to."""
    return -(-longest // WIDTH_STEP) * WIDTH_STEP


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
