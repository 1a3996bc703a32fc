"""Pages whose layout says nothing, made anew for each epoch, for models that read a sentence with what is around it.

What is written for a corpus is built by its writers' habits: where the menu stands, how long an article is, what
follows a headline. A model that reads whole pages learns these habits too, and real pages have others. So before an
epoch the furniture of pages is given to other pages, blocks of sentences change places, pages are cut into stretches,
and neighbours are hidden. What stays is what stands side by side in any page: who was named a sentence before, a
quotation that goes on, a line that was cut in two.
"""

from collections.abc import Callable, Sequence

import numpy as np

MOVED = 0.7
"""Share of the pages whose furniture goes to other pages."""

SHUFFLED = 0.5
"""Share of the pages whose blocks change places."""

BLOCK = (3, 8)
"""Sentences of a block, at least and at most."""

STRETCHES = ((1, 12), (8, 59))
"""Sentences of a stretch that a page is cut into, at least and at most; one stretch in two is of the first kind."""

THINNED = 0.5
"""Share of the stretches that are parted in two, by chance and sentence by sentence, so that neighbours are missing."""

KEPT = (0.4, 0.9)
"""Share of the sentences that go into the first of the two."""

FEW = 3
"""Sentences that are left as they are: no room for blocks, no neighbours to hide."""

Page = list[int]


def mixed_pages(pages: Sequence[Sequence[int]], furniture: np.ndarray, rng: np.random.Generator) -> list[Page]:
    """Make other pages of the same sentences.

    Args:
        pages: Numbers of the sentences of each page in reading order.
        furniture: For each number, whether the sentence is furniture of a page.
        rng: Draws all of it.

    Returns:
        Numbers of the sentences of each new page; each number that was given is in one of them, once.
    """
    moved = _with_other_furniture(pages, furniture, rng)
    shuffled = [_shuffled(page, rng) if rng.random() < SHUFFLED else page for page in moved]
    stretches = [stretch for page in shuffled for stretch in _stretches(page, rng)]
    return [part for stretch in stretches for part in _thinned(stretch, rng)]


def _with_other_furniture(
    pages: Sequence[Sequence[int]], furniture: np.ndarray, rng: np.random.Generator
) -> list[Page]:
    """Runs of furniture leave their pages and go anywhere in others, some of them in two pieces."""
    runs: list[Page] = []
    bodies: list[Page] = []
    for page in pages:
        leaves = furniture[np.asarray(page)] & (rng.random() < MOVED)
        bodies.append([number for number, left in zip(page, leaves, strict=True) if not left])
        bounds = np.flatnonzero(np.diff(leaves, prepend=False, append=False))
        runs += [list(page[first:last]) for first, last in zip(bounds[::2], bounds[1::2], strict=True)]
    for run in runs:
        cut = int(rng.integers(1, len(run))) if len(run) > FEW and rng.random() < 0.5 else len(run)
        for piece in (run[:cut], run[cut:]):
            body = bodies[int(rng.integers(len(bodies)))]
            place = int(rng.integers(len(body) + 1))
            body[place:place] = piece
    return [body for body in bodies if body]


def _shuffled(page: Page, rng: np.random.Generator) -> Page:
    """Blocks of neighbours in another order."""
    if len(page) <= FEW:
        return page
    blocks = _cut(page, lambda: int(rng.integers(BLOCK[0], BLOCK[1] + 1)))
    return [number for block in rng.permutation(len(blocks)) for number in blocks[block]]


def _stretches(page: Page, rng: np.random.Generator) -> list[Page]:
    """A page cut where it may be."""

    def length() -> int:
        least, most = STRETCHES[int(rng.random() < 0.5)]
        return int(rng.integers(least, most + 1))

    return _cut(page, length)


def _thinned(page: Page, rng: np.random.Generator) -> list[Page]:
    """A page, or two that each lack what the other has."""
    if len(page) <= FEW or rng.random() >= THINNED:
        return [page]
    first = rng.random(len(page)) < rng.uniform(*KEPT)
    numbers = np.asarray(page)
    return [part.tolist() for part in (numbers[first], numbers[~first]) if len(part)]


def _cut(page: Page, length: Callable[[], int]) -> list[Page]:
    pieces = []
    start = 0
    while start < len(page):
        end = start + length()
        pieces.append(page[start:end])
        start = end
    return pieces
