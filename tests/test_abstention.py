import json
import runpy
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from conftest import TAXONOMY, WITHOUT_NONE
from scipy.stats import binomtest

from sitrep.decisions import decide
from sitrep.metrics.abstention import review, risk_coverage, strictest, thresholds

draw = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "simulation.py"))["draw"]
FIVE, FOUR = TAXONOMY.labels, WITHOUT_NONE.labels


def rows(predicted, confidence, labels=4):
    """Probabilities that give `predicted` the confidence and the other labels the rest in equal parts."""
    confidence = np.asarray(confidence, dtype=float)
    table = np.repeat((1 - confidence)[:, None] / (labels - 1), labels, axis=1)
    table[np.arange(len(confidence)), predicted] = confidence
    return table


def of_one_class(right, confidence, articles=None):
    """Thresholds of the first label, where every unit is predicted as it."""
    true = np.where(right, 0, 1)
    homes = np.arange(len(true)) if articles is None else articles
    return thresholds(true, rows(np.zeros(len(true), dtype=int), confidence), homes, FOUR, 0.9)[FOUR[0]]


def test_risk_and_coverage_are_those_worked_out_by_hand():
    curve = risk_coverage(np.array([0, 1, 0, 0]), rows([0, 0, 0, 1], [0.9, 0.8, 0.7, 0.6]))
    assert curve.coverage.tolist() == [0.25, 0.5, 0.75, 1]
    assert curve.risk == pytest.approx([0, 1 / 2, 1 / 3, 2 / 4], abs=1e-12)
    assert curve.confidence == pytest.approx([0.9, 0.8, 0.7, 0.6])
    assert curve.area == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4, abs=1e-12)
    assert [curve.coverage_at(risk) for risk in (0, 0.34, 0.5)] == [0.25, 0.75, 1]


def test_units_of_equal_confidence_are_accepted_together():
    true = np.array([0, 1, 0, 1])
    curve = risk_coverage(true, rows([0, 0, 0, 0], [0.5, 0.5, 0.5, 0.5]))
    assert curve.coverage.tolist() == [1]
    assert curve.risk.tolist() == [0.5]
    assert curve.area == 0.5
    assert curve.coverage_at(0.1) == 0
    flipped = risk_coverage(true[::-1], rows([0, 0, 0, 0], [0.5, 0.5, 0.5, 0.5]))
    assert flipped.area == curve.area


def test_curve_without_units_is_refused():
    with pytest.raises(ValueError, match="no units"):
        risk_coverage(np.empty(0, dtype=int), np.empty((0, 4)))


def test_class_without_errors_is_accepted_whole_once_there_are_enough_units():
    confidence = np.linspace(0.99, 0.5, 40)
    # 0.9 ** 21 > 0.1 >= 0.9 ** 22: no error in 22 units shows a precision of 0.9 at a confidence of 90 %
    assert of_one_class(np.ones(22, dtype=bool), confidence[:22]) == pytest.approx(confidence[21])
    assert of_one_class(np.ones(21, dtype=bool), confidence[:21]) is None


def test_threshold_lies_above_the_units_that_are_mostly_wrong():
    confidence = np.linspace(0.99, 0.5, 200)
    right = np.arange(200) < 100
    assert of_one_class(right, confidence) == pytest.approx(confidence[99], abs=0.03)


def test_class_that_never_reaches_the_target_is_never_accepted():
    assert of_one_class(np.arange(200) % 2 == 0, np.linspace(0.99, 0.5, 200)) is None


def test_units_that_err_together_are_worth_fewer():
    confidence = np.linspace(0.99, 0.5, 3000)
    articles = np.random.default_rng(0).permutation(np.repeat(np.arange(100), 30))
    right = articles >= 6  # six articles all wrong, the rest all right: 94 % in all
    assert of_one_class(right, confidence) == pytest.approx(0.5)
    together = of_one_class(right, confidence, articles)
    assert together is None or together > 0.8


