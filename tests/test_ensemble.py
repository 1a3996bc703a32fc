import json
import shutil

import numpy as np
import pytest
from conftest import rows, train_settings, write_jsonl
from safetensors.torch import load_file, save_file
from transformers import pipeline

from sitrep.cli.composition import compose_settings
from sitrep.comparison.run import compare
from sitrep.data.loading import load_data
from sitrep.errors import UsageError, UserError
from sitrep.evaluation.run import evaluate
from sitrep.inference.predictor import Predictor
from sitrep.inference.run import predict
from sitrep.metrics.calibration import apply_temperature, outcome_pairs, temperature_of
from sitrep.metrics.multilabel import choose_thresholds, membership
from sitrep.model.checkpoint import open_checkpoint
from sitrep.settings import CompareSettings, EvaluateSettings, PredictSettings
from sitrep.storage.complete import sha256_of
from sitrep.training.run import train
from sitrep.training.validation_fitting import validation_macro_f1

pytestmark = pytest.mark.slow

TEXTS = ["shells hit the bridge", "the ministry denied it", "prices rose in spring", "four were killed", "share this"]
SEEDS = (3, 1, 2)


def train_ensemble(folder, *overrides):
    """A run whose validation split suffices for a temperature, by models that err."""
    made = rows(60)
    for number, row in enumerate(made):
        if number % 7 == 0:
            row["text"] = f"in district {number} it was a day like others, number {number * 31}"
    data = write_jsonl(folder / "toy.jsonl", made)
    recipe = ["trainer.learning_rate=0.002", "trainer.epochs=4", "trainer.batch_size=8", *overrides]
    return train(train_settings(data, folder / "run", "seeds=[3,1,2]", "keep=ensemble", *recipe))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return train_ensemble(tmp_path_factory.mktemp("ensemble"))


@pytest.fixture(scope="module")
def several_classes(tmp_path_factory):
    return train_ensemble(tmp_path_factory.mktemp("ensemble_of_sets"), "task=multi_label")


@pytest.fixture
def copy(run, tmp_path):
    """A checkpoint folder that a test may spoil."""
    return shutil.copytree(run / "checkpoint", tmp_path / "checkpoint")


def metrics(folder):
    return json.loads((folder / "metrics.json").read_text())


def plain_mean(folder, texts):
    """The mean of the probabilities of the single runs, as they come."""
    places = [folder / "seeds" / str(seed) for seed in SEEDS]
    each = [
        Predictor.from_checkpoint(place, precision="fp32", calibrated=False).predict_proba(texts) for place in places
    ]
    assert np.ptp(each, axis=0).max() > 0.01  # they differ, so that their mean is not one of them
    return np.mean(each, axis=0)


def validation_of(run):
    checkpoint = open_checkpoint(str(run))
    settings = train_settings(run.parent / "toy.jsonl", "unused").data
    return load_data(settings, checkpoint.taxonomy).split.validation


@pytest.mark.parametrize("which", ["run", pytest.param("several_classes", marks=pytest.mark.thorough)])
def test_answers_are_the_mean_of_the_runs_probabilities(which, request):
    folder = request.getfixturevalue(which)
    found = Predictor.from_checkpoint(folder, precision="fp32", calibrated=False).predict_proba(TEXTS)
    assert found == pytest.approx(plain_mean(folder, TEXTS), abs=1e-5)


def test_temperature_is_fitted_on_the_mean_and_scales_the_mean(run):
    validation = validation_of(run)
    mean = plain_mean(run, [unit.text for unit in validation])
    checkpoint = open_checkpoint(str(run))
    true = np.array([checkpoint.labels.index(unit.label) for unit in validation])
    temperature, _ = temperature_of(mean, true, len(validation))
    assert temperature is not None
    assert checkpoint.validation.temperature == pytest.approx(temperature, rel=1e-3)
    singles = [open_checkpoint(str(run / "seeds" / str(seed))).validation.temperature for seed in SEEDS]
    assert temperature not in singles
    found = Predictor.from_checkpoint(run, precision="fp32").predict_proba(TEXTS)
    assert found == pytest.approx(apply_temperature(plain_mean(run, TEXTS), temperature), abs=1e-4)


def test_thresholds_of_several_classes_are_fitted_on_the_mean(several_classes):
    validation = validation_of(several_classes)
    checkpoint = open_checkpoint(str(several_classes))
    mean = plain_mean(several_classes, [unit.text for unit in validation])
    has = membership([unit.labels for unit in validation], checkpoint.class_names)
    temperature, _ = temperature_of(outcome_pairs(mean), has.astype(int).ravel(), len(validation))
    assert checkpoint.validation.temperature == pytest.approx(temperature, rel=1e-3)
    calibrated = apply_temperature(outcome_pairs(mean), temperature)[:, 1].reshape(mean.shape)
    thresholds = choose_thresholds(has, calibrated, checkpoint.class_names)
    assert checkpoint.thresholds == pytest.approx(thresholds, abs=1e-3)


def test_plain_pipeline_answers_with_the_weights_that_auto_would_keep(run):
    classify = pipeline("text-classification", model=str(run / "checkpoint"), device="cpu", top_k=None)
    [found] = classify(TEXTS[:1])
    [again] = pipeline("text-classification", model=str(kept_alone(run)), device="cpu", top_k=None)(TEXTS[:1])
    assert found == again


def kept_alone(run):
    """The plain checkpoint, by itself, of the weights that the run names."""
    weights = metrics(run)["training"]["seeds"]["weights"]
    if weights != "soup":
        return run / "seeds" / weights / "checkpoint"
    alone = shutil.copytree(run / "checkpoint", run.parent / "alone", ignore=shutil.ignore_patterns("members"))
    return alone


