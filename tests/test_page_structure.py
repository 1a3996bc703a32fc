import json

import numpy as np

from sitrep.inference.page_structure import (
    FEATURES,
    MAIN_TEXT,
    NUMBERS,
    shipped_structure,
    structure_features,
    with_main_text,
)
from sitrep.pages.html import read_html
from sitrep.pages.passages import article_passages, page_passages
from sitrep.sentences import Prediction

HTML = (
    "<nav><ul><li><a href=1>Home</a><li><a href=2>World</a></ul></nav><main><article><h1>Strike kills four</h1>"
    + "<p>Four people were killed when shells fell on the town of Kharta on Monday, police said.</p>" * 6
    + "</article></main><footer><a href=3>Terms of use</a></footer>"
)


def said(passages, boilerplate=0.4):
    for passage in passages:
        yield Prediction(passage, "none", {"boilerplate": boilerplate, "none": 1 - boilerplate})


def test_block_decides_where_the_model_does_not():
    found = list(with_main_text(said(page_passages(read_html(HTML), "a"))))
    by_text = {prediction.passage.text: prediction.passage.fields[MAIN_TEXT] for prediction in found}
    said_of_text = min(value for text, value in by_text.items() if text.startswith("Four people"))
    assert said_of_text > 0.9
    assert max(by_text[text] for text in ("Home", "World", "Terms of use")) < said_of_text - 0.1


def test_plain_text_is_left_as_it_is_and_order_is_kept():
    predictions = [*said(article_passages("Four died. Two fled.", "t")), *said(page_passages(read_html(HTML), "a"))]
    found = list(with_main_text(predictions))
    assert [p.passage.text for p in found] == [p.passage.text for p in predictions]
    assert found[:2] == predictions[:2]


def test_shipped_numbers_name_every_feature_and_what_they_were_fitted_on():
    numbers = json.loads(NUMBERS.read_text(encoding="utf-8"))
    assert tuple(numbers["weights"]) == FEATURES
    assert "dev part" in numbers["fitted_on"]


def test_page_of_one_sentence_has_finite_figures():
    (passage,) = page_passages(read_html("<p>x"), "a")
    figures = structure_features([passage], [1.0])
    assert figures.shape == (1, len(FEATURES))
    assert np.isfinite(figures).all()
    assert 0 <= shipped_structure().main_text([passage], [1.0])[0] <= 1
