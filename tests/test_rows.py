import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitrep.config import Context, Pooling
from sitrep.errors import UserError
from sitrep.modelling.rows import FIRST_LINE_TOKENS, Reader

BEGIN, END = 1, 2


class Tokenizer:
    """One token a word; words are numbers."""

    cls_token_id: int | None = BEGIN
    sep_token_id = END
    model_input_names = ("input_ids", "token_type_ids", "attention_mask")

    def __call__(self, texts, add_special_tokens, max_length=None, **_):
        single = isinstance(texts, str)
        found = []
        for text in [texts] if single else texts:
            ids = [int(word) for word in text.split()]
            if add_special_tokens:
                ids = [BEGIN, *(ids[: max_length - 2] if max_length else ids), END]
            found.append(ids[:max_length] if max_length else ids)
        return {"input_ids": found[0] if single else found}


def reader(context, pooling=Pooling.mean, longest=20, window=40):
    return Reader(Tokenizer(), context, pooling, longest, window)


def words(sentence, count):
    return [10 * (sentence + 1) + place for place in range(count)]


def spanned(row):
    return [row.ids[start:end] for start, end in row.spans]


def test_without_context_and_with_cls_a_row_is_what_the_tokenizer_makes_of_the_sentence():
    plain = reader(Context.none, Pooling.cls)
    tokens, _ = plain.tokenise(["11 12"])
    assert plain.rows(tokens, [[0]])[0].ids == [BEGIN, 11, 12, END]


def test_mean_spans_the_sentence_and_cls_the_token_before_it():
    tokens = [words(0, 2), words(1, 3)]
    (mean,) = reader(Context.article, Pooling.mean).rows(tokens, [[0, 1]])
    assert mean.ids == [BEGIN, *tokens[0], END, *tokens[1], END]
    assert spanned(mean) == [[*tokens[0], END], [*tokens[1], END]]
    (first,) = reader(Context.article, Pooling.cls).rows(tokens, [[0, 1]])
    assert first.ids == [BEGIN, *tokens[0], END, BEGIN, *tokens[1], END]
    assert spanned(first) == [[BEGIN], [BEGIN]]
    assert [start for start, _ in first.spans] == [0, 4]
    assert first.owners == [0, 0, 0, 0, 1, 1, 1, 1, 1]


def test_neighbours_are_the_second_segment_and_the_sentence_alone_has_none():
    tokens = [words(0, 2), words(1, 2), words(2, 2)]
    first, middle, last = reader(Context.neighbours).rows(tokens, [[0, 1, 2]])
    assert middle.ids == [BEGIN, *tokens[1], END, *tokens[0], END, *tokens[2], END]
    assert middle.segments == [0, 0, 0, 0, 1, 1, 1, 1, 1, 1]
    assert spanned(middle) == [[*tokens[1], END]]
    assert first.ids[4:] == [END, *tokens[1], END]
    assert last.ids[4:] == [*tokens[1], END, END]
    (alone,) = reader(Context.neighbours).rows([words(0, 2)], [[0]])
    assert alone.ids == [BEGIN, *words(0, 2), END]
    assert alone.segments == [0, 0, 0, 0]


@given(st.lists(st.integers(0, 18), min_size=1, max_size=30), st.sampled_from(Context), st.sampled_from(Pooling))
def test_every_sentence_is_answered_once_from_its_own_tokens_and_no_row_is_too_long(lengths, context, pooling):
    if context is Context.none and pooling is Pooling.cls:
        return
    tokens = [words(number, count) for number, count in enumerate(lengths)]
    made = reader(context, pooling).rows(tokens, [range(len(lengths))])
    assert sorted(number for row in made for number in row.answers) == list(range(len(lengths)))
    for row in made:
        assert len(row.ids) <= (40 if context is Context.article else 20)
        assert len(row.ids) == len(row.segments) == len(row.owners)
        for number, own in zip(row.answers, spanned(row), strict=True):
            assert own == ([BEGIN] if pooling is Pooling.cls else [*tokens[number], END])


def test_later_windows_begin_with_the_first_line_and_repeat_what_stands_before():
    tokens = [words(number, 6) for number in range(12)]
    _, second, *_ = reader(Context.article, window=40).rows(tokens, [range(12)])
    assert second.ids[:8] == [BEGIN, *tokens[0][:FIRST_LINE_TOKENS], END]
    assert 0 not in second.answers
    own_start = second.spans[0][0]
    assert own_start > 8, "something of the page stands between the first line and the first answered sentence"


def test_sentence_longer_than_the_row_is_cut_and_said_to_be():
    tokens, truncated = reader(Context.article).tokenise([" ".join(["11"] * count) for count in (3, 18, 19)])
    assert [len(item) for item in tokens] == [3, 18, 18]
    assert truncated.tolist() == [False, False, True]
    assert isinstance(truncated, np.ndarray)


def test_tokenizer_that_cannot_mark_sentences_is_refused_with_the_setting():
    tokenizer = Tokenizer()
    tokenizer.cls_token_id = None
    with pytest.raises(UserError, match=r"model\.context=article.*use model\.context=none"):
        Reader(tokenizer, Context.article, Pooling.mean, 20, 40)
    assert Reader(tokenizer, Context.none, Pooling.cls, 20, 40).plain