def test_metrics_tell_the_ensemble_beside_the_soup_and_the_runs(run):
    told = metrics(run)["training"]
    seeds = told["seeds"]
    assert seeds["kept"] == "ensemble"
    checkpoint = open_checkpoint(str(run))
    reached = validation_macro_f1(Predictor.from_checkpoint(checkpoint), checkpoint.validation)
    assert seeds["ensemble_validation_macro_f1"] == told["validation_macro_f1"] == reached
    by_seed = {str(item["seed"]): item["validation_macro_f1"] for item in seeds["runs"]}
    median = sorted(by_seed.values())[1]
    better = seeds["soup_validation_macro_f1"] > median
    assert seeds["weights"] == "soup" if better else by_seed[seeds["weights"]] == median


def test_report_and_card_say_that_it_is_an_ensemble(run):
    assert "as an ensemble that answers with the mean of their probabilities" in (run / "report.html").read_text()
    assert "kept: all 3, as an ensemble" in (run / "report.md").read_text()
    card = (run / "checkpoint" / "README.md").read_text()
    assert "It is an ensemble of 3 models" in card
    assert "So used, it answers with one model" in card
    assert "keep: ensemble" in card
    (note,) = [note for note in metrics(run)["notes"] if "ensemble of 3 models" in note]
    assert note in card


def test_evaluation_prediction_and_comparison_answer_as_the_run_did(run, tmp_path):
    overrides = [f"checkpoint={run}", f"output_dir={tmp_path / 'again'}", "inference.precision=fp32"]
    again = evaluate(compose_settings("evaluate", EvaluateSettings, overrides))
    for name in ("macro_f1", "calibration", "abstention"):
        assert metrics(again)[name] == metrics(run)[name], name
    lines = write_jsonl(tmp_path / "in.jsonl", [{"text": text} for text in TEXTS])
    output = tmp_path / "out.jsonl"
    overrides = [f"checkpoint={run}", f"input={lines}", f"output={output}", "inference.precision=fp32"]
    predict(compose_settings("predict", PredictSettings, overrides))
    predictor = Predictor.from_checkpoint(run, precision="fp32")
    wanted = predictor.predict_proba(TEXTS)
    written = [json.loads(line)["probabilities"] for line in output.read_text().splitlines()]
    assert [list(row.values()) for row in written] == pytest.approx(wanted, abs=1e-5)
    overrides = [f"a={run}", f"b={again}", f"output_dir={tmp_path / 'compared'}"]
    compared = json.loads(
        (compare(compose_settings("compare", CompareSettings, overrides)) / "comparison.json").read_text()
    )
    assert compared["pairs"][0]["macro_f1"]["value"] == 0


def test_runs_stay_whole_and_their_weights_are_stored_once(run):
    for seed in SEEDS:
        single, member = run / "seeds" / str(seed) / "checkpoint", run / "checkpoint" / "members" / str(seed)
        assert [path.name for path in member.iterdir()] == ["model.safetensors"]
        assert (member / "model.safetensors").samefile(single / "model.safetensors")
        assert open_checkpoint(str(single)).members == ()


def test_ensemble_needs_nothing_but_its_checkpoint_folder(run, copy):
    assert np.array_equal(
        Predictor.from_checkpoint(copy, precision="fp32").predict_proba(TEXTS),
        Predictor.from_checkpoint(run, precision="fp32").predict_proba(TEXTS),
    )


def test_missing_and_damaged_members_are_named(copy):
    weights = copy / "members" / "2" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(UserError, match=r"members/2/model\.safetensors: its sha256 is .*; restore it$"):
        open_checkpoint(str(copy))
    weights.unlink()
    with pytest.raises(UserError, match=r"members/2/model\.safetensors: no such file; the checkpoint is incomplete$"):
        open_checkpoint(str(copy))


def test_ensemble_without_its_record_is_not_taken_for_one_model(copy):
    (copy / "sitrep.json").unlink()
    with pytest.raises(UserError, match=r"sitrep\.json: no such file, but members/ is there; restore it"):
        Predictor.from_checkpoint(copy)
    shutil.rmtree(copy / "members")
    (copy / "validation.json").unlink()
    assert Predictor.from_checkpoint(copy).engine.precision


def test_member_of_another_shape_is_refused_in_one_line(copy):
    path = copy / "members" / "2" / "model.safetensors"
    weights = load_file(path)
    save_file(weights | {"classifier.bias": weights["classifier.bias"][:-1]}, path, {"format": "pt"})
    record = json.loads((copy / "sitrep.json").read_text())
    record["files"]["members/2/model.safetensors"] = sha256_of(path)
    (copy / "sitrep.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match=r"members/2: (cannot be loaded|the weights do not fit config\.json)"):
        Predictor.from_checkpoint(copy)


def test_ensemble_is_refused_for_one_run(toy_file, tmp_path):
    with pytest.raises(UsageError, match=r"^keep=ensemble: there is one run alone; name several seeds"):
        train_settings(toy_file, tmp_path / "run", "keep=ensemble")


def test_checkpoint_from_before_ensembles_is_read(run_directory, tmp_path):
    older = shutil.copytree(run_directory / "checkpoint", tmp_path / "older")
    record = json.loads((older / "sitrep.json").read_text())
    (older / "sitrep.json").write_text(json.dumps(record | {"version": 2}))
    assert open_checkpoint(str(older)).record == open_checkpoint(str(run_directory)).record
