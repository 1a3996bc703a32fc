import json
import runpy
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from conftest import TAXONOMY, WITHOUT_NONE

from sitrep.metrics.counts import LabelledUnits, PredictedUnits, corrected_counts

simulation = runpy.run_path(str(Path(__file__).parents[1] / "benchmarks" / "simulation.py"))
draw, OTHER_SHARES = simulation["draw"], simulation["OTHER_SHARES"]
FIVE, FOUR = TAXONOMY.labels, WITHOUT_NONE.labels


def known(drawn):
    return LabelledUnits(drawn.true, drawn.predicted, drawn.articles)


def seen(drawn):
    return PredictedUnits(drawn.predicted, drawn.articles)


def units(pairs):
    """Repeat (true, predicted) pairs as often as they say, dealt out to ten articles."""
    true, predicted = (np.repeat([pair[i] for pair in pairs], [n for *_, n in pairs]) for i in (0, 1))
    return LabelledUnits(true, predicted, np.arange(len(true)) % 10)


def test_correction_undoes_the_confusion_as_worked_out_by_hand():
    # of label 0, 90 % are called 0 and 10 % 1; of label 1, 80 % are called 1 and 20 % 0
    validation = units([(0, 0, 90_000), (0, 1, 10_000), (1, 1, 80_000), (1, 0, 20_000)])
    predicted = np.repeat([0, 1], [410, 590])  # 300 * 0.9 + 700 * 0.2 and the rest
    found = corrected_counts(validation, PredictedUnits(predicted, np.arange(1000) % 10), ("a", "b")).counts
    assert (found["a"].raw, found["b"].raw) == (410, 590)
    assert found["a"].corrected == pytest.approx(300, abs=0.02)
    assert found["b"].corrected == pytest.approx(700, abs=0.02)
    # articles are all alike: what is left is the scatter of single units, in the set 300 * 0.09 + 700 * 0.16 = 139 and
    # in the rates 300² * 0.09 / 100,000 + 700² * 0.16 / 100,000 = 0.865, divided by (0.9 - 0.2)²
    half = 1.959964 * (139 + 0.865) ** 0.5 / 0.7
    assert found["a"].low == pytest.approx(300 - half, abs=0.05)
    assert found["a"].high == pytest.approx(300 + half, abs=0.05)


def test_classifier_without_error_is_hardly_corrected():
    validation = units([(label, label, 500) for label in range(5)])
    predicted = np.repeat(np.arange(5), [10, 20, 30, 40, 0])
    found = corrected_counts(validation, PredictedUnits(predicted, np.arange(100) % 7), FIVE).counts
    for count in found.values():
        assert count.corrected == pytest.approx(count.raw, abs=0.2)
        assert count.low <= count.corrected <= count.high


@pytest.mark.parametrize("labels", [FIVE, FOUR])
def test_corrected_counts_are_possible_and_sum_to_the_units(labels):
    shares = OTHER_SHARES[: len(labels)] / OTHER_SHARES[: len(labels)].sum()
    for seed in range(20):
        generator = np.random.default_rng(seed)
        validation, target = draw(generator, 30, shares=shares, noise=0.5), draw(generator, 3, 10, shares, 0.5)
        found = corrected_counts(known(validation), seen(target), labels)
        total = len(target.true)
        assert sum(count.raw for count in found.counts.values()) == total
        assert sum(count.corrected for count in found.counts.values()) == pytest.approx(total, abs=1e-6)
        for count in found.counts.values():
            assert 0 <= count.low <= count.corrected + 1e-9 <= count.high + 1e-8 <= total + 1e-7
        json.dumps(asdict(found), allow_nan=False)


def test_names_of_articles_and_order_of_units_do_not_matter():
    generator = np.random.default_rng(0)
    validation, target = draw(generator, 20), draw(generator, 20)
    first = corrected_counts(known(validation), seen(target), FIVE)
    order = generator.permutation(len(validation.true))
    names = np.array([f"article {number}" for number in validation.articles])
    shuffled = LabelledUnits(validation.true[order], validation.predicted[order], names[order])
    second = corrected_counts(shuffled, seen(target), FIVE)
    for label in FIVE:
        assert asdict(second.counts[label]) == pytest.approx(asdict(first.counts[label]))


