from hypothesis import given
from hypothesis import strategies as st

from sitrep.inference.batching import batches_by_length, windows

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


def test_windows_keep_order_and_pull_no_more_than_they_need():
    pulled = []

    def stream():
        for number in range(10):
            pulled.append(number)
            yield number

    cut = windows(stream(), 4)
    assert next(cut) == [0, 1, 2, 3]
    assert pulled == [0, 1, 2, 3]
    assert list(cut) == [[4, 5, 6, 7], [8, 9]]
