"""Backbones that are not the default one: MPNet, lower layers only, and those that are fetched."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from conftest import TAXONOMY, rows, train_settings
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    BartConfig,
    FunnelConfig,
    ModernBertConfig,
    MPNetConfig,
    MPNetTokenizer,
    pipeline,
)

from sitrep.errors import UserError
from sitrep.inference.predictor import Predictor
from sitrep.labels import Task
from sitrep.model import packaged
from sitrep.model.backbone import check_backbone, load_backbone
from sitrep.model.checkpoint import open_checkpoint
from sitrep.model.encoding import InputEncoder
from sitrep.model.packaged import FILES, MPNET, PACKAGED, fetched_folder
from sitrep.model.tokenizer import TextTokenizer
from sitrep.settings import Context, ModelSettings
from sitrep.storage.complete import sha256_of
from sitrep.training.run import train

TEXTS = ["four were killed in district 3", "share", "the ministry denied it, the general said on day 9"]
LAYERS = 3


def save_backbone(folder, config):
    """Random weights of a configuration, beside a tokenizer of the words of the toy corpus."""
    words = sorted({word for row in rows() for word in row["text"].split()} | set("abcdefghijklmnopqrstuvwxyz,."))
    special = ["<s>", "<pad>", "</s>", "<unk>", "[UNK]", "<mask>"]
    tokenizer = MPNetTokenizer(vocab={word: number for number, word in enumerate([*special, *words])})
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config.vocab_size = len(tokenizer)
    AutoModelForSequenceClassification.from_config(config).save_pretrained(folder)
    for name in {*FILES} - {path.name for path in folder.iterdir()}:
        (folder / name).write_text("{}")
    return folder


def mpnet_config():
    sizes = {"hidden_size": 16, "num_hidden_layers": LAYERS, "num_attention_heads": 2, "intermediate_size": 16}
    return MPNetConfig(max_position_embeddings=66, initializer_range=0.3, **sizes)


@pytest.fixture(scope="module")
def mpnet(tmp_path_factory):
    return save_backbone(tmp_path_factory.mktemp("mpnet"), mpnet_config())


def load(folder, **settings):
    made = ModelSettings(name=str(folder), **({"max_tokens": 64, "window_tokens": 64} | settings))
    return load_backbone(made, TAXONOMY.class_names(Task.single_label), Task.single_label, TEXTS)


def answers(model, batch):
    arrays = ("input_ids", "attention_mask", "starts", "owners")
    with torch.inference_mode():
        return model(**{name: torch.from_numpy(getattr(batch, name)) for name in arrays})["logits"]


@pytest.mark.slow
def test_mpnet_trains_and_its_checkpoint_answers_alike_here_and_in_a_plain_pipeline(mpnet, toy_file, tmp_path):
    overrides = [f"model={mpnet}", "model.layers=2", "model.max_tokens=64", "trainer.extra.max_steps=2"]
    run = train(train_settings(toy_file, tmp_path / "run", *overrides))
    checkpoint = open_checkpoint(str(run))
    config = json.loads((checkpoint.folder / "config.json").read_text())
    assert (config["model_type"], config["num_hidden_layers"]) == ("mpnet", 2)
    predictor = Predictor.from_checkpoint(checkpoint, precision="fp32", calibrated=False)
    ours = predictor.predict_proba(TEXTS)
    plain = pipeline("text-classification", model=str(checkpoint.folder), device="cpu", top_k=None)(TEXTS)
    for theirs, row in zip(plain, ours, strict=True):
        by_label = {item["label"]: item["score"] for item in theirs}
        assert [by_label[label] for label in predictor.class_names] == pytest.approx(row.tolist(), abs=1e-5)
    bf16 = Predictor.from_checkpoint(checkpoint, precision="bf16", calibrated=False).predict_proba(TEXTS)
    assert bf16 == pytest.approx(ours, abs=0.03)


def test_padding_moves_no_answer_of_mpnet(mpnet):
    model, tokenizer = load(mpnet, context=Context.none)
    encoder = InputEncoder(TextTokenizer.from_transformers(tokenizer), Context.none, 64, 64)
    tokens, _ = encoder.tokenize(TEXTS)
    made = encoder.rows(tokens, [range(len(TEXTS))])
    alone = torch.cat([answers(model.eval(), encoder.batch([row], len(row.ids)))[:, 0] for row in made])
    together = answers(model, encoder.batch(made, 40))[:, 0]
    assert torch.allclose(alone, together, atol=1e-5)
    assert not torch.allclose(alone[0], alone[1], atol=1e-2)


def test_places_before_the_first_token_count_as_none_to_read(mpnet):
    load(mpnet, max_tokens=64)
    with pytest.raises(UserError, match=r"model\.max_tokens=65: .* reads at most 64"):
        load(mpnet, max_tokens=65)


def test_padding_and_other_windows_move_no_answer_of_mpnet_that_reads_context(mpnet):
    model, tokenizer = load(mpnet)
    assert model.context is Context.article
    encoder = InputEncoder(TextTokenizer.from_transformers(tokenizer), Context.article, 64, 64)
    tokens, _ = encoder.tokenize(TEXTS)
    rows = [*encoder.rows(tokens, [range(len(TEXTS))]), *encoder.rows(tokens[:1], [[0]])]
    alone = torch.cat([answers(model.eval(), encoder.batch([row], len(row.ids)))[0] for row in rows])
    together = answers(model, encoder.batch(rows, 64))
    assert torch.allclose(alone, torch.cat([together[0], together[1][:1]]), atol=1e-5)
    assert not torch.allclose(alone[0], alone[-1], atol=1e-4), "with and without what stands around it"


def test_lower_layers_are_those_of_the_backbone(mpnet):
    whole, cut = (load(mpnet, layers=layers)[0].base_model.state_dict() for layers in (None, 2))
    assert set(whole) - set(cut) == {name for name in whole if name.startswith("encoder.layer.2.")} != set()
    assert all(torch.equal(weight, whole[name]) for name, weight in cut.items())


def test_default_and_tiny_backbones_are_cut_too():
    assert len(load(packaged.MINILM, layers=3)[0].base_model.encoder.layer) == 3
    assert len(load("random:tiny", layers=1)[0].base_model.encoder.layer) == 1


def test_list_of_the_kinds_of_layers_is_cut_with_them(tmp_path):
    sizes = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 16}
    special = {"pad_token_id": 1, "eos_token_id": 2, "bos_token_id": 0, "cls_token_id": 0, "sep_token_id": 2}
    folder = save_backbone(tmp_path / "backbone", ModernBertConfig(**sizes, **special))
    model, _ = load(folder, layers=2)
    assert model.config.layer_types == ["full_attention", "sliding_attention"]
    model.model.save_pretrained(tmp_path / "saved")
    assert AutoConfig.from_pretrained(tmp_path / "saved").num_hidden_layers == 2
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved")
    assert len(again.base_model.layers) == 2


def test_layers_that_there_are_not_or_that_cannot_be_cut_are_refused(mpnet, tmp_path):
    with pytest.raises(UserError, match=rf"model\.layers=4: .* has {LAYERS}$"):
        load(mpnet, layers=4)
    with pytest.raises(UserError, match=r"model\.layers=0: must be at least 1"):
        ModelSettings(layers=0)
    sizes = {"d_model": 16, "encoder_ffn_dim": 8, "decoder_ffn_dim": 8}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_layers": 2, "decoder_layers": 2}
    both = save_backbone(tmp_path / "both", BartConfig(**sizes, **heads, eos_token_id=2, pad_token_id=1))
    with pytest.raises(UserError, match=r"model\.layers=1: .* is more than an encoder; use null"):
        load(both, layers=1)
    blocks = FunnelConfig(block_sizes=[1, 1], num_decoder_layers=1, d_model=16, n_head=2, d_head=8, d_inner=8)
    with pytest.raises(UserError, match=r"model\.layers=1: .* cannot be cut; use null"):
        load(save_backbone(tmp_path / "blocks", blocks), layers=1)
    shutil.copytree(mpnet, tmp_path / "silent")
    (tmp_path / "silent" / "config.json").write_text('{"model_type": "clip"}')
    with pytest.raises(UserError, match=r"model\.layers=1: .* does not tell its number of layers; use null"):
        load(tmp_path / "silent", layers=1)


@pytest.mark.parametrize("damage", [lambda whole: whole[: len(whole) // 2], lambda whole: b"garbage", lambda _: b""])
def test_damaged_weights_of_a_backbone_are_told_in_one_line(mpnet, tmp_path, damage):
    folder = tmp_path / "damaged"
    shutil.copytree(mpnet, folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(damage(weights.read_bytes()))
    with pytest.raises(UserError, match=rf"^model\.name={folder}: cannot be loaded: [^\n]+$"):
        load(folder)


@pytest.fixture
def fetched(mpnet, tmp_path, monkeypatch):
    """The small MPNet where the real one would be after it was fetched, and as if it were the published one."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    published = replace(PACKAGED[MPNET], sha256=sha256_of(mpnet / "model.safetensors"))
    monkeypatch.setitem(packaged.PACKAGED, MPNET, published)
    folder = fetched_folder(MPNET)
    folder.mkdir(parents=True)
    for file in FILES:
        (folder / file).write_bytes((mpnet / file).read_bytes())
    return folder


