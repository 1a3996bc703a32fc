from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitrep.pages.segmentation import sentence_spans


def cut(text):
    return [text[start:end] for start, end in sentence_spans(text)]


@given(st.text(alphabet=st.sampled_from("aB .!?\"'\n\r\t\u00a0é😀—“”…A.B.-"), max_size=200))
def test_offsets_are_exact_ordered_and_lose_nothing_but_white_space(text):
    spans = sentence_spans(text)
    assert all(text[start:end].strip() == text[start:end] != "" for start, end in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert "".join("".join(text[start:end].split()) for start, end in spans) == "".join(text.split())


def test_every_line_of_a_page_is_a_unit_of_its_own():
    page = "Home | World\n\nShells hit Kherson\nBy Our Reporter\nTwo people died. The mayor fled.\nShare this"
    assert cut(page) == [
        "Home | World",
        "Shells hit Kherson",
        "By Our Reporter",
        "Two people died.",
        "The mayor fled.",
        "Share this",
    ]


def test_hard_wrapped_paragraph_is_read_across_its_line_breaks():
    page = (
        "GUATEMALA, March 3 - Guerrillas attacked an army convoy north of the\n"
        "provincial capital before dawn and burned four trucks, the military\n"
        "said. No soldiers were hurt in the exchange, which lasted an hour and\n"
        "ended when aircraft came."
    )
    found = cut(page)
    assert len(found) == 2
    assert found[0].endswith("the military\nsaid.")


@pytest.mark.parametrize(
    "sentence",
    [
        "Lt. Gen. Omar Haddad said the U.S. forces had left at 5 p.m. on Tuesday.",
        "Spc. Lorraine Hill spoke to Maj.-Gen. A. B. Rao about approx. 20 km of road.",
        "Gov. Smith and Sgt. Bilko met Dr. Khalil in St. Petersburg.",
    ],
)
def test_titles_and_abbreviations_do_not_end_a_sentence(sentence):
    assert cut(sentence) == [sentence]


def test_quotation_of_two_sentences_is_cut_between_them():
    assert cut('"We ran," he said. "They shot at us!" Nobody came.') == [
        '"We ran," he said.',
        '"They shot at us!"',
        "Nobody came.",
    ]


def test_blank_text_has_no_sentences():
    assert sentence_spans(" \n\t\n") == []
