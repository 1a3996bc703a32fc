import re
import sys
from itertools import pairwise

import pytest
from conftest import PROJECT
from hypothesis import given
from hypothesis import strategies as st

from sitrep.pages import segmentation, sentence_ends
from sitrep.pages.segmentation import sentence_spans

DATA = PROJECT / "tests" / "data"
LEAST_RIGHT = 0.97


def lines(name):
    text = (DATA / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if not line.startswith("# ")]


def groups(name):
    return [group.strip("\n") for group in "\n".join(lines(name)).split("\n\n") if group.strip()]


def cut(text):
    return [text[start:end] for start, end in sentence_spans(text)]


def calls_of(text):
    """How many functions are called while a text is cut."""
    count = 0

    def counted(frame, event, argument):
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(counted)
    try:
        sentence_spans(text)
    finally:
        sys.setprofile(None)
    return count


SENTENCES = [line for line in lines("sentences.txt") if line]
WRAPPED = groups("wrapped_paragraphs.txt")
SEPARATE = groups("separate_lines.txt")

LONG = {
    "full stops": "Two men died in Kharta. The army denied it. ",
    "no full stop": "two men died in Kharta and the army denied it, ",
    "abbreviations": "Gen. Karim of the U.S. met Lt. Col. Ali at 5 p.m. on Jan. 3, ",
    "initials": "J. K. Rao and A. B. Menon, ",
    "quotations that are never closed": 'He said "no. She said “yes. They left. ',
    "quotations that are never opened": 'He said no." She said yes.” They left. ',
    "brackets that are never closed": "(a. [b. ",
    "full stops alone": ".",
    "quotes alone": "\"'",
    "no blanks": "said.The",
    "lines": "Two people killed as shell hits market in the eastern town\n",
    "short lines": "Home\nWorld\n",
    "wrapped lines": "of two people who were killed as a shell hit the market in\n",
    "items of a list": "- Nine killed in Mosul\n",
    "blank lines": " \n\n",
}


@given(
    st.text(alphabet=st.sampled_from("aBé1 .!?,\"'“”‘’«»()[]-—…。؟@/😀\n\r\t\u00a0\u0085\u2028"), max_size=200)
    | st.lists(
        st.sampled_from(["Gen.", "U.S.", "5 p.m.", "The", "said.", "“No.”", "(", '"', "\n", " ", "- ", "No. 3", "died"])
    ).map(" ".join)
)
def test_offsets_are_exact_ordered_and_lose_nothing_but_white_space(text):
    spans = sentence_spans(text)
    assert all(text[start:end].strip() == text[start:end] != "" for start, end in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert "".join("".join(text[start:end].split()) for start, end in spans) == "".join(text.split())


def test_table_is_large_and_lines_of_it_are_cut_as_by_hand():
    wrong = []
    for line in SENTENCES:
        wanted = re.split(r" ¦ |¦", line)
        found = cut(line.replace(" ¦ ", " ").replace("¦", ""))
        if found != wanted:
            wrong.append((wanted, found))
    assert len(SENTENCES) >= 160
    assert len(wrong) <= (1 - LEAST_RIGHT) * len(SENTENCES), wrong


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("group", SEPARATE)
def test_stand_alone_lines_are_units_of_their_own(group, line_end):
    assert cut(group.replace("\n", line_end)) == group.split("\n")


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\n   "])
@pytest.mark.parametrize("paragraph", WRAPPED)
def test_hard_wrapped_paragraph_is_read_as_if_it_were_one_line(paragraph, line_end):
    one_line = cut(paragraph.replace("\n", " "))
    assert [" ".join(sentence.split()) for sentence in cut(paragraph.replace("\n", line_end))] == one_line


def test_there_are_enough_groups_of_either_kind():
    assert len(WRAPPED) >= 12
    assert len(SEPARATE) >= 12


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


def test_headlines_above_a_hard_wrapped_paragraph_stay_apart_from_it():
    headlines = ["ARMY KILLS SIX", "Army spokesman says no strike was carried out in the area"]
    paragraph = "The army said on Monday that it had not carried out any\nstrike in the area, and blamed the rebels."
    assert cut("\n".join([*headlines, paragraph])) == [*headlines, paragraph]


def test_items_of_a_list_may_be_hard_wrapped():
    items = [
        "- Six people were killed in the market of Kharta on Monday when\n  shells fell, the mayor said.",
        "- Forty were wounded and taken to the hospital of the next town\n  by lorry.",
    ]
    assert cut("\n".join(items)) == items


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


def test_a_long_quotation_is_cut_into_its_sentences():
    sentence = "We ran, and they were behind us."
    assert len(cut(f"“{' '.join([sentence] * 4)}”")) == 1
    assert len(cut(f"“{' '.join([sentence] * 40)}”")) == 40


def test_blank_text_has_no_sentences():
    assert sentence_spans(" \n\t\n") == []


@pytest.mark.parametrize("unit", LONG.values(), ids=LONG)
def test_work_grows_with_the_length_of_the_text_and_no_faster(unit):
    once = calls_of(unit * 200)
    assert calls_of(unit * 800) <= 4.2 * once + 200


@pytest.mark.parametrize("unit", LONG.values(), ids=LONG)
def test_rules_see_a_bounded_stretch_of_text_once_for_every_mark(unit, monkeypatch):
    text = unit * (50_000 // len(unit))
    handed = []
    monkeypatch.setattr(
        segmentation,
        "ends_sentence",
        lambda mark: handed.append(len(mark.so_far) + len(mark.rest)) or sentence_ends.ends_sentence(mark),
    )
    assert sentence_spans(text) or not text.strip()
    assert len(handed) <= sum(map(text.count, ".!?"))
    assert max(handed, default=0) <= 2 * sentence_ends.WINDOW


@pytest.mark.parametrize("unit", LONG.values(), ids=LONG)
def test_long_text_comes_to_its_end_and_keeps_its_letters(unit):
    text = unit * (300_000 // len(unit))
    assert "".join(text[start:end] for start, end in sentence_spans(text)).count("i") == text.count("i")
