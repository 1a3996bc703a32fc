import numpy as np
import pytest
from scipy import stats

from sitrep.metrics.page_spread import LabelledPages, RandomLabels
from sitrep.metrics.sampled_counts import ClassCount, Estimate, count_group, count_set, fit_classes


def labels_of(has, probabilities, pages, inclusion):
    columns = [np.array(figures, dtype=float)[:, None] for figures in (has, probabilities)]
    return RandomLabels(*columns, np.array(pages), np.broadcast_to(np.array(inclusion, dtype=float), len(pages)))


def counted(labels, units, sums) -> ClassCount:
    (found,) = count_set(labels, units, np.array([sums], dtype=float), fit_classes(labels, units))
    return found


def test_labels_alone_are_left_where_every_unit_has_the_same_probability():
    labels = labels_of([1, 1, 0, 0, 0, 0, 0, 0, 0, 0], [0.5] * 10, range(10), 0.01)
    found = counted(labels, 1000, 500)
    assert found.weight == 0
    assert found.count == found.labels_only
    assert found.count.estimate == pytest.approx(200)
    # two of ten, but for the hundredth that is labelled: Clopper and Pearson
    trials = 10 / 0.99
    assert found.count.low == pytest.approx(1000 * stats.beta.ppf(0.025, 0.2 * trials, 0.8 * trials + 1))
    assert found.count.high == pytest.approx(1000 * stats.beta.ppf(0.975, 0.2 * trials + 1, 0.8 * trials))


def test_the_estimate_is_the_weighted_count_of_the_model_and_what_the_labels_say_that_it_misses():
    has, probabilities = np.tile([1, 0, 1, 0, 1, 0], 10), np.tile([0.9, 0.6, 0.7, 0.1, 0.4, 0.5], 10)
    inclusion = np.tile([0.1, 0.1, 0.05, 0.05, 0.02, 0.02], 10)  # stand for 10, 10, 20, 20, 50 and 50 units, ten times
    found = counted(labels_of(has, probabilities, range(60), inclusion), 1600, 600)
    missed = ((has - found.weight * probabilities) / inclusion).sum()
    assert 0 < found.weight < 1
    assert found.count.estimate == pytest.approx(found.weight * 600 + missed)
    assert found.labels_only.estimate == pytest.approx(800)


def test_the_weight_is_the_slope_over_totals_of_pages_as_worked_out_by_hand():
    # totals of two pages of two labels, each label a quarter, off the mean: has +1/4 and -1/4, probabilities +0.2, -0.2
    pages = LabelledPages(labels_of([1, 1, 1, 0], [0.9, 0.9, 0.6, 0.4], [0, 0, 1, 1], 0.1), 40)
    weight, without = pages.slopes(np.array([1.0, 1, 1, 0]), np.array([0.9, 0.9, 0.6, 0.4]))
    totals_of_has, totals_of_probabilities = 0.25 * 0.5, 0.25 * 0.4  # (2 - 1.5) / 4, (1.8 - 1.4) / 4
    product, square = 2 * totals_of_has * totals_of_probabilities, 2 * totals_of_probabilities**2
    assert weight == pytest.approx(min(1, product / (square + 1 / 16)))  # one more label, wrong for sure: (1/4)²
    assert without.tolist() == [0, 0]  # a single page is left: nothing to take a slope from


def test_errors_of_pages_are_held_against_the_others_and_two_unseen_errors_are_added():
    has, probability = np.array([1.0, 0, 1, 0]), np.array([1.0, 0, 0, 0])
    labels = labels_of(has, probability, [0, 1, 2, 3], 0.25)
    spread = LabelledPages(labels, 16).spread(has, probability, np.ones(4), 1.5)
    # errors 0, 0, 1, 0; each less the mean of the other three, times 3/4, as a quarter of the labels: jackknife
    off = 0.25 * 0.75 * np.array([-1 / 3, -1 / 3, 1, -1 / 3])
    assert spread.between == pytest.approx((off**2).sum() * 4 / 3)
    assert spread.between == pytest.approx(np.var([0, 0, 1, 0], ddof=1) / 4)
    assert spread.unseen == pytest.approx(2 * 1.5 / 16)
    assert spread.variance == pytest.approx(0.75 * (spread.between + spread.unseen))


