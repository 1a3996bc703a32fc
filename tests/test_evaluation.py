import json
import re
import shutil
from html.parser import HTMLParser

import pytest
from conftest import PROJECT, TAXONOMY, results_of, rows, write_jsonl

from sitrep.cli.composition import compose_settings
from sitrep.data.split import describe_set
from sitrep.errors import UserError
from sitrep.evaluation.results import passages_of
from sitrep.evaluation.run import evaluate
from sitrep.model.baselines import majority, tfidf_logistic_regression
from sitrep.report.evaluation import render
from sitrep.sentences import LabelledSentence, Prediction
from sitrep.settings import EvaluateSettings
from sitrep.storage.tables import read_rows


@pytest.fixture
def run(tmp_path):
    def call(checkpoint, *overrides):
        fixed = [f"checkpoint={checkpoint}", f"output_dir={tmp_path / 'result'}", "inference.precision=fp32"]
        folder = evaluate(compose_settings("evaluate", EvaluateSettings, [*fixed, *overrides]))
        return folder, json.loads((folder / "metrics.json").read_text())

    return call


def unit(text, label="none", article="a", position=0):
    return LabelledSentence(text, label, () if label == "none" else (label,), f"{article}{position}", article, position)


@pytest.mark.slow
def test_own_test_split_is_scored_as_training_scored_it(run, run_directory):
    folder, metrics = run(run_directory)
    trained = json.loads((run_directory / "metrics.json").read_text())
    assert metrics["per_class"] == trained["per_class"]
    assert metrics["baselines"] == trained["baselines"]
    assert {path.name for path in folder.iterdir()} == {
        "config.yaml", "environment.json", "errors.csv", "metrics.json", "predictions.jsonl", "report.html",
        "report.md",
    }  # fmt: skip


def test_any_labelled_file_is_scored_with_the_columns_that_it_has(run, run_directory, tmp_path):
    path = tmp_path / "other.csv"
    path.write_text(
        "sentence,code\nfour were killed in district 3,dead\nprices rose in spring,other\n", encoding="utf-8"
    )
    _, metrics = run(
        run_directory, f"data.test_files=[{path}]", "data.text_field=sentence", "data.label_field=code",
        "data.label_map={dead: casualty_report, other: none}",
    )  # fmt: skip
    assert metrics["data"]["test"]["units"] == 2
    assert metrics["per_class"]["casualty_report"]["support"] == 1
    assert "No unit of these data is attack_description or official_statement or boilerplate" in metrics["notes"][0]


@pytest.mark.slow
def test_columns_of_training_hold_where_none_are_given(run, toy_file, tmp_path):
    from conftest import train_settings

    from sitrep.training.run import train

    renamed = [{("sentence" if key == "text" else key): value for key, value in row.items()} for row in rows()]
    path = write_jsonl(tmp_path / "renamed.jsonl", renamed)
    checkpoint = train(train_settings(path, tmp_path / "run", "data.text_field=sentence"))
    _, metrics = run(checkpoint, f"data.test_files=[{path}]")
    assert metrics["data"]["test"]["units"] == len(renamed)
    assert any("that the model was trained or chosen on" in note for note in metrics["notes"])


def test_checkpoint_alone_is_enough_where_the_training_data_are_gone(run, run_directory, tmp_path):
    copy = shutil.copytree(run_directory / "checkpoint", tmp_path / "alone")
    record = json.loads((copy / "sitrep.json").read_text())
    record["data"]["train_files"] = [str(tmp_path / "gone.jsonl")]
    (copy / "sitrep.json").write_text(json.dumps(record))
    path = write_jsonl(tmp_path / "test.jsonl", rows(2))
    folder, metrics = run(copy, f"data.test_files=[{path}]", "training_data=named")
    assert metrics["baselines"] == {}
    assert "gone.jsonl: no such file" in (folder / "report.html").read_text()
    shutil.rmtree(folder)
    with pytest.raises(UserError, match=r"cannot be read again .*name the data to score with data.test_files"):
        run(copy, "training_data=named")


