"""`scripts/label.py agree`: figures by hand, what is decided, what a third reader decides, and what is refused."""

import csv
import json
from dataclasses import replace

import pytest
from browser import NEEDS_BROWSER, WIDTHS_PIXELS, examine
from conftest import TAXONOMY, WITHOUT_NONE, write_jsonl

from sitrep.agreement.reliability import worth
from sitrep.agreement.run import agree
from sitrep.data.own_labels import CoderLabel, Drawn, SampledUnit, read_labels, read_sample, write_labels, write_sample
from sitrep.errors import UsageError, UserError
from sitrep.metrics.intervals import Interval
from sitrep.metrics.krippendorff import Alpha
from sitrep.settings import AgreeSettings

ATTACK, STATEMENT, TOLL, BOILERPLATE, NONE = TAXONOMY.labels
SHORT = {"a": ATTACK, "s": STATEMENT, "t": TOLL, "b": BOILERPLATE, "n": NONE}
NASTY = "=1+1\t@x\r\n\u202eright\u202c \0 </script><script>window.ran = 1</script> | 👩🏽‍🚒"


def units(number):
    made = [(n, f"p{n // 2}", (f"before {n}",), (f"after {n}",)) for n in range(number)]
    return [
        SampledUnit(f"{page}:{n}", page, n, f"text {n}", before, after, Drawn.random, 0.5, fields={"outlet": "daily"})
        for n, page, before, after in made
    ]


