import numpy as np
import pytest
from conftest import CLASSES, PROJECT, TAXONOMY
from sklearn.metrics import cohen_kappa_score, f1_score

from sitrep.data import corpus
from sitrep.evaluation.second_reading import ceiling_of
from sitrep.metrics.agreement import agreement
from sitrep.sentences import LabelledSentence

ATTACK, STATEMENT, TOLL, BOILERPLATE, NONE = TAXONOMY.labels


def unit(number, **fields):
    return LabelledSentence("prices rose", NONE, (), f"u{number}", "a", number, fields)


def test_figures_are_those_worked_out_by_hand():
    # agree on 3 of 4; by chance on 1/4 * 2/4 (attack) + 2/4 * 1/4 (none) + 1/4 * 1/4 (toll) = 5/16
    found = agreement([ATTACK, NONE, NONE, TOLL], [ATTACK, ATTACK, NONE, TOLL], TAXONOMY)
    assert (found.units, found.raw) == (4, 0.75)
    assert found.kappa == pytest.approx((3 / 4 - 5 / 16) / (1 - 5 / 16), abs=1e-12)
    assert found.f1[ATTACK] == pytest.approx(2 / 3)
    assert found.f1[STATEMENT] is None
    assert found.macro_f1 == pytest.approx((2 / 3 + 1) / 2)


@pytest.mark.parametrize("seed", range(3))
def test_figures_agree_with_scikit_learn_and_do_not_depend_on_who_is_first(seed):
    generator = np.random.default_rng(seed)
    first = [TAXONOMY.labels[i] for i in generator.integers(0, 5, 300)]
    second = [a if generator.random() < 0.8 else TAXONOMY.labels[generator.integers(5)] for a in first]
    found = agreement(first, second, TAXONOMY)
    assert abs(found.kappa - cohen_kappa_score(first, second)) < 1e-12
    assert abs(found.macro_f1 - f1_score(first, second, labels=CLASSES, average="macro")) < 1e-12
    swapped = agreement(second, first, TAXONOMY)
    assert (swapped.raw, swapped.f1, swapped.macro_f1) == (found.raw, found.f1, found.macro_f1)
    assert swapped.kappa == pytest.approx(found.kappa, abs=1e-12)


def test_kappa_is_undefined_where_both_say_one_thing_only():
    found = agreement([BOILERPLATE] * 3, [BOILERPLATE] * 3, TAXONOMY)
    assert (found.raw, found.kappa, found.macro_f1) == (1, None, 1)


def test_no_units_and_unknown_labels_are_refused():
    with pytest.raises(ValueError, match="no units"):
        agreement([], [], TAXONOMY)
    with pytest.raises(ValueError, match="weather"):
        agreement([NONE], ["weather"], TAXONOMY)


def test_units_of_the_shipped_corpus_have_the_readings_that_came_with_it():
    readings = corpus.load_readings()
    units = [LabelledSentence("prices rose", NONE, (), row["id"], "a", 0) for row in readings]
    found = ceiling_of(units, TAXONOMY)
    assert found.units == len(units)
    assert f"kappa {found.kappa:.3f}" in (PROJECT / "docs" / "corpus.md").read_text(encoding="utf-8")
    some = agreement([r["first_label"] for r in readings[:100]], [r["second_label"] for r in readings[:100]], TAXONOMY)
    assert ceiling_of([*units[:100], unit(0)], TAXONOMY) == some


def test_columns_of_the_rows_go_before_and_rows_that_lack_one_are_passed_over():
    rows = [unit(0, first_label=ATTACK, second_label=ATTACK), unit(1, first_label=NONE, second_label=TOLL)]
    rows += [unit(2, first_label=NONE, second_label=""), unit(3, first_label=None, second_label=NONE), unit(4)]
    assert ceiling_of(rows, TAXONOMY) == agreement([ATTACK, NONE], [ATTACK, TOLL], TAXONOMY)


def test_there_is_no_ceiling_without_two_readings_or_with_labels_that_are_not_ours():
    assert ceiling_of([], TAXONOMY) is None
    assert ceiling_of([unit(0), unit(1, first_label=ATTACK)], TAXONOMY) is None
    rows = [unit(0, first_label=ATTACK, second_label=ATTACK), unit(1, first_label="unclear", second_label=NONE)]
    assert ceiling_of(rows, TAXONOMY) is None
