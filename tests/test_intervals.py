import math

import numpy as np
import pytest
from conftest import TAXONOMY
from scipy import stats

from sitrep.metrics.intervals import Interval, rate_interval, score_intervals
from sitrep.metrics.resampling import article_confusions, effective_articles, resample
from sitrep.metrics.scores import rates, score

LABELS = TAXONOMY.labels
ATTACK, STATEMENT, TOLL, BOILERPLATE, NONE = LABELS


def simulated(generator, articles):
    """Articles of 5 to 60 units with a difficulty of their own; one error in six or so."""
    sizes = generator.integers(5, 61, articles)
    support = generator.multinomial(sizes, generator.dirichlet([1.2, 1.2, 0.6, 1.3, 1.7], articles))
    wrong = generator.binomial(support, stats.logistic.cdf(generator.normal(-1.8, 0.8, (articles, 1))))
    counts = np.zeros((articles, 5, 5), dtype=np.int64)
    for label in range(5):
        shares = np.where(np.arange(5) == label, 0, 0.25)
        counts[:, label] = generator.multinomial(wrong[:, label], shares)
        counts[:, label, label] += support[:, label] - wrong[:, label]
    return counts


def test_units_are_counted_by_article_true_and_predicted_label():
    true, given = [ATTACK, ATTACK, STATEMENT], [ATTACK, STATEMENT, STATEMENT]
    counts = article_confusions(true, given, LABELS, ["x", "y", "x"])
    assert counts.shape == (2, 5, 5)
    assert (counts[0, 0, 0], counts[0, 1, 1], counts[1, 0, 1], counts.sum()) == (1, 1, 1, 3)
    assert counts.sum(axis=0).tolist() == score(true, given, TAXONOMY).confusion.tolist()
    assert article_confusions([], [], LABELS, []).shape == (0, 5, 5)
    with pytest.raises(ValueError, match="weather"):
        article_confusions(["weather"], [ATTACK], LABELS, ["x"])
    with pytest.raises(ValueError, match="2 article ids"):
        article_confusions([ATTACK], [ATTACK], LABELS, ["x", "y"])


def test_draws_hold_as_many_articles_as_there_are_and_repeat_with_their_seed():
    counts = np.eye(4)
    drawn = resample(counts, 500, seed=3)
    assert (drawn.sum(axis=1) == 4).all()
    assert (drawn == resample(counts, 500, seed=3)).all()
    assert (drawn != resample(counts, 500, seed=4)).any()
    assert drawn.mean(axis=0) == pytest.approx([1, 1, 1, 1], abs=0.15)
    assert drawn.var(axis=0) == pytest.approx([0.75] * 4, abs=0.15)  # multinomial: n p (1 - p)


def test_draws_do_not_depend_on_the_size_of_the_chunks_where_one_holds_them_all(monkeypatch):
    counts = np.arange(30).reshape(10, 3)
    whole = resample(counts, 64, seed=1)
    monkeypatch.setattr("sitrep.metrics.resampling.WEIGHTS_AT_ONCE", 70)
    assert (resample(counts, 64, seed=1) == whole).all()


def test_figures_of_the_draws_are_those_of_the_metrics_module():
    generator = np.random.default_rng(0)
    true = [LABELS[i] for i in generator.integers(0, 5, 60)]
    given = [LABELS[i] for i in generator.integers(0, 5, 60)]
    articles = [str(i) for i in generator.integers(0, 6, 60)]
    weights = [2, 0, 1, 3, 0, 0]
    order = list(dict.fromkeys(articles))
    again = [unit for unit in range(60) for _ in range(weights[order.index(articles[unit])])]
    slow = score([true[i] for i in again], [given[i] for i in again], TAXONOMY)
    fast = rates(np.tensordot(weights, article_confusions(true, given, LABELS, articles), axes=1), TAXONOMY)
    assert float(fast.macro_f1) == pytest.approx(slow.macro_f1, abs=1e-12)
    for index, label in enumerate(LABELS):
        assert float(fast.f1[index]) == pytest.approx(slow.per_class[label].f1, abs=1e-12)


