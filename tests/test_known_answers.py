import numpy as np

from sitrep.inference.known_answers import KnownAnswers, key_of


def test_an_answer_is_known_by_its_tokens_alone():
    known = KnownAnswers()
    known.add(key_of([101, 7, 102]), np.array([1.5, -2.0], dtype=np.float32))
    assert known.get(key_of([101, 7, 102])).tolist() == [1.5, -2.0]
    assert known.get(key_of([101, 7])) is None


def test_no_more_than_two_generations_are_kept():
    known = KnownAnswers(generation=10)
    for number in range(1000):
        known.add(key_of([number]), np.zeros(2, dtype=np.float32))
    kept = [number for number in range(1000) if known.get(key_of([number])) is not None]
    assert 10 <= len(kept) <= 20
    assert kept[-1] == 999


def test_what_is_asked_for_again_stays():
    known = KnownAnswers(generation=10)
    known.add(key_of([0]), np.ones(2, dtype=np.float32))
    for number in range(1, 1000):
        known.add(key_of([number]), np.zeros(2, dtype=np.float32))
        assert known.get(key_of([0])) is not None
