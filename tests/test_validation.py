import json
import shutil
from dataclasses import asdict, replace

import numpy as np
import pytest
from conftest import TAXONOMY, train_settings

from sitrep.cli.composition import compose_settings
from sitrep.decisions import decide
from sitrep.errors import UserError
from sitrep.evaluation.run import evaluate
from sitrep.inference.predictor import Predictor
from sitrep.labels import Task
from sitrep.metrics.abstention import thresholds
from sitrep.metrics.calibration import apply_temperature
from sitrep.model.checkpoint import open_checkpoint
from sitrep.model.validation_fit import VALIDATION, ValidationFit, number_articles, read_validation
from sitrep.sentences import LabelledSentence, Passage
from sitrep.settings import EvaluateSettings
from sitrep.training.run import train
from sitrep.training.validation_fitting import fit_on_validation


def fit(**changes):
    content = {
        "labels": list(TAXONOMY.labels),
        "true": [0, 1],
        "predicted": [0, 4],
        "articles": [0, 1],
        "temperature": 1.5,
        "temperature_note": "",
        "thresholds": {},
        "target_precision": 0.95,
        "acceptance_thresholds": {"boilerplate": 0.7, "none": None},
    }
    return ValidationFit(**content | changes)


@pytest.fixture(scope="module")
def tempered(toy_file, tmp_path_factory):
    """A run whose validation split is large enough to fit a temperature on."""
    settings = train_settings(
        toy_file, tmp_path_factory.mktemp("tempered") / "run", "data.validation_fraction=0.45", "data.test_fraction=0.1"
    )
    return train(settings)


def test_file_is_read_as_it_was_written(tmp_path):
    fit().write(tmp_path)
    assert read_validation(tmp_path) == fit()
    assert read_validation(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"temperature": 0.0}, "temperature"),
        ({"true": [0]}, "same units"),
        ({"predicted": [0, 5]}, "number the labels"),
        ({"acceptance_thresholds": {"boilerplate": 2.0}}, "acceptance_thresholds"),
        ({"acceptance_thresholds": {"weather": 0.5}}, "weather"),
        ({"thresholds": {"boilerplate": 3.0}}, "boilerplate"),
        ({"labels": "five"}, "labels"),
        ({"version": 9}, "version 9"),
    ],
)
def test_broken_file_is_refused_by_name(tmp_path, change, named):
    (tmp_path / VALIDATION).write_text(json.dumps(asdict(fit()) | change))
    with pytest.raises(UserError, match=named):
        read_validation(tmp_path)


def test_articles_are_numbers_without_names():
    assert number_articles(["b", "a", "b", "c"]) == [0, 1, 0, 2]


def test_changed_file_is_refused_as_weights_are(run_directory, tmp_path):

    folder = tmp_path / "copy"
    shutil.copytree(run_directory / "checkpoint", folder)
    found = read_validation(folder)
    replace(found, acceptance_thresholds={}).write(folder)
    with pytest.raises(UserError, match=r"validation\.json: its sha256"):
        open_checkpoint(str(folder))


def passages(texts):
    return [Passage(str(n), str(n), 0, 0, len(text), text) for n, text in enumerate(texts)]


def test_temperature_of_the_checkpoint_is_used_unless_turned_off(tempered):
    checkpoint = open_checkpoint(str(tempered))
    texts = ["four were killed", "share this page"]
    with_it = Predictor.from_checkpoint(checkpoint, precision="fp32").predict_proba(texts)
    without = Predictor.from_checkpoint(checkpoint, precision="fp32", calibrated=False).predict_proba(texts)
    assert checkpoint.validation.temperature != 1
    assert with_it == pytest.approx(apply_temperature(without, checkpoint.validation.temperature), abs=1e-6)
    assert np.abs(with_it - without).max() > 1e-4
    assert (with_it.argmax(axis=1) == without.argmax(axis=1)).all()