def test_interval_is_that_worked_out_by_hand():
    # Spread of two values apart by 0.2 is 0.1; 5 articles raise it by sqrt(5 / 4); t with 4 degrees is 2.776.
    width = 2.7764451 * 0.1 * math.sqrt(1.25) / (0.8 * 0.2)
    centre = math.log(0.8 / 0.2)
    found = rate_interval(0.8, np.array([0.7, 0.9, np.nan]), 5)
    assert found.low == pytest.approx(1 / (1 + math.exp(-(centre - width))), abs=1e-7)
    assert found.high == pytest.approx(1 / (1 + math.exp(-(centre + width))), abs=1e-7)


def test_effective_number_of_articles_is_their_number_where_they_are_alike_and_less_where_they_are_not():
    alike = np.zeros((4, 5, 5), dtype=int)
    alike[:, 0, 0] = 3
    found = effective_articles(alike, TAXONOMY)
    assert (found.accuracy, found.recall[0], found.f1[0], found.recall[1]) == (4, 4, 4, 0)
    unlike = alike.copy()
    unlike[0, 0, 0], unlike[0, 1, 0] = 1, 2  # recall of attack from 1, 3, 3, 3 units: 10^2 / 28
    found = effective_articles(unlike, TAXONOMY)
    assert found.recall[0] == pytest.approx(100 / 28)
    assert (found.precision[0], found.recall[1], found.accuracy) == (4, 1, 4)


def test_a_figure_without_an_error_gets_the_exact_interval_with_articles_as_trials():
    exact = stats.binomtest(20, 20).proportion_ci(0.95, "exact")
    found = rate_interval(1.0, np.ones(10), 20)
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=1e-9)
    exact = stats.binomtest(0, 20).proportion_ci(0.95, "exact")
    found = rate_interval(0.0, np.zeros(10), 20)
    assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=1e-9)


def test_undefined_figures_and_those_of_one_article_have_no_interval():
    counts = article_confusions([ATTACK, ATTACK, NONE], [ATTACK, NONE, NONE], LABELS, ["x", "y", "y"])
    found = score_intervals(counts, TAXONOMY, 200, seed=1)
    assert found.missing == ""
    assert found.accuracy is None  # two articles of unequal size are fewer than two in effect
    toll = found.per_class[TOLL]
    assert (toll.precision, toll.recall, toll.f1) == (None, None, None)
    assert found.per_class[ATTACK].precision is None  # given in one article only
    alone = score_intervals(counts[:1], TAXONOMY, 200, seed=1)
    assert alone.macro_f1 is None
    assert alone.missing.startswith("all units are of one article")
    with pytest.raises(ValueError, match="no articles"):
        score_intervals(counts[:0], TAXONOMY, 200, seed=1)


def test_a_figure_that_is_the_same_in_every_article_has_no_interval_though_sums_are_rounded():
    assert rate_interval(0.7, np.array([0.7, 0.7 + 1e-16, 0.1 * 7]), 2) is None


def test_intervals_lie_around_their_figures_within_0_and_1_and_repeat_with_the_seed():
    counts = simulated(np.random.default_rng(1), 40)
    found = score_intervals(counts, TAXONOMY, 300, seed=1)
    assert found == score_intervals(counts, TAXONOMY, 300, seed=1)
    figures = rates(counts.sum(axis=0), TAXONOMY)
    pairs = [(found.macro_f1, figures.macro_f1), (found.accuracy, figures.accuracy)]
    pairs += [(item.recall, figures.recall[index]) for index, item in enumerate(found.per_class.values())]
    for interval, figure in pairs:
        assert isinstance(interval, Interval)
        assert 0 < interval.low < figure < interval.high < 1


def test_intervals_cover_the_truth_as_often_as_they_say():
    truth = rates(simulated(np.random.default_rng(0), 60_000).sum(axis=0), TAXONOMY)
    hits = []
    for number in range(150):
        found = score_intervals(simulated(np.random.default_rng([1, number]), 60), TAXONOMY, 150, seed=number)
        pairs = [(found.macro_f1, truth.macro_f1), (found.accuracy, truth.accuracy)]
        pairs.append((found.per_class[TOLL].recall, truth.recall[2]))
        hits.append([interval.low <= figure <= interval.high for interval, figure in pairs])
    assert np.mean(hits, axis=0) == pytest.approx([0.95] * 3, abs=0.06)
