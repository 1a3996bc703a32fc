import pytest
import torch
from conftest import TAXONOMY, train_settings
from transformers import AutoConfig, AutoModelForSequenceClassification, BertTokenizer

from sitrep.data.loading import load_data
from sitrep.errors import UsageError, UserError
from sitrep.settings import LoraSettings, ModelSettings
from sitrep.training.fine_tuning import fine_tune
from sitrep.training.frozen_weights import freeze

LAYERS = {
    "bert": "encoder.layer",
    "mpnet": "encoder.layer",
    "roberta": "encoder.layer",
    "modernbert": "layers",
    "distilbert": "transformer.layer",
}


def classifier(kind, count=3):
    sizes = {"hidden_size": 16, "num_hidden_layers": count, "num_attention_heads": 2, "intermediate_size": 32}
    config = AutoConfig.for_model(kind, vocab_size=30, pad_token_id=0, max_position_embeddings=16)
    config.update({name: size for name, size in sizes.items() if hasattr(config, name)})
    if kind == "modernbert":
        config.layer_types = config.layer_types[:3]
    for name in ("bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id"):
        setattr(config, name, None)
    return AutoModelForSequenceClassification.from_config(config)


def frozen(model):
    return {name for name, weights in model.base_model.named_parameters() if not weights.requires_grad}


@pytest.mark.parametrize(("kind", "layers"), LAYERS.items())
def test_the_lower_layers_and_what_is_below_them_are_frozen_and_nothing_else(kind, layers):
    model = classifier(kind)
    freeze(model, ModelSettings(frozen_layers=2))
    kept = frozen(model)
    assert all(name.startswith((f"{layers}.0.", f"{layers}.1.", "embeddings.")) for name in kept)
    of_layer = [name for name, _ in model.base_model.named_parameters() if name.startswith(f"{layers}.1.")]
    assert of_layer
    assert kept.issuperset(of_layer)
    assert not any(name.startswith(f"{layers}.2.") for name in kept)


def test_by_default_a_third_of_a_packaged_backbone_is_frozen_and_of_others_the_words_alone():
    for settings, layers in (
        (ModelSettings(), {"0", "1"}),
        (ModelSettings(name="packaged:mpnet"), {"0", "1", "2", "3"}),
        (ModelSettings(frozen_layers=0), set()),
        (ModelSettings(layers=3), set()),
        (ModelSettings(lora=LoraSettings(rank=4)), set()),
        (ModelSettings(name="own/backbone"), set()),
    ):
        model = classifier("bert", 6)
        freeze(model, settings)
        kept = frozen(model)
        assert "embeddings.word_embeddings.weight" in kept
        assert {name.split(".")[2] for name in kept if name.startswith("encoder.")} == layers


def test_more_layers_than_there_are_is_one_clear_error():
    with pytest.raises(UserError, match=r"^model\.frozen_layers=4: packaged:minilm has 3$"):
        freeze(classifier("bert"), ModelSettings(frozen_layers=4))


def test_a_backbone_that_is_not_pretrained_has_nothing_to_freeze():
    with pytest.raises(UsageError, match=r"^model\.frozen_layers=1: random:tiny is not pretrained"):
        ModelSettings(name="random:tiny", frozen_layers=1)


@pytest.mark.slow
def test_frozen_weights_end_as_they_were_pretrained(toy_file, tmp_path):
    pretrained = classifier("bert")
    words = {word: number for number, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"])}
    BertTokenizer(vocab=words).save_pretrained(tmp_path / "backbone")
    pretrained.save_pretrained(tmp_path / "backbone")
    recipe = [f"model.name={tmp_path / 'backbone'}", "model.frozen_layers=2", "model.max_tokens=16", "trainer.epochs=1"]
    settings = train_settings(toy_file, tmp_path / "run", *recipe)
    trained = fine_tune(settings, load_data(settings.data, TAXONOMY).split, TAXONOMY, tmp_path / "scratch")
    before, after = pretrained.base_model.state_dict(), trained.model.base_model.state_dict()
    for name, weights in before.items():
        same = name.startswith(("embeddings.", "encoder.layer.0.", "encoder.layer.1."))
        assert torch.equal(weights, after[name]) is same, name
