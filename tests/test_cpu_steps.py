import sys

import pytest
import torch
from conftest import TAXONOMY, train_settings
from test_parts_of_a_step import NOISE, changes
from transformers import AutoConfig, AutoModelForSequenceClassification

from sitrep.data.loading import load_data
from sitrep.model.classifier import SentenceClassifier, WindowClassifier
from sitrep.model.encoder_parts import HEADS
from sitrep.model.packed_training import FILLED_PLACES, FILLED_TOKENS, PackedTraining
from sitrep.model.speaker_heads import SpeakerHeads
from sitrep.settings import LoraSettings, TrainSettings
from sitrep.speakers import NAMES
from sitrep.training import cpu_steps
from sitrep.training.cpu_steps import faster_steps, kept_memory
from sitrep.training.fine_tuning import fine_tune
from sitrep.training.low_rank import LowRankEncoder

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "vocab_size": 50}


def classifier(kind="bert", **others):
    torch.manual_seed(0)
    quiet = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "classifier_dropout": 0.0}
    config = AutoConfig.for_model(kind, **SIZES, **(quiet | others), num_labels=3, initializer_range=0.2)
    return AutoModelForSequenceClassification.from_config(config).train()


def batch():
    ids = torch.randint(5, 50, (4, 7), generator=torch.Generator().manual_seed(1))
    mask = (torch.arange(7)[None] < torch.tensor([7, 3, 1, 5])[:, None]).long()
    return ids, mask


def lone(ids, mask):
    """As rows of one sentence each."""
    return {"starts": torch.zeros(len(ids), 1, dtype=torch.long), "owners": mask - 1}


def windows():
    """Two rows of three and two sentences, one of them cut off by padding."""
    ids = torch.randint(5, 50, (2, 9), generator=torch.Generator().manual_seed(2))
    owners = torch.tensor([[0, 0, 0, 1, 1, 2, 2, 2, 2], [0, 0, 1, 1, 1, -1, -1, -1, -1]])
    starts = torch.tensor([[0, 3, 5], [0, 2, -1]])
    return {"input_ids": ids, "attention_mask": (owners >= 0).long(), "starts": starts, "owners": owners}


def gradients(model, logits):
    model.zero_grad()
    torch.nn.functional.cross_entropy(logits, torch.arange(len(logits)) % 3).backward()
    return {name: weights.grad.clone() for name, weights in model.named_parameters()}


@pytest.mark.parametrize("kind", HEADS)
def test_packed_training_gives_the_answers_and_gradients_of_the_classifier(kind):
    model = classifier(kind)
    ids, mask = batch()
    theirs = model(input_ids=ids, attention_mask=mask).logits
    ours = packed_answers(SentenceClassifier(model), input_ids=ids, attention_mask=mask, **lone(ids, mask))[:, 0]
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)
    expected, found = gradients(model, theirs), gradients(model, ours)
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-7, rtol=1e-4, msg=name)


def packed_answers(model, **rows):
    model.packed = PackedTraining(model.model)
    try:
        return model.train()(**rows)["logits"]
    finally:
        model.packed = None


@pytest.mark.parametrize("kind", HEADS)
def test_packed_training_on_windows_of_pages_gives_the_answers_and_gradients_of_the_classifier(kind):
    model = WindowClassifier(classifier(kind))
    rows = windows()
    answered = rows["starts"] >= 0
    theirs, ours = model(**rows)["logits"][answered], packed_answers(model, **rows)[answered]
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)
    expected, found = gradients(model, theirs), gradients(model, ours)
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-7, rtol=1e-4, msg=name)


def test_what_stands_in_the_padding_changes_nothing():
    model = SentenceClassifier(classifier())
    ids, mask = batch()
    before, after = (
        packed_answers(model, input_ids=given, attention_mask=mask, **lone(ids, mask))
        for given in (ids, torch.where(mask.bool(), ids, 49))
    )
    assert torch.equal(before, after)


def test_other_kinds_and_dropout_and_lora_are_left_to_the_library():
    assert PackedTraining.fits(classifier())
    assert not PackedTraining.fits(classifier(hidden_dropout_prob=0.1))
    assert not PackedTraining.fits(classifier(hidden_act="relu"))
    model = classifier()
    LowRankEncoder(model, LoraSettings(rank=2))
    assert not PackedTraining.fits(model)


