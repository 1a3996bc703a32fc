import numpy as np
import pytest
from conftest import CLASSES, TAXONOMY

from sitrep.decisions import (
    at_temperature,
    classes_that_apply,
    label_of,
    pool_logits,
    probabilities_of,
    thresholds_at,
)
from sitrep.labels import Task

THRESHOLDS = dict(zip(CLASSES, (0.5, 0.4, 0.6, 0.5), strict=True))


@pytest.mark.parametrize(
    ("probabilities", "sets", "label"),
    [
        ((0.9, 0.1, 0.1, 0.1), (1, 0, 0, 0), "attack_description"),
        ((0.9, 0.4, 0.61, 0.1), (1, 1, 1, 0), "casualty_report"),  # the toll comes first
        ((0.55, 0.99, 0.1, 0.1), (1, 1, 0, 0), "attack_description"),  # then the act
        ((0.1, 0.4, 0.59, 0.1), (0, 1, 0, 0), "official_statement"),
        ((0.49, 0.39, 0.59, 0.49), (0, 0, 0, 0), "none"),
        ((0.7, 0.1, 0.1, 0.8), (0, 0, 0, 1), "boilerplate"),  # 0.3 above its threshold, the act 0.2
        ((0.9, 0.1, 0.1, 0.8), (1, 0, 0, 0), "attack_description"),
    ],
)
def test_classes_and_label_follow_from_probabilities_and_thresholds(probabilities, sets, label):
    applies = classes_that_apply(np.array([probabilities]), THRESHOLDS, TAXONOMY)
    assert applies.astype(int).tolist() == [list(sets)]
    assert label_of(applies, TAXONOMY) == [label]


def test_boilerplate_never_stands_beside_another_class():
    drawn = np.random.default_rng(0).random((1000, 4))
    applies = classes_that_apply(drawn, THRESHOLDS, TAXONOMY)
    assert not (applies[:, 3] & applies[:, :3].any(axis=1)).any()
    assert applies[:, 3].any()


def test_no_units_give_no_labels():
    assert label_of(classes_that_apply(np.empty((0, 4)), THRESHOLDS, TAXONOMY), TAXONOMY) == []


def test_thresholds_move_with_the_probabilities_of_their_classes():
    logits = np.random.default_rng(0).normal(scale=3, size=(500, 4))
    warm, plain = (probabilities_of(logits, Task.multi_label, temperature) for temperature in (2.5, 1.0))
    assert at_temperature(plain, 2.5) == pytest.approx(warm)
    least = np.array(list(THRESHOLDS.values()))
    moved = thresholds_at(THRESHOLDS, 1 / 2.5)
    assert list(moved) == list(THRESHOLDS)
    assert ((plain >= list(moved.values())) == (warm >= least)).all()
    assert ((plain >= least) != (warm >= least)).any()
    assert at_temperature(np.array([0.0, 1.0]), 2.5).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("task", Task)
def test_probabilities_of_pooled_logits_are_the_mean_of_the_models(task):
    each = np.random.default_rng(0).normal(scale=4, size=(3, 50, 5))
    mean = np.mean([probabilities_of(logits, task) for logits in each], axis=0)
    assert probabilities_of(pool_logits(each, task), task) == pytest.approx(mean, abs=1e-6)


def test_pooled_logits_by_hand():
    each = np.log([[[0.9, 0.1]], [[0.5, 0.5]]])
    assert np.exp(pool_logits(each, Task.single_label)) == pytest.approx(np.array([[0.7, 0.3]]))
    odds = np.log([[[0.8 / 0.2]], [[0.4 / 0.6]]])  # 0.8 and 0.4, whose mean is 0.6
    assert pool_logits(odds, Task.multi_label) == pytest.approx(np.log([[0.6 / 0.4]]))


@pytest.mark.parametrize("task", Task)
def test_pooling_keeps_what_is_near_certain_and_what_is_not_finite(task):
    sure = pool_logits(np.full((2, 1, 2), [300.0, -300.0]), task)
    assert np.isfinite(sure).all()
    assert sure[0, 0] - sure[0, 1] == pytest.approx(600)
    assert not np.isfinite(pool_logits(np.array([[[np.nan, 1.0]], [[0.0, 1.0]]]), task)).all()
