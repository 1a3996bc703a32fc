"""What the page of coders holds, and what is read of the file that it saves; test_browser_labelling.py uses it."""

import json
import re
from dataclasses import replace

import pytest
from conftest import TAXONOMY, WITHOUT_NONE

from sitrep.data.own_labels import SampledUnit
from sitrep.errors import UserError
from sitrep.labelling.codebook_hints import hints_of
from sitrep.labelling.exchange import Answer, Assignment
from sitrep.labelling.labelling_page import (
    embedded,
    read_page_labels,
    render_labelling_page,
    sample_hash,
    write_page,
)
from sitrep.labels import Taxonomy

UNIT = SampledUnit("p:0", "p", 0, "</script><script>alert(1)</script><!-- \ud800 \0 \u2028", guess="none")
ROW = {"id": "p:0", "text_hash": UNIT.text_hash, "label": "none", "labels": [], "coder": "anna", "unsure": False}


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1])


def write(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_text_cannot_leave_its_place_in_the_page_and_comes_out_of_it_as_it_was(tmp_path):
    path = tmp_path / "page.html"
    write_page(path, [UNIT], Assignment(TAXONOMY, "anna"))
    page = path.read_text(encoding="utf-8")
    assert data_of(page)["units"] == [
        {"id": "p:0", "hash": UNIT.text_hash, "text": UNIT.text, "before": [], "after": [], "page": "p"}
    ]
    assert page.count("</script>") == 2
    assert "alert(1)<" not in page
    assert json.loads(embedded(UNIT.text)) == UNIT.text


def test_policy_names_what_runs_by_its_hash_and_nothing_is_fetched():
    page = render_labelling_page([UNIT], Assignment(TAXONOMY))
    policy = page.partition('http-equiv="Content-Security-Policy" content="')[2].partition('"')[0]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "http:" not in page.replace("http-equiv", "")
    assert "https:" not in page


def test_work_is_kept_by_units_texts_and_labels_whatever_their_order():
    units = [replace(UNIT, id=f"p:{n}", text=f"text {n}") for n in range(3)]
    same = sample_hash(units, TAXONOMY)
    assert sample_hash(reversed(units), TAXONOMY) == same
    assert sample_hash(units[:2], TAXONOMY) != same
    assert sample_hash([*units[:2], replace(units[2], text="other")], TAXONOMY) != same
    assert sample_hash(units, WITHOUT_NONE) == same  # the same labels, one of them left out
    assert sample_hash(units, Taxonomy({"a": "", "b": ""})) != same


def test_labels_that_training_leaves_out_can_be_given_too():
    assert data_of(render_labelling_page([UNIT], Assignment(WITHOUT_NONE)))["labels"] == list(TAXONOMY.labels)


def test_hints_are_of_labels_that_mean_what_the_codebook_says():
    assert set(hints_of(TAXONOMY)) == set(hints_of(WITHOUT_NONE)) == set(TAXONOMY.labels)
    own = Taxonomy({"boilerplate": "menus", "none": TAXONOMY.meanings["none"]})
    assert set(hints_of(own)) == {"none"}


def test_saved_rows_are_read_with_those_that_have_no_label_yet(tmp_path):
    rows = [ROW | {"comment": "a\tb\n\u200fc", "unsure": True}, ROW | {"id": "p:1", "label": None, "comment": "later"}]
    found = list(read_page_labels(write(tmp_path / "labels.jsonl", *rows)))
    common = {"text_hash": UNIT.text_hash, "annotator": "anna"}
    place = f"{tmp_path / 'labels.jsonl'}"
    assert found == [
        Answer(f"{place}:1", "p:0", label="none", unsure=True, comment="a\tb\n\u200fc", **common),
        Answer(f"{place}:2", "p:1", comment="later", **common),
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": 3}, ":1: no id; expected a row that the page saved"),
        ({"text_hash": None}, ":1: no text_hash"),
        ({"coder": None}, ":1: no coder"),
        ({"labels": None}, ":1: no labels"),
        ({"label": ["none"]}, ":1: no labels"),
    ],
)
def test_other_rows_are_refused(tmp_path, change, message):
    with pytest.raises(UserError, match=message):
        list(read_page_labels(write(tmp_path / "labels.jsonl", ROW | change)))


def test_page_itself_is_no_file_of_labels(tmp_path):
    with pytest.raises(UserError, match="is the page itself; name the file that it saves"):
        list(read_page_labels(tmp_path / "page.html"))
