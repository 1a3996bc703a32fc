from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sitrep.training import mixed_pages as module
from sitrep.training.mixed_pages import mixed_pages


def numbered(lengths):
    ends = np.cumsum(lengths)
    return [list(range(end - length, end)) for end, length in zip(ends.tolist(), lengths, strict=True)]


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.integers(0, 2**32 - 1))
def test_every_sentence_is_in_one_page_once(lengths, seed):
    rng = np.random.default_rng(seed)
    pages = numbered(lengths)
    made = mixed_pages(pages, rng.random(sum(lengths)) < 0.3, rng)
    assert sorted(number for page in made for number in page) == list(range(sum(lengths)))
    assert all(made)


def test_the_same_draws_make_the_same_pages_and_the_next_draws_others():
    pages, furniture = numbered([30] * 20), np.arange(600) % 5 == 0
    first, again = (mixed_pages(pages, furniture, np.random.default_rng(1)) for _ in range(2))
    assert first == again
    assert first != mixed_pages(pages, furniture, np.random.default_rng(2))


def test_most_furniture_stands_among_sentences_of_other_pages_and_reporting_among_its_own():
    pages, furniture = numbered([30] * 40), np.arange(1200) % 30 < 6
    made = mixed_pages(pages, furniture, np.random.default_rng(3))
    strangers = {True: [], False: []}
    for page in made:
        for before, after in pairwise(page):
            if not furniture[before]:
                strangers[bool(furniture[after])].append(before // 30 != after // 30)
    assert np.mean(strangers[True]) > 0.6
    assert np.mean(strangers[False]) < 0.05


def test_neighbours_mostly_stay_neighbours_so_that_a_quotation_can_be_followed():
    pages = numbered([40] * 50)
    made = mixed_pages(pages, np.zeros(2000, dtype=bool), np.random.default_rng(4))
    gaps = np.concatenate([np.diff(page) for page in made if len(page) > 1])
    assert 0.6 < (gaps == 1).mean() < 0.95
    assert (gaps < 0).any(), "blocks change places"
    assert (gaps > 1).any(), "neighbours are hidden"


def test_length_and_place_say_little_of_where_on_its_page_a_sentence_stood():
    pages = numbered([40] * 100)
    made = mixed_pages(pages, np.zeros(4000, dtype=bool), np.random.default_rng(5))
    firsts = np.array([page[0] % 40 for page in made])
    assert (firsts == 0).mean() < 0.3, "a page may begin anywhere"
    lengths = np.array([len(page) for page in made])
    assert lengths.min() == 1
    assert lengths.max() > 30


def test_few_sentences_are_left_as_they_are():
    rng = np.random.default_rng(6)
    assert all(module._shuffled([1, 2, 3], rng) == [1, 2, 3] for _ in range(20))
    assert all(module._thinned([1, 2, 3], rng) == [[1, 2, 3]] for _ in range(20))
