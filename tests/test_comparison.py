import csv
import json
import os
import re

import numpy as np
import pytest
from conftest import TAXONOMY
from test_configs import error_of
from test_evaluation import Page

from sitrep.cli.composition import compose_settings
from sitrep.comparison.pairs import compare_runs, flips
from sitrep.comparison.run import compare
from sitrep.comparison.scored_runs import ScoredRun, ScoredUnit, align, read_run
from sitrep.errors import UserError
from sitrep.settings import CompareSettings
from sitrep.storage.complete import shown
from sitrep.storage.tables import read_rows

LABELS = TAXONOMY.labels
ATTACK, STATEMENT, TOLL, BOILERPLATE, NONE = LABELS


def row(number, true, label, **other):
    probabilities = {name: 0.8 if name == label else 0.05 for name in LABELS}
    fields = {"id": f"u{number}", "article_id": f"a{number // 10}", "position": number % 10, "text": f"unit {number}"}
    return fields | {"label": label, "probabilities": probabilities, "true_label": true} | other


def rows(error_rate, articles=30, seed=0):
    """A toy run; runs of one seed err on the same units as far as their rates go."""
    generator = np.random.default_rng(seed)
    true = [LABELS[index % 5] for index in range(10 * articles)]
    luck = generator.random(len(true))
    wrong = [LABELS[(index + 1) % 5] if luck[index] < error_rate else label for index, label in enumerate(true)]
    return [row(number, *both) for number, both in enumerate(zip(true, wrong, strict=True))]


def write_run(folder, content, seeds=(), labels=LABELS):
    folder.mkdir(parents=True)
    training = {"seeds": {"runs": [{"seed": n, "macro_f1": value} for n, value in enumerate(seeds)]}}
    metrics = {"labels": list(labels), "training": training if seeds else {}}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    (folder / "predictions.jsonl").write_text("".join(json.dumps(item) + "\n" for item in content))
    return folder


def run_of(name, content, seeds=()):
    units = [
        ScoredUnit(r["id"], r["article_id"], r["position"], r["text"], r["true_label"], r["label"], r["probabilities"])
        for r in content
    ]
    return ScoredRun(name, name, TAXONOMY, units, tuple(seeds))


@pytest.fixture
def call(tmp_path):
    def run(*overrides):
        fixed = [f"output_dir={tmp_path / 'compare' / 'result'}", "draws=200"]
        return compare(compose_settings("compare", CompareSettings, [*fixed, *overrides]))

    return run


def test_a_clear_difference_is_beyond_chance_and_the_better_run_is_named():
    pair = compare_runs([run_of("old", rows(0.3)), run_of("new", rows(0.1))], 300, 1)[0]
    assert pair.macro_f1.value < -0.1
    assert pair.macro_f1.interval.high < 0
    assert pair.verdict == "new is better beyond chance"
    assert pair.disagreement.only_first_right == 0
    assert pair.seed_verdict == "the noise of seeds is not known from one seed each"


def test_equal_and_nearly_equal_runs_do_not_differ_beyond_chance():
    same = compare_runs([run_of("a", rows(0.2)), run_of("b", rows(0.2))], 200, 1)[0]
    assert (same.macro_f1.value, same.macro_f1.p, same.disagreement.p) == (0, 1, 1)
    near = compare_runs([run_of("a", rows(0.2)), run_of("b", rows(0.2, seed=1))], 200, 1)[0]
    assert same.verdict == near.verdict == "no difference beyond chance"


def test_pairing_makes_intervals_narrower_than_those_of_runs_that_err_apart():
    paired = compare_runs([run_of("a", rows(0.2)), run_of("b", rows(0.18))], 300, 1)[0].macro_f1.interval
    apart = compare_runs([run_of("a", rows(0.2)), run_of("b", rows(0.18, seed=1))], 300, 1)[0].macro_f1.interval
    assert paired.high - paired.low < (apart.high - apart.low) / 2


def test_three_runs_make_three_pairs_with_adjusted_p_values():
    pairs = compare_runs([run_of(name, rows(rate)) for name, rate in (("a", 0.3), ("b", 0.25), ("c", 0.1))], 200, 1)
    assert [(pair.first, pair.second) for pair in pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    p_values = sorted(pair.macro_f1.p for pair in pairs)
    assert min(pair.macro_f1.p_adjusted for pair in pairs) == pytest.approx(3 * p_values[0])
    assert all(pair.disagreement.p_adjusted >= pair.disagreement.p for pair in pairs)


def test_one_article_gives_a_difference_but_no_judgement():
    pair = compare_runs([run_of("a", rows(0.5, articles=1)), run_of("b", rows(0, articles=1))], 50, 1)[0]
    assert pair.macro_f1.interval is None
    assert pair.verdict.startswith("chance cannot be judged")


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ([0.90, 0.901, 0.902], [0.80, 0.801, 0.802], "a is better beyond the noise of seeds"),
        ([0.90, 0.80, 0.85], [0.84, 0.86, 0.85], "within the noise of seeds"),
        ([0.90, 0.90], [0.80, 0.80], "a is better beyond the noise of seeds"),
        ([0.90, 0.92], [], "known of a alone (standard deviation 0.014"),
    ],
)
def test_differences_are_set_beside_the_noise_of_seeds(first, second, words):
    pair = compare_runs([run_of("a", rows(0.1), first), run_of("b", rows(0.2), second)], 50, 1)[0]
    assert words in pair.seed_verdict


