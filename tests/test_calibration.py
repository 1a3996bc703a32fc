import json
import math
from dataclasses import asdict

import numpy as np
import pytest
from conftest import TAXONOMY, WITHOUT_NONE
from scipy.special import expit, log_softmax, logit, softmax
from scipy.stats import binomtest
from sklearn.metrics import log_loss

from sitrep.metrics.calibration import (
    TEMPERATURE_BOUNDS,
    apply_temperature,
    calibration_at,
    calibration_figures,
    expected_calibration_error,
    fit_temperature,
    log_probabilities,
    outcome_pairs,
    reliability_bins,
    temperature_of,
)

FIVE, FOUR = TAXONOMY.labels, WITHOUT_NONE.labels


def drawn(units, labels, sharpness=1.0, seed=0):
    """Labels drawn from the softmax of logits, and logits that are `sharpness` times too large."""
    generator = np.random.default_rng(seed)
    logits = 2 * generator.normal(size=(units, labels))
    true = (generator.random(units)[:, None] > softmax(logits, axis=1).cumsum(axis=1)[:, :-1]).sum(axis=1)
    return sharpness * logits, true


@pytest.mark.parametrize("labels", [4, 5])
@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_temperature_is_the_factor_by_which_logits_are_too_large(labels, sharpness):
    logits, true = drawn(20_000, labels, sharpness)
    assert fit_temperature(logits, true) == pytest.approx(sharpness, rel=0.05)


def test_no_other_temperature_has_a_smaller_loss():
    logits, true = drawn(300, 5, 2.0)
    best = fit_temperature(logits, true)

    def loss(temperature):
        return -log_softmax(logits / temperature, axis=1)[np.arange(300), true].mean()

    assert all(loss(best) <= loss(other) for other in np.geomspace(0.1, 10, 2001))


def test_log_probabilities_do_as_well_as_logits():
    logits, true = drawn(500, 5, 2.0)
    assert fit_temperature(np.log(softmax(logits, axis=1)), true) == pytest.approx(fit_temperature(logits, true))


def test_loss_that_falls_without_end_ends_at_a_bound():
    logits, _ = drawn(100, 5)
    low, high = TEMPERATURE_BOUNDS
    assert fit_temperature(logits, logits.argmax(axis=1)) == pytest.approx(low, rel=1e-3)
    assert fit_temperature(logits, logits.argmin(axis=1)) == pytest.approx(high, rel=1e-3)


def test_no_temperature_is_fitted_at_a_bound_or_on_a_flat_loss():
    logits, _ = drawn(100, 5)
    probabilities = softmax(logits, axis=1)
    right, wrong = probabilities.argmax(axis=1), probabilities.argmin(axis=1)
    assert temperature_of(probabilities, right, 100) == (
        None, "no temperature was fitted: validation holds too few errors to tell how sure the model may be",
    )  # fmt: skip
    assert "too many errors" in temperature_of(probabilities, wrong, 100)[1]
    alike = np.full((100, 5), 0.2)
    assert temperature_of(alike, right, 100) == (
        None, "no temperature was fitted: the loss on validation is the same at all of them",
    )  # fmt: skip
    temperature, note = temperature_of(probabilities, np.concatenate([right[:80], wrong[80:]]), 100)
    assert temperature is not None
    assert note == ""


def test_temperature_without_units_is_refused():
    with pytest.raises(ValueError, match="no units"):
        fit_temperature(np.empty((0, 5)), np.empty(0, dtype=int))


def test_probabilities_at_a_temperature_are_those_of_the_scaled_logits():
    logits, _ = drawn(50, 5)
    found = apply_temperature(softmax(logits, axis=1), 2.5)
    np.testing.assert_allclose(found, softmax(logits / 2.5, axis=1), rtol=1e-12)
    np.testing.assert_allclose(apply_temperature(softmax(logits, axis=1), 1.0), softmax(logits, axis=1), rtol=1e-12)


def test_zeros_and_single_precision_stay_harmless():
    rows = np.array([[1, 0, 0, 0], [0.5, 0.5, 0, 0]], dtype=np.float32)
    for temperature in (0.1, 1.0, 10.0):
        found = apply_temperature(rows, temperature)
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-12)
        assert np.isfinite(found).all()
        assert found[0].argmax() == 0


