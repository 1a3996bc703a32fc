import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from conftest import CLASSES, rows, train_settings, write_jsonl
from transformers import pipeline

from sitrep.cli.composition import compose_settings
from sitrep.decisions import thresholds_at
from sitrep.evaluation.run import evaluate
from sitrep.inference.outputs import as_row, open_output
from sitrep.inference.predictor import Predictor
from sitrep.labels import Task
from sitrep.model.checkpoint import open_checkpoint, recorded_files
from sitrep.model.validation_fit import VALIDATION, read_validation
from sitrep.sentences import Passage
from sitrep.settings import EvaluateSettings
from sitrep.training.run import train

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A model that has learnt that a line about shells with a toll in it is both."""
    folder = tmp_path_factory.mktemp("multi")
    made = rows(24)
    for row in made:
        if row["label"] == "casualty_report" and row["position"] > 4:
            row["text"] = f"shells hit the bridge and {row['text']}"
            row["labels"] = ["attack_description", "casualty_report"]
    data = write_jsonl(folder / "toy.jsonl", made)
    recipe = ["trainer.learning_rate=0.003", "trainer.epochs=40", "trainer.batch_size=8"]
    return train(train_settings(data, folder / "run", *recipe, "task=multi_label", "trainer.early_stopping_patience=0"))


def passage(text):
    return Passage("a", "a", 0, 0, len(text), text)


def test_predictions_say_every_class_that_applies(run):
    predictor = Predictor.from_checkpoint(run, precision="fp32")
    texts = ["shells hit the bridge and four were killed in district 3 on day 7", "a widow remembers the market"]
    both, nothing = predictor.predict([passage(text) for text in texts])
    assert set(both.labels) == {"attack_description", "casualty_report"}
    assert both.label == "casualty_report"
    assert list(both.probabilities) == list(CLASSES)
    assert nothing.labels == ()
    assert nothing.label == "none"
    assert nothing.probability_of("none") == pytest.approx(1 - max(nothing.probabilities.values()))


def test_report_has_figures_for_sets_of_classes_and_thresholds_of_validation(run):
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["multilabel"]["macro_f1"] > 0.9
    assert metrics["macro_f1"] > 0.8
    fitted = read_validation(run / "checkpoint").thresholds
    assert {n: f["threshold"] for n, f in metrics["multilabel"]["per_class"].items()} == fitted
    assert len(set(fitted.values())) > 1
    assert "Every class that applies" in (run / "report.html").read_text()
    line = json.loads((run / "predictions.jsonl").read_text().splitlines()[0])
    assert set(line["labels"]) <= set(CLASSES)


def test_plain_pipeline_gives_the_same_probabilities(run):
    text = "shells hit the bridge"
    [found] = pipeline("text-classification", model=str(run / "checkpoint"), device="cpu", top_k=None)([text])
    ours = Predictor.from_checkpoint(run, precision="fp32").predict_proba([text])[0]
    assert {item["label"]: item["score"] for item in found} == pytest.approx(
        dict(zip(CLASSES, ours, strict=True)), abs=1e-5
    )


def test_checkpoint_can_be_scored_again_with_the_same_result(run, tmp_path):
    overrides = [f"checkpoint={run}", f"output_dir={tmp_path / 'again'}", "inference.precision=fp32"]
    folder = evaluate(compose_settings("evaluate", EvaluateSettings, overrides))
    one, two = (json.loads((path / "metrics.json").read_text()) for path in (run, folder))
    assert one["multilabel"] == two["multilabel"]


def test_scores_without_the_temperature_are_those_of_the_same_labels(run, tmp_path):
    folder = shutil.copytree(run / "checkpoint", tmp_path / "warm")
    thresholds = dict(zip(CLASSES, (0.45, 0.35, 0.55, 0.4), strict=True))
    replace(read_validation(folder), temperature=3.0, thresholds=thresholds).write(folder)
    checkpoint = open_checkpoint(str(run))
    replace(checkpoint.record, files=recorded_files(folder)).write(folder)
    source = write_jsonl(tmp_path / "units.jsonl", rows(24))
    found = {}
    for calibrated in ("true", "false"):
        overrides = [f"checkpoint={folder}", f"data.test_files=[{source}]", "training_data=none", "behaviour=false"]
        overrides += [f"calibrated={calibrated}", f"output_dir={tmp_path / calibrated}", "inference.precision=fp32"]
        scored = evaluate(compose_settings("evaluate", EvaluateSettings, overrides))
        found[calibrated] = json.loads((scored / "metrics.json").read_text())["multilabel"]
    figures = {name: found["false"]["per_class"][name] for name in CLASSES}
    moved = thresholds_at(thresholds, 1 / 3)
    assert {name: figures[name].pop("threshold") for name in CLASSES} == pytest.approx(moved)
    for name in CLASSES:
        del found["true"]["per_class"][name]["threshold"]
        assert figures[name] == pytest.approx(found["true"]["per_class"][name])


def test_model_without_a_record_has_thresholds_of_a_half(run, tmp_path):
    folder = tmp_path / "plain"
    shutil.copytree(run / "checkpoint", folder)
    for name in ("sitrep.json", VALIDATION):
        (folder / name).unlink()
    checkpoint = open_checkpoint(str(folder))
    assert checkpoint.task is Task.multi_label
    assert checkpoint.thresholds == dict.fromkeys(CLASSES, 0.5)


def test_table_output_joins_the_classes(run, tmp_path):
    predictor = Predictor.from_checkpoint(run, precision="fp32")
    text = "shells hit the bridge and four were killed in district 3 on day 7"
    with open_output(str(tmp_path / "out.csv")) as write:
        for prediction in predictor.predict([passage(text)]):
            write(prediction)
    header, line = (tmp_path / "out.csv").read_text().splitlines()
    assert "attack_description|casualty_report" in line
    assert header.split(",")[7] == "labels"


def test_labels_of_the_input_stay_beside_those_of_the_model(run):
    predictor = Predictor.from_checkpoint(run, precision="fp32")
    given = replace(passage("shells hit the bridge"), fields={"labels": ["boilerplate"]})
    [said] = predictor.predict([given])
    row = as_row(said)
    assert row["input_labels"] == ["boilerplate"]
    assert row["labels"] == ["attack_description"]


def test_choice_of_a_batch_is_the_choice_of_each(run):
    predictor = Predictor.from_checkpoint(run, precision="fp32")
    drawn = np.random.default_rng(0).random((20, 4))
    labels, sets = predictor.choose(drawn)
    for index in range(20):
        assert predictor.choose(drawn[index : index + 1]) == ([labels[index]], [sets[index]])