def test_flipped_units_say_who_is_right_and_agreed_errors_are_none():
    true = [ATTACK, ATTACK, ATTACK, ATTACK]
    first = [row(n, *both) for n, both in enumerate(zip(true, [ATTACK, NONE, NONE, ATTACK], strict=True))]
    second = [row(n, *both) for n, both in enumerate(zip(true, [NONE, NONE, TOLL, ATTACK], strict=True))]
    found = flips([run_of("a", first), run_of("b", second)])
    assert [(flip.units[0].id, flip.right) for flip in found] == [("u0", ("a",)), ("u2", ())]
    assert found[0].span == pytest.approx(0.75)


def test_comparison_leaves_a_complete_folder(call, tmp_path, capsys):
    better, worse = rows(0.1), rows(0.3)
    worse[3]["text"] = better[3]["text"] = '<script>alert(1)</script> & "co"'
    worse[3]["label"] = NONE
    write_run(tmp_path / "a", better, [0.9, 0.91])
    write_run(tmp_path / "b", worse[::-1], [0.7, 0.72])  # another order of rows
    write_run(tmp_path / "c", better)
    folder = call(f"a={tmp_path}/a", f"b={tmp_path}/b", f"others=['{tmp_path}/c']", "names=[new,old,again]")
    assert {item.name for item in folder.iterdir()} == {
        "comparison.html", "comparison.json", "comparison.md", "flipped.csv",
    }  # fmt: skip
    assert (folder.parent / "latest").resolve() == folder.resolve()
    content = json.loads((folder / "comparison.json").read_text())
    assert content["schema_version"] == 1
    assert (content["units"], content["articles"], len(content["pairs"])) == (300, 30, 3)
    assert content["pairs"][0]["verdict"] == "new is better beyond chance"
    assert content["pairs"][1]["macro_f1"]["value"] == 0
    assert content["runs"][0]["intervals"]["macro_f1"]["low"] < content["runs"][0]["macro_f1"]
    with (folder / "flipped.csv").open(encoding="utf-8", newline="") as file:
        flipped = list(csv.DictReader(file))
    assert len(flipped) == content["flipped"]
    assert {item["right"] for item in flipped} == {"new|again"}
    assert flipped[0]["probability_old"] == "0.8"
    text = (folder / "comparison.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert page.open == page.references == []
    assert "<script" not in text
    assert "new is better beyond chance" in text
    assert "new against old" in (folder / "comparison.md").read_text()
    assert "new is better beyond chance" in capsys.readouterr().err


def test_flipped_units_cannot_be_taken_for_formulas_and_are_read_back_as_they_are(call, tmp_path):
    first, second = rows(0), rows(0)
    first[0]["text"] = second[0]["text"] = '=HYPERLINK("http://x")'
    second[0]["label"] = NONE
    write_run(tmp_path / "a", first)
    write_run(tmp_path / "b", second)
    folder = call(f"a={tmp_path}/a", f"b={tmp_path}/b", "names=['=new',old]")
    assert """,'=HYPERLINK""" in (folder / "flipped.csv").read_text().replace('"', "")
    flipped = list(read_rows(folder / "flipped.csv"))
    assert [(row.fields["text"], row.fields["right"], row.fields["label_=new"]) for row in flipped] == [
        ('=HYPERLINK("http://x")', "=new", ATTACK)
    ]


@pytest.mark.parametrize("name", ["[/red] :100: x", "данные", os.fsdecode(b"caf\xe9")])
def test_runs_of_any_name_are_compared(tmp_path, name, capsys):
    write_run(tmp_path / name, rows(0.1))
    write_run(tmp_path / "b", rows(0.3))
    settings = CompareSettings(
        a=str(tmp_path / name),
        b=str(tmp_path / "b"),
        names=[name, "b"],
        draws=100,
        output_dir=str(tmp_path / f"{name} out"),
    )
    folder = compare(settings)
    assert json.loads((folder / "comparison.json").read_text(encoding="utf-8"))["runs"][0]["name"] == name
    assert shown(name) in (folder / "comparison.html").read_text(encoding="utf-8")
    assert f"{shown(name)} - b:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: r.pop(), "a has 300 units, b 299"),
        (lambda r: r[4].update(id="x"), "unit 'u4' of a is not in b"),
        (lambda r: r[4].update(text="x"), "unit 'u4' has another text: 'unit 4' in a, 'x' in b"),
        (lambda r: r[4].update(true_label=TOLL), "unit 'u4' has another true label: 'none' in a, 'casualty_report' in"),
        (lambda r: r[4].update(article_id="x"), "unit 'u4' has another article: 'a0' in a, 'x' in b"),
    ],
)
def test_runs_on_other_data_are_refused_with_the_first_difference(tmp_path, change, message):
    other = rows(0.2)
    change(other)
    runs = [read_run(n, str(write_run(tmp_path / n, c))) for n, c in (("a", rows(0.2)), ("b", other))]
    with pytest.raises(UserError, match=re.escape(f"a and b were not scored on the same data: {message}")):
        align(runs)


