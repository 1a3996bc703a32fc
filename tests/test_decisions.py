import numpy as np
import pytest
from conftest import CLASSES, TAXONOMY

from sitrep.decisions import classes_that_apply, label_of

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