def test_changed_training_data_are_noticed(run, run_directory, tmp_path):
    copy = shutil.copytree(run_directory / "checkpoint", tmp_path / "alone")
    record = json.loads((copy / "sitrep.json").read_text())
    record["data"]["train_files"] = [str(write_jsonl(tmp_path / "changed.jsonl", rows(13)))]
    (copy / "sitrep.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match="its training data has changed since"):
        run(copy, "training_data=named")


@pytest.mark.slow
def test_files_that_a_foreign_checkpoint_names_are_read_on_request_only(run, run_directory, toy_file, tmp_path):
    copy = shutil.copytree(run_directory / "checkpoint", tmp_path / "theirs")
    record = json.loads((copy / "sitrep.json").read_text())
    (copy / "sitrep.json").write_text(json.dumps(record | {"base": str(tmp_path)}))
    with pytest.raises(UserError, match=r"not trained in this folder.*training_data=named"):
        run(copy)
    folder, metrics = run(copy, f"data.test_files=[{toy_file}]")
    assert metrics["baselines"] == {}
    assert metrics["data"]["seen_in_training"] is None
    assert "training_data=named" in (folder / "report.html").read_text()
    _, asked = run(copy, "training_data=named", f"output_dir={tmp_path / 'asked'}")
    assert asked["baselines"]


@pytest.mark.parametrize("training_data", ["own", "named"])
def test_names_of_the_hub_in_a_checkpoint_are_never_followed(run, run_directory, tmp_path, monkeypatch, training_data):
    copy = shutil.copytree(run_directory / "checkpoint", tmp_path / "theirs")
    record = json.loads((copy / "sitrep.json").read_text())
    record["data"]["train_files"] = ["someone/data"]
    (copy / "sitrep.json").write_text(json.dumps(record | {"base": str(PROJECT)}))
    monkeypatch.chdir(PROJECT)
    monkeypatch.setattr("sitrep.data.saved.hub_rows", lambda *_: pytest.fail("the hub was asked"))
    with pytest.raises(UserError, match="someone/data: no such file or folder"):
        run(copy, f"training_data={training_data}")


def test_training_data_can_be_left_alone(run, run_directory, toy_file):
    _, metrics = run(run_directory, f"data.test_files=[{toy_file}]", "training_data=none")
    assert metrics["data"]["seen_in_training"] is None


@pytest.mark.slow
def test_data_labelled_none_only_cannot_be_scored_without_none(run, toy_file, tmp_path):
    from conftest import train_settings

    from sitrep.training.run import train

    checkpoint = train(train_settings(toy_file, tmp_path / "run", "labels=four"))
    path = write_jsonl(tmp_path / "test.jsonl", [{"text": "a", "label": "none"}])
    with pytest.raises(UserError, match="all 1 rows are labelled none; nothing to score"):
        run(checkpoint, f"data.test_files=[{path}]")


def test_majority_baseline_says_the_commonest_training_label():
    train = [unit("a", "boilerplate"), unit("b", "boilerplate"), unit("c")]
    assert majority(train, [unit("x"), unit("y")]).predicted == ["boilerplate", "boilerplate"]


def test_tfidf_baseline_learns_from_words():
    train = [unit(f"four killed {n}", "casualty_report") for n in range(5)] + [
        unit(f"share page {n}") for n in range(5)
    ]
    assert tfidf_logistic_regression(train, [unit("killed"), unit("share")]).predicted == ["casualty_report", "none"]


class Page(HTMLParser):
    """Collects what a report refers to and which tags it leaves open."""

    VOID = frozenset({"meta", "br", "img", "link", "hr", "input"})

    def __init__(self):
        super().__init__()
        self.open: list[str] = []
        self.references: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.references += [v for k, v in attrs if k in {"src", "href", "xlink:href"} and v and not v.startswith("#")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag in self.VOID:
            return
        assert self.open[-1:] == [tag]
        self.open.pop()


def test_report_is_one_well_formed_page_that_fetches_nothing(run_directory):
    text = (run_directory / "report.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert page.open == []
    assert page.references == []
    assert "url(http" not in text
    assert "@import" not in text
    assert re.search(r'<svg role="img" aria-label="Confusion matrix\. true attack_description: \d+', text)


def test_report_shows_the_figures_of_the_metrics_file(run_directory):
    text = (run_directory / "report.html").read_text(encoding="utf-8")
    metrics = json.loads((run_directory / "metrics.json").read_text())
    assert f"<b>{metrics['macro_f1']:.3f}</b>" in text
    for figures in [*metrics["per_class"].values(), *metrics["baselines"].values()]:
        value = figures.get("f1", figures.get("macro_f1"))
        assert (f"{value:.3f}" if value is not None else "–") in text
    for name in ("TF-IDF + logistic regression", "Always the commonest label", "random:tiny"):
        assert name in text


def test_text_of_a_page_cannot_become_markup_of_the_report(run, run_directory, tmp_path):
    hostile = [{"text": "<script>alert(1)</script> & co", "label": label} for label in ("none", "boilerplate")]
    folder, _ = run(run_directory, f"data.test_files=[{write_jsonl(tmp_path / 'x.jsonl', hostile)}]")
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert text.count("<script") == 1  # the page's own, which filters the table of errors
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text


@pytest.mark.parametrize(
    ("text", "most_bytes"), [("four were killed at the gate " * 3, 1_000_000), ('"<&>' * 5000, 10_000_000)]
)
def test_page_of_many_errors_stays_small_whatever_their_texts_hold(text, most_bytes):
    labels = TAXONOMY.labels
    sentences = [unit(f"{text}{n}", article=f"article-{n // 30}", position=n % 30) for n in range(1234)]
    predictions = [
        Prediction(passage, "boilerplate", {name: 0.6 if name == "boilerplate" else 0.1 for name in labels})
        for passage in passages_of(sentences)
    ]
    data = {"test": describe_set(sentences, labels), "seen_in_training": 0, "left_out": 0, "sources": []}
    results = results_of(sentences, predictions, TAXONOMY, data)
    page = render(results, {})
    assert len(page.encode()) < most_bytes
    assert page.count("<tr><td><p>") == 1000
    assert "234 more are in <code>errors.csv</code>" in page


def test_every_name_in_the_metrics_is_explained(run_directory):
    page = (PROJECT / "docs" / "evaluation.md").read_text(encoding="utf-8")
    for name in json.loads((run_directory / "metrics.json").read_text()):
        assert f"`{name}`" in page, name


def test_one_article_has_no_intervals_and_the_report_says_so(run, run_directory, tmp_path):
    path = write_jsonl(tmp_path / "one.jsonl", rows(1))
    folder, metrics = run(run_directory, f"data.test_files=[{path}]")
    assert metrics["intervals"]["macro_f1"] is None
    assert "all units are of one article" in metrics["intervals"]["missing"]
    assert "No intervals: all units are of one article" in (folder / "report.html").read_text()


@pytest.mark.slow
def test_own_behaviour_tests_are_asked_and_can_be_turned_off(run, run_directory, tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        "- name: markets\n  kind: minimum\n  capability: vocabulary\n  why: Prices are no attacks.\n"
        "  label: none\n  cases:\n    - prices rose in spring in district 3 on day 2\n"
        "    - four were killed in district 3 on day 2\n",
        encoding="utf-8",
    )
    folder, metrics = run(run_directory, f"behaviour_files=[{mine}]")
    outcome = metrics["behaviour"][-1]
    assert (outcome["name"], outcome["cases"], outcome["failures"]) == ("markets", 2, 1)
    assert "Prices are no attacks." in (folder / "report.html").read_text()
    _, without = run(run_directory, "behaviour=false", "neighbours=false", f"output_dir={tmp_path / 'second'}")
    assert without["behaviour"] == []
    assert "behaviour=false" in without["missing"]["behaviour"]


def test_errors_stand_beside_their_neighbours_in_training(run, run_directory, tmp_path):
    wrong = [
        {**row, "label": "boilerplate", "labels": ["boilerplate"]}
        for row in rows(2)
        if row["label"] == "casualty_report"
    ]
    path = write_jsonl(tmp_path / "wrong.jsonl", wrong)
    folder, metrics = run(run_directory, f"data.test_files=[{path}]")
    assert metrics["errors"] == len(wrong) == 4
    table = list(read_rows(folder / "errors.csv"))
    assert len(table) == 4
    page = (folder / "report.html").read_text()
    assert page.count("like it in training") == 4
    # Each of these texts differs from training texts by a number only, so that its neighbours are casualty reports.
    near = re.findall(r'like it in training.*?<b class="label">([a-z_]+)</b>', page, re.S) or page
    assert "casualty_report" in near


def test_markdown_report_has_the_figures_of_the_metrics(run_directory):
    metrics = json.loads((run_directory / "metrics.json").read_text())
    text = (run_directory / "report.md").read_text()
    assert f"**{metrics['macro_f1']:.3f}** macro-F1" in text
    for outcome in metrics["behaviour"]:
        assert outcome["name"] in text
    for heading in ("How sure it is", "What to check by hand", "Where it does worse"):
        assert f"## {heading}" in text