def test_classes_never_predicted_one_article_and_empty_validation_have_no_error():
    true, table = np.zeros(50, dtype=int), rows(np.zeros(50, dtype=int), np.linspace(0.99, 0.6, 50), 5)
    found = thresholds(true, table, np.array(["a"] * 50), FIVE, 0.9)
    assert found[FIVE[0]] == pytest.approx(0.6)
    assert [found[label] for label in FIVE[1:]] == [None] * 4
    empty = thresholds(true[:0], table[:0], np.empty(0, dtype=str), FIVE, 0.9)
    assert empty == dict.fromkeys(FIVE)


def test_of_several_kinds_of_pages_the_strictest_threshold_holds_and_a_kind_without_one_has_no_say():
    own = {"toll": 0.7, "menu": 0.9, "none": None, "act": None}
    foreign = {"toll": 0.8, "menu": 0.6, "none": 0.5, "act": None}
    assert strictest([own, foreign]) == {"toll": 0.8, "menu": 0.9, "none": 0.5, "act": None}
    assert strictest([own]) == own


def test_promise_is_kept_on_fresh_units():
    fresh = draw(np.random.default_rng(0), 1000)
    confidence, broken = fresh.probabilities.max(axis=1), []
    for seed in range(1, 41):
        found = draw(np.random.default_rng(seed), 75)
        chosen = thresholds(found.true, found.probabilities, found.articles, FIVE, 0.9)
        for index, least in enumerate(chosen.values()):
            passed = (fresh.predicted == index) & (confidence >= (np.inf if least is None else least))
            broken.append(least is not None and (fresh.true[passed] == index).mean() < 0.9)
    # 200 classes; 10 % may break, give or take 2 % by chance
    assert np.mean(broken) <= 0.12


def test_decision_is_to_accept_from_the_threshold_on():
    known = {FOUR[0]: 0.8, FOUR[1]: None}
    assert decide(FOUR[0], 0.8, known) == "accept"
    assert decide(FOUR[0], 0.79, known) == "review"
    assert decide(FOUR[1], 1.0, known) == "review"
    assert decide(FOUR[2], 1.0, known) == "review"


def test_review_counts_what_is_accepted_and_what_of_it_is_right():
    true, table = np.array([0, 1, 0, 1, 2]), rows([0, 0, 0, 1, 2], [0.9, 0.8, 0.5, 0.9, 0.9])
    found = review(true, table, FOUR, {FOUR[0]: 0.8, FOUR[1]: 0.9, FOUR[2]: None, FOUR[3]: 0.5})
    first = found.per_class[FOUR[0]]
    assert (first.units, first.accepted, first.right, first.precision) == (3, 2, 1, 0.5)
    assert first.review_share == pytest.approx(1 / 3, abs=1e-12)
    wilson = binomtest(1, 2).proportion_ci(method="wilson")
    assert (first.low, first.high) == (wilson.low, wilson.high)
    assert found.per_class[FOUR[2]].review_share == 1
    assert found.per_class[FOUR[2]].precision is None
    assert found.per_class[FOUR[3]].review_share is None
    assert (found.total.units, found.total.accepted, found.total.right) == (5, 3, 2)
    json.dumps(asdict(found), allow_nan=False)


def test_review_accepts_what_decide_accepts():
    found = draw(np.random.default_rng(3), 20)
    known = {FIVE[0]: 0.7, FIVE[1]: 0.5, FIVE[2]: None, FIVE[3]: 0.9}
    decisions = [
        decide(FIVE[index], row[index], known) for index, row in zip(found.predicted, found.probabilities, strict=True)
    ]
    accepted = review(found.true, found.probabilities, FIVE, known).total.accepted
    assert accepted == decisions.count("accept") > 0


def test_review_of_nothing_has_no_shares():
    found = review(np.empty(0, dtype=int), np.empty((0, 4)), FOUR, {})
    assert found.total.units == 0
    assert found.total.review_share is None
