"""The report in a real browser: it fits a telephone and a wide screen, and its table of errors can be searched."""

from dataclasses import replace

import numpy as np
import pytest
from browser import NEEDS_BROWSER, WIDTHS_PIXELS, examine
from conftest import TAXONOMY, results_of

from sitrep.data.split import describe_set
from sitrep.evaluation.misclassifications import with_neighbours
from sitrep.report.evaluation import render
from sitrep.sentences import LabelledSentence, Passage, Prediction

LABELS = TAXONOMY.labels

pytestmark = [pytest.mark.slow, NEEDS_BROWSER]

LAYOUT = """(page, document) => ({
  scrolled: document.documentElement.scrollWidth,
  bare: [...document.querySelectorAll("img, svg")].filter(picture =>
    !picture.getAttribute("alt") && !picture.getAttribute("aria-label") && !picture.querySelector("title")).length,
  unnamed: [...document.querySelectorAll("input, select")].filter(field => !field.labels.length).length,
  controls: !document.querySelector("form.filters").hidden,
})"""

TABLE = """(page, document) => {
  const form = document.querySelector("form.filters");
  const rows = () => [...document.querySelectorAll("table.errors tbody tr")].filter(row => row.offsetHeight > 0);
  const column = place => rows().map(row => row.cells[place].textContent.trim());
  const headers = [...document.querySelectorAll("table.errors th")];
  const state = () => ({ shown: rows().length, said: form.querySelector("[role=status]").textContent });
  const set = (name, value) => {
    const field = form.elements[name];
    if (field.type === "checkbox") field.checked = value; else field.value = value;
    field.dispatchEvent(new page.Event("input", { bubbles: true }));
  };
  const press = place => {
    headers[place].querySelector("button").click();
    return { cells: column(place), sorted: headers.map(header => header.getAttribute("aria-sort")) };
  };
  const found = { all: state(), first: column(3) };
  set("words", "DISTRICT 8"); found.words = state(); set("words", "");
  set("is", "none"); found.is = column(1);
  set("called", "boilerplate"); found.both = state(); set("is", ""); set("called", "");
  set("suspected", true); found.suspected = state(); set("suspected", false);
  set("words", "nowhere on the page"); found.nothing = state(); set("words", "");
  found.rising = press(3); found.falling = press(3); found.labels = press(1); found.articles = press(4);
  found.buttons = headers.map(header => header.querySelectorAll("button").length);
  return found;
}"""


def said(sentence, label, confidence):
    rest = (1 - confidence) / (len(LABELS) - 1)
    probabilities = {name: confidence if name == label else rest for name in LABELS}
    passage = Passage(sentence.id, sentence.article_id, sentence.position, 0, 0, sentence.text)
    return Prediction(passage, label, probabilities)


@pytest.fixture(scope="module")
def toy():
    """A report with 40 errors: hostile and endless texts, long names, neighbours, a label suspected."""
    texts = ['<script>alert("x")</script> & <img src=x onerror=faults.push(1)>', "x" * 3000, "four were killed"]
    sentences = [
        LabelledSentence(
            f"{texts[n % 3]} in district {n}", LABELS[n % 5], () if n % 5 == 4 else (LABELS[n % 5],),
            f"u{n}", f"a-page-with-a-very-long-name-{n // 10}", n % 10,
        )
        for n in range(200)
    ]  # fmt: skip
    predictions = [
        said(s, LABELS[(n // 5) % 5] if n < 50 else s.label, 0.9 if n >= 50 or n == 1 else 0.3 + n / 1000)
        for n, s in enumerate(sentences)
    ]
    data = {"test": describe_set(sentences, LABELS), "seen_in_training": 0, "left_out": 0, "sources": []}
    results = results_of(sentences, predictions, TAXONOMY, data)
    vectors = np.ones((len(results.errors), 2))
    results = replace(results, errors=with_neighbours(results.errors, vectors, sentences, np.ones((200, 2))))
    return results, render(results, {})


@pytest.mark.parametrize("width", WIDTHS_PIXELS)
def test_report_fits_the_screen_and_runs_without_a_fault(tmp_path, toy, width):
    found = examine(tmp_path, toy[1], width, LAYOUT)
    assert found["width"] == width
    assert found["scrolled"] <= width
    assert found["faults"] == []
    assert found["bare"] == 0, "a picture without a text alternative"
    assert found["unnamed"] == 0, "a field without a label"
    assert found["controls"]


@pytest.mark.parametrize("width", WIDTHS_PIXELS)
def test_table_is_filtered_and_sorted(tmp_path, toy, width):
    results, page = toy
    found = examine(tmp_path, page, width, TABLE)
    assert found["faults"] == []
    errors = results.errors
    total = len(errors)
    assert found["all"] == {"shown": total, "said": f"{total} of {total} shown"}
    confidences = [f"{error.confidence:.3f}" for error in errors]
    assert found["first"] == confidences == sorted(confidences, reverse=True)
    assert 0 < found["words"]["shown"] < total
    assert found["is"] == ["none"] * sum(error.sentence.label == "none" for error in errors)
    both = sum((e.sentence.label, e.prediction.label) == ("none", "boilerplate") for e in errors)
    assert found["both"] == {"shown": both, "said": f"{both} of {total} shown"}
    assert found["suspected"]["shown"] == sum(error.suspected for error in errors) > 0
    assert found["nothing"] == {"shown": 0, "said": f"0 of {total} shown"}
    assert found["rising"] == {"cells": sorted(confidences), "sorted": [None, None, None, "ascending", None]}
    assert found["falling"] == {"cells": confidences, "sorted": [None, None, None, "descending", None]}
    assert found["labels"]["cells"] == sorted(error.sentence.label for error in errors)
    places = sorted((error.sentence.article_id, error.sentence.position) for error in errors)
    assert found["articles"]["cells"] == [f"{article} · {position}" for article, position in places]
    assert found["buttons"] == [0, 1, 1, 1, 1]


def test_without_scripts_all_rows_stand_there_and_no_dead_control(tmp_path, toy):
    probe = """(page, document) => ({
      rows: [...document.querySelectorAll("table.errors tbody tr")].filter(row => row.offsetHeight > 0).length,
      dead: [...document.querySelectorAll("form.filters, table.errors button")].filter(x => x.offsetHeight > 0).length,
    })"""
    found = examine(tmp_path, toy[1], 390, probe, script=False)
    assert (found["rows"], found["dead"]) == (len(toy[0].errors), 0)
