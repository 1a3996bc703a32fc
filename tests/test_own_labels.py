import json
from dataclasses import replace

import pytest
from conftest import TAXONOMY, script, write_jsonl
from hypothesis import given
from hypothesis import strategies as st

from sitrep.data.own_labels import (
    CoderLabel,
    Drawn,
    SampledUnit,
    label_row,
    read_labels,
    read_sample,
    sample_row,
    text_hash,
    write_labels,
    write_sample,
)
from sitrep.data.reading import Columns, read_labelled
from sitrep.errors import UserError
from sitrep.storage.json_lines import json_line

UNIT = SampledUnit(
    *("p:1", "p", 1, "nine wounded", ("before",), ("after",), Drawn.random, 0.25, "none"),
    probabilities={"none": 0.9, "casualty_report": 0.1},
    fields={"outlet": "The Post"},
)
LABEL = CoderLabel(UNIT, "casualty_report", ("casualty_report",), "anna", True, "see above")


def without_guess(label):
    """A label as a file of labels holds it."""
    return replace(label, unit=replace(label.unit, guess=None, probabilities=None))


@pytest.mark.usefixtures("beside_each_other")
def test_a_sample_is_read_as_it_was_written_whatever_its_texts_hold(tmp_path):
    units = script("labelling").nasty_units(200)
    write_sample(tmp_path / "sample.jsonl", [UNIT, *units])
    assert read_sample(tmp_path / "sample.jsonl") == [UNIT, *units]


@given(st.text(alphabet=st.characters(), min_size=1, max_size=20))
def test_the_hash_of_a_text_is_that_of_the_text_in_the_file(text):
    row = json.loads(json_line(sample_row(replace(UNIT, text=text))))
    assert row["text_hash"] == text_hash(row["text"])


def test_labels_are_read_as_they_were_written(tmp_path):
    labels = [LABEL, replace(LABEL, coder="ben", unsure=False, comment=""), CoderLabel(UNIT, "none", (), "carl")]
    write_labels(tmp_path / "labels.jsonl", labels)
    assert read_labels(tmp_path / "labels.jsonl", TAXONOMY) == list(map(without_guess, labels))


def test_training_reads_a_file_of_labels(tmp_path):
    write_labels(tmp_path / "labels.jsonl", [LABEL])
    (sentence,) = read_labelled(str(tmp_path / "labels.jsonl"), Columns())
    assert (sentence.text, sentence.label, sentence.article_id) == ("nine wounded", "casualty_report", "p")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": "ten wounded"}, "sample.jsonl:1: the text of p:1 is not the one that was drawn; its hash differs"),
        ({"id": None}, "sample.jsonl:1: no id; expected a row that scripts/label.py wrote"),
        ({"sampling_probability": 0}, r"sample.jsonl:1: sampling_probability=0: must lie in \(0, 1\]"),
        ({"drawn": "somehow"}, "sample.jsonl:1: drawn=somehow: use one of random, chosen"),
    ],
)
def test_what_is_no_row_of_a_sample_is_refused_with_its_line(tmp_path, change, message):
    write_jsonl(tmp_path / "sample.jsonl", [sample_row(UNIT) | change])
    with pytest.raises(UserError, match=message):
        read_sample(tmp_path / "sample.jsonl")


def test_a_unit_that_stands_twice_in_a_sample_is_refused(tmp_path):
    write_jsonl(tmp_path / "sample.jsonl", [sample_row(UNIT)] * 2)
    with pytest.raises(UserError, match=r"sample.jsonl:2: the unit p:1 stands twice"):
        read_sample(tmp_path / "sample.jsonl")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": "death"}, "labels.jsonl:1: the label 'death' is none of"),
        ({"label": None}, "labels.jsonl:1: no label"),
        ({"labels": ["boilerplate", "casualty_report"]}, "boilerplate excludes the other classes"),
        ({"labels": ["attack_description"]}, "is not among its labels"),
    ],
)
def test_labels_that_are_not_of_the_taxonomy_are_refused(tmp_path, change, message):
    write_jsonl(tmp_path / "labels.jsonl", [label_row(LABEL) | change])
    with pytest.raises(UserError, match=message):
        read_labels(tmp_path / "labels.jsonl", TAXONOMY)


def test_a_coder_who_labelled_a_unit_twice_is_refused(tmp_path):
    write_jsonl(tmp_path / "labels.jsonl", [label_row(LABEL)] * 2)
    with pytest.raises(UserError, match=r"labels.jsonl:2: the coder anna labelled the unit p:1 twice"):
        read_labels(tmp_path / "labels.jsonl", TAXONOMY)


def test_rows_without_coder_are_of_one_who_is_called_as_the_file_and_chosen(tmp_path):
    row = {"id": "a", "article_id": "p", "text": "x y", "label": "casualty_report"}
    several = {**row, "id": "b", "labels": "casualty_report|attack_description"}
    write_jsonl(tmp_path / "mine.jsonl", [row, several])
    first, second = read_labels(tmp_path / "mine.jsonl", TAXONOMY)
    assert (first.coder, first.labels, first.unit.drawn) == ("mine", ("casualty_report",), Drawn.chosen)
    assert second.labels == ("casualty_report", "attack_description")
