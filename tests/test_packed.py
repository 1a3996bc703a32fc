import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification

from sitrep.inference.engine import TorchEngine
from sitrep.model.classifier import SentenceClassifier, WindowClassifier
from sitrep.model.encoder_parts import HEADS
from sitrep.model.encoding import Batch
from sitrep.model.hardware import PrecisionChoice
from sitrep.model.packed import PackedClassifier, runs_of
from sitrep.settings import Precision

SIZES = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}
LARGEST = {Precision.fp32: 1e-5, Precision.bf16: 0.03}
"""Difference of a logit between the two ways, by number format."""


def classifier(kind="bert", **changes):
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **SIZES | {"vocab_size": 100, "num_labels": 5} | changes)
    return AutoModelForSequenceClassification.from_config(config).eval()


def batch_of(lengths):
    rng = np.random.default_rng(0)
    mask = (np.arange(max(lengths)) < np.array(lengths)[:, None]).astype(np.int64)
    ids = rng.integers(3, 100, mask.shape) * mask
    return Batch(ids, mask, np.zeros((len(lengths), 1), dtype=np.int64), mask - 1)


def engine_of(model, precision):
    return TorchEngine(SentenceClassifier(model), torch.device("cpu"), PrecisionChoice(precision, "asked for"))


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("precision", [Precision.fp32, Precision.bf16])
@pytest.mark.parametrize("lengths", [[9], [9, 9, 9], [30, 12, 12, 5, 1], [3, 17, 3, 40, 8]])
def test_without_padding_the_answers_are_those_of_transformers(kind, precision, lengths):
    packed, padded = engine_of(classifier(kind), precision), engine_of(classifier(kind), precision)
    assert packed.packed is not None
    padded.packed = None
    batch = batch_of(lengths)
    difference = np.abs(packed.logits(batch) - padded.logits(batch))
    assert difference.max() < LARGEST[precision]


def both_ways(precision, kind="bert"):
    """Engines of the same weights that read windows: without padding, and as transformers does."""
    packed, padded = (
        TorchEngine(WindowClassifier(classifier(kind)), torch.device("cpu"), PrecisionChoice(precision, "asked for"))
        for _ in range(2)
    )
    padded.packed = None
    return packed, padded


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("precision", [Precision.fp32, Precision.bf16])
def test_windows_of_pages_are_answered_as_by_transformers_and_sentences_among_them_too(kind, precision):
    owners = np.full((3, 12), -1)
    owners[0], owners[1, :5], owners[2, :12] = np.arange(12) // 4, 0, np.arange(12) // 6
    starts = np.array([[0, 4, 8], [0, -1, -1], [6, -1, -1]])
    ids = np.random.default_rng(0).integers(3, 100, owners.shape) * (owners >= 0)
    batch = Batch(ids, (owners >= 0).astype(np.int64), starts, owners)
    packed, padded = both_ways(precision, kind)
    assert packed.packed is not None
    found, wanted = packed.logits(batch), padded.logits(batch)
    assert found.shape == (5, 5)
    assert np.abs(found - wanted).max() < LARGEST[precision]


@pytest.mark.parametrize("kind", ["bert", "mpnet"])
@pytest.mark.parametrize("precision", [Precision.fp32, Precision.bf16])
def test_sentences_of_any_length_are_answered_from_a_window_as_by_transformers(kind, precision):
    lengths = [3, 40, 1, 16, 17, 60]
    owners = np.repeat(np.arange(len(lengths)), lengths)[None]
    starts = np.cumsum([0, *lengths[:-1]])[[0, 1, 3, 4, 5]][None]  # one of them is context only
    ids = np.random.default_rng(0).integers(3, 100, owners.shape)
    batch = Batch(ids, np.ones_like(ids), starts, owners)
    packed, padded = both_ways(precision, kind)
    assert np.abs(packed.logits(batch) - padded.logits(batch)).max() < LARGEST[precision]


def test_the_last_layer_is_computed_for_the_begin_tokens_alone():
    engine, seen = engine_of(classifier(), Precision.fp32), []
    rest = engine.packed._last_layer.rest
    engine.packed._last_layer.rest = lambda begins, found: seen.append(len(begins)) or rest(begins, found)
    engine.logits(batch_of([30, 30, 30, 30]))
    assert seen == [32]  # four sentences, filled up


def test_a_sentence_is_answered_the_same_whatever_stands_beside_it():
    engine, batch = engine_of(classifier(), Precision.fp32), batch_of([30, 12, 12, 5, 1])
    together = engine.logits(batch)
    for number, row in enumerate(batch.attention_mask.sum(axis=1)):
        place = slice(number, number + 1)
        arrays = (batch.input_ids[place, :row], batch.attention_mask[place, :row])
        alone = Batch(*arrays, batch.starts[place], batch.owners[place, :row])
        assert np.abs(engine.logits(alone) - together[place]).max() < LARGEST[Precision.fp32]


def test_models_of_other_kinds_are_left_to_transformers():
    sizes = {"vocab_size": 20, "dim": 8, "n_layers": 1, "n_heads": 2, "hidden_dim": 8}
    distilbert = AutoModelForSequenceClassification.from_config(AutoConfig.for_model("distilbert", **sizes))
    assert not PackedClassifier.fits(distilbert)
    assert not PackedClassifier.fits(classifier(hidden_act="relu"))
    assert PackedClassifier.fits(classifier())


def test_what_hangs_on_the_distance_of_tokens_is_left_to_transformers_on_a_gpu():
    for kind, fits in {"bert": True, "mpnet": False}.items():
        assert PackedClassifier.fits(classifier(kind).to("meta")) is fits


def test_stretches_of_one_length_are_taken_together():
    assert runs_of(np.array([3, 3, 2, 3])) == [(0, 2, 3), (6, 1, 2), (8, 1, 3)]
