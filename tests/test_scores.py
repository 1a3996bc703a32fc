import math

import numpy as np
import pytest
from conftest import CLASSES, TAXONOMY
from sklearn.metrics import f1_score, precision_recall_fscore_support

from sitrep.metrics.scores import confusion_matrix, score

ATTACK, STATEMENT, TOLL, BOILERPLATE, NONE = TAXONOMY.labels


def test_figures_are_those_worked_out_by_hand():
    # attack: 2 of 3 found, one false alarm; statement: 1 of 1; toll: 0 of 1; boilerplate: 1 of 1; none: 1 of 2
    true = [ATTACK, ATTACK, ATTACK, STATEMENT, TOLL, BOILERPLATE, NONE, NONE]
    pred = [ATTACK, ATTACK, NONE, STATEMENT, NONE, BOILERPLATE, NONE, ATTACK]
    scores = score(true, pred, TAXONOMY)
    assert scores.per_class[ATTACK].precision == pytest.approx(2 / 3)
    assert scores.per_class[ATTACK].recall == pytest.approx(2 / 3)
    assert scores.per_class[ATTACK].f1 == pytest.approx(2 / 3)
    assert scores.per_class[TOLL].precision is None  # never predicted
    assert scores.per_class[TOLL].recall == 0
    assert scores.per_class[TOLL].f1 == 0
    assert scores.per_class[NONE].precision == pytest.approx(1 / 3)
    assert scores.macro_f1 == pytest.approx((2 / 3 + 1 + 0 + 1) / 4)
    assert scores.accuracy == pytest.approx(5 / 8)


def test_confusion_with_none_lowers_the_headline_though_none_is_not_averaged():
    clean = score([ATTACK, STATEMENT, TOLL, BOILERPLATE, NONE], [ATTACK, STATEMENT, TOLL, BOILERPLATE, NONE], TAXONOMY)
    false_alarm = score(
        [ATTACK, STATEMENT, TOLL, BOILERPLATE, NONE],
        [ATTACK, STATEMENT, TOLL, BOILERPLATE, ATTACK],
        TAXONOMY,
    )
    assert clean.macro_f1 == 1
    assert false_alarm.macro_f1 == pytest.approx((2 / 3 + 3) / 4)


def test_class_absent_from_both_labellings_is_left_out_of_the_mean():
    scores = score([ATTACK, STATEMENT, BOILERPLATE], [ATTACK, STATEMENT, ATTACK], TAXONOMY)
    assert scores.per_class[TOLL].f1 is None
    assert scores.macro_f1 == pytest.approx((2 / 3 + 1 + 0) / 3)


def test_class_that_was_predicted_but_never_true_counts_as_zero():
    scores = score([ATTACK, STATEMENT], [ATTACK, TOLL], TAXONOMY)
    assert scores.per_class[TOLL].f1 == 0
    assert scores.per_class[TOLL].recall is None
    assert scores.macro_f1 == pytest.approx((1 + 0 + 0) / 3)


def test_headline_is_undefined_where_only_none_occurs():
    assert score([NONE, NONE], [NONE, NONE], TAXONOMY).macro_f1 is None


def test_rows_of_the_confusion_matrix_are_the_true_labels():
    matrix = confusion_matrix([ATTACK, ATTACK, STATEMENT], [ATTACK, STATEMENT, STATEMENT], [ATTACK, STATEMENT])
    assert matrix.tolist() == [[1, 1], [0, 1]]


@pytest.mark.parametrize("seed", range(5))
def test_figures_agree_with_scikit_learn(seed):
    generator = np.random.default_rng(seed)
    labels = TAXONOMY.labels
    true = [labels[i] for i in generator.integers(0, 5, 200)]
    pred = [labels[i] for i in generator.integers(0, 4, 200)]  # the last label is never predicted
    scores = score(true, pred, TAXONOMY)
    reference = precision_recall_fscore_support(true, pred, labels=labels, zero_division=np.nan)
    for index, label in enumerate(labels):
        mine = scores.per_class[label]
        for ours, theirs in zip((mine.precision, mine.recall, mine.f1), reference[:3], strict=True):
            assert math.isnan(theirs[index]) if ours is None else abs(ours - theirs[index]) < 1e-12
    macro = f1_score(true, pred, labels=CLASSES, average="macro", zero_division=np.nan)
    assert abs(scores.macro_f1 - macro) < 1e-12


def test_labellings_of_different_length_and_unknown_labels_are_refused():
    with pytest.raises(ValueError, match="2 true labels against 1"):
        score([ATTACK, ATTACK], [ATTACK], TAXONOMY)
    with pytest.raises(ValueError, match="weather"):
        score([ATTACK], ["weather"], TAXONOMY)
    with pytest.raises(ValueError, match="no units"):
        score([], [], TAXONOMY)
