import csv
import json
import sys

import pytest
from conftest import TAXONOMY, rows, script, write_jsonl

from sitrep.sentences import LabelledSentence, Passage, Prediction

pytestmark = pytest.mark.usefixtures("beside_each_other")
LABELS = TAXONOMY.labels
ATTACK, STATEMENT, TOLL, BOILERPLATE, NONE = LABELS


def part(labels, pages=4, sources=("x", "y")):
    """Units of these labels on each of some pages, whose sources take turns."""
    units = [
        LabelledSentence(
            f"text {place}.",
            label,
            (),
            f"{page}-{place}",
            f"page {page}",
            place,
            {"source": sources[page % len(sources)]},
        )
        for page in range(pages)
        for place, label in enumerate(labels)
    ]
    return script("page_figures").Part("toy", units)


def reading(part, labels, sure=0.8, accepted=(), promised=None):
    """What a checkpoint says that gives these labels, with the true one second; ``accepted`` are numbers of units."""
    said = []
    for number, (unit, label) in enumerate(zip(part.units, labels, strict=True)):
        second = unit.label if unit.label != label else next(name for name in LABELS if name != label)
        probabilities = dict.fromkeys(LABELS, 0.0) | {second: 1 - sure, label: sure}
        passage = Passage(unit.id, unit.article_id, unit.position, 0, 1, unit.text)
        decision = ("accept" if number in accepted else "review") if promised else None
        said.append(Prediction(passage, label, probabilities, decision=decision))
    return script("page_figures").Reading(said, promised)


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["real_pages.py", *map(str, arguments)])
    script("real_pages").main()


def test_scores_of_one_checkpoint_by_hand():
    toy = part([ATTACK, STATEMENT, NONE, NONE])
    right = [unit.label for unit in toy.units]
    given = [STATEMENT if number == 2 else label for number, label in enumerate(right)]
    found = script("page_figures").figures_of(toy, [reading(toy, given, accepted={0, 1, 2, 3}, promised=0.95)])
    assert (found.f1[ATTACK].mean, found.f1[STATEMENT].mean) == (1, pytest.approx(8 / 9))  # 4 right, 1 too many
    assert found.f1[NONE].mean == pytest.approx(14 / 15)  # 7 right, 1 missed
    assert found.f1[TOLL].mean is None
    assert found.macro_f1.mean == pytest.approx((1 + 8 / 9) / 2)
    assert found.accuracy.mean == 15 / 16
    assert (found.accepted.mean, found.right.mean, found.promised) == (0.25, 0.75, 0.95)
    assert found.calibration_error.mean == pytest.approx(15 / 16 - 0.8)
    assert found.macro_f1.deviation is None


def test_intervals_are_those_of_an_evaluation():
    from sitrep.metrics.intervals import score_intervals
    from sitrep.metrics.resampling import article_confusions

    figures = script("page_figures")
    toy = part([ATTACK, STATEMENT, TOLL, BOILERPLATE, NONE], pages=6)
    given = [NONE if number % 7 == 0 else unit.label for number, unit in enumerate(toy.units)]
    found = figures.figures_of(toy, [reading(toy, given)])
    expected = score_intervals(article_confusions(toy.true, given, LABELS, toy.pages), TAXONOMY, figures.DRAWS, seed=0)
    for ours, theirs in ((found.macro_f1, expected.macro_f1), (found.accuracy, expected.accuracy)):
        assert (ours.interval.low, ours.interval.high) == pytest.approx((theirs.low, theirs.high))


def test_what_is_accepted_has_an_interval_by_pages_and_is_undefined_without_thresholds():
    figures = script("page_figures")
    toy = part([ATTACK, NONE], pages=6)
    given = [ATTACK, ATTACK, *[unit.label for unit in toy.units][2:]]
    with_thresholds = figures.figures_of(toy, [reading(toy, given, accepted=set(range(6)), promised=0.9)])
    assert with_thresholds.right.mean == pytest.approx(5 / 6)
    assert with_thresholds.right.interval.low < 5 / 6 < with_thresholds.right.interval.high
    nothing = figures.figures_of(toy, [reading(toy, given, promised=0.9)])
    assert (nothing.accepted.mean, nothing.right.mean, nothing.right.interval) == (0, None, None)
    without = figures.figures_of(toy, [reading(toy, given)])
    assert (without.accepted.mean, without.right.mean, without.promised) == (None, None, None)


