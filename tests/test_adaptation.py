"""`scripts/label.py adapt`: what is fitted, what is measured, what is refused, and what the checkpoint then does."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import TAXONOMY, WITHOUT_NONE, bare_checkpoint, rows, train_settings, write_jsonl

from sitrep import Predictor
from sitrep.adaptation.candidates import Measurement
from sitrep.adaptation.cross_fitting import CandidateLogits
from sitrep.adaptation.own_units import FOLDS, folds_of, read_own_units
from sitrep.adaptation.run import adapt
from sitrep.cli.composition import compose_settings
from sitrep.errors import UserError
from sitrep.evaluation.run import evaluate
from sitrep.metrics.calibration import cautious_temperature
from sitrep.metrics.moved_reliability import fit_curve, least_confidence, move_curve
from sitrep.model.checkpoint import open_checkpoint
from sitrep.settings import AdaptSettings, EvaluateSettings
from sitrep.training.run import train

STATEMENT, NONE = "official_statement", "none"


def labels(pages=20, of_page=4, **more):
    """Labels of a user who files what the toy corpus calls statements under `none`."""
    given = []
    for number, row in enumerate(rows(30)[: pages * of_page]):
        label = NONE if row["label"] == STATEMENT else row["label"]
        own = {"label": label, "labels": [] if label == NONE else [label], "coder": "anna"}
        place = {"id": f"u{number}", "article_id": f"p{number // of_page}", "position": number % of_page}
        given.append({"text": row["text"], **place, **own, "drawn": "random", "sampling_probability": 0.1, **more})
    return given


@pytest.fixture
def run(run_directory, tmp_path, monkeypatch):
    """Runs the command on labels and gives its folder and what it says."""
    monkeypatch.chdir(tmp_path)

    def ran(given, checkpoint=run_directory, **settings):
        file = write_jsonl(tmp_path / "labels.jsonl", given)
        settings = {"learning_rate": 0.005, "output_dir": "adapted"} | settings
        return adapt(AdaptSettings(labels=str(file), checkpoint=str(checkpoint), **settings))

    return ran


def confidences(move, units=4000, seed=0):
    """Confidences, and whether the label is right, where odds of being right are moved against what they say."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(2, 1.5, units)
    right = rng.random(units) < 1 / (1 + np.exp(-(logits + move)))
    return 1 / (1 + np.exp(-logits)), right


def test_curve_is_moved_to_pages_on_which_the_model_errs_more():
    curve = fit_curve(*confidences(0.0))
    moved = move_curve(curve, *confidences(-1.0, 400, seed=1))
    assert moved.move == pytest.approx(-1, abs=0.35)
    assert moved.error == pytest.approx(0.15, abs=0.05)
    assert np.all(moved(np.array([0.6, 0.9])) < curve(np.array([0.6, 0.9])))


def test_few_labels_move_the_curve_little():
    curve = fit_curve(*confidences(0.0))
    assert abs(move_curve(curve, np.array([0.9]), np.array([False])).move) < 1


def test_accepted_units_reach_the_target_on_fresh_pages():
    curve = fit_curve(*confidences(0.0))
    found = []
    for seed in range(20):
        own = confidences(-0.7, 150, seed + 10)
        least = least_confidence(move_curve(curve, *own), *own, target_precision=0.95)
        confidence, right = confidences(-0.7, 20_000, seed + 100)
        found.append(right[confidence >= least].mean() if least is not None else 1.0)
    assert np.mean(found) >= 0.95
    assert sum(precision >= 0.93 for precision in found) >= 18


def test_nothing_is_accepted_where_no_confidence_reaches_the_target():
    own = confidences(-5.0, 200, 1)
    assert least_confidence(move_curve(fit_curve(*confidences(0.0)), *own), *own, target_precision=0.99) is None


def test_cautious_temperature_stays_near_one_for_one_label_and_follows_many():
    sure = np.array([[0.99, 0.01]])
    assert 1 < cautious_temperature(sure, np.array([1])) < 1.6
    wrong_often = np.tile(sure, (20_000, 1)), np.repeat([0, 1], [14_000, 6000])
    assert cautious_temperature(*wrong_often) == pytest.approx(np.log(99) / np.log(7 / 3), rel=0.05)


