import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from conftest import TAXONOMY, WITHOUT_NONE, train_settings, write_jsonl
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    TrainerCallback,
    pipeline,
)

from sitrep.cli.composition import compose_settings
from sitrep.data.loading import load_data
from sitrep.errors import UsageError, UserError
from sitrep.evaluation.run import evaluate
from sitrep.inference.predictor import Predictor
from sitrep.model.backbone import check_backbone
from sitrep.model.checkpoint import open_checkpoint
from sitrep.model.packaged import MINILM, PACKAGED
from sitrep.settings import EvaluateSettings
from sitrep.training import fine_tuning
from sitrep.training.run import train


def weights_of(run):
    return hashlib.sha256((run / "checkpoint" / "model.safetensors").read_bytes()).hexdigest()


def test_run_directory_holds_what_the_contract_says(run_directory):
    assert {path.name for path in run_directory.iterdir()} == {
        "checkpoint",
        "config.yaml",
        "environment.json",
        "errors.csv",
        "metrics.json",
        "predictions.jsonl",
        "report.html",
        "report.md",
        "split.json",
        "training.html",
        "training.jsonl",
    }
    assert (run_directory.parent / "latest").resolve() == run_directory.resolve()
    assert yaml.safe_load((run_directory / "config.yaml").read_text())["model"]["name"] == "random:tiny"
    articles = json.loads((run_directory / "split.json").read_text())["article_ids"]
    assert sorted(article for part in articles.values() for article in part) == sorted(f"a{n}" for n in range(12))


def test_training_learns(run_directory):
    metrics = json.loads((run_directory / "metrics.json").read_text())
    assert metrics["macro_f1"] > 0.9
    assert metrics["training"]["history"][0]["macro_f1"] < metrics["training"]["validation_macro_f1"]


@pytest.mark.slow
def test_same_seed_gives_the_same_weights_to_the_bit_and_another_seed_others(toy_file, tmp_path):
    one, two = (train(train_settings(toy_file, tmp_path / name)) for name in ("one", "two"))
    other = train(train_settings(toy_file, tmp_path / "other", "seed=2"))
    assert weights_of(one) == weights_of(two)
    assert weights_of(one) != weights_of(other)


def test_checkpoint_works_in_a_plain_pipeline_and_agrees(run_directory):
    texts = ["four were killed", "share this page", "the ministry denied it"]
    plain = pipeline("text-classification", model=str(run_directory / "checkpoint"), device="cpu", top_k=None)(texts)
    ours = Predictor.from_checkpoint(run_directory, precision="fp32").predict_proba(texts)
    for theirs, row in zip(plain, ours, strict=True):
        by_label = {item["label"]: item["score"] for item in theirs}
        assert [by_label[label] for label in TAXONOMY.labels] == pytest.approx(list(row), abs=1e-5)


def test_best_epoch_is_kept_and_not_the_last(toy_file, tmp_path, monkeypatch):
    figures = iter([0.2, 0.9, 0.4, 0.3])
    monkeypatch.setattr(fine_tuning, "validation_metrics", lambda *_: lambda _: {"macro_f1": next(figures)})
    after_epoch = []

    class Keep(TrainerCallback):
        def on_epoch_end(self, args, state, control, model, **rest):
            after_epoch.append({name: weights.clone() for name, weights in model.state_dict().items()})

    overrides = ["trainer.epochs=4", "trainer.learning_rate=0.01", "trainer.early_stopping_patience=0"]
    settings = train_settings(toy_file, tmp_path / "run", *overrides, "trainer.pretrained_share=0")
    split = load_data(settings.data, TAXONOMY).split
    trained = fine_tuning.fine_tune(settings, split, TAXONOMY, tmp_path / "scratch", [Keep()])
    kept = {name.removeprefix("module."): weights for name, weights in trained.model.state_dict().items()}
    alike = [all(torch.equal(kept[name], weights) for name, weights in epoch.items()) for epoch in after_epoch]
    assert alike == [False, True, False, False]


@pytest.mark.slow
def test_four_labels_train_and_score_without_none(toy_file, tmp_path):
    run = train(train_settings(toy_file, tmp_path / "run", "labels=four"))
    metrics = json.loads((run / "metrics.json").read_text())
    assert "none" not in metrics["per_class"]
    assert metrics["data"]["left_out"] == 24
    assert open_checkpoint(str(run)).labels == WITHOUT_NONE.labels


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["deberta-v2", "modernbert", "bert"])
def test_backbones_of_other_architectures_are_trained_from_a_folder(architecture, run_directory, toy_file, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(run_directory / "checkpoint")
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = AutoConfig.for_model(
        architecture,
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        max_position_embeddings=256,
        **sizes,
    )
    for name in ("bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id"):
        setattr(config, name, None)
    folder = tmp_path / "backbone"
    AutoModel.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    settings = train_settings(toy_file, tmp_path / "run", f"model={folder}", "model.max_tokens=64")
    assert settings.model.name == str(folder)
    run = train(settings)
    assert open_checkpoint(str(run)).labels == TAXONOMY.labels


@pytest.mark.slow
def test_classifier_of_other_labels_serves_as_a_backbone(toy_file, run_directory, tmp_path):
    folder = tmp_path / "sentiment"
    AutoTokenizer.from_pretrained(run_directory / "checkpoint").save_pretrained(folder)
    AutoModelForSequenceClassification.from_pretrained(
        run_directory / "checkpoint", num_labels=2, ignore_mismatched_sizes=True
    ).save_pretrained(folder)
    run = train(train_settings(toy_file, tmp_path / "run", f"model={folder}", "model.max_tokens=64"))
    assert open_checkpoint(str(run)).labels == TAXONOMY.labels


def test_failed_training_leaves_nothing(toy_file, tmp_path):
    settings = train_settings(toy_file, tmp_path / "out" / "run", "trainer.extra.optim=nonsense")
    with pytest.raises(UsageError, match="nonsense"):
        train(settings)
    assert list((tmp_path / "out").iterdir()) == []


def test_existing_run_is_kept(toy_file, tmp_path):
    (tmp_path / "run").mkdir()
    with pytest.raises(UserError, match="exists already and was kept; choose another output_dir"):
        train(train_settings(toy_file, tmp_path / "run"))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "trainer.extra.learning_rate=1",
            r"trainer.extra.learning_rate: has a setting of its own; use trainer.learning_rate",
        ),
        ("trainer.extra.load_best_model_at_end=false", "trainer.extra.load_best_model_at_end: cannot be changed"),
        ("trainer.extra.report_to=wandb", "trainer.extra=.*wandb"),
        ("trainer.extra.speling=1", "trainer.extra.speling: transformers .* has no such training argument"),
    ],
)
def test_extra_arguments_are_checked_by_name(toy_file, tmp_path, override, message):
    with pytest.raises(UsageError, match=message):
        train(train_settings(toy_file, tmp_path / "run", override))


