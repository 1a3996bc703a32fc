import numpy as np
import pytest
import tokenizers
from conftest import word_tokenizer
from hypothesis import given
from hypothesis import strategies as st

from sitrep.errors import UserError
from sitrep.model.encoding import Batch, InputEncoder
from sitrep.model.tokenizer import TextTokenizer
from sitrep.settings import Context

BEGIN, END = 1, 2


def encoder(context, longest=20, window=40):
    return InputEncoder(word_tokenizer(), context, longest, window)


def words(sentence, count):
    return [10 * (sentence + 1) + place for place in range(count)]


def test_without_context_a_row_is_what_the_tokenizer_makes_of_the_sentence():
    alone = encoder(Context.none)
    tokens, _ = alone.tokenize(["11 12"])
    (row,) = alone.rows(tokens, [[0]])
    assert (row.ids, row.starts, row.answers) == ([BEGIN, 11, 12, END], [0], [0])


def test_every_sentence_of_a_window_begins_with_a_token_of_its_own():
    tokens = [words(0, 2), words(1, 3)]
    (row,) = encoder(Context.article).rows(tokens, [[0, 1]])
    assert row.ids == [BEGIN, *tokens[0], END, BEGIN, *tokens[1], END]
    assert row.starts == [0, 4]
    assert row.owners == [0, 0, 0, 0, 1, 1, 1, 1, 1]


@given(st.lists(st.integers(0, 18), min_size=1, max_size=30))
def test_every_sentence_is_answered_once_from_its_own_begin_token_and_no_row_is_too_long(lengths):
    tokens = [words(number, count) for number, count in enumerate(lengths)]
    made = encoder(Context.article).rows(tokens, [range(len(lengths))])
    assert sorted(number for row in made for number in row.answers) == list(range(len(lengths)))
    for row in made:
        assert len(row.ids) == len(row.owners) <= 40
        for number, start in zip(row.answers, row.starts, strict=True):
            assert row.ids[start : start + len(tokens[number]) + 2] == [BEGIN, *tokens[number], END]


def test_later_windows_repeat_what_stands_before_their_first_answer():
    tokens = [words(number, 6) for number in range(12)]
    _, second, *_ = encoder(Context.article, window=40).rows(tokens, [range(12)])
    assert second.answers[0] > 0
    repeated = second.owners[: second.starts[0]]
    assert set(repeated) == {second.answers[0] - 1}, "the sentence before, which another window answers"


def test_sentence_longer_than_the_row_is_cut_and_said_to_be():
    for context, room in ((Context.article, 18), (Context.none, 20)):
        tokens, truncated = encoder(context).tokenize([" ".join(["11"] * count) for count in (3, 18, 19)])
        assert [len(item) for item in tokens][1:] == [room, room]
        assert truncated.tolist() == [False, False, True]
        assert isinstance(truncated, np.ndarray)


def test_batch_pads_rows_and_places():
    together = encoder(Context.article)
    first, second = together.rows([words(0, 2), words(1, 1), words(2, 2)], [[0, 1], [2]])
    batch = together.batch([first, second], 8)
    assert batch.input_ids.shape == batch.attention_mask.shape == batch.owners.shape == (2, 8)
    assert batch.attention_mask.sum(axis=1).tolist() == [7, 4]
    assert batch.starts.tolist() == [[0, 4], [0, -1]]
    assert batch.owners[1].tolist() == [0, 0, 0, 0, -1, -1, -1, -1]


def test_batch_whose_parts_do_not_fit_cannot_be_made():
    whole, short = np.zeros((2, 3), dtype=np.int64), np.zeros((2, 2), dtype=np.int64)
    with pytest.raises(ValueError, match="must have one shape"):
        Batch(whole, short, short, whole)
    with pytest.raises(ValueError, match="a row for each row"):
        Batch(whole, whole, short[:1], whole)


def test_tokenizer_that_cannot_mark_sentences_is_refused_with_the_setting():
    bare = TextTokenizer(tokenizers.Tokenizer(tokenizers.models.WordLevel({"[UNK]": 0})), None, None, None)
    with pytest.raises(UserError, match=r"model\.context=article.*use model\.context=none"):
        InputEncoder(bare, Context.article, 20, 40)
    assert InputEncoder(bare, Context.none, 20, 40).tokenizer.padding_id == 0
