import json

import pytest
import torch
from conftest import TAXONOMY, train_settings
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer, pipeline

from sitrep import errors
from sitrep.data.loading import load_data
from sitrep.errors import UsageError, UserError
from sitrep.inference.predictor import Predictor
from sitrep.settings import LoraSettings
from sitrep.training import low_rank
from sitrep.training.fine_tuning import fine_tune
from sitrep.training.low_rank import LowRankEncoder
from sitrep.training.run import train

TEXTS = ["four were killed", "share this page", "the ministry denied it"]
RECIPE = ["model.lora.rank=4", "trainer.learning_rate=0.01", "trainer.batch_size=8"]
HEADS = ("classifier.", "pooler.", "head.")


def backbone(architecture, run_directory, folder):
    """A random encoder of two layers with the tokenizer of a run."""
    tokenizer = AutoTokenizer.from_pretrained(run_directory / "checkpoint")
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = AutoConfig.for_model(
        architecture,
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        max_position_embeddings=256,
        num_labels=5,
        **sizes,
    )
    for name in ("bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id"):
        setattr(config, name, None)
    torch.manual_seed(0)
    AutoModelForSequenceClassification.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def initial(settings):
    """The weights that a run begins with, drawn again."""
    import transformers

    from sitrep.model.backbone import load_backbone

    transformers.set_seed(settings.seed)
    split = load_data(settings.data, TAXONOMY).split
    texts = (sentence.text for sentence in split.train)
    model, _ = load_backbone(settings.model, TAXONOMY.class_names(settings.task), settings.task, texts)
    return {name: weights.clone() for name, weights in model.model.state_dict().items()}


@pytest.mark.slow
def test_checkpoint_is_merged_its_head_is_the_trained_one_and_a_plain_pipeline_agrees(toy_file, tmp_path):
    settings = train_settings(toy_file, tmp_path / "run", *RECIPE, "trainer.epochs=12", "trainer.pretrained_share=0")
    run = train(settings)
    saved = load_file(run / "checkpoint" / "model.safetensors")
    before = initial(settings)
    assert saved.keys() == before.keys()
    changed = {name for name in saved if not torch.equal(saved[name], before[name])}
    linear = {n for n in saved if n.endswith(".weight") and ".layer." in n and "LayerNorm" not in n}
    head = {name for name in saved if "pooler" in name or name.startswith("classifier")}
    assert changed == linear | head
    for name in linear:
        rank = torch.linalg.matrix_rank(saved[name] - before[name], atol=1e-4)
        assert 0 < rank <= 4, name
    plain = pipeline("text-classification", model=str(run / "checkpoint"), device="cpu", top_k=None)(TEXTS)
    ours = Predictor.from_checkpoint(run, precision="fp32", calibrated=False).predict_proba(TEXTS)
    for theirs, row in zip(plain, ours, strict=True):
        by_label = {item["label"]: item["score"] for item in theirs}
        assert [by_label[label] for label in TAXONOMY.labels] == pytest.approx(list(row), abs=1e-5)
    metrics = json.loads((run / "metrics.json").read_text())
    history = metrics["training"]["history"]
    assert metrics["macro_f1"] > 0.5
    assert metrics["training"]["validation_macro_f1"] == max(entry["macro_f1"] for entry in history)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["bert", "roberta", "mpnet", "deberta-v2", "modernbert"])
def test_every_linear_layer_of_each_kind_of_encoder_is_trained_and_its_head_whole(
    architecture, run_directory, toy_file, tmp_path
):
    folder = backbone(architecture, run_directory, tmp_path / "backbone")
    overrides = [f"model={folder}", "model.max_tokens=64", *RECIPE, "trainer.pretrained_share=0"]
    settings = train_settings(toy_file, tmp_path / "run", *overrides)
    before = initial(settings)
    trained = fine_tune(settings, load_data(settings.data, TAXONOMY).split, TAXONOMY, tmp_path / "scratch")
    after = trained.model.model.state_dict()
    assert after.keys() == before.keys()
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    layers = {n for n in after if ("layer." in n or "layers." in n) and n.endswith(".weight") and after[n].ndim == 2}
    assert layers <= changed
    assert all(name in layers or any(part in name for part in HEADS) for name in changed), changed
    assert any(name.startswith("classifier") for name in changed)


@pytest.mark.slow
def test_pretrained_share_moves_the_merged_weights_back(run_directory, toy_file, tmp_path):
    folder = backbone("bert", run_directory, tmp_path / "backbone")
    common = [f"model={folder}", "model.max_tokens=64", *RECIPE]
    ways = {}
    for share in ("0", "0.25"):
        settings = train_settings(toy_file, tmp_path / share, *common, f"trainer.pretrained_share={share}")
        split = load_data(settings.data, TAXONOMY).split
        ways[share] = fine_tune(settings, split, TAXONOMY, tmp_path / f"scratch{share}").model.model.state_dict()
    name = "bert.encoder.layer.0.attention.self.query.weight"
    start = initial(settings)[name]
    torch.testing.assert_close(ways["0.25"][name] - start, 0.75 * (ways["0"][name] - start), atol=1e-6, rtol=1e-4)


@pytest.mark.slow
def test_seeds_and_their_mean_are_made_of_merged_weights(toy_file, tmp_path):
    run = train(train_settings(toy_file, tmp_path / "run", *RECIPE, "trainer.epochs=3", "seeds=[1,2]"))
    merged = load_file(run / "checkpoint" / "model.safetensors")
    assert not [name for name in merged if "lora" in name or "base_layer" in name]
    assert Predictor.from_checkpoint(run).predict_proba(TEXTS).shape == (3, 5)


def test_without_peft_the_extra_is_named(toy_file, tmp_path, monkeypatch):
    monkeypatch.setattr(low_rank, "is_installed", lambda package: False)
    settings = train_settings(toy_file, tmp_path / "run", *RECIPE)
    with pytest.raises(UserError, match=r"peft is not installed; pip install '\.\[lora\]'"):
        fine_tune(settings, load_data(settings.data, TAXONOMY).split, TAXONOMY, tmp_path / "scratch")
    assert errors.EXTRAS["peft"] == "lora"


def test_impossible_ranks_are_refused():
    with pytest.raises(UsageError, match=r"model.lora.rank=-1: must lie between 0 and 4096"):
        LoraSettings(rank=-1)
    with pytest.raises(UsageError, match=r"model.lora.alpha=0: must be above 0"):
        LoraSettings(alpha=0)


def test_encoder_without_linear_layers_is_refused():
    class Encoder(torch.nn.Module):
        base_model = property(lambda self: self)

    with pytest.raises(UserError, match=r"model.lora.rank=4: this backbone has no linear layers"):
        LowRankEncoder(Encoder(), LoraSettings(rank=4))