def test_extra_arguments_reach_the_trainer(toy_file, tmp_path):
    settings = train_settings(toy_file, tmp_path / "run", "trainer.extra.max_steps=3")
    trained = fine_tuning.fine_tune(settings, load_data(settings.data, TAXONOMY).split, TAXONOMY, tmp_path / "scratch")
    assert trained.sentences == len(load_data(settings.data, TAXONOMY).split.train)  # 3 steps of 32 and 16


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "has no config.json"),
        ({"config.json": "{}"}, "holds no weights"),
        ({"config.json": "{}", "pytorch_model.bin": "x"}, "holds pickled weights only, which are refused"),
    ],
)
def test_backbone_folders_without_usable_weights_are_refused(toy_file, tmp_path, files, message):
    folder = tmp_path / "backbone"
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_text(content)
    with pytest.raises(UserError, match=message):
        check_backbone(train_settings(toy_file, tmp_path / "run", f"model={folder}").model)


def test_packaged_backbone_is_refused_when_its_checksum_is_wrong(toy_file, tmp_path, monkeypatch):
    settings = train_settings(toy_file, tmp_path / "run", "model=minilm").model
    check_backbone(settings)
    monkeypatch.setitem(PACKAGED, MINILM, replace(PACKAGED[MINILM], sha256="0" * 64))
    with pytest.raises(UserError, match="these are not the published weights"):
        check_backbone(settings)


def test_hub_backbone_without_network_is_one_clear_error(toy_file, tmp_path):
    with pytest.raises(UserError, match=r"model.name=someone/something: not downloaded before, and the hub"):
        train(train_settings(toy_file, tmp_path / "run", "model=someone/something"))


def test_longer_input_than_the_backbone_reads_is_refused(toy_file, tmp_path):
    settings = train_settings(toy_file, tmp_path / "run", "model=minilm", "model.max_tokens=1000")
    with pytest.raises(UserError, match=r"model.max_tokens=1000: packaged:minilm reads at most 512"):
        train(settings)


def test_training_data_without_a_class_is_refused(toy_file, tmp_path):
    content = [json.loads(line) for line in toy_file.read_text().splitlines()]
    path = write_jsonl(tmp_path / "few.jsonl", [row for row in content if row["label"] != "boilerplate"])
    with pytest.raises(UserError, match="has no boilerplate"):
        train(train_settings(path, tmp_path / "run"))


def test_training_that_diverges_is_refused(toy_file, tmp_path):
    with pytest.raises(UserError, match=r"trainer.learning_rate=.*training diverged"):
        train(train_settings(toy_file, tmp_path / "run", "trainer.learning_rate=1e38"))
    assert list(tmp_path.iterdir()) == []


def test_files_of_one_name_without_ids_or_articles_do_not_collide(toy_file, tmp_path):
    bare = [{key: json.loads(line)[key] for key in ("text", "label")} for line in toy_file.read_text().splitlines()]
    sources = []
    for name, part in (("a", bare[::2]), ("b", bare[1::2])):
        (tmp_path / name).mkdir()
        sources.append(write_jsonl(tmp_path / name / "data.jsonl", part))
    settings = train_settings(sources[0], tmp_path / "run", f"data.test_files=[{sources[1]}]")
    split = load_data(settings.data, TAXONOMY).split
    assert len(split.test) == len(bare) // 2


@pytest.mark.slow
def test_checkpoint_finds_its_data_from_another_folder(toy_file, tmp_path, monkeypatch):
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    Path("toy.jsonl").write_bytes(toy_file.read_bytes())
    train(train_settings(Path("./toy.jsonl"), Path("outputs/train/run")))
    (tmp_path / "project").rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    overrides = ["checkpoint=moved/outputs/train/run", f"output_dir={tmp_path}/result", "training_data=named"]
    folder = evaluate(compose_settings("evaluate", EvaluateSettings, overrides))
    assert json.loads((folder / "metrics.json").read_text())["data"]["seen_in_training"] == 0


@pytest.mark.slow
def test_default_backbone_trains_end_to_end_and_twice_the_same(toy_file, tmp_path):
    runs = []
    for name in ("one", "two"):
        overrides = ["model=minilm", "trainer.precision=auto", "trainer.epochs=2"]
        runs.append(train(train_settings(toy_file, tmp_path / name, *overrides)))
    assert weights_of(runs[0]) == weights_of(runs[1])
    page = pipeline("text-classification", model=str(runs[0] / "checkpoint"), device="cpu")
    assert page("four were killed in district 3")[0]["label"] in TAXONOMY.labels
