"""A taxonomy of anybody's own, from a file to predictions."""

import json

import pytest
from conftest import PHRASES, rows, train_settings, write_jsonl

from sitrep.cli.composition import compose_settings
from sitrep.errors import UserError
from sitrep.evaluation.run import evaluate
from sitrep.inference.predictor import Predictor
from sitrep.model.checkpoint import open_checkpoint
from sitrep.settings import EvaluateSettings
from sitrep.training.run import train

pytestmark = pytest.mark.slow

NAMES = dict(zip(PHRASES, ("storm", "forecast", "flood", "advert", "calm"), strict=True))
TAXONOMY = """\
labels:
  storm: tells of a storm
  forecast: says what is to come
  flood: tells of a flood
  advert: sells something
  calm: is none of these
negative: calm
averaged: [storm, forecast, flood]
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weather")
    (folder / "weather labels.yaml").write_text(TAXONOMY)
    made = [row | {"label": NAMES[row["label"]], "labels": [NAMES[label] for label in row["labels"]]} for row in rows()]
    data = write_jsonl(folder / "weather.jsonl", made)
    recipe = [
        "trainer.learning_rate=0.005",
        "trainer.epochs=30",
        "trainer.batch_size=8",
        "trainer.early_stopping_patience=0",
    ]
    settings = train_settings(data, folder / "run", f"labels={folder}/weather labels.yaml", *recipe)
    return train(settings)


def test_model_learns_the_labels_and_the_checkpoint_carries_them(run):
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["macro_f1"] > 0.9
    assert (metrics["labels"], metrics["averaged"]) == (list(NAMES.values()), ["storm", "forecast", "flood"])
    assert open_checkpoint(str(run)).taxonomy.negative == "calm"
    predictor = Predictor.from_checkpoint(run, precision="fp32")
    assert predictor.class_names == tuple(NAMES.values())
    assert predictor.label(["four were killed in district 3"]) == ["flood"]


def test_report_and_card_speak_of_these_labels_only(run):
    report, card = (run / "report.html").read_text(), (run / "checkpoint" / "README.md").read_text()
    assert "macro-F1 over the three classes" in report
    assert "Every confusion with <i>calm</i> counts" in report
    assert "No behaviour tests: the shipped ones are about other labels than these" in report
    assert "| `flood` | tells of a flood |" in card
    assert "`calm` is no part of the mean" in card
    for text in (report, card):
        assert "casualty_report" not in text.replace("casualty_reports", "")


def test_other_data_are_scored_by_the_taxonomy_of_the_checkpoint(run, tmp_path):
    fresh = [{"text": "nine wounded, two missing", "label": "flood"}, {"text": "prices rose", "label": "calm"}]
    path = write_jsonl(tmp_path / "fresh.jsonl", fresh)
    overrides = [f"checkpoint={run}", f"data.test_files=[{path}]", f"output_dir={tmp_path / 'out'}"]
    folder = evaluate(compose_settings("evaluate", EvaluateSettings, overrides))
    assert json.loads((folder / "metrics.json").read_text())["per_class"]["flood"]["support"] == 1
    wrong = write_jsonl(tmp_path / "wrong.jsonl", [{"text": "x", "label": "casualty_report"}])
    overrides = [f"checkpoint={run}", f"data.test_files=[{wrong}]", f"output_dir={tmp_path / 'two'}"]
    with pytest.raises(UserError, match=r"wrong\.jsonl:1: unknown label 'casualty_report'; use one of storm, "):
        evaluate(compose_settings("evaluate", EvaluateSettings, overrides))
