import csv
import json
import random

import pytest
from conftest import TAXONOMY, rows, train_settings, write_jsonl
from hypothesis import given, settings
from hypothesis import strategies as st

from sitrep.cli.composition import compose_settings
from sitrep.data import corpus
from sitrep.data.loading import load_data
from sitrep.data.reading import SHIPPED, Columns, read_labelled
from sitrep.errors import UserError
from sitrep.pages.similarity import near_duplicates
from sitrep.quality.corrections import corrected
from sitrep.quality.label_checks import balance_findings, suspected_errors
from sitrep.quality.run import check_data
from sitrep.quality.text_checks import text_findings
from sitrep.quality.training_checks import shortened_ids
from sitrep.sentences import LabelledSentence
from sitrep.settings import CheckSettings, TrainSettings
from sitrep.storage.spreadsheets import write_spreadsheet
from sitrep.training.run import train


@pytest.fixture
def check(tmp_path):
    """Examine data and return the content of check.json and the result folder."""

    def call(*overrides, label_errors=False):
        fixed = [f"output_dir={tmp_path / 'result'}", f"label_errors={str(label_errors).lower()}"]
        found = compose_settings("check_data", CheckSettings, [*fixed, *overrides])
        folder = check_data(found)
        return json.loads((folder / "check.json").read_text()), folder

    return call


def kinds(result):
    return {finding["kind"]: finding["count"] for finding in result["findings"]}


def unit(text, label="none", identity="1"):
    return LabelledSentence(text, label, () if label == "none" else (label,), identity, identity, 0)


def distinct_rows(articles):
    """Rows whose texts share no word triple, so that only what a test plants is found."""
    content = rows(articles)
    for row in content:
        row["text"] = " ".join(f"{row['id']}w{n}" for n in range(10))
    return content


def test_pages_to_calibrate_on_are_compared_with_the_sets(check, tmp_path):
    content = distinct_rows(12)
    own = write_jsonl(tmp_path / "own.jsonl", content)
    foreign = [row | {"id": f"f{row['id']}", "article_id": f"f{row['article_id']}"} for row in content[:3]]
    foreign[1]["text"] += " more"
    foreign[2] |= {"article_id": "a0", "text": "of a page that is learnt from"}
    given = write_jsonl(tmp_path / "foreign.jsonl", foreign)
    result, _ = check(f"data={own}", f"data.calibration_files=[{given}]")
    found = kinds(result)
    assert found["duplicates_across_sets"] == found["near_duplicates_across_sets"] == found["articles_across_sets"] == 1
    assert sum(result["units"].values()) == 120


def test_clean_data_have_no_findings_but_hints(check, tmp_path):
    result, folder = check(f"data={write_jsonl(tmp_path / 'clean.jsonl', distinct_rows(12))}")
    assert result["passed"]
    assert {path.name for path in folder.iterdir()} == {"check.json", "check.html"}
    assert sum(result["units"].values()) == 120


def test_every_wrong_row_is_listed_with_its_line(check, tmp_path):
    content = distinct_rows(12)
    content[16]["label"] = "weather"
    content[30]["text"] = " "
    del content[40]["label"]
    content[50]["id"] = content[49]["id"]
    result, _ = check(f"data={write_jsonl(tmp_path / 'bad.jsonl', content)}")
    found = next(f for f in result["findings"] if f["kind"] == "unreadable")
    assert found["count"] == 4
    assert [
        f"bad.jsonl:{line}:" in example["text"]
        for line, example in zip((17, 31, 41, 51), found["examples"], strict=True)
    ]
    assert sum(result["units"].values()) == 116


def test_file_that_breaks_off_is_examined_up_to_there(check, tmp_path):
    path = write_jsonl(tmp_path / "cut.jsonl", distinct_rows(12))
    path.write_text(path.read_text()[:-30])
    result, _ = check(f"data={path}")
    assert kinds(result)["unreadable"] == 1
    assert sum(result["units"].values()) == 119