def test_folds_hold_whole_pages_and_like_many_units():
    pages = [f"p{number}" for number in range(23) for _ in range(1 + number % 4)]
    folds = folds_of(pages, seed=1)
    assert all(len(set(folds[np.array(pages) == page])) == 1 for page in set(pages))
    units = np.bincount(folds)
    assert len(units) == FOLDS
    assert units.max() - units.min() <= 4
    assert (folds == folds_of(pages, seed=1)).all()


@pytest.mark.slow
def test_labels_teach_what_the_checkpoint_did_not_know(run, run_directory):
    given = labels(pages=60)
    found = json.loads((run(given) / "adaptation.json").read_text())
    ways = {way["name"]: way for way in found["candidates"]}
    assert ways["trained on"]["macro_f1"] > ways["as it is"]["macro_f1"]
    assert ways["recalibrated"]["macro_f1"] == ways["as it is"]["macro_f1"]
    assert found["kept"] == "trained on"
    texts = [row["text"] for row in given if row["label"] == NONE]
    before, after = (Predictor.from_checkpoint(place).label(texts) for place in (run_directory, "adapted"))
    assert after.count(STATEMENT) < before.count(STATEMENT)


@pytest.mark.slow
def test_fewer_than_two_hundred_labels_teach_nothing(run):
    found = json.loads((run(labels()) / "adaptation.json").read_text())
    assert [way["name"] for way in found["candidates"]] == ["as it is", "recalibrated"]
    assert "nothing was learnt" in found["notes"][0]


@pytest.mark.slow
def test_the_checkpoint_tells_of_the_users_pages_and_is_a_plain_folder(run):
    from transformers import pipeline

    given = labels()
    folder = run(given)
    opened = open_checkpoint(str(folder))
    assert len(opened.validation.true) == len(given)
    assert opened.validation.temperature > 0
    assert len(set(opened.validation.acceptance_thresholds.values())) == 1
    text = given[0]["text"]
    plain = pipeline("text-classification", model=str(folder / "checkpoint"), top_k=None)([text])[0]
    raw = Predictor.from_checkpoint(folder, calibrated=False, precision="fp32")
    ours = dict(zip(raw.class_names, raw.predict_proba([text])[0], strict=True))
    assert {item["label"]: item["score"] for item in plain} == pytest.approx(ours, abs=1e-4)
    assert "macro-F1" in (folder / "adaptation.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_where_nothing_is_better_the_checkpoint_keeps_what_was_fitted_before(run, run_directory, monkeypatch):
    monkeypatch.setattr("sitrep.adaptation.run.best_of", lambda candidates: candidates[0])
    old = open_checkpoint(str(run_directory)).validation
    known = Path(shutil.copytree(run_directory, "known"))
    mine = {"temperature": 0.7, "target_precision": 0.9, "acceptance_thresholds": dict.fromkeys(old.labels, 0.6)}
    mine["acceptance_thresholds"][NONE] = None
    replace(old, **mine).write(known / "checkpoint")
    record = known / "checkpoint" / "sitrep.json"
    content = json.loads(record.read_text())
    del content["files"]["validation.json"]
    record.write_text(json.dumps(content))
    found = json.loads((run(labels(), checkpoint=known) / "adaptation.json").read_text())
    new = open_checkpoint("adapted").validation
    assert {name: getattr(new, name) for name in mine} == mine
    assert (found["kept"], found["acceptance_thresholds"]) == ("as it is", mine["acceptance_thresholds"])
    texts = [row["text"] for row in labels()]
    assert [new.labels[number] for number in new.predicted] == Predictor.from_checkpoint("adapted").label(texts)
    assert "official_statement 0.600" in Path("adapted/adaptation.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_labels_that_a_checkpoint_was_adapted_to_count_as_seen(run, tmp_path):
    given = [row | {"text": f"As was said on Monday, {row['text']}"} for row in labels()]
    adapted = run(given, training_data="named")
    record = adapted / "checkpoint" / "sitrep.json"
    others = [row | {"text": f"It was told elsewhere that {row['text']}"} for row in labels()]

    def seen(rows_scored, name):
        source = write_jsonl(tmp_path / f"{name}.jsonl", rows_scored)
        fixed = [f"checkpoint={adapted}", f"data.test_files=[{source}]", f"output_dir={tmp_path / name}"]
        fixed += ["behaviour=false", "baselines=false", "neighbours=false", "training_data=named"]
        folder = evaluate(compose_settings("evaluate", EvaluateSettings, fixed))
        return json.loads((folder / "metrics.json").read_text())["data"]["seen_in_training"]

    assert (seen(given, "same"), seen(others, "others")) == (len(given), 0)
    assert given[0]["text"] not in record.read_text()
    content = json.loads(record.read_text())
    del content["adapted_to"]
    record.write_text(json.dumps(content | {"version": 3}))
    assert seen(given, "older") is None


@pytest.mark.slow
def test_only_units_drawn_at_random_measure(run):
    given = labels(pages=30)
    chosen = [row | {"drawn": "chosen", "sampling_probability": None} for row in given[60:]]
    found = json.loads((run([*given[:60], *chosen]) / "adaptation.json").read_text())
    assert (found["units"], found["measured"]) == (120, 60)


@pytest.mark.slow
def test_labels_without_a_design_measure_with_a_word_of_warning(run):
    bare = [{name: row[name] for name in ("id", "article_id", "text", "label")} for row in labels()]
    found = json.loads((run(bare) / "adaptation.json").read_text())
    assert "drawn=random" in found["notes"][0]


@pytest.mark.slow
def test_nothing_is_accepted_where_the_training_data_is_gone(run, run_directory, tmp_path):
    copy = shutil.copytree(run_directory, tmp_path / "copy")
    record = copy / "checkpoint" / "sitrep.json"
    content = json.loads(record.read_text())
    content["data"]["train_files"] = ["gone.jsonl"]
    record.write_text(json.dumps(content))
    folder = run(labels(), checkpoint=copy)
    assert set(open_checkpoint(str(folder)).validation.acceptance_thresholds.values()) == {None}
    assert "accepted unread" in json.loads((folder / "adaptation.json").read_text())["notes"][-1]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (labels(pages=2, of_page=5), "holds 10 labels; 50 are the fewest"),
        (labels(pages=4, of_page=20), "the labels are of 4 pages; 10"),
        ([*labels(), labels()[0] | {"coder": "ben"}], "anna and ben both labelled the unit u0"),
        ([labels()[0] | {"label": "weather"}, *labels()[1:]], "weather"),
        ([row | {"drawn": "chosen"} for row in labels()[:50]] + labels()[50:], "30 of 80 labels are of units drawn"),
    ],
)
def test_labels_that_cannot_be_used_are_refused_in_words(given, told, tmp_path):
    file = write_jsonl(tmp_path / "labels.jsonl", given)
    with pytest.raises(UserError, match=told):
        read_own_units(file, TAXONOMY, seed=1)