def test_the_seeds_of_a_row_give_mean_and_standard_deviation():
    toy = part([ATTACK, NONE])
    right = [unit.label for unit in toy.units]
    row = [reading(toy, right), reading(toy, [NONE] * 2 + right[2:])]
    found = script("page_figures").figures_of(toy, row)
    assert found.accuracy.mean == pytest.approx((1 + 7 / 8) / 2)
    assert found.accuracy.deviation == pytest.approx(1 / 8 / 2**0.5)
    assert found.macro_f1.interval.low < found.macro_f1.mean < found.macro_f1.interval.high


def test_other_rows_are_tested_against_the_reference_and_their_p_values_adjusted():
    figures = script("page_figures")
    toy = part([ATTACK, STATEMENT, TOLL, BOILERPLATE, NONE], pages=10)
    right = [unit.label for unit in toy.units]
    some = [STATEMENT if number % 15 == 0 else label for number, label in enumerate(right)]
    many = [STATEMENT if number % 10 == 0 else label for number, label in enumerate(right)]
    rows = {name: [reading(toy, given)] for name, given in {"right": right, "some": some, "many": many}.items()}
    found = figures.differences(toy, rows, "right")
    assert list(found) == ["some", "many"]
    scores = {name: figures.figures_of(toy, row).macro_f1.mean for name, row in rows.items()}
    for name, item in found.items():
        assert item.value == pytest.approx(scores[name] - 1)
        assert item.interval.low < item.value < item.interval.high
    smaller, larger = sorted(found.values(), key=lambda item: item.p)
    assert (smaller.p_adjusted, larger.p_adjusted) == (2 * smaller.p, max(2 * smaller.p, larger.p))  # Holm
    assert figures.differences(toy, rows, "some")["right"].value == pytest.approx(-found["some"].value)


def test_sources_come_worst_first_by_the_reference():
    toy = part([ATTACK, NONE, NONE], pages=5, sources=("good", "bad", None))
    wrong = [ATTACK if unit.article_id == "page 1" else unit.label for unit in toy.units]
    rows = {"ours": [reading(toy, wrong)], "other": [reading(toy, toy.true)]}
    bad, good, unnamed = script("page_figures").source_figures(toy, rows, "ours")
    assert [(item.source, item.units, item.pages) for item in (bad, good, unnamed)] == [
        ("bad", 6, 2),
        ("good", 6, 2),
        ("(none named)", 3, 1),
    ]
    assert bad.accuracy["ours"].mean == pytest.approx(4 / 6)
    assert bad.macro_f1["ours"].mean == pytest.approx(2 / 3)  # 2 right, 2 too many
    assert (bad.accuracy["other"].mean, good.accuracy["ours"].mean) == (1, 1)


def test_kinds_count_the_same_units_for_every_row_and_the_change_of_errors():
    toy = part([ATTACK, NONE, NONE], pages=2)
    first = [STATEMENT, NONE, STATEMENT, NONE, NONE, NONE]
    second = [ATTACK, NONE, STATEMENT, ATTACK, STATEMENT, NONE]
    rows = {"first": [reading(toy, first)], "seeds": [reading(toy, first), reading(toy, second)]}
    found = {item.kind: item for item in script("page_figures").kind_figures(toy, rows, "first")}

    def told(kind):
        item = found[kind]
        return item.units, item.errors["first"].mean, item.errors["seeds"].mean, item.changes["seeds"]

    assert told("all") == (6, 3, 2.5, -0.5)
    assert told("who-speaks") == (4, 1, 1.5, 0.5)
    assert told("act-in-statement") == (2, 1, 0.5, -0.5)
    assert told("missed-act") == (2, 1, 0.5, -0.5)
    assert told("second-guess") == (6, 3, 2.5, -0.5)
    assert told("telex") == (0, 0, 0, 0)
    assert (found["who-speaks"].rates, found["telex"].rates) == (
        {"first": 0.25, "seeds": 0.375},
        {"first": None, "seeds": None},
    )


def test_the_second_guess_is_the_likeliest_label_but_the_given_one():
    toy = part([ATTACK], pages=2)
    assert reading(toy, [STATEMENT, ATTACK]).seconds == [ATTACK, STATEMENT]


