"""A random sample of the units of pages, in which every unit has the same chance.

Two stages (Cochran, "Sampling Techniques", ch. 11; Lohr, "Sampling: Design and Analysis", ch. 6): pages systematically
with probability proportional to their size, then a fixed number of units of each at random. The one probability times
the other is the same for all. A page so long that it would be drawn more than once is drawn for certain, and gives its
share of units, rounded up or down by chance; one that is shorter than the fixed number gives all it has, and is drawn
with the common probability.
"""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class RandomDraw:
    """What was drawn.

    Attributes:
        probability: With which each unit of the set is drawn.
        places: By page, which of its units, counted from 0 in the order of reading.
    """

    probability: float = 0.0
    places: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many units."""
        return sum(map(len, self.places.values()))


def draw_at_random(sizes: Mapping[str, int], count: int, per_page: int, seed: int) -> RandomDraw:
    """Draw units of pages, each with the probability ``count / units``.

    Args:
        sizes: Units of each page. Their order does not matter.
        count: Units to be drawn; the number that comes out is that on average, and near it every time.
        per_page: Units of a page; more of one that is drawn for certain.
        seed: Of the draw. What is drawn within a page hangs on the seed and its id alone.
    """
    total = sum(sizes.values())
    if count >= total:
        return RandomDraw(1.0, {page: tuple(range(size)) for page, size in sizes.items()})
    if count < 1:
        return RandomDraw()
    probability = count / total
    order = sorted(sizes)
    rng = random.Random(f"{seed}:pages")
    rng.shuffle(order)  # no period of the input meets that of the draw
    reached = rng.random()
    places = {}
    for page in order:
        size = sizes[page]
        taken = min(per_page, size)
        chance = probability * size / taken
        within = random.Random(f"{seed}:{page}")
        if chance >= 1:
            taken = math.floor(probability * size + within.random())
        else:
            before, reached = reached, reached + chance
            if math.floor(before) == math.floor(reached):
                continue
        places[page] = tuple(sorted(within.sample(range(size), taken)))
    return RandomDraw(probability, places)