def test_independent_probabilities_are_scaled_by_their_logit():
    generator = np.random.default_rng(0)
    logits = 2 * generator.normal(size=(5000, 4))
    applies = generator.random((5000, 4)) < expit(logits)
    too_sure = outcome_pairs(expit(2 * logits))
    temperature = fit_temperature(log_probabilities(too_sure), applies.ravel().astype(int))
    assert temperature == pytest.approx(2, rel=0.05)
    found = apply_temperature(too_sure, temperature)[:, 1].reshape(logits.shape)
    np.testing.assert_allclose(found, expit(logit(expit(2 * logits)) / temperature), rtol=1e-9)


def test_bins_hold_equally_many_units_and_their_means():
    bins = reliability_bins(np.array([0.9, 0.2, 0.8, 0.4]), np.array([True, False, False, True]), bins=2)
    assert [(b.units, b.accuracy) for b in bins] == [(2, 0.5), (2, 0.5)]
    assert [b.confidence for b in bins] == pytest.approx([0.3, 0.85])
    wilson = binomtest(1, 2).proportion_ci(method="wilson")
    assert (bins[0].low, bins[0].high) == (wilson.low, wilson.high)
    # gaps of 0.2 and 0.35, of the same weight
    assert expected_calibration_error(bins) == pytest.approx(0.275, abs=1e-12)


def test_units_of_equal_confidence_share_a_bin():
    confidence = np.array([0.5] * 70 + [0.6] * 10 + [0.7] * 20)
    bins = reliability_bins(confidence, np.ones(100, dtype=bool), bins=15)
    assert [(b.units, round(b.confidence, 12)) for b in bins] == [(70, 0.5), (10, 0.6), (20, 0.7)]
    assert len(reliability_bins(np.full(100, 0.5), np.ones(100, dtype=bool))) == 1


def test_figures_are_those_worked_out_by_hand():
    probabilities = np.array([[0.7, 0.2, 0.1, 0.0], [0.1, 0.8, 0.1, 0.0]])
    figures = calibration_figures(probabilities, np.array([0, 2]), FOUR)
    # (0.3² + 0.2² + 0.1²) = 0.14 and (0.1² + 0.8² + 0.9²) = 1.46
    assert figures.brier_score == pytest.approx(0.8, abs=1e-12)
    assert figures.negative_log_likelihood == pytest.approx(-(math.log(0.7) + math.log(0.1)) / 2, abs=1e-12)
    # each unit is its own bin: |1 - 0.7| and |0 - 0.8|
    assert figures.expected_calibration_error == pytest.approx(0.55, abs=1e-12)
    # the last label never occurs and never gets any probability
    assert figures.class_wise_error[FOUR[3]] == 0


@pytest.mark.parametrize("labels", [FOUR, FIVE])
def test_log_likelihood_agrees_with_scikit_learn(labels):
    logits, true = drawn(400, len(labels))
    probabilities = softmax(logits, axis=1)
    reference = log_loss(true, probabilities, labels=range(len(labels)))
    assert abs(calibration_figures(probabilities, true, labels).negative_log_likelihood - reference) < 1e-12


def test_certain_error_costs_much_but_not_endlessly():
    figures = calibration_figures(np.array([[1.0, 0.0, 0.0, 0.0]]), np.array([1]), FOUR)
    assert math.isfinite(figures.negative_log_likelihood)
    assert figures.brier_score == 2


def test_temperature_of_validation_mends_the_test_units():
    (validation, seen), (test, unseen) = drawn(3000, 5, 3.0, seed=1), drawn(3000, 5, 3.0, seed=2)
    temperature, note = temperature_of(softmax(validation, axis=1), seen, len(seen))
    result = calibration_at(softmax(test, axis=1), unseen, FIVE, temperature, note)
    assert result.temperature == pytest.approx(3, rel=0.1)
    assert result.note == ""
    assert result.after.expected_calibration_error < 0.05 < result.before.expected_calibration_error
    assert result.after.brier_score < result.before.brier_score
    assert result.after.negative_log_likelihood < result.before.negative_log_likelihood
    assert sum(b.units for b in result.before.bins) == 3000
    json.dumps(asdict(result), allow_nan=False)


@pytest.mark.parametrize("units", [0, 1, 49])
def test_too_little_validation_leaves_the_temperature_out_and_says_so(units):
    logits, true = drawn(60, 4)
    rows = softmax(logits, axis=1)
    result = calibration_at(rows, true, FOUR, *temperature_of(rows[:units], true[:units], units))
    assert result.temperature is None
    assert result.after is None
    assert result.note.startswith(f"{units} validation units are too few")
    with pytest.raises(ValueError, match="no units"):
        calibration_at(rows[:0], true[:0], FOUR, 1.0, "")
