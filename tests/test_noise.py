import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitrep.training.noise import KINDS, WORDS_LEFT, damage

SENTENCE = "It's the ministry's view - \"four were killed\" - in Deir ez-Zor, on 3 May."


@pytest.fixture
def chance():
    return np.random.default_rng(0)


def outcomes(chance):
    return {damage(SENTENCE, chance) for _ in range(200)}


def test_every_kind_of_damage_occurs(chance):
    found = outcomes(chance)
    assert SENTENCE.lower() in found
    assert SENTENCE.upper() in found
    assert any("â€™s" in text for text in found)
    assert any("ministry s view four were killed in Deir" in text for text in found)
    assert any(len(text.split()) < len(SENTENCE.split()) and text in SENTENCE for text in found)


def test_a_cut_sentence_keeps_some_words_and_a_short_one_all(chance):
    cut = KINDS[-1]
    assert all(WORDS_LEFT <= len(cut(SENTENCE, chance).split()) <= len(SENTENCE.split()) for _ in range(100))
    assert cut("Four were killed.", chance) == "Four were killed."


@given(st.text(min_size=1).filter(str.strip), st.integers(0, 2**32))
def test_damage_never_leaves_a_blank(text, seed):
    assert damage(text, np.random.default_rng(seed)).strip()
