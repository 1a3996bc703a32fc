from hypothesis import given
from hypothesis import strategies as st

from sitrep.inference.batching import batches_by_length, whole_articles
from sitrep.sentences import Passage

LENGTHS = st.lists(st.integers(1, 300), max_size=80)


@given(LENGTHS, st.integers(8, 512))
def test_every_item_is_in_one_batch_and_no_batch_exceeds_the_budget(lengths, budget):
    batches = list(batches_by_length(lengths, budget))
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or max(lengths[index] for index in batch) * len(batch) <= budget


@given(LENGTHS)
def test_first_item_of_a_batch_is_its_longest(lengths):
    for batch in batches_by_length(lengths, 256):
        assert lengths[batch[0]] == max(lengths[index] for index in batch)


def passages(*articles):
    return [Passage(f"{a}-{n}", a, n, 0, 1, "x", {}) for a, size in articles for n in range(size)]


def test_windows_end_between_articles_and_keep_order():
    stream = passages(("a", 3), ("b", 3), ("c", 1), ("d", 2))
    cut = list(whole_articles(stream, 4))
    assert [[p.article_id for p in window] for window in cut] == [["a"] * 3, ["b"] * 3 + ["c"], ["d"] * 2]
    assert [p for window in cut for p in window] == stream


def test_article_longer_than_a_window_is_cut_so_that_memory_stays_bounded():
    assert [len(window) for window in whole_articles(passages(("a", 9), ("b", 1)), 4)] == [4, 4, 2]


@given(st.lists(st.integers(1, 9), max_size=20), st.integers(1, 8))
def test_windows_hold_every_passage_once_and_never_too_many(sizes, size):
    stream = passages(*((str(number), length) for number, length in enumerate(sizes)))
    cut = list(whole_articles(stream, size))
    assert [p for window in cut for p in window] == stream
    assert all(1 <= len(window) <= size for window in cut)