def test_runs_with_other_labels_are_refused(tmp_path):
    four = [row(n, ATTACK, ATTACK, probabilities=dict.fromkeys(LABELS[:4], 0.25)) for n in range(3)]
    first = read_run("a", str(write_run(tmp_path / "a", [row(n, ATTACK, ATTACK) for n in range(3)])))
    second = read_run("b", str(write_run(tmp_path / "b", four, labels=LABELS[:4])))
    with pytest.raises(UserError, match=r"a has the labels attack_description, .*none; b attack_description"):
        align([first, second])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": "u0"}, ":2: id 'u0' stands twice"),
        ({"probabilities": dict.fromkeys(LABELS, 0.3)}, ":2: the probabilities sum to 1.5000, not to one"),
        ({"probabilities": {ATTACK: 1}}, ":2: probabilities must hold a number for each of attack_description, off"),
        ({"probabilities": dict.fromkeys(LABELS, "x")}, ":2: probabilities must be numbers between 0 and 1"),
        ({"true_label": None}, ":2: true_label is missing or not text"),
        ({"label": "weather"}, ":2: label 'weather' is not among attack_description"),
        ({"position": "x"}, ":2: position must be a whole number, not 'x'"),
    ],
)
def test_broken_rows_are_named_with_their_line(tmp_path, change, message):
    write_run(tmp_path / "a", [row(0, ATTACK, ATTACK), row(1, ATTACK, ATTACK) | change])
    with pytest.raises(UserError, match=re.escape(f"predictions.jsonl{message}")):
        read_run("a", str(tmp_path / "a"))


def test_probabilities_of_several_labels_need_not_sum_to_one(tmp_path):
    several = row(0, ATTACK, ATTACK, labels=[ATTACK, TOLL], probabilities=dict.fromkeys(LABELS[:4], 0.6))
    run = read_run("a", str(write_run(tmp_path / "a", [several, {**several, "id": "u1", "label": NONE}])))
    single = [row(0, ATTACK, ATTACK), row(1, ATTACK, ATTACK, article_id="a0", position=0, text="unit 0")]
    other = read_run("b", str(write_run(tmp_path / "b", single)))
    assert [flip.right for flip in flips(align([run, other]))] == [("b",)]


def test_missing_and_broken_files_are_named(tmp_path):
    with pytest.raises(UserError, match=r"a=.*nope: no such folder"):
        read_run("a", str(tmp_path / "nope"))
    folder = write_run(tmp_path / "run", rows(0.2))
    with pytest.raises(UserError, match="is a file, a folder is wanted"):
        read_run("a", str(folder / "metrics.json"))
    for text, message in (("{", "not valid JSON"), ("[]", "is not the metrics of a run"), ("{}", "is not the metrics")):
        (folder / "metrics.json").write_text(text)
        with pytest.raises(UserError, match=message):
            read_run("a", str(folder))
    (folder / "predictions.jsonl").unlink()
    with pytest.raises(UserError, match=r"holds no predictions\.jsonl; name a folder that"):
        read_run("a", str(folder))


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["a=x", "b="], "b=: name the folder of a run"),
        (["a=x", "b=y", "names=[one]"], "names=['one']: name all 2 runs"),
        (["a=x", "b=y", "names=[one,one]"], "names=['one', 'one']: name all 2 runs"),
        (["a=x", "b=y", "draws=10"], "draws=10: must lie between 100 and 1,000,000"),
        (["a=x", "b=y", "seed=-1"], "seed=-1: must lie between 0 and 4294967295"),
        (["a=x"], "b: no value given"),
    ],
)
def test_wrong_settings_are_named(overrides, message):
    assert message in error_of(*overrides, root="compare")


def test_folders_with_blanks_and_commas_need_no_quoting():
    overrides = ["a=my run, old", "b=it's (2)", "others=['c, d']"]
    settings = compose_settings("compare", CompareSettings, overrides)
    assert settings.runs() == {"a": "my run, old", "b": "it's (2)", "c": "c, d"}