def test_all_planted_duplicates_and_leaks_are_found(check, tmp_path):
    train_rows, test_rows = distinct_rows(12), distinct_rows(4)
    for row in test_rows:
        row["id"], row["article_id"] = f"t{row['id']}", f"t{row['article_id']}"
        row["text"] = "t" + row["text"].replace(" ", " t")
    for number in range(10):  # across sets: exact but for case and stops; nearly the same; one article in both
        test_rows[number]["text"] = train_rows[number]["text"].upper() + "."
    for number in range(10, 15):
        test_rows[number]["text"] = train_rows[number]["text"] + " more"
    test_rows[20]["article_id"] = "a3"
    train_rows[100]["text"] = train_rows[101]["text"]
    files = [f"data={write_jsonl(tmp_path / 'train.jsonl', train_rows)}"]
    result, _ = check(*files, f"data.test_files=[{write_jsonl(tmp_path / 'test.jsonl', test_rows)}]")
    found = kinds(result)
    assert found["duplicates_across_sets"] == 10
    assert found["near_duplicates_across_sets"] == 5
    assert found["articles_across_sets"] == 1
    assert found["duplicates"] == 1
    assert result["leak_score"]["leaked_units"] == 16
    assert not result["passed"]


def test_score_on_the_leak_free_part_is_lower(check, tmp_path):
    train_rows, test_rows = rows(12), rows(12)
    for row in test_rows[: len(test_rows) // 2]:
        row["id"], row["article_id"] = f"t{row['id']}", f"t{row['article_id']}"
    for number, row in enumerate(test_rows[len(test_rows) // 2 :]):  # new texts that nothing in training speaks of
        row.update(
            id=f"n{number}",
            article_id=f"n{number}",
            text=f"w{number} x{number} y{number} z{number} v{number} u{number}",
        )
    files = [f"data={write_jsonl(tmp_path / 'train.jsonl', train_rows)}"]
    result, _ = check(*files, f"data.test_files=[{write_jsonl(tmp_path / 'test.jsonl', test_rows)}]")
    assert result["leak_score"]["leak_free"] < result["leak_score"]["all"] - 0.2


def test_score_of_a_leak_free_part_without_any_class_is_a_dash(check, tmp_path, capsys):
    train_rows = rows(12)
    for row in train_rows:
        row["text"] += " of the month of may"
    copies = [row | {"id": f"t{row['id']}", "article_id": f"t{row['article_id']}"} for row in train_rows[:10]]
    test_rows = [row for row in copies if row["label"] != "none"]
    for place in range(6):
        text = f"the town lies on a river near hill {place} of the valley"
        test_rows.append({"id": f"n{place}", "article_id": "n", "position": place, "text": text, "label": "none"})
    files = [f"data={write_jsonl(tmp_path / 'train.jsonl', train_rows)}"]
    result, folder = check(*files, f"data.test_files=[{write_jsonl(tmp_path / 'test.jsonl', test_rows)}]")
    assert result["leak_score"]["leak_free"] is None
    assert "on all test units, – on those without a leak" in capsys.readouterr().err
    assert "on all test units and – on" in " ".join((folder / "check.html").read_text(encoding="utf-8").split())


def test_strict_makes_findings_an_error_and_writes_the_report_all_the_same(check, tmp_path):
    content = distinct_rows(12)
    content[5]["text"] = content[6]["text"]
    path = write_jsonl(tmp_path / "data.jsonl", content)
    with pytest.raises(UserError, match="strict=true: duplicates"):
        check(f"data={path}", "strict=true")
    assert (tmp_path / "result" / "check.html").is_file()


@pytest.mark.slow
def test_training_stops_on_a_leak_unless_told_otherwise(tmp_path):
    content = distinct_rows(12)
    for row in content:
        if row["position"] == 3:
            row["text"] = "the very same long sentence in every article"
    path = write_jsonl(tmp_path / "leak.jsonl", content)
    with pytest.raises(UserError, match=r"1 texts stand in more than one set, .*data.allow_leakage=true"):
        train(train_settings(path, tmp_path / "run"))
    assert train(train_settings(path, tmp_path / "run", "data.allow_leakage=true")).is_dir()


def test_short_furniture_may_recur(check, tmp_path):
    content = distinct_rows(12)
    for row in content:
        if row["label"] == "boilerplate":
            row["text"] = "Share this page"
    result, _ = check(f"data={write_jsonl(tmp_path / 'data.jsonl', content)}")
    assert result["passed"]


def test_one_text_under_two_labels_is_a_conflict(check, tmp_path):
    content = distinct_rows(12)
    content[1]["text"] = content[0]["text"]
    result, _ = check(f"data={write_jsonl(tmp_path / 'data.jsonl', content)}")
    assert kinds(result)["conflicting_labels"] == 1


def test_missing_and_shifted_labels_are_told_by_set():
    even = dict.fromkeys(TAXONOMY.labels, 20)
    findings = balance_findings({"train": even, "test": even | {"none": 0, "boilerplate": 60}})
    assert [f.kind for f in findings] == ["missing_label", "label_shift"]
    assert "the test set has no none" in findings[0].message


def test_rows_that_all_share_one_article_leave_empty_sets_as_training_says(check, tmp_path):
    content = [row | {"article_id": "1.23457E+17"} for row in distinct_rows(12)]
    path = write_jsonl(tmp_path / "data.jsonl", content)
    result, _ = check(f"data={path}")
    assert kinds(result) == {"empty_set": 1, "shortened_ids": 120}
    refused = [finding for finding in result["findings"] if finding["severity"] == "error"]
    assert [finding["message"].split(" set ")[0] for finding in refused] == ["the validation", "the test"]
    assert "of 1 in all; check data.article_id_field" in refused[0]["message"]
    with pytest.raises(UserError, match=r"the validation set \(0 units of 0 articles\) has no attack_description"):
        load_data(compose_settings("train", TrainSettings, [f"data={path}"]).data, TAXONOMY)
    with pytest.raises(UserError, match="strict=true: empty_set, shortened_ids"):
        check(f"data={path}", "strict=true", f"output_dir={tmp_path / 'strict'}")


def test_what_another_finding_says_is_not_said_again(check, tmp_path):
    test_rows = distinct_rows(12)[:9]  # texts, articles and a label less than in training
    for row in test_rows:
        row["id"] = f"t{row['id']}"
    test_rows = [row for row in test_rows if row["label"] != "none"]
    files = [f"data={write_jsonl(tmp_path / 'train.jsonl', distinct_rows(12))}"]
    result, _ = check(*files, f"data.test_files=[{write_jsonl(tmp_path / 'test.jsonl', test_rows)}]")
    found = [finding["kind"] for finding in result["findings"] if finding["severity"] == "error"]
    assert sorted(found) == ["articles_across_sets", "duplicates_across_sets", "missing_label"]


def test_ordinary_numbers_are_no_shortened_ids():
    assert shortened_ids([unit("x", identity=name) for name in ("7", "20240117", "1e5", "a1.5E+17", "2E-3")]) == []
    found = shortened_ids([unit("x", identity=name) for name in ("1.23457E+17", "1.23457E+17", "2E+20", "7")])
    assert (found[0].count, found[0].severity.name) == (3, "warning")
    assert "1.23457E+17" in found[0].message
    assert "import that column as text" in found[0].message


def test_source_that_cannot_be_read_is_refused_before_another_is(check, tmp_path):
    path = write_jsonl(tmp_path / "data.jsonl", [{"neither": "text nor label"}])
    (tmp_path / "page.txt").write_text("A page.")
    with pytest.raises(UserError, match=r"page\.txt: cannot read rows from \.txt; use \.jsonl"):
        check(f"data={path}", f"data.test_files=[{tmp_path / 'page.txt'}]")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("mojibake", "The armyâ€™s spokesman said so"),
        ("mojibake", "CafÃ© owners fled"),
        ("markup", "Shells hit <b>the</b> bridge"),
        ("markup", "Shells&nbsp;hit"),
        ("control_characters", "Shells\x08 hit"),
        ("other_script", "Снаряды попали в мост"),
        ("not_english", "Les obus ont touché le pont dans la nuit, selon le ministère, sans faire de victimes"),
        ("long", "word " * 200),
    ],
)
def test_odd_texts_are_found(kind, text):
    assert kind in {finding.kind for finding in text_findings([unit(text)])}


@pytest.mark.parametrize(
    "text", ["Größe, naïve café — “quoted” é", "5 < 6 and AT&T said so", "Share | Tweet | Print", "Tamim al-Dari"]
)
def test_ordinary_texts_are_not_odd(text):
    assert text_findings([unit(text)]) == []


@pytest.mark.slow
@pytest.mark.thorough
def test_planted_label_flips_stand_at_the_top_of_the_suggestions():
    """At least 80 % of 5 % flips within the first tenth, on a part of the shipped corpus."""
    articles = list(dict.fromkeys(corpus.load()["article_id"]))[::4]
    sentences = [s for s in read_labelled(SHIPPED, Columns()) if s.article_id in set(articles)]
    generator = random.Random(0)
    flipped = set(generator.sample(range(len(sentences)), len(sentences) // 20))
    spoilt = [
        unit_with_other_label(sentence, generator) if index in flipped else sentence
        for index, sentence in enumerate(sentences)
    ]
    suggestions = suspected_errors(spoilt, TAXONOMY.labels)
    top = {suggestion.id for suggestion in suggestions[: len(sentences) // 10]}
    found = sum(spoilt[index].id in top for index in flipped)
    assert found >= 0.8 * len(flipped)


def unit_with_other_label(sentence, generator):
    other = generator.choice([label for label in TAXONOMY.labels if label != sentence.label])
    return corrected(sentence, other, TAXONOMY)


@pytest.mark.slow
def test_suggestions_are_corrected_in_a_table_and_put_back(check, tmp_path):
    content = rows(12)
    content[7]["label"], content[7]["labels"] = "boilerplate", ["boilerplate"]  # is a casualty report
    path = write_jsonl(tmp_path / "data.jsonl", content)
    _, folder = check(f"data={path}", "data.allow_leakage=true", label_errors=True)
    with (folder / "suggestions.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert (table[0]["place"], table[0]["id"]) == (f"{path}:8", content[7]["id"])
    assert table[0]["suggested"] == "casualty_report"
    table[0]["correct_label"] = "casualty_report"
    corrections = tmp_path / "corrections.csv"
    write_spreadsheet(corrections, list(table[0]), table)
    _, again = check(f"data={path}", f"apply={corrections}", f"output_dir={tmp_path / 'again'}")
    before, after = path.read_bytes().splitlines(), (again / "corrected" / "data.jsonl").read_bytes().splitlines()
    assert json.loads(after[7]) == content[7] | {"label": "casualty_report", "labels": ["casualty_report"]}
    assert before[:7] + before[8:] == after[:7] + after[8:]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("nobody,none,boilerplate", "there is no unit 'nobody' in the data"),
        ("a0-4,none,weather", "correct_label 'weather' is none of"),
        ("a0-4,boilerplate,none", "unit 'a0-4' is none in the data, not boilerplate; the data changed"),
    ],
)
def test_corrections_that_do_not_fit_the_data_are_refused(check, toy_file, tmp_path, row, message):
    (tmp_path / "c.csv").write_text(f"id,label,correct_label\n{row}\n")
    with pytest.raises(UserError, match=rf"c\.csv:2: .*{message}"):
        check(f"data={toy_file}", f"apply={tmp_path / 'c.csv'}")


def test_correction_keeps_what_else_applies():
    both = LabelledSentence("x", "casualty_report", ("attack_description", "casualty_report"), "1", "1", 0)
    assert corrected(both, "attack_description", TAXONOMY).labels == ("attack_description",)
    assert corrected(both, "official_statement", TAXONOMY).labels == ("official_statement", "attack_description")
    assert corrected(both, "boilerplate", TAXONOMY).labels == ("boilerplate",)
    assert corrected(both, "none", TAXONOMY).labels == ()


WORDS = st.lists(st.sampled_from("alpha bravo charlie delta echo foxtrot golf hotel".split()), min_size=6, max_size=14)


@settings(max_examples=30, deadline=None)
@given(st.lists(WORDS, min_size=2, max_size=12))
def test_reported_pairs_are_as_alike_as_they_say(texts):
    joined = list(dict.fromkeys(" ".join(words) for words in texts))
    for one, other, similarity in near_duplicates(joined, 0.6):
        assert one < other
        first, second = (
            set(zip(words, words[1:], words[2:], strict=False))
            for words in (joined[one].split(), joined[other].split())
        )
        assert similarity == len(first & second) / len(first | second) >= 0.6


def test_near_duplicates_are_found_among_many():
    generator = random.Random(0)
    texts = [" ".join(f"w{generator.randrange(5000)}" for _ in range(20)) for _ in range(2000)]
    planted = [text.replace(text.split()[0], "changed", 1) for text in texts[:100]]
    found = {(i, j) for i, j, _ in near_duplicates(texts + planted, 0.8)}
    assert found == {(number, 2000 + number) for number in range(100)}
