import numpy as np
import pytest
from conftest import CLASSES
from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score

from sitrep.metrics.multilabel import choose_thresholds, membership, score_multilabel
from sitrep.sentences import LabelledSentence

ATTACK, STATEMENT, TOLL, BOILERPLATE = CLASSES
HALVES = dict.fromkeys(CLASSES, 0.5)


def test_figures_are_those_worked_out_by_hand():
    true = [(ATTACK, TOLL), (ATTACK,), (STATEMENT,), ()]
    given = [(ATTACK,), (ATTACK, STATEMENT), (STATEMENT,), ()]
    probabilities = np.array([[0.9, 0.1, 0.4, 0], [0.8, 0.6, 0.1, 0], [0.1, 0.7, 0.3, 0], [0.2, 0.1, 0.2, 0]])
    scores = score_multilabel(true, given, probabilities, HALVES)
    assert scores.per_class[ATTACK].f1 == 1
    assert scores.per_class[STATEMENT].precision == 0.5
    assert scores.per_class[STATEMENT].f1 == pytest.approx(2 / 3)
    assert scores.per_class[TOLL].precision is None
    assert scores.per_class[TOLL].recall == 0
    assert scores.per_class[TOLL].average_precision == 1, "ranked first, though below its threshold"
    assert scores.per_class[BOILERPLATE].f1 is None
    assert scores.per_class[BOILERPLATE].average_precision is None
    assert scores.macro_f1 == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert scores.exact_matches == 0.5


def test_figures_are_those_of_scikit_learn():
    chance = np.random.default_rng(1)
    has, probabilities = chance.random((300, 4)) < 0.3, chance.random((300, 4))
    true = [[name for name, holds in zip(CLASSES, row, strict=True) if holds] for row in has]
    given = [[name for name, value in zip(CLASSES, row, strict=True) if value >= 0.5] for row in probabilities]
    scores = score_multilabel(true, given, probabilities, HALVES)
    for index, figures in enumerate(scores.per_class.values()):
        pair = has[:, index], probabilities[:, index] >= 0.5
        assert figures.precision == pytest.approx(precision_score(*pair), abs=1e-12)
        assert figures.recall == pytest.approx(recall_score(*pair), abs=1e-12)
        assert figures.f1 == pytest.approx(f1_score(*pair), abs=1e-12)
        expected = average_precision_score(has[:, index], probabilities[:, index])
        assert figures.average_precision == pytest.approx(expected, abs=1e-12)
    assert scores.macro_f1 == pytest.approx(f1_score(has, probabilities >= 0.5, average="macro"), abs=1e-12)


def sentence(number, *labels):
    return LabelledSentence("text", labels[0] if labels else "none", labels, str(number), "a", number)


def test_chosen_threshold_gives_the_best_f1_there_is():
    chance = np.random.default_rng(2)
    sentences = [sentence(n, *([ATTACK] if n % 3 == 0 else [])) for n in range(200)]
    has = membership([s.labels for s in sentences], CLASSES)
    probabilities = np.clip(chance.normal(0.3, 0.2, (200, 4)) + 0.3 * has[:, :1], 0, 1)
    chosen = choose_thresholds(has, probabilities, CLASSES)
    best = max(f1_score(has[:, 0], probabilities[:, 0] >= value) for value in probabilities[:, 0])
    assert f1_score(has[:, 0], probabilities[:, 0] >= chosen[ATTACK]) == pytest.approx(best)
    assert chosen[TOLL] == 0.5, "absent from these data"


def test_nothing_to_score_is_an_error():
    with pytest.raises(ValueError, match="no units"):
        score_multilabel([], [], np.empty((0, 4)), HALVES)