def test_labels_that_stand_together_in_pages_tell_less():
    has = [1] * 5 + [0] * 5 + [1] * 5 + [0] * 25
    apart = counted(labels_of(has, [0.5] * 40, range(40), 0.01), 4000, 2000)
    together = counted(labels_of(has, [0.5] * 40, np.arange(40) // 5, 0.01), 4000, 2000)
    assert apart.count.estimate == together.count.estimate == pytest.approx(1000)
    assert together.count.high - together.count.low > 1.5 * (apart.count.high - apart.count.low)


def test_a_class_that_no_label_has_is_counted_as_at_most_so_many():
    labels = labels_of([0] * 60, [0.01] * 60, range(60), 0.01)
    found = counted(labels, 6000, 60)
    assert (found.found, found.count.estimate, found.count.low) == (0, 0, 0)
    assert found.count.high == pytest.approx(6000 * (1 - 0.025 ** (0.99 / 60)), rel=0.01)


def test_nothing_is_uncertain_where_every_unit_is_labelled():
    has = np.tile([1, 0, 0, 1, 0], 8)
    found = counted(labels_of(has, np.linspace(0, 1, 40), np.arange(40) // 4, 1.0), 40, np.linspace(0, 1, 40).sum())
    assert (found.count.low, found.count.estimate, found.count.high) == pytest.approx((16, 16, 16))
    assert found.labels_only == found.count
    assert found.to_halve is None


def test_half_the_interval_takes_about_four_times_the_labels_and_less_in_a_small_set():
    rng = np.random.default_rng(1)
    has = (rng.random(200) < 0.3).astype(float)
    probabilities = np.clip(0.8 * has + 0.1 + rng.normal(0, 0.1, 200), 0, 1)
    large = counted(labels_of(has, probabilities, range(200), 0.0001), 2_000_000, 700_000)
    small = counted(labels_of(has, probabilities, range(200), 0.5), 400, 140)
    assert 350 < large.to_halve.labels < 620
    assert large.to_halve.pages == large.to_halve.labels
    assert small.to_halve.labels < 150


def test_figures_are_kept_within_what_is_known():
    one = Estimate(5, 2, 9)
    found = counted(labels_of([1, 0, 1, 0], [0.5] * 4, range(4), 0.1), 40, 20)
    assert one.within(6, 8) == Estimate(6, 6, 8)
    kept = found.within(19, 21)
    assert (kept.count.low, kept.count.high, kept.labels_only.low) == (19, 21, 19)


def population(rng, pages=400, shift=0.0):
    """Units in pages, whose classes and whose model's errors come together in pages."""
    sizes = 2 + rng.poisson(10, pages)
    page = np.repeat(np.arange(pages), sizes)
    propensity = rng.beta(0.4, 2.6, pages)[page]
    has = (rng.random(len(page)) < propensity).astype(float)
    seen = has + rng.normal(0, 0.28, len(page)) + rng.normal(0, 0.12, pages)[page] + shift
    return has, 1 / (1 + np.exp(-6 * (seen - 0.5))), page


def draws(rng, page, count, per_page):
    """Pages by systematic draws proportional to their size, units of each at random."""
    sizes, starts = np.bincount(page), np.cumsum(np.bincount(page)) - np.bincount(page)
    while True:
        order = rng.permutation(len(sizes))
        chances = (count / len(page) * np.maximum(sizes, per_page) / per_page)[order]
        reached = np.floor(rng.random() + np.concatenate([[0], chances.cumsum()]))
        hit = order[np.diff(reached) > 0]
        yield np.concatenate([starts[i] + rng.permutation(sizes[i])[:per_page] for i in hit])


@pytest.mark.parametrize("shift", [0.0, 0.25])
def test_intervals_hold_the_truth_and_the_estimate_is_unbiased_even_if_the_model_is_not(shift):
    rng = np.random.default_rng(7)
    has, probability, page = population(rng, shift=shift)
    truth, units = has.sum(), len(has)
    found = []
    for drawn in (pick for pick, _ in zip(draws(rng, page, 120, 2), range(400), strict=False)):
        labels = labels_of(has[drawn], probability[drawn], page[drawn], 120 / units)
        one = counted(labels, units, probability.sum())
        found.append([*vars(one.count).values(), *vars(one.labels_only).values()])
    estimate, low, high, _, alone_low, alone_high = np.array(found).T
    assert np.mean((low <= truth) & (truth <= high)) >= 0.94
    assert np.mean((alone_low <= truth) & (truth <= alone_high)) >= 0.94
    assert abs(estimate.mean() - truth) < 3 * estimate.std() / 20 + 0.01 * truth
    assert np.mean(high - low) < 0.8 * np.mean(alone_high - alone_low)
    if shift:
        assert (probability > 0.5).sum() > 1.5 * truth  # what the model alone counts


def test_groups_take_the_spread_of_all_pages_where_they_have_few_and_their_own_where_they_have_more():
    rng = np.random.default_rng(3)
    has, probability, page = population(rng)
    drawn = next(draws(rng, page, 300, 2))
    labels = labels_of(has[drawn], probability[drawn], page[drawn], 300 / len(has))
    fits = fit_classes(labels, len(has))
    few = labels.of(np.isin(labels.pages, np.unique(labels.pages)[:3]))
    (found,) = count_group(few, 500, np.array([100.0]), fits)
    assert found.spread.degrees == fits[0].spread.pages - 1
    assert found.spread.between == pytest.approx(fits[0].spread.between * fits[0].spread.pages / 3)
    many = labels.of(np.isin(labels.pages, np.unique(labels.pages)[:30]))
    (found,) = count_group(many, 500, np.array([100.0]), fits)
    assert found.spread.degrees == 29
    assert found.spread.between != pytest.approx(fits[0].spread.between * fits[0].spread.pages / 30)


def test_a_group_whose_labels_lack_the_class_may_hold_none_of_it():
    labels = labels_of([1, 0] * 20, [0.8, 0.3] * 20, range(40), 0.1)
    without = labels.of(labels.has[:, 0] == 0)
    (found,) = count_group(without, 200, np.array([60.0]), fit_classes(labels, 400))
    assert found.count.low == 0
    assert found.count.high > 0