def rows_of(model, part, **rows):
    """How many rows a part of the model is given in a training step."""
    seen = []
    handle = part.register_forward_hook(lambda module, given, found: seen.append(given[0].shape[0]))
    packed_answers(model, **rows)
    handle.remove()
    return seen


def test_packed_training_computes_the_last_layer_for_begin_tokens_alone():
    model = WindowClassifier(classifier())
    layers = model.model.bert.encoder.layer
    rows = windows()
    assert rows_of(model, layers[0].output.dense, **rows) == [FILLED_TOKENS]  # 14 tokens
    assert rows_of(model, layers[1].output.dense, **rows) == [FILLED_PLACES]  # 5 sentences


def test_packed_training_meets_few_numbers_of_rows_whatever_a_batch_holds():
    model, first = WindowClassifier(classifier()), []
    last = model.model.bert.pooler.dense
    for tokens in range(20, 180, 7):
        ids = torch.randint(5, 50, (3, tokens), generator=torch.Generator().manual_seed(tokens))
        rows = {"input_ids": ids, **lone(ids, torch.ones_like(ids))}
        rows["attention_mask"] = torch.ones_like(ids)
        first += rows_of(model, model.model.bert.encoder.layer[0].output.dense, **rows)
        assert rows_of(model, last, **rows) == [FILLED_PLACES]
    assert all(count % FILLED_TOKENS == 0 for count in first)
    assert len(set(first)) < 10


def test_packed_training_lets_other_heads_answer_as_the_plain_model_does():
    model = WindowClassifier(classifier())
    model.speakers = SpeakerHeads(SIZES["hidden_size"])
    rows = windows()
    answered = rows["starts"] >= 0
    theirs = model(**rows, with_speakers=True)
    model.packed = PackedTraining(model.model)
    ours = model(**rows, with_speakers=True)
    assert ours.keys() == theirs.keys() == {"logits", *NAMES}
    for name, answers in theirs.items():
        torch.testing.assert_close(ours[name][answered], answers[answered], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("again", "compiled", "packed"),
    [(False, False, True), (True, False, False), (False, True, False)],
    ids=["default", "layers computed again", "compiled"],
)
def test_a_cpu_trains_packed_where_nothing_stands_against_it_and_is_as_before_afterwards(again, compiled, packed):
    settings = TrainSettings()
    settings.trainer.activation_checkpointing = again
    model = SentenceClassifier(classifier())
    with faster_steps(model, "cpu", settings, compiled):
        assert (model.packed is not None) is packed
        assert model.config._attn_implementation == "eager"
    assert model.packed is None
    assert model.config._attn_implementation == "sdpa"
    with faster_steps(model, "cuda", settings):
        assert model.packed is None
        assert model.config._attn_implementation == "sdpa"


@pytest.mark.slow
def test_packed_training_ends_with_the_weights_of_the_library_s(toy_file, tmp_path, monkeypatch):
    ways = []
    for name in ("packed", "padded"):
        settings = train_settings(toy_file, tmp_path / name, "trainer.epochs=2", "trainer.learning_rate=0.002")
        ways.append(fine_tune(settings, load_data(settings.data, TAXONOMY).split, TAXONOMY, tmp_path / f"{name}-s"))
        monkeypatch.setattr(cpu_steps.PackedTraining, "fits", lambda model: False)
    assert max(changes(ways[0].model, ways[1].model).values()) < NOISE


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_memory_is_kept_while_training_runs_and_no_longer(monkeypatch):
    asked = []
    library = type("Library", (), {"mallopt": staticmethod(lambda *given: asked.append(given))})
    monkeypatch.setattr(cpu_steps.ctypes, "CDLL", lambda name: library)
    with kept_memory():
        assert asked == list(cpu_steps.KEEPING.items())
    assert asked[2:] == list(cpu_steps.USUAL.items())
    monkeypatch.setattr(cpu_steps.ctypes, "CDLL", lambda name: object())  # an allocator without it
    with kept_memory():
        pass
