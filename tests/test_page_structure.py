import json

import numpy as np

from sitrep.inference.page_structure import (
    FEATURES,
    FEATURES_AGAIN,
    NUMBERS,
    shipped_structure,
    structure_features,
    with_main_text,
)
from sitrep.pages.html import read_html
from sitrep.pages.passages import article_passages, page_passages
from sitrep.sentences import MAIN_TEXT, Prediction

MENU = [f"{place} news" for place in ("World", "Home", "City", "Coast", "Desert", "Delta", "Island", "Border")]
HTML = (
    "<nav><ul>"
    + "".join(f"<li><a href=/{name}>{name}</a>" for name in MENU)
    + "</ul></nav><main><article><h1>Strike kills four</h1>"
    + "<p>Four people were killed when shells fell on the town of Kharta on Monday, police said.</p>" * 20
    + "</article></main><footer><ul>"
    + "".join(f"<li><a href=/more/{name}>More {name}</a>" for name in MENU)
    + "</ul></footer>"
)


def said(passages, boilerplate=0.4):
    for passage in passages:
        yield Prediction(passage, "none", {"boilerplate": boilerplate, "none": 1 - boilerplate})


def test_block_decides_where_the_model_does_not():
    found = list(with_main_text(said(page_passages(read_html(HTML), "a"))))
    by_text = {prediction.passage.text: prediction.passage.fields[MAIN_TEXT] for prediction in found}
    said_of_text = min(value for text, value in by_text.items() if text.startswith("Four people"))
    assert said_of_text > 0.9
    menus = {text: value for text, value in by_text.items() if text.endswith("news")}
    assert len(menus) == 2 * len(MENU)
    assert max(menus.values()) < said_of_text - 0.1
    assert max(value for text, value in menus.items() if text.startswith("More")) < 0.5


def test_plain_text_is_left_as_it_is_and_order_is_kept():
    predictions = [*said(article_passages("Four died. Two fled.", "t")), *said(page_passages(read_html(HTML), "a"))]
    found = list(with_main_text(predictions))
    assert [p.passage.text for p in found] == [p.passage.text for p in predictions]
    assert found[:2] == predictions[:2]


def test_shipped_numbers_name_every_feature_and_what_they_were_fitted_on():
    numbers = json.loads(NUMBERS.read_text(encoding="utf-8"))
    assert tuple(numbers["first"]["weights"]) == FEATURES
    assert tuple(numbers["second"]["weights"]) == FEATURES + FEATURES_AGAIN
    assert "dev part" in numbers["fitted_on"]


def test_page_of_one_sentence_has_finite_figures():
    (passage,) = page_passages(read_html("<p>x"), "a")
    figures = structure_features([passage], [1.0])
    assert figures.shape == (1, len(FEATURES))
    assert np.isfinite(figures).all()
    assert 0 <= shipped_structure().main_text([passage], [1.0])[0] <= 1
