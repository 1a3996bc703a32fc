import numpy as np
import pytest
from scipy import stats

from sitrep.metrics.significance import difference, disagreement, holm, seed_noise


def test_holm_gives_the_numbers_worked_out_by_hand():
    # sorted 0.01, 0.03, 0.04: 3 * 0.01, 2 * 0.03, then 1 * 0.04, which must not fall below the one before
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02]
    assert holm([]) == []


def test_tests_that_were_not_made_do_not_count_in_holms_correction():
    assert holm([None, 0.02, None, 0.5]) == [None, 0.04, None, 0.5]


def test_mcnemars_test_is_the_binomial_test_of_the_units_that_one_run_alone_has_right():
    found = disagreement([True] * 9 + [False] * 2 + [True] * 5, [False] * 9 + [True] * 2 + [True] * 5)
    assert (found.only_first_right, found.only_second_right) == (9, 2)
    assert found.p == pytest.approx(2 * sum(stats.binom.pmf(k, 11, 0.5) for k in (0, 1, 2)), abs=1e-12)
    assert disagreement([True, False], [True, False]).p == 1


def test_welchs_test_is_that_of_scipy():
    first, second = [0.90, 0.91, 0.92], [0.88, 0.89]
    found = seed_noise(first, second)
    assert found.p == pytest.approx(stats.ttest_ind(first, second, equal_var=False).pvalue, abs=1e-12)
    assert found.mean_difference == pytest.approx(0.025)
    assert found.standard_deviations == pytest.approx((0.01, 0.00707106781))


def test_one_seed_says_nothing_of_the_noise_and_equal_seeds_give_no_p():
    assert seed_noise([0.9], []).standard_deviations == (None, None)
    one = seed_noise([0.9, 0.92], [0.8])
    assert one.standard_deviations[1] is None
    assert (one.mean_difference, one.p) == (None, None)
    assert seed_noise([0.9, 0.9], [0.8, 0.8]).p is None


def test_interval_leaves_out_zero_just_where_p_is_below_005():
    generator = np.random.default_rng(0)
    for apart in np.linspace(0, 0.05, 30):
        drawn = np.stack([generator.normal(0.9 + apart, 0.01, 400), generator.normal(0.9, 0.01, 400)], axis=1)
        found = difference(np.array([0.9 + apart, 0.9]), drawn, 30)
        assert (found.p < 0.05) == (not found.interval.low <= 0 <= found.interval.high)


def test_runs_that_do_not_differ_have_p_1_and_those_that_differ_alike_everywhere_have_none():
    same = np.full((10, 2), 0.5)
    found = difference(np.array([0.5, 0.5]), same, 8)
    assert (found.value, found.p, found.interval.low, found.interval.high) == (0, 1, 0, 0)
    found = difference(np.array([0.7, 0.5]), same + np.array([0.2, 0]), 8)
    assert (found.interval, found.p) == (None, None)
    assert found.value == pytest.approx(0.2)


def test_undefined_figures_and_single_articles_have_no_test():
    drawn = np.random.default_rng(0).random((50, 2))
    assert difference(np.array([np.nan, 0.5]), drawn, 8).value is None
    assert difference(np.array([0.6, 0.5]), drawn, 1).p is None
