import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from sitrep.metrics.agreement import kappa_interval, kappas
from sitrep.metrics.intervals import chance_corrected_interval
from sitrep.metrics.krippendorff import (
    alpha,
    alphas,
    coincidences,
    masi_distances,
    nominal_distances,
    one_against_the_rest,
)
from sitrep.metrics.resampling import article_confusions

FOUR_CODERS = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")


def table_of(*coders):
    """Coincidences of rows of signs, one row a coder, `.` where the coder did not label the unit; one page."""
    signs = sorted({sign for row in coders for sign in row if sign != "."})
    units = [[signs.index(sign) for sign in unit if sign != "."] for unit in zip(*coders, strict=True)]
    return coincidences(units, ["p"] * len(units), len(signs))


def alpha_of(*coders):
    table = table_of(*coders).sum(axis=0)
    return float(alphas(table, nominal_distances(len(table))))


def test_alpha_is_that_of_the_examples_in_krippendorffs_paper():
    # "Computing Krippendorff's Alpha-Reliability" (2011): binary data, nominal data, and those with gaps.
    assert alpha_of("0100000010", "1110010000") == pytest.approx(1 - 19 * 4 / (14 * 6), abs=1e-12)
    assert round(alpha_of("0100000010", "1110010000"), 3) == 0.095
    assert round(alpha_of("aabbdcccedda", "babbbccceddd"), 3) == 0.692
    assert round(alpha_of(*FOUR_CODERS), 3) == 0.743


def test_coincidences_are_those_of_the_paper():
    table = table_of(*FOUR_CODERS).sum(axis=0)
    assert table.tolist() == [
        pytest.approx(row)
        for row in [[7, 4 / 3, 1 / 3, 1 / 3, 0], [4 / 3, 10, 4 / 3, 1 / 3, 0], [1 / 3, 4 / 3, 8, 1 / 3, 0],
                    [1 / 3, 1 / 3, 1 / 3, 4, 0], [0, 0, 0, 0, 3]]
    ]  # fmt: skip
    assert table.sum() == pytest.approx(40)


def test_order_of_coders_and_units_with_one_label_change_nothing():
    assert alpha_of("aab", "abb") == alpha_of("abb", "aab") == alpha_of("aabc", "abb.") == alpha_of("baa", "bba")


def test_alpha_is_undefined_where_all_labels_are_one_or_none_is_shared():
    assert np.isnan(alpha_of("aaa", "aaa"))
    assert np.isnan(alpha_of("ab", ".."))
    assert alpha(table_of("aaa", "aaa"), nominal_distances(1), 100, 1).value is None


def test_alpha_of_one_label_is_that_of_its_own_question():
    # a against the rest: "1100" and "1000": o = 1 pair, n1 = 3, n0 = 5
    table = table_of("aabc", "abbc")
    found = float(alphas(table.sum(axis=0), one_against_the_rest([True, False, False])))
    assert found == pytest.approx(1 - 7 * 1 / (3 * 5), abs=1e-12)
    assert found == alpha_of("1100", "1000")


def test_distance_of_sets_counts_what_is_shared_and_which_holds_which():
    sets = [frozenset(names) for names in ("", "a", "ab", "bc", "abc")]
    found = masi_distances(sets)
    assert found[0].tolist() == [0, 1, 1, 1, 1]
    assert found[1].tolist() == pytest.approx([1, 0, 1 - 1 / 2 * 2 / 3, 1, 1 - 1 / 3 * 2 / 3])
    assert found[2, 3] == pytest.approx(1 - 1 / 3 * 1 / 3)
    assert found[2, 4] == pytest.approx(1 - 2 / 3 * 2 / 3)
    assert (found == found.T).all()


def test_alpha_of_sets_is_that_worked_out_by_hand():
    # {a} {a}; {a} {a,b}: seen 2 * 2/3, by chance 2 * 3 * 1 * 2/3, of four labels
    table = coincidences([[0, 0], [0, 1]], ["p", "q"], 2).sum(axis=0)
    found = float(alphas(table, masi_distances([frozenset("a"), frozenset("ab")])))
    assert found == pytest.approx(1 - 3 * (2 * 2 / 3) / (2 * 3 * 2 / 3), abs=1e-12)


def made(seed, pages=40, per_page=3, right=0.85):
    rng = np.random.default_rng(seed)
    true = rng.integers(4, size=pages * per_page)
    coders = [np.where(rng.random(len(true)) < right, true, rng.integers(4, size=len(true))) for _ in range(2)]
    return [list(map(str, coder)) for coder in coders], [str(n // per_page) for n in range(len(true))]


def test_interval_lies_around_alpha_and_is_wider_where_pages_are_fewer():
    widths = []
    for pages in (10, 40, 160):
        (first, second), of_page = made(1, pages)
        units = [[int(a), int(b)] for a, b in zip(first, second, strict=True)]
        found = alpha(coincidences(units, of_page, 4), nominal_distances(4), 500, 1)
        assert found.labels == 2 * len(units)
        assert found.interval.low < found.value < found.interval.high < 1
        widths.append(found.interval.high - found.interval.low)
    assert widths[0] > widths[1] > widths[2]


def test_perfect_agreement_has_a_lower_bound_by_the_pages_and_one_page_has_none():
    table = coincidences([[0, 0], [1, 1]] * 10, [str(n) for n in range(20)], 2)
    found = alpha(table, nominal_distances(2), 200, 1)
    # Clopper and Pearson for 20 of 20, over the disagreement of chance: 2 * 20 * 20 / (40 * 39)
    assert (found.value, found.interval.high) == (1, 1)
    assert found.interval.low == pytest.approx(1 - (1 - 0.025 ** (1 / 20)) / (800 / 1560))
    assert alpha(table.sum(axis=0, keepdims=True), nominal_distances(2), 200, 1).interval is None
    assert chance_corrected_interval(0.5, np.full(9, 0.5), 5, 0.5) is None


@pytest.mark.parametrize("seed", range(3))
def test_kappa_of_tables_is_that_of_scikit_learn_and_lies_in_its_interval(seed):
    (first, second), pages = made(seed)
    confusions = article_confusions(first, second, list("0123"), pages)
    value = float(kappas(confusions.sum(axis=0)))
    assert value == pytest.approx(cohen_kappa_score(first, second), abs=1e-12)
    interval = kappa_interval(confusions, 500, 1)
    assert interval.low < value < interval.high
    one_label = article_confusions(["0", "0"], ["0", "0"], ["0", "1"], ["p", "q"])
    assert kappa_interval(one_label, 100, 1) is None


def test_interval_holds_alpha_of_the_whole_in_most_samples():
    (first, second), pages = made(99, 20_000)
    units = [[int(a), int(b)] for a, b in zip(first, second, strict=True)]
    true = float(alphas(coincidences(units, pages, 4).sum(axis=0), nominal_distances(4)))
    held = 0
    for seed in range(100):
        (first, second), pages = made(seed)
        units = [[int(a), int(b)] for a, b in zip(first, second, strict=True)]
        found = alpha(coincidences(units, pages, 4), nominal_distances(4), 200, seed).interval
        held += found.low <= true <= found.high
    assert held >= 90