def test_decisions_follow_the_thresholds_and_fall_silent_without_calibration(tempered):
    checkpoint = open_checkpoint(str(tempered))
    accept = dict.fromkeys(checkpoint.labels, 0.3) | {"boilerplate": None}
    checkpoint = replace(checkpoint, validation=replace(checkpoint.validation, acceptance_thresholds=accept))
    given = passages(["four were killed in district 3", "share this page", "a widow remembers the market"])
    for said in Predictor.from_checkpoint(checkpoint, precision="fp32").predict(given):
        assert said.decision == decide(said.label, said.probabilities[said.label], accept)
    plain = Predictor.from_checkpoint(checkpoint, precision="fp32", calibrated=False).predict(given)
    assert [said.decision for said in plain] == [None] * 3


def test_thresholds_in_the_checkpoint_are_those_of_its_validation_split(run_directory):
    found = read_validation(run_directory / "checkpoint")
    assert set(found.acceptance_thresholds) == set(TAXONOMY.labels)
    assert found.target_precision == 0.95
    assert len(found.true) == json.loads((run_directory / "metrics.json").read_text())["data"]["validation"]["units"]
    always = thresholds(np.zeros(200, int), np.tile([0.9, 0.1], (200, 1)), np.arange(200), ("a", "b"), 0.9)
    assert always["a"] is not None


def test_report_says_what_an_older_checkpoint_lacks(run_directory, toy_file, tmp_path):

    folder = tmp_path / "old"
    shutil.copytree(run_directory / "checkpoint", folder)
    (folder / VALIDATION).unlink()
    record = json.loads((folder / "sitrep.json").read_text())
    del record["files"][VALIDATION]
    (folder / "sitrep.json").write_text(json.dumps(record))
    overrides = [f"checkpoint={folder}", f"data.test_files=[{toy_file}]", f"output_dir={tmp_path / 'out'}"]
    made = evaluate(compose_settings("evaluate", EvaluateSettings, overrides))
    metrics = json.loads((made / "metrics.json").read_text())
    lacking = "the checkpoint holds no figures of its validation split"
    assert metrics["calibration"]["temperature"] is None
    assert metrics["calibration"]["note"] == lacking
    assert metrics["missing"]["review"] == lacking
    assert lacking in (made / "report.html").read_text()
    assert lacking in (made / "report.md").read_text()


def test_checkpoint_has_a_card_with_the_figures_of_the_report(run_directory):
    from huggingface_hub import ModelCard

    metrics = json.loads((run_directory / "metrics.json").read_text())
    card = ModelCard.load(run_directory / "checkpoint" / "README.md")
    assert card.data.eval_results[0].metric_value == metrics["macro_f1"]
    assert "sitrep" in card.text


class Sure:
    """A predictor that gives each text the probability that the text names."""

    taxonomy, task = TAXONOMY, Task.single_label

    def probabilities_of_units(self, units):
        return np.array([[float(unit.text), *[(1 - float(unit.text)) / 4] * 4] for unit in units])

    def choose(self, probabilities):
        return [TAXONOMY.labels[0]] * len(probabilities), []


def units(sureness, wrong_below, article):
    return [
        LabelledSentence(
            f"{p:.4f}", TAXONOMY.labels[0 if p >= wrong_below else 1], (), f"{article}{n}", f"{article}{n}", n
        )
        for n, p in enumerate(sureness)
    ]


def test_foreign_pages_on_which_the_model_errs_more_raise_the_thresholds():
    sureness = np.linspace(0.99, 0.5, 400)
    own, foreign = units(sureness, 0.6, "own"), units(sureness, 0.8, "foreign")
    label = TAXONOMY.labels[0]
    alone = fit_on_validation(Sure(), own, 0.9)
    both = fit_on_validation(Sure(), own, 0.9, foreign)
    share = [
        np.mean(apply_temperature(Sure().probabilities_of_units(own), fit.temperature or 1.0)[:, 0] >= least)
        for fit in (alone, both)
        if (least := fit.acceptance_thresholds[label]) is not None
    ]
    assert len(share) == 2
    assert share[1] < share[0]
    assert both.true == alone.true  # how the model erred is told of validation alone
