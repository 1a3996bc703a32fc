import json
from dataclasses import asdict

import pytest
from conftest import TAXONOMY, WITHOUT_NONE
from scipy.stats import binomtest

from sitrep.errors import UserError
from sitrep.evaluation.behaviour import BehaviourTest, Case, Kind, load_tests, run, shipped_files
from sitrep.evaluation.behaviour.perturbations import no_punctuation, tokenised, typing_errors

ATTACK, STATEMENT, TOLL, BOILERPLATE, NONE = TAXONOMY.labels
LABELS = TAXONOMY.labels
SHIPPED = load_tests(shipped_files())


def oracle(tests):
    """A model that knows the label of every text and original."""
    known = {case.text: case.label for test in tests for case in test.cases}
    known |= {case.original: case.original_label for test in tests for case in test.cases if case.original}
    return lambda texts: [known[text] for text in texts]


def written(tmp_path, **changes):
    test = {"name": "n", "kind": "minimum", "capability": "c", "why": "w", "label": ATTACK, "cases": ["Shells fell."]}
    path = tmp_path / "own.yaml"
    path.write_text(json.dumps([{**test, **changes}]), encoding="utf-8")  # JSON is YAML
    return path


@pytest.mark.parametrize("test", SHIPPED, ids=lambda test: test.name)
def test_shipped_test_has_twenty_to_sixty_different_cases(test):
    texts = [case.text for case in test.cases]
    assert 20 <= len(texts) <= 60
    assert len(set(texts)) == len(texts)
    assert not any("{" in text or "}" in text or "  " in text for text in texts)
    assert test.why.endswith(".")


def test_shipped_tests_have_unique_names_and_try_every_kind_and_label():
    assert len({test.name for test in SHIPPED}) == len(SHIPPED) == 18
    assert {test.kind for test in SHIPPED} == set(Kind)
    assert {case.label for test in SHIPPED for case in test.cases} == set(TAXONOMY.labels)


def test_shipped_tests_never_give_one_text_two_labels():
    labels = {}
    for test in SHIPPED:
        for case in test.cases:
            for text, label in ((case.text, case.label), (case.original, case.original_label)):
                assert labels.setdefault(text, label) == label, text


@pytest.mark.parametrize("taxonomy", [TAXONOMY, WITHOUT_NONE])
def test_model_that_knows_the_codebook_fails_nothing(taxonomy):
    outcomes = run(oracle(SHIPPED), SHIPPED, taxonomy.labels)
    assert [outcome.failures for outcome in outcomes] == [0] * len(SHIPPED)
    assert all(outcome.failure_rate in (0, None) and outcome.examples == () for outcome in outcomes)


@pytest.mark.parametrize("label", TAXONOMY.labels)
def test_model_with_one_answer_fails_what_asks_for_another_and_whatever_must_change(label):
    for test, outcome in zip(SHIPPED, run(lambda texts: [label] * len(texts), SHIPPED, LABELS), strict=True):
        if test.kind is Kind.invariance:
            assert outcome.failure_rate == 0
        elif test.kind is Kind.direction:
            assert outcome.failure_rate == 1
        else:
            assert outcome.failures == sum(case.label != label for case in test.cases)


def test_invariance_compares_with_the_models_own_label_of_the_original():
    # the toy model calls every text with "Goma" none and everything else boilerplate: wrong throughout
    cases = tuple(Case(f"Shells hit {place}.", ATTACK, "Shells hit Idlib.", ATTACK) for place in ("Goma", "Derna"))
    [outcome] = run(
        lambda texts: [NONE if "Goma" in text else BOILERPLATE for text in texts],
        [BehaviourTest("places", Kind.invariance, "vocabulary", "why", cases)],
        LABELS,
    )
    assert (outcome.cases, outcome.failures, outcome.failure_rate) == (2, 1, 0.5)
    assert asdict(outcome.examples[0]) == {
        "original": "Shells hit Idlib.", "original_given": BOILERPLATE, "text": "Shells hit Goma.",
        "expected": BOILERPLATE, "given": NONE,
    }  # fmt: skip


