from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sitrep.labelling.random_draw import draw_at_random

SIZES = {"short": 1, "two": 2, "some": 5, "more": 9, "long": 23, "huge": 120, **{f"p{n}": 3 + n % 7 for n in range(14)}}
DRAWS = 2000


@pytest.mark.slow
@pytest.mark.parametrize(("count", "per_page"), [(20, 3), (60, 3), (150, 2), (30, 1), (200, 10)])
def test_every_unit_has_the_same_known_probability_also_of_short_pages_and_of_those_drawn_for_certain(count, per_page):
    drawn = Counter()
    for seed in range(DRAWS):
        draw = draw_at_random(SIZES, count, per_page, seed)
        drawn.update((page, place) for page, places in draw.places.items() for place in places)
        assert draw.probability == count / sum(SIZES.values())
    probability = count / sum(SIZES.values())
    spread = (probability * (1 - probability) / DRAWS) ** 0.5
    units = [(page, place) for page, size in SIZES.items() for place in range(size)]
    deviations = [(drawn[unit] / DRAWS - probability) / spread for unit in units]
    assert max(map(abs, deviations)) < 5  # of 250 units; one that is 10 % off lies further
    assert abs(sum(drawn.values()) / DRAWS - count) < 0.02 * count


def test_two_units_of_different_pages_are_drawn_together_about_as_often_as_apart():
    draws = [draw_at_random(SIZES, 40, 3, seed).places for seed in range(500)]
    together = sum("some" in places and "more" in places for places in draws)
    some, more = (sum(page in places for places in draws) for page in ("some", "more"))
    assert 0.6 < together * len(draws) / (some * more) < 1.4


def test_no_page_gives_more_than_wanted_but_one_that_is_drawn_for_certain():
    for seed in range(50):
        draw = draw_at_random(SIZES, 20, 3, seed)
        certain = {page for page, size in SIZES.items() if draw.probability * size >= 3}
        assert certain == {"huge"}
        assert all(len(places) <= 3 for page, places in draw.places.items() if page not in certain)


@settings(max_examples=50)
@given(st.integers(1, 300), st.integers(1, 9), st.integers(0, 99))
def test_a_draw_is_the_same_for_the_same_seed_whatever_the_order_of_the_pages(count, per_page, seed):
    turned = dict(reversed(SIZES.items()))
    assert draw_at_random(SIZES, count, per_page, seed) == draw_at_random(turned, count, per_page, seed)


@settings(max_examples=50)
@given(st.integers(1, 300), st.integers(1, 9), st.integers(0, 99))
def test_the_number_drawn_is_near_the_one_wanted(count, per_page, seed):
    draw = draw_at_random(SIZES, count, per_page, seed)
    certain = sum(draw.probability * size >= min(per_page, size) for size in SIZES.values())
    assert abs(draw.count - min(count, sum(SIZES.values()))) <= per_page + max(certain, 4)
    assert all(len(set(places)) == len(places) and max(places) < SIZES[page] for page, places in draw.places.items())


def test_as_many_as_there_are_is_all_of_them_for_certain():
    draw = draw_at_random(SIZES, 10_000, 3, 1)
    assert (draw.probability, draw.count) == (1.0, sum(SIZES.values()))


def test_none_wanted_is_none_drawn():
    assert draw_at_random(SIZES, 0, 3, 1).count == 0
