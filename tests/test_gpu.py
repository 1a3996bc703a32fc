"""Training on a card that CUDA runs; nothing here is tried where there is none."""

import json

import pytest
import torch
from conftest import TAXONOMY, train_settings
from transformers import pipeline

from sitrep.data.loading import load_data
from sitrep.inference.predictor import Predictor
from sitrep.training.fine_tuning import fine_tune
from sitrep.training.run import train

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.slow,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no card that CUDA runs"),
]
RECIPE = ["trainer.learning_rate=0.005", "trainer.epochs=20", "trainer.batch_size=8", "trainer.precision=auto"]
TEXTS = ["four were killed", "share this page", "the ministry denied it"]


def fine_tuned(toy_file, tmp_path, name, *overrides):
    settings = train_settings(toy_file, tmp_path / name, *overrides)
    return fine_tune(settings, load_data(settings.data, TAXONOMY).split, TAXONOMY, tmp_path / f"{name}-scratch")


@pytest.mark.parametrize("lora", [0, 8])
def test_whole_run_on_the_card_in_bf16_learns_and_its_checkpoint_answers_on_a_cpu(lora, toy_file, tmp_path):
    run = train(train_settings(toy_file, tmp_path / "run", *RECIPE, f"model.lora.rank={lora}"))
    training = json.loads((run / "metrics.json").read_text())["training"]
    assert (training["device"], training["precision"]) == ("cuda", "bf16")
    assert training["validation_macro_f1"] > (0.5 if lora else 0.8)
    plain = pipeline("text-classification", model=str(run / "checkpoint"), device="cpu", top_k=None)(TEXTS)
    ours = Predictor.from_checkpoint(run, precision="fp32", calibrated=False).predict_proba(TEXTS)
    for theirs, row in zip(plain, ours, strict=True):
        by_label = {item["label"]: item["score"] for item in theirs}
        assert [by_label[label] for label in TAXONOMY.labels] == pytest.approx(list(row), abs=0.01)


def test_parts_of_a_step_and_layers_computed_again_give_the_same_loss_on_the_card(toy_file, tmp_path):
    common = ["trainer.epochs=3", "trainer.batch_size=16", "trainer.learning_rate=0.002"]
    plain = fine_tuned(toy_file, tmp_path, "plain", *common)
    for name, change in (("parts", "accumulation_steps=4"), ("again", "activation_checkpointing=true")):
        other = fine_tuned(toy_file, tmp_path, name, *common, f"trainer.{change}")
        losses = [[entry["loss"] for entry in trained.history] for trained in (plain, other)]
        assert losses[1] == pytest.approx(losses[0], rel=1e-3)


def test_batches_on_the_card_are_of_like_length(toy_file, tmp_path, monkeypatch):
    from sitrep.training.trainer import SentenceTrainer

    wasted = []
    step = SentenceTrainer.training_step

    def counting(self, model, inputs, *rest, **named):
        wasted.append(1 - inputs["attention_mask"].float().mean().item())
        return step(self, model, inputs, *rest, **named)

    monkeypatch.setattr(SentenceTrainer, "training_step", counting)
    fine_tuned(toy_file, tmp_path, "run", "trainer.batch_size=16")
    assert sum(wasted) / len(wasted) < 0.25