def test_direction_fails_where_the_label_is_right_but_was_so_before():
    case = Case("Shells fell, killing two.", TOLL, "Shells fell.", ATTACK)
    tests = [BehaviourTest("toll", Kind.direction, "casualties", "why", (case,))]
    [passed] = run(lambda texts: [TOLL if "killing" in text else NONE for text in texts], tests, LABELS)
    [failed] = run(lambda texts: [TOLL] * len(texts), tests, LABELS)
    assert passed.failures == 0
    assert (failed.failures, failed.examples[0].expected, failed.examples[0].given) == (1, TOLL, TOLL)


def test_interval_is_wilsons():
    cases = tuple(Case(f"Text {number}.", NONE) for number in range(10))
    tests = [BehaviourTest("n", Kind.minimum, "c", "w", cases)]
    [outcome] = run(lambda texts: [TOLL if text < "Text 3" else NONE for text in texts], tests, LABELS)
    assert outcome.failures == 3
    # (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n) with p = 0.3, n = 10, z = 1.959963984540054
    assert outcome.interval == pytest.approx((0.10779126740630075, 0.6032218525388546), abs=1e-12)
    assert outcome.interval == tuple(binomtest(3, 10).proportion_ci(method="wilson"))


def test_examples_are_three_spread_over_all_failures():
    cases = tuple(Case(f"Text {number}.", NONE) for number in range(9))
    [outcome] = run(lambda texts: [TOLL] * len(texts), [BehaviourTest("n", Kind.minimum, "c", "w", cases)], LABELS)
    assert [failure.text for failure in outcome.examples] == ["Text 0.", "Text 3.", "Text 6."]


def test_examples_are_never_more_than_three():
    cases = tuple(Case(f"Text {number}.", NONE) for number in range(30))
    for count in range(1, 31):
        tests = [BehaviourTest("n", Kind.minimum, "c", "w", cases[:count])]
        assert len(run(lambda texts: [TOLL] * len(texts), tests, LABELS)[0].examples) <= min(3, count)


def test_every_distinct_text_is_asked_once():
    asked = []
    run(lambda texts: asked.append(list(texts)) or [NONE] * len(texts), SHIPPED, LABELS)
    assert len(asked) == 1
    assert len(set(asked[0])) == len(asked[0])


def test_cases_labelled_none_are_left_out_for_a_model_without_none():
    outcomes = {outcome.name: outcome for outcome in run(oracle(SHIPPED), SHIPPED, WITHOUT_NONE.labels)}
    for test in SHIPPED:
        outcome = outcomes[test.name]
        assert outcome.left_out == sum(NONE in (case.label, case.original_label) for case in test.cases)
        assert outcome.cases + outcome.left_out == len(test.cases)
    feared = outcomes["acts feared or imagined"]
    assert (feared.cases, feared.failure_rate, feared.interval) == (0, None, None)


def test_outcomes_can_be_written_as_json():
    outcomes = run(lambda texts: [NONE] * len(texts), SHIPPED, LABELS)
    json.dumps([asdict(outcome) for outcome in outcomes], allow_nan=False)


def test_nothing_is_asked_where_there_are_no_tests():
    assert run(lambda texts: pytest.fail("was asked"), [], LABELS) == []


def test_model_that_gives_too_few_labels_is_refused():
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        run(lambda texts: [NONE], SHIPPED, LABELS)


def test_slots_are_swapped_against_their_first_value_or_filled_in_step(tmp_path):
    slots = {"a": ["one", "two", "three"], "b": ["x", "y"]}
    [swapped] = load_tests([written(tmp_path, kind="invariance", slots=slots, cases=["{a} {b}"])])
    assert [(case.original, case.text) for case in swapped.cases] == [("one x", "two y"), ("one x", "three x")]
    [changed] = load_tests(
        [written(tmp_path, kind="invariance", slots=slots, changed=["{text}, {b}", "{upper_case}"], cases=["Is {b}"])]
    )
    assert [(case.original, case.text) for case in changed.cases] == [
        ("Is x", "Is x, x"), ("Is x", "IS X"), ("Is y", "Is y, y"), ("Is y", "IS Y"),
    ]  # fmt: skip


