"""The draw of a sample: a share at random, and one where the model learns most."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sitrep.data.own_labels import LABEL_FIELDS, Drawn, SampledUnit
from sitrep.errors import UserError
from sitrep.inference.predictor import Predictor
from sitrep.labelling.diversity import Embed, first_of_each_page, spread, without_near_duplicates
from sitrep.labelling.random_draw import RandomDraw, draw_at_random
from sitrep.labelling.unit_pool import SURE, UnitPool
from sitrep.sentences import Passage

CONTEXT_LINES = 3
"""Lines before and behind a unit that its coder reads."""
LOOKED_AT = 5
"""Times as many uncertain units as are wanted are looked at, so that they can be unlike each other."""
MOST_LOOKED_AT = 20_000
"""Units at most whose texts are held in memory for that."""


@dataclass(frozen=True)
class Plan:
    """What is wanted of a set.

    Attributes:
        random: Units drawn at random.
        chosen: How many are to be chosen besides, as far as there are enough.
        shortlist: Numbers of the units to choose from, most uncertain first.
    """

    random: RandomDraw
    chosen: int
    shortlist: Sequence[int]


@dataclass(frozen=True)
class _Found:
    """A unit with what stands around it on its page."""

    passage: Passage
    before: tuple[str, ...]
    after: tuple[str, ...]


def make_plan(pool: UnitPool, n: int, random_share: float, per_page: int, seed: int) -> Plan:
    """Draw the random share, and list what the others are chosen from: units of other pages.

    A set no larger than the sample is taken whole: then every unit has the probability 1. Where pages are so few that
    they do not hold the sample, each share gets its share of them.
    """
    sizes = pool.sizes()
    if n >= len(pool):
        return Plan(draw_at_random(sizes, len(pool), per_page, seed), 0, [])
    room = sum(min(per_page, size) for size in sizes.values())
    drawn = draw_at_random(sizes, round(random_share * min(n, room)), per_page, seed)
    # Rounding, and pages that are short, move the random share a little: the others fill it up.
    wanted = min(n, room) - drawn.count if random_share < 1 else 0
    return Plan(drawn, max(wanted, 0), _shortlist(pool, drawn, wanted, per_page) if wanted > 0 else [])


def _shortlist(pool: UnitPool, drawn: RandomDraw, wanted: int, per_page: int) -> list[int]:
    margins, page_of = pool.margins, pool.page_of
    taken = {pool.pages[page] for page in drawn.places}
    seen = {pool.same_text(number) for number in pool.numbers(drawn.places)}
    of_page: Counter[int] = Counter()
    most = max(wanted, min(LOOKED_AT * wanted, MOST_LOOKED_AT))
    found: list[int] = []
    for number in np.argsort(margins, kind="stable").tolist():
        page, text = int(page_of[number]), pool.same_text(number)
        if margins[number] >= SURE or len(found) == most:
            break
        if page in taken or text in seen or of_page[page] >= LOOKED_AT * per_page:
            continue
        seen.add(text)
        of_page[page] += 1
        found.append(number)
    return found


def draw_sample(
    pool: UnitPool, plan: Plan, passages: Iterable[Passage], per_page: int, seed: int, embed: Embed | None
) -> list[SampledUnit]:
    """Choose, and put the sample together.

    Args:
        pool: Of all units.
        plan: What was drawn at random, and what to choose from.
        passages: All units once more, in the same order.
        per_page: Units of a page at most.
        seed: Of the choice.
        embed: Gives vectors of texts; ``None``: the most uncertain units are chosen.

    Returns:
        Units in the order of the set.

    Raises:
        UserError: If the set is not the one that was read before, or two drawn units have one id.
    """
    at_random = pool.numbers(plan.random.places)
    found = _found(pool, {*at_random, *plan.shortlist}, passages)
    texts = [found[number].passage.text for number in (*at_random, *plan.shortlist)]
    kept = [plan.shortlist[place - len(at_random)] for place in without_near_duplicates(texts, len(at_random))]
    pages = [int(pool.page_of[number]) for number in kept]
    if embed is None or not kept:
        places = first_of_each_page(pages, plan.chosen, per_page)
    else:
        vectors = embed([found[number].passage.text for number in kept])
        weights = 1 - pool.margins[kept]
        rng = np.random.default_rng(seed)
        places = spread(vectors, weights, pages, plan.chosen, per_page, rng)
    units = {number: _unit(pool, number, found[number], plan.random.probability) for number in at_random}
    units |= {kept[place]: _unit(pool, kept[place], found[kept[place]], None) for place in places}
    sample = [units[number] for number in sorted(units)]
    ids = Counter(unit.id for unit in sample)
    twice = next((name for name, count in ids.items() if count > 1), None)
    if twice is not None:
        raise UserError(f"the id {twice} stands twice in the input; give every row an id of its own, or none")
    return sample


def with_guesses(sample: Sequence[SampledUnit], passages: Iterable[Passage], predictor: Predictor) -> list[SampledUnit]:
    """Units with what the model says of them, where not the whole set was read with it.

    Args:
        sample: Units.
        passages: All units of the set; the model reads those of the pages of the sample.
        predictor: The model.
    """
    pages = {unit.article_id for unit in sample}
    ids = {unit.id for unit in sample}
    on_pages = [passage for passage in passages if passage.article_id in pages]
    said = {guess.passage.id: guess for guess in predictor.predict(on_pages) if guess.passage.id in ids}
    return [
        replace(unit, guess=said[unit.id].label, probabilities=said[unit.id].probabilities) if unit.id in said else unit
        for unit in sample
    ]


def _found(pool: UnitPool, wanted: set[int], passages: Iterable[Passage]) -> Mapping[int, _Found]:
    """The wanted units with their context; only their pages are held."""
    page_of = pool.page_of
    pages = {int(page_of[number]): list[tuple[int, int, str]]() for number in wanted}
    kept: dict[int, Passage] = {}
    total = 0
    for number, passage in enumerate(passages):
        total += 1
        page = pool.pages.get(passage.article_id)
        if number >= len(pool) or page != page_of[number]:
            break
        if page in pages:
            pages[page].append((passage.position, number, passage.text))
        if number in wanted:
            kept[number] = replace(passage, source=None)
    if total != len(pool):
        raise UserError("the input was changed while it was read; try again")
    found = {}
    for lines in pages.values():
        lines.sort()
        texts = [text for _, _, text in lines]
        for place, (_, number, _) in enumerate(lines):
            if number in wanted:
                before = tuple(texts[max(place - CONTEXT_LINES, 0) : place])
                found[number] = _Found(kept[number], before, tuple(texts[place + 1 : place + 1 + CONTEXT_LINES]))
    return found


def _unit(pool: UnitPool, number: int, found: _Found, probability: float | None) -> SampledUnit:
    passage = found.passage
    return SampledUnit(
        id=passage.id,
        article_id=passage.article_id,
        position=passage.position,
        text=passage.text,
        before=found.before,
        after=found.after,
        drawn=Drawn.chosen if probability is None else Drawn.random,
        sampling_probability=probability,
        guess=pool.guess(number),
        probabilities=pool.probabilities(number),
        fields={f"input_{name}" if name in LABEL_FIELDS else name: value for name, value in passage.fields.items()},
    )