@pytest.mark.parametrize(
    ("articles", "shares"), [((75, 75), OTHER_SHARES), ((75, 10), OTHER_SHARES), ((20, 75), simulation["SHARES"])]
)
def test_intervals_hold_the_true_number_as_often_as_they_claim(articles, shares):
    held, error, raw_error = [], 0.0, 0.0
    for seed in range(100):
        generator = np.random.default_rng(seed)
        validation, target = draw(generator, articles[0]), draw(generator, articles[1], shares=shares)
        truth = np.bincount(target.true, minlength=5)
        found = corrected_counts(known(validation), seen(target), FIVE).counts.values()
        held += [c.low <= n <= c.high for c, n in zip(found, truth, strict=True)]
        error += sum(abs(c.corrected - n) for c, n in zip(found, truth, strict=True))
        raw_error += sum(abs(c.raw - n) for c, n in zip(found, truth, strict=True))
    # 500 intervals of 100 sets: chance alone moves the share by about 1.5 points
    assert 0.92 <= np.mean(held) <= 0.985
    if shares is OTHER_SHARES:
        assert error < raw_error


def test_interval_does_not_vanish_where_validation_shows_no_error():
    validation = units([(label, label, 30) for label in range(5)])
    target = PredictedUnits(np.repeat(np.arange(5), 1000), np.arange(5000) % 100)
    found = corrected_counts(validation, target, FIVE).counts[FIVE[0]]
    assert found.high - found.low > 5


def test_label_without_validation_units_is_not_corrected_and_the_others_are():
    generator = np.random.default_rng(0)
    validation, target = draw(generator, 30), draw(generator, 30)
    kept = validation.true != 2
    part = LabelledUnits(validation.true[kept], validation.predicted[kept], validation.articles[kept])
    found = corrected_counts(part, seen(target), FIVE)
    assert found.note == "no validation unit is casualty_report; the set is taken to hold none"
    assert found.counts[FIVE[2]].corrected is None
    assert found.counts[FIVE[2]].low is None
    assert found.counts[FIVE[2]].raw > 0
    rest = [count.corrected for label, count in found.counts.items() if label != FIVE[2]]
    assert sum(rest) == pytest.approx(len(target.true), abs=1e-6)


@pytest.mark.parametrize("side", ["validation", "target"])
def test_single_article_gives_an_estimate_without_interval(side):
    generator = np.random.default_rng(0)
    validation, target = draw(generator, 30), draw(generator, 30)
    one = np.zeros(len(validation.true)) if side == "validation" else validation.articles
    other = np.zeros(len(target.true)) if side == "target" else target.articles
    found = corrected_counts(
        LabelledUnits(validation.true, validation.predicted, one), PredictedUnits(target.predicted, other), FIVE
    )
    assert found.note == "an interval needs two articles in validation and two in the set"
    assert all(c.low is None and c.high is None and c.corrected is not None for c in found.counts.values())


def test_empty_validation_and_empty_set_leave_the_raw_counts():
    drawn = draw(np.random.default_rng(0), 5)
    none = np.empty(0, dtype=int)
    found = corrected_counts(LabelledUnits(none, none, none), seen(drawn), FIVE)
    assert found.note == "validation holds no units"
    assert sum(count.raw for count in found.counts.values()) == len(drawn.true)
    assert all(count.corrected is None for count in found.counts.values())
    empty = corrected_counts(known(drawn), PredictedUnits(none, none), FIVE)
    assert empty.note == "the set holds no units"
    assert all(count.raw == 0 and count.corrected is None for count in empty.counts.values())


def test_model_that_always_says_the_same_has_nothing_to_correct_by():
    drawn = draw(np.random.default_rng(0), 30)
    same = np.zeros(len(drawn.true), dtype=int)
    found = corrected_counts(
        LabelledUnits(drawn.true, same, drawn.articles), PredictedUnits(same, drawn.articles), FIVE
    )
    assert "cannot be told apart" in found.note
    assert found.counts[FIVE[0]].raw == len(same)
    assert found.counts[FIVE[0]].corrected is None