def test_own_files_run_beside_the_shipped_ones(tmp_path):
    assert [test.name for test in load_tests([*shipped_files(), written(tmp_path)])][-1] == "n"
    with pytest.raises(UserError, match=r"the name 'n' is that of .*test 1 too"):
        load_tests([written(tmp_path)] * 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": ""}, r"own.yaml: test 1 \(\): name must be a text, not ''"),
        ({"kind": "maximum"}, r"test 1 \(n\): kind 'maximum' is unknown; use one of invariance, minimum, direction"),
        ({"lable": ATTACK}, "unknown key 'lable'; use name, kind"),
        ({"label": "attack"}, "case 1: unknown label 'attack'; use one of attack_description"),
        ({"cases": "Shells fell."}, "cases must be a list"),
        ({"cases": []}, "has no cases"),
        ({"cases": [11]}, "case 1: must be a text or a mapping, not 11; is a quote missing?"),
        ({"cases": [{"text": "a", "to": NONE}]}, "case 1: unknown key 'to'"),
        ({"cases": ["In {place}."]}, r"case 1: there is no slot \{place\}; there are text, typing_errors"),
        ({"cases": ["a", "a"]}, "two cases give the text 'a'"),
        ({"slots": ["a"]}, "slots must map names to lists of texts"),
        ({"slots": {"n": [4]}}, r"slot 'n' must be a list of texts, numbers in quotes, not \[4\]"),
        ({"slots": {"text": ["a"]}}, "slot 'text': the name is taken"),
        ({"changed": "b"}, "kind minimum takes no changed texts"),
        ({"kind": "direction"}, "kind direction needs changed texts"),
        ({"kind": "direction", "changed": "b"}, "changed_label goes with kind direction alone"),
        ({"kind": "direction", "changed": "b", "changed_label": ATTACK}, "are both attack_description"),
        ({"changed_label": NONE}, "changed_label goes with kind direction"),
        ({"kind": "invariance"}, "nothing is changed"),
        ({"kind": "invariance", "changed": [1]}, r"changed must be a text or a list of texts, not \[1\]"),
        ({"kind": "invariance", "changed": "{text}"}, "the changed text is its original: 'Shells fell.'"),
    ],
)
def test_what_is_wrong_with_a_test_is_said_in_one_line(tmp_path, changes, message):
    with pytest.raises(UserError, match=message) as raised:
        load_tests([written(tmp_path, **changes)])
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("- name: [", "not valid YAML: .* line 1"),
        ("name: n", "must hold a list of behaviour tests"),
        ("- n", "test 1: must be a mapping, not 'n'"),
        ("", "the file is empty"),
    ],
)
def test_broken_file_is_named(tmp_path, content, message):
    path = tmp_path / "broken.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=rf"broken\.yaml: {message}") as raised:
        load_tests([path])
    assert "\n" not in str(raised.value)
    with pytest.raises(UserError, match="no such file"):
        load_tests([tmp_path / "gone.yaml"])


def test_typing_errors_exchange_inner_letters_of_two_long_words_and_always_the_same():
    text = "Shells hit a row of garages on the edge of the town."
    damaged = typing_errors(text)
    assert damaged == typing_errors(text)
    words = [(old, new) for old, new in zip(text.split(), damaged.split(), strict=True) if old != new]
    assert len(words) == 2
    for old, new in words:
        assert sorted(old) == sorted(new)
        assert (old[0], old[-1]) == (new[0], new[-1])
    assert typing_errors("No one was hit.") == "No one was hit."


def test_punctuation_inside_words_and_numbers_stays():
    text = '"We don\'t know," he said at 06:12 (local time): 3.5 km - no more.'
    assert no_punctuation(text) == "We don't know he said at 06:12 local time 3.5 km no more"
    assert tokenised(text) == '" We don\'t know , " he said at 06:12 ( local time ) : 3.5 km - no more .'