def said(coder, words, sample=None, **more):
    """What a coder said of each unit, a word each: letters of its classes, the label first; `.` for nothing."""
    given = words.split()
    return [
        CoderLabel(unit, SHORT[word[0]], tuple(SHORT[sign] for sign in word if sign != "n"), coder, **more)
        for unit, word in zip(sample or units(len(given)), given, strict=True)
        if word != "."
    ]


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs the command on what coders said, a file each, and gives the folder."""
    monkeypatch.chdir(tmp_path)

    def ran(*coders, output="result", **settings):
        paths = []
        for number, labels in enumerate(coders):
            paths.append(f"{labels[0].coder if labels else number}.jsonl")
            write_labels(tmp_path / paths[-1], labels, overwrite=True)
        return agree(AgreeSettings(inputs=paths, output_dir=output, draws=100, **settings))

    return ran


def figures(folder):
    return json.loads((folder / "agreement.json").read_text(encoding="utf-8"))


def decided(folder, taxonomy=TAXONOMY):
    path = folder / "labels.jsonl"
    return read_labels(path, taxonomy) if path.stat().st_size else []


def sheet(folder):
    with (folder / "disputed.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_figures_of_two_coders_are_those_worked_out_by_hand(run):
    folder = run(said("anna", "a a t n s n"), said("ben", "a t t n s ."), output="two")
    found = figures(folder)
    # Five shared units, ten labels: a 3, t 3, n 2, s 2; one unit of two labels, so two of ten coincidences are apart.
    assert found["alpha"]["value"] == pytest.approx(1 - 9 * 2 / (100 - 9 - 9 - 4 - 4), abs=1e-12)
    assert found["alpha"]["labels"] == 10
    assert found["alpha_per_label"][TOLL]["value"] == pytest.approx(1 - 9 * 2 / (2 * 3 * 7), abs=1e-12)
    assert found["alpha_per_label"][NONE]["value"] == 1
    assert found["alpha_per_label"][BOILERPLATE] == {
        "value": None, "low": None, "high": None, "labels": 10, "undefined": "nobody used it",
    }  # fmt: skip
    (pair,) = found["pairs"]
    assert (pair["first"], pair["second"], pair["units"]) == ("anna", "ben", 5)
    assert pair["raw"]["value"] == 0.8
    chance = (2 * 1 + 1 * 2 + 1 * 1 + 1 * 1) / 25
    assert pair["kappa"]["value"] == pytest.approx((0.8 - chance) / (1 - chance), abs=1e-12)
    assert pair["confusion"]["counts"][0] == [1, 0, 1, 0, 0]
    assert pair["f1"][ATTACK]["value"] == pytest.approx(2 / 3)
    assert (found["units"], found["shared_units"], found["pages"]) == (6, 5, 3)
    assert found["coders"]["anna"]["labels"] == {ATTACK: 2, STATEMENT: 1, TOLL: 1, BOILERPLATE: 0, NONE: 2}
    assert (found["decided"], found["disputed"], found["parted"]) == (5, 1, 1)


def test_further_classes_count_by_masi_and_class_by_class(run):
    found = figures(run(said("anna", "a as n b"), said("ben", "a a n b")))
    assert found["alpha"]["value"] == 1
    # Sets: {a} 3, {a,s} 1, {} 2, {b} 2. Apart: {a} and {a,s}, by 2/3, in two of eight coincidences.
    far = 2 * (3 * 2 + 3 * 2 + 1 * 2 + 1 * 2 + 2 * 2) + 2 * 3 * 1 * 2 / 3
    assert found["alpha_of_all_classes"]["value"] == pytest.approx(1 - 7 * (2 * 2 / 3) / far, abs=1e-12)
    assert found["alpha_per_class_that_applies"][STATEMENT]["value"] == pytest.approx(
        1 - 7 * 2 / (2 * 1 * 7), abs=1e-12
    )
    assert found["parted_on_further_classes"] == 1
    assert found["disputed"] == 0


def test_labels_are_decided_by_all_by_most_or_by_the_one_who_gave_them(run):
    one = said("anna", "a  as t n b .", unsure=True)
    two = said("ben", " a  a  t s b .", comment="why")
    three = said("cleo", "a as s t . at")
    labels = {label.unit.id: label for label in decided(run(one, two, three))}
    assert [(name, one.label, one.labels, one.coder) for name, one in labels.items()] == [
        ("p0:0", ATTACK, (ATTACK,), "unanimous"),
        ("p0:1", ATTACK, (ATTACK, STATEMENT), "unanimous"),  # two of three say that it is a statement too
        ("p1:2", TOLL, (TOLL,), "majority"),
        ("p2:4", BOILERPLATE, (BOILERPLATE,), "unanimous"),
        ("p2:5", ATTACK, (ATTACK, TOLL), "cleo"),
    ]
    first = labels["p0:0"]
    assert (first.unsure, first.comment) == (True, "ben: why")
    assert first.unit == units(6)[0]  # drawn, sampling_probability, the lines around it and the column outlet are kept


def test_two_of_four_do_not_decide(run):
    folder = run(*(said(name, word) for name, word in zip("wxyz", ["a a", "a a", "t a", "t t"], strict=True)))
    assert [(label.label, label.coder) for label in decided(folder)] == [(ATTACK, "majority")]


def test_third_reader_gets_a_sheet_and_what_is_decided_there_is_taken(run, tmp_path):
    nasty = [replace(unit, text=f"{NASTY} {unit.id}", before=(NASTY,)) for unit in units(4)]
    coders = (said("anna", "a t n s", nasty, comment=NASTY), said("ben", "t s s s", nasty))
    folder = run(*coders)
    rows = sheet(folder)
    assert [row["id"] for row in rows] == ["p0:0", "p0:1", "p1:2"]
    assert [(row["label_anna"], row["label_ben"]) for row in rows] == [
        (ATTACK, TOLL),
        (TOLL, STATEMENT),
        (NONE, STATEMENT),
    ]
    assert not any(cell.startswith(("=", "@", "\t")) for row in rows for cell in row.values())
    assert rows[0]["after"] == "after 0"
    for row, decision in zip(rows, [f" {TOLL} | {ATTACK} ", NONE, ""], strict=True):
        row |= {"decision": decision, "note": "read it thrice"}
    filled = tmp_path / "filled.csv"
    with filled.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    folder = run(*coders, output="again", decided=str(filled))
    labels = {label.unit.id: label for label in decided(folder)}
    assert [(label.label, label.labels, label.coder) for label in labels.values()] == [
        (TOLL, (ATTACK, TOLL), "third reader"),
        (NONE, (), "third reader"),
        (STATEMENT, (STATEMENT,), "unanimous"),
    ]
    assert labels["p0:0"].comment == f"anna: {NASTY}\nthird reader: read it thrice"
    assert labels["p0:0"].unit == nasty[0]
    assert [row["id"] for row in sheet(folder)] == ["p1:2"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"decision": "weather"}, "filled.csv:2: decision 'weather' is none of attack_description"),
        ({"decision": f"{BOILERPLATE}|{TOLL}"}, "filled.csv:2: decision: labels are .* excludes the other classes"),
        ({"decision": f"{NONE}|{TOLL}"}, "filled.csv:2: decision: none goes with no other class"),
        ({"decision": TOLL, "id": "p9:9"}, "filled.csv:2: no coder labelled the unit 'p9:9'"),
        ({"decision": TOLL, "text": "another"}, "filled.csv:2: the text of p0:0 is not the one that was labelled"),
        ({"decision": ""}, "filled.csv: none of its 1 rows has a decision"),
        ({}, "filled.csv:2: no column 'decision'"),
    ],
)
def test_wrong_decisions_are_refused_by_row(run, tmp_path, fields, message):
    row = {"id": "p0:0", "text": "text 0", **fields}
    with (tmp_path / "filled.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        writer.writeheader()
        writer.writerow(row)
    with pytest.raises(UserError, match=message):
        run(said("anna", "a t"), said("ben", "t t"), decided="filled.csv")
    assert not (tmp_path / "result").exists()


def test_model_is_held_against_each_coder_from_a_sample_or_from_predictions(run, tmp_path):
    sample = [replace(unit, guess=guess) for unit, guess in zip(units(4), [ATTACK, TOLL, NONE, NONE], strict=True)]
    write_sample(tmp_path / "sample.jsonl", sample)
    rows = [
        {"id": unit.id, "article_id": unit.article_id, "position": unit.position, "text": unit.text,
         "label": unit.guess, "probabilities": dict.fromkeys(TAXONOMY.labels, 0.2)}
        for unit in [*sample, replace(sample[0], id="other", guess="of other labels")]
    ]  # fmt: skip
    write_jsonl(tmp_path / "predicted.jsonl", rows)
    coders = (said("anna", "a t n s"), said("ben", "a s n ."))
    found = [
        figures(run(*coders, output=name, predictions=f"{name}.jsonl"))["model"] for name in ("sample", "predicted")
    ]
    assert found[0] == found[1]
    assert [(pair["first"], pair["second"], pair["units"], pair["raw"]["value"]) for pair in found[0]] == [
        ("anna", "model", 4, 0.75),
        ("ben", "model", 3, pytest.approx(2 / 3)),
    ]
    write_sample(tmp_path / "blank.jsonl", units(4))
    write_sample(tmp_path / "changed.jsonl", [replace(sample[0], text="another")])
    write_sample(tmp_path / "strange.jsonl", [replace(sample[0], id="p9")])
    write_sample(tmp_path / "unknown.jsonl", [replace(sample[0], guess="weather")])
    for name, message in {
        "blank": "blank.jsonl:1: the sample holds no guess of the model",
        "changed": "changed.jsonl:1: the text of p0:0 is not the one that was labelled",
        "strange": "strange.jsonl: holds none of the units that were labelled",
        "unknown": "unknown.jsonl:1: the model's label 'weather' is none of",
    }.items():
        with pytest.raises(UserError, match=message):
            run(*coders, output=f"no-{name}", predictions=f"{name}.jsonl")


def test_one_file_may_hold_several_coders_and_one_coder_several_files(run, tmp_path):
    both = run([*said("anna", "a t n s"), *said("ben", "a s n s")], output="one")
    apart = run(said("anna", "a t n s"), said("ben", "a s n s"), output="two")
    halves = said("ben", "a s n s")
    write_labels(tmp_path / "rest.jsonl", halves[2:])
    write_labels(tmp_path / "ben.jsonl", halves[:2], overwrite=True)
    inputs = ["anna.jsonl", "ben.jsonl", "rest.jsonl"]
    parts = agree(AgreeSettings(inputs=inputs, output_dir="parts", draws=100))
    kept = [{k: v for k, v in figures(folder).items() if k != "settings"} for folder in (both, apart, parts)]
    assert kept[0] == kept[1] == kept[2]
    assert decided(both) == decided(apart) == decided(parts)


def test_coders_who_gave_one_label_get_no_number_but_the_reason(run, capsys):
    found = figures(run(said("anna", "b b b"), said("ben", "b b b")))
    assert found["alpha"]["value"] is None
    assert "nothing tells agreement from chance" in found["alpha"]["undefined"]
    assert found["pairs"][0]["kappa"]["value"] is None
    told = capsys.readouterr().err
    assert "Krippendorff's alpha is undefined: everybody gave all units the same" in told
    assert "nan" not in told.lower()
    assert f"{TOLL}: alpha is undefined, nobody used it" in told


def test_labels_that_training_leaves_out_are_labels_to_coders(run):
    folder = run(said("anna", "a n t n"), said("ben", "a n t a"), labels="four")
    assert figures(folder)["coders"]["anna"]["labels"][NONE] == 2
    assert [label.label for label in decided(folder, WITHOUT_NONE)] == [ATTACK, NONE, TOLL]


def test_page_shows_disputes_and_runs_nothing_of_them(run):
    nasty = [replace(unit, text=f"{NASTY} {unit.id}") for unit in units(2)]
    page = (run(said("anna", "a t", nasty, comment=NASTY), said("ben", "t t", nasty)) / "agreement.html").read_text()
    assert "<script" not in page
    assert "&lt;/script&gt;&lt;script&gt;window.ran = 1" in page
    assert "anna: attack_description" in page


@pytest.mark.slow
@NEEDS_BROWSER
@pytest.mark.parametrize("width", WIDTHS_PIXELS)
def test_page_fits_the_screen(run, tmp_path, width):
    names = ("anna", "ben", "somebody with a name as long as names can be")
    folder = run(*(said(name, word) for name, word in zip(names, ["a t n", "t t b", "as n n"], strict=True)))
    page = (folder / "agreement.html").read_text(encoding="utf-8")
    found = examine(tmp_path, page, width, "(page, document) => ({ wide: document.documentElement.scrollWidth })")
    assert found["wide"] <= width
    assert found["faults"] == []


def test_what_an_alpha_is_worth_is_said_with_how_far_its_interval_reaches():
    def words(value, *ends):
        return worth(Alpha(value, Interval(*ends) if ends else None, 9))

    assert words(0.9, 0.85, 0.95) == "reliable (from 0.800 on)"
    assert words(0.8, 0.7, 0.9) == "reliable (from 0.800 on); the interval reaches down to the tentative"
    assert words(0.7, 0.6, 0.9) == (
        "good for tentative conclusions (0.667 to 0.800); the interval reaches down to what is too low and up to the "
        "reliable"
    )
    assert words(0.5) == "too low to conclude from (below 0.667); the pages are too few for an interval"


def changed(labels, **fields):
    return [replace(labels[0], unit=replace(labels[0].unit, **fields)), *labels[1:]]


@pytest.mark.parametrize(
    ("coders", "message"),
    [
        ([said("anna", "a t")], "inputs: all labels are of one coder, anna; agreement wants those of two"),
        ([said("anna", "a ."), said("ben", ". a")], "inputs: no unit was labelled by two of anna, ben; export"),
        ([said("anna", "a t"), changed(said("ben", "a t"), text="b")],
         "the unit p0:0 does not have the same text in anna.jsonl and in ben.jsonl"),
        ([said("anna", "a t"), changed(said("ben", "a t"), article_id="b")], "does not have the same article_id in"),
        ([said("anna", "a t"), changed(said("ben", "a t"), sampling_probability=0.1)],
         "does not have the same sampling_probability in anna.jsonl and in ben.jsonl"),
    ],
)  # fmt: skip
def test_labels_that_do_not_go_together_are_refused_in_one_line(run, tmp_path, coders, message):
    with pytest.raises(UserError, match=message) as found:
        run(*coders)
    assert "\n" not in str(found.value)
    assert not list(tmp_path.glob("result*"))


def test_same_coder_twice_is_refused(run, tmp_path):
    write_labels(tmp_path / "anna.jsonl", said("anna", "a t"))
    write_labels(tmp_path / "second.jsonl", said("anna", "a s"))
    with pytest.raises(UserError, match=r"labelled the unit p0:0 in anna.jsonl and in second.jsonl; are these two"):
        agree(AgreeSettings(inputs=["anna.jsonl", "second.jsonl"], output_dir="result"))
    with pytest.raises(UserError, match="in the same file, which is named twice"):
        agree(AgreeSettings(inputs=["anna.jsonl", "anna.jsonl"], output_dir="result"))


def test_no_file_is_a_wrong_setting():
    with pytest.raises(UsageError, match=r"inputs=\[\]: name files of labels, of two coders or more"):
        AgreeSettings(inputs=[])


def test_labels_of_another_taxonomy_are_refused_by_row(run, tmp_path):
    row = {"id": "x", "article_id": "p", "text": "t", "label": "weather", "labels": ["weather"], "coder": "ben"}
    write_jsonl(tmp_path / "ben.jsonl", [row])
    write_labels(tmp_path / "anna.jsonl", said("anna", "a t"))
    with pytest.raises(UserError, match=r"ben.jsonl:1: the label 'weather' is none of .*; labels=FILE.yaml names"):
        agree(AgreeSettings(inputs=["anna.jsonl", "ben.jsonl"], output_dir="result"))


def test_file_that_the_page_saved_is_to_be_imported_first(run, tmp_path):
    row = {"id": "x", "text_hash": "0" * 16, "label": NONE, "labels": [], "coder": "ben"}
    write_jsonl(tmp_path / "ben.jsonl", [row])
    with pytest.raises(UserError, match=r"ben.jsonl:1: no text; read what a coder saved with scripts/label.py import"):
        agree(AgreeSettings(inputs=["ben.jsonl"], output_dir="result"))


def test_lines_around_a_unit_travel_with_its_labels(tmp_path):
    write_labels(tmp_path / "labels.jsonl", said("anna", "a t"))
    write_sample(tmp_path / "sample.jsonl", units(2))
    assert [label.unit for label in read_labels(tmp_path / "labels.jsonl", TAXONOMY)] == read_sample(
        tmp_path / "sample.jsonl"
    )
    bare = [replace(label, unit=replace(label.unit, before=(), after=())) for label in said("anna", "a t")]
    write_labels(tmp_path / "bare.jsonl", bare)
    assert "before" not in json.loads((tmp_path / "bare.jsonl").read_text(encoding="utf-8").splitlines()[0])