def test_rows_are_checkpoints_or_named_seeds():
    named = script("real_pages").rows_named
    assert named({}, ["one", "two=a,b"]) == ({"one": ["one"], "two": ["a", "b"]}, "one")
    assert named({"against": "two"}, ["one", "two=a,b"]) == ({"one": ["one"], "two": ["a", "b"]}, "two")
    assert named({"against": "old=c"}, ["one"]) == ({"old": ["c"], "one": ["one"]}, "old")
    for options, arguments, message in (
        ({}, [], "name one checkpoint or more"),
        ({}, ["one", "one"], "two rows have the name 'one'"),
        ({}, ["one="], "a row is CHECKPOINT or NAME="),
        ({"against": "one=b"}, ["one=a"], "another row has the name 'one'"),
    ):
        with pytest.raises(SystemExit, match=message):
            named(options, arguments)


def test_default_parts_that_are_absent_are_named_and_left_out(tmp_path, monkeypatch, capsys):
    pages = script("real_pages")
    monkeypatch.setattr(pages, "REAL_DEV", tmp_path)
    with pytest.raises(SystemExit, match="no pages to score"):
        pages.part_files({})
    assert [line.partition(":")[0] for line in capsys.readouterr().err.splitlines()] == list(pages.DEFAULT_PARTS)
    there = write_jsonl(tmp_path / "real_dev2.jsonl", rows(1))
    assert pages.part_files({"press": "copy.jsonl"}) == [there, pages.Path("copy.jsonl")]
    assert capsys.readouterr().err.count("\n") == 1  # part 3 has been named
    assert pages.part_files({"parts": "a.jsonl,b.jsonl"}) == [pages.Path("a.jsonl"), pages.Path("b.jsonl")]


def test_what_a_user_can_mend_is_one_line(tmp_path, toy_file, monkeypatch, capsys):
    for arguments, message in (
        (["parts=missing.jsonl", "run"], "missing.jsonl: no such file"),
        ([f"parts={toy_file}", tmp_path / "nowhere"], "nowhere"),
    ):
        with pytest.raises(SystemExit) as stopped:
            run(monkeypatch, *arguments)
        assert stopped.value.code == 1
        told = capsys.readouterr().err
        assert told.startswith("real_pages.py: ")
        assert message in told
        assert told.count("\n") == 1


@pytest.mark.slow
def test_tables_errors_and_figures_of_a_checkpoint(run_directory, tmp_path, monkeypatch, capsys):
    content = [row | {"source": "x|y" if row["article_id"] == "a0" else "z"} for row in rows(4)]
    content[0]["text"], content[1]["text"] = "nobody in the market spoke", "=the road is long"
    file = write_jsonl(tmp_path / "pages.jsonl", content)
    errors, results = tmp_path / "new" / "errors.csv", tmp_path / "new" / "figures.json"
    seeds = f"seeds={run_directory},{run_directory / 'checkpoint'}"
    run(monkeypatch, f"parts={file}", f"errors={errors}", f"results={results}", run_directory, seeds)
    out = capsys.readouterr().out
    titles = [line for line in out.splitlines() if line.startswith("#")]
    assert titles == [
        "## pages: 40 units of 4 pages",
        f"### Against `{run_directory}`",
        "### By source",
        "### By kind of error",
    ]
    assert "| x\\|y | 10 | 1 |" in out
    assert "| `seeds` | +0.000 | 0.000 to 0.000 | 1.000 | 1.000 |" in out
    told = json.loads(results.read_text(encoding="utf-8"))
    assert told["against"] == str(run_directory)
    figures = told["parts"]["pages"]
    assert figures["rows"]["seeds"]["macro_f1"]["deviation"] == 0
    with errors.open(encoding="utf-8", newline="") as opened:
        table = list(csv.DictReader(opened))
    wrong = next(item for item in figures["kinds"] if item["kind"] == "all")["errors"][str(run_directory)]["mean"]
    assert len(table) == wrong
    for row in table:
        assert row["predicted"] == row[f"predicted by {run_directory}"] == row["predicted by seeds, 2"] != row["true"]
        before = [unit["text"] for unit in content if unit["article_id"] == row["article_id"]]
        assert row["before"] == (before[int(row["position"]) - 1] if row["position"] != "0" else "")