def test_fetched_backbone_is_found_without_a_path_and_checked_before_training(fetched):
    assert load(MPNET)[0].config.model_type == "mpnet"
    (fetched / "tokenizer.json").rename(fetched / "elsewhere")
    with pytest.raises(UserError, match=r"packaged:mpnet: .*tokenizer.json is missing; remove the folder and run scr"):
        check_backbone(ModelSettings(name=MPNET))
    (fetched / "elsewhere").rename(fetched / "tokenizer.json")
    (fetched / "model.safetensors").write_bytes(b"other")
    with pytest.raises(UserError, match="these are not the published weights; remove the folder and run scripts/fetch"):
        check_backbone(ModelSettings(name=MPNET))


def test_backbone_that_was_not_fetched_comes_from_the_hub_and_is_checked(fetched, monkeypatch):
    fetched.rename(fetched.with_name("hub"))
    asked = []

    def download(name, allow_patterns, local_files_only=False):
        asked.append((name, local_files_only))
        return str(fetched if local_files_only else fetched.with_name("hub"))

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    monkeypatch.setattr(packaged, "hub_is_reachable", lambda: True)
    check_backbone(ModelSettings(name=MPNET))
    assert asked == [("sentence-transformers/all-mpnet-base-v2", offline) for offline in (True, False)]
    (fetched.with_name("hub") / "model.safetensors").write_bytes(b"other")
    with pytest.raises(UserError, match="these are not the published weights"):
        check_backbone(ModelSettings(name=MPNET))


def test_without_the_folder_and_the_hub_one_line_says_how_to_fetch_it(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(UserError, match=r"the hub cannot be reached; run scripts/fetch_backbone.py mpnet, or name a f"):
        check_backbone(ModelSettings(name=MPNET))
