import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from conftest import TAXONOMY, WITHOUT_NONE
from scipy.special import softmax

from sitrep.metrics.abstention import risk_coverage
from sitrep.metrics.calibration import calibration_at, temperature_of
from sitrep.report.plots import precision_recall_svg, reliability_svg, risk_coverage_svg, thinned

FIVE, FOUR = TAXONOMY.labels, WITHOUT_NONE.labels


def pictures(units, labels, validation=1000):
    generator = np.random.default_rng(0)
    true = generator.integers(0, len(labels), units)
    rows = softmax(2 * np.eye(len(labels))[true] + generator.normal(size=(units, len(labels))), axis=1)
    fitted = temperature_of(rows[:validation], true[:validation], validation)
    calibration = calibration_at(rows, true, labels, *fitted)
    return [
        reliability_svg(calibration),
        risk_coverage_svg(risk_coverage(true, rows)),
        precision_recall_svg(true, rows, labels),
    ]


@pytest.mark.parametrize(("units", "labels", "validation"), [(1, FOUR, 0), (60, FIVE, 0), (100_000, FIVE, 1000)])
def test_pictures_are_small_svg_with_a_title_in_words(units, labels, validation):
    for svg, name in zip(
        pictures(units, labels, validation), ("Reliability", "Risk-coverage", "Precision-recall"), strict=True
    ):
        root = ElementTree.fromstring(svg)
        assert root.get("role") == "img"
        assert root.get("aria-label").startswith(name)
        assert root.get("aria-label").endswith(".")
        assert len(svg.encode()) < 60_000


def test_pictures_take_the_colour_of_the_text_and_leave_the_background_clear():
    for svg in pictures(300, FIVE):
        assert "currentColor" in svg
        assert not re.search(r"#(?:000000|ffffff|123457)", svg)


def test_pictures_of_one_page_share_no_id_that_means_different_things():
    owners = {}
    for svg in pictures(300, FIVE):
        for element in ElementTree.fromstring(svg).iter():
            if name := element.get("id"):
                assert owners.setdefault(name, ElementTree.tostring(element)) == ElementTree.tostring(element)


def test_pictures_are_the_same_each_time():
    curve = risk_coverage(
        np.array([0, 1, 1, 2]), np.array([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0, 1, 0], [0.1, 0, 0.9]])
    )
    assert risk_coverage_svg(curve) == risk_coverage_svg(curve)


def test_absent_label_is_named_and_not_drawn():
    true, rows = np.array([0, 1, 1, 0]), np.full((4, 4), 0.25)
    svg = precision_recall_svg(true, rows, FOUR)
    assert f"{FOUR[3]}: none in these data" in svg
    assert f">{FOUR[3]} (" not in svg
    assert "none in these data" in precision_recall_svg(true[:0], rows[:0], FOUR)


def test_thinned_curve_keeps_its_ends_and_its_extremes():
    x = np.linspace(0, 1, 100_000)
    y = np.sin(40 * x)
    y[50_000] = 5
    kept_x, kept_y = thinned(x, y)
    assert len(kept_x) <= 200
    assert (kept_x[0], kept_x[-1], kept_y.max()) == (x[0], x[-1], 5)
    assert (np.diff(kept_x) > 0).all()
    smooth = np.abs(x - x[50_000]) > 0.02
    assert np.abs(np.interp(x, kept_x, kept_y) - np.sin(40 * x))[smooth].max() < 0.5
    short = np.arange(5.0)
    assert thinned(short, short)[0] is short
