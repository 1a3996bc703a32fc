"""Who labels which units, and in which order."""

import random
from collections.abc import Iterable, Mapping, Sequence

from sitrep.data.own_labels import Drawn, SampledUnit


def deal(
    sample: Sequence[SampledUnit], coders: Sequence[str], overlap: float, seed: int
) -> dict[str, list[SampledUnit]]:
    """Deal units out by whole pages.

    Args:
        sample: To be labelled.
        coders: Names, two or more.
        overlap: Share of the units that every coder gets, of those at random and of the chosen ones alike: agreement
            is to hold for both.
        seed: Of the draw.

    Returns:
        Units of each coder; those that all have are on whole pages, so that their number is at least the share.
    """
    dealt: dict[str, list[SampledUnit]] = {coder: [] for coder in coders}
    rng = random.Random(f"{seed}:deal")
    for drawn in Drawn:
        pages = list(_pages(unit for unit in sample if unit.drawn is drawn).values())
        rng.shuffle(pages)
        shared, wanted = 0, overlap * sum(map(len, pages))
        for page in pages:
            if shared < wanted - 1e-9:
                shared += len(page)
                getting = list(dealt)
            else:
                getting = [min(dealt, key=lambda coder: len(dealt[coder]))]
            for coder in getting:
                dealt[coder] += page
    return dealt


def shuffled(units: Iterable[SampledUnit], seed: int, coder: str = "") -> list[SampledUnit]:
    """Units in the order in which they are labelled, for every coder another.

    Pages come in any order, so that neither time nor outlet nor how they were drawn leads; units of a page stay
    together in theirs, as the coder reads it once.
    """
    pages = list(_pages(units).values())
    random.Random(f"{seed}:order:{coder}").shuffle(pages)
    return [unit for page in pages for unit in sorted(page, key=lambda unit: unit.position)]


def _pages(units: Iterable[SampledUnit]) -> Mapping[str, list[SampledUnit]]:
    pages: dict[str, list[SampledUnit]] = {}
    for unit in units:
        pages.setdefault(unit.article_id, []).append(unit)
    return pages