def test_units_that_the_taxonomy_leaves_out_are_neither_learnt_from_nor_measured_on(tmp_path):
    given = labels(pages=40)
    kept = [row["id"] for row in given if row["label"] != NONE]
    own = read_own_units(write_jsonl(tmp_path / "labels.jsonl", given), WITHOUT_NONE, seed=1)
    assert [sentence.id for sentence in own.sentences] == kept
    assert (len(own.measuring), len(own.folds)) == (len(kept), len(kept))
    assert own.note.startswith(f"{len(given) - len(kept)} units labelled none were left out")
    answers = CandidateLogits(np.random.default_rng(0).normal(size=(len(kept), 4)), np.zeros((0, 4)))
    found = Measurement(bare_checkpoint(WITHOUT_NONE), own, [], 0.95, 0).candidates({0.0: answers})
    assert len(found[0].predicted) == len(kept)


def test_units_that_the_taxonomy_leaves_out_do_not_count_as_labels(tmp_path):
    file = write_jsonl(tmp_path / "labels.jsonl", labels())
    with pytest.raises(UserError, match="holds 48 labels besides 32 of none; 50 are the fewest"):
        read_own_units(file, WITHOUT_NONE, seed=1)


@pytest.mark.slow
def test_an_ensemble_is_refused_with_the_name_of_a_run_of_it(toy_file, tmp_path):
    recipe = ["seeds=[1,2]", "keep=ensemble"]
    ensemble = train(train_settings(toy_file, tmp_path / "run", *recipe))
    file = str(write_jsonl(tmp_path / "labels.jsonl", labels()))
    with pytest.raises(UserError, match=r"an ensemble cannot be trained on; name one of its runs, such as .*seeds/1"):
        adapt(AdaptSettings(labels=file, checkpoint=str(ensemble)))
