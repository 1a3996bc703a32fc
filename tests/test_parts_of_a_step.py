import pytest
import torch
from conftest import TAXONOMY, train_settings

from sitrep.data.loading import load_data
from sitrep.errors import UsageError
from sitrep.training.fine_tuning import fine_tune
from sitrep.training.sentence_dropout import HeadDropouts, SentenceDropout, uniform

RECIPE = ["trainer.learning_rate=0.002", "trainer.epochs=2", "trainer.batch_size=16"]
NOISE = 2e-5
"""Largest change of a weight. Sums of fp32 in another order differ by 1e-7 of their size; AdamW divides by the size of
the gradient and so makes some 1e-5 of that in a few steps of 2e-3."""


def fine_tuned(toy_file, tmp_path, name, *overrides):
    settings = train_settings(toy_file, tmp_path / name, *RECIPE, *overrides)
    return fine_tune(settings, load_data(settings.data, TAXONOMY).split, TAXONOMY, tmp_path / f"{name}-scratch")


def changes(one, two):
    """Largest change by tensor; of the keys' bias, which no softmax sees, the gradient is noise alone."""
    first, second = one.state_dict(), two.state_dict()
    assert first.keys() == second.keys()
    return {n: (first[n] - second[n]).abs().max().item() for n in first if not n.endswith("key.bias")}


@pytest.mark.parametrize("parts", [2, 5])
def test_accumulated_gradients_give_the_weights_of_the_whole_batch(parts, toy_file, tmp_path):
    whole = fine_tuned(toy_file, tmp_path, "whole")
    parted = fine_tuned(toy_file, tmp_path, "parts", f"trainer.accumulation_steps={parts}")
    assert max(changes(whole.model, parted.model).values()) < NOISE
    losses = [[entry["loss"] for entry in trained.history] for trained in (whole, parted)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_accumulation_of_windows_of_pages_gives_the_same_loss_though_a_part_may_have_none(toy_file, tmp_path):
    recipe = ["model.context=article", "trainer.context_dropout=0"]
    whole = fine_tuned(toy_file, tmp_path, "whole", *recipe)
    parted = fine_tuned(toy_file, tmp_path, "parts", *recipe, "trainer.accumulation_steps=4")
    assert [entry["loss"] for entry in whole.history] == pytest.approx(
        [entry["loss"] for entry in parted.history], rel=1e-4
    )


def test_layers_computed_again_give_the_weights_of_layers_kept(toy_file, tmp_path):
    kept = fine_tuned(toy_file, tmp_path, "kept")
    again = fine_tuned(toy_file, tmp_path, "again", "trainer.activation_checkpointing=true")
    assert max(changes(kept.model, again.model).values()) < NOISE
    assert not again.model.model.is_activation_checkpointing


def test_more_parts_than_sentences_and_the_library_s_own_names_are_refused(toy_file, tmp_path):
    with pytest.raises(
        UsageError, match=r"trainer.accumulation_steps=17: must lie between 1 and trainer.batch_size=16"
    ):
        fine_tuned(toy_file, tmp_path, "many", "trainer.accumulation_steps=17")
    with pytest.raises(UsageError, match=r"gradient_accumulation_steps: .*use trainer.accumulation_steps"):
        fine_tuned(toy_file, tmp_path, "theirs", "trainer.extra.gradient_accumulation_steps=4")
    with pytest.raises(UsageError, match=r"gradient_checkpointing: .*use trainer.activation_checkpointing"):
        fine_tuned(toy_file, tmp_path, "old", "trainer.extra.gradient_checkpointing=true")


def test_numbers_of_a_sentence_do_not_hang_on_its_neighbours_and_are_spread_evenly():
    rows = torch.tensor([5, 900, 7, 31])
    all_of_them = uniform(rows, (1, 0, 3), 384)
    assert torch.equal(all_of_them[[2, 0]], uniform(rows[[2, 0]], (1, 0, 3), 384))
    assert not torch.equal(all_of_them, uniform(rows, (1, 0, 4), 384))
    many = uniform(torch.arange(2000), (2, 1, 77), 384)
    assert many.mean().item() == pytest.approx(0.5, abs=0.002)
    assert (many < 0.1).float().mean().item() == pytest.approx(0.1, abs=0.002)
    dropped = (many < 0.1).float()
    assert dropped.mean(0).std().item() < 0.01  # a tenth in each column, and in each row
    assert dropped.mean(1).std().item() < 0.02
    assert torch.corrcoef(many.T[:50]).fill_diagonal_(0).abs().max().item() < 0.12


def test_dropout_of_the_head_keeps_the_mean_and_is_silent_when_the_model_answers():
    dropout = SentenceDropout(0.25, 0, 1)
    dropout.numbers, dropout.step = torch.arange(4000), 3
    assert dropout(torch.ones(4000, 16)).mean().item() == pytest.approx(1.0, abs=0.01)
    dropout.eval()
    assert torch.equal(dropout(torch.ones(4000, 16)), torch.ones(4000, 16))


def test_only_the_head_s_dropouts_are_replaced(run_directory):
    from transformers import BertConfig, BertForSequenceClassification

    model = BertForSequenceClassification(
        BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, vocab_size=9)
    )
    assert len(HeadDropouts(model, 1).parts) == 1
    assert isinstance(model.dropout, SentenceDropout)
    assert isinstance(model.bert.embeddings.dropout, torch.nn.Dropout)


def test_second_trainer_of_a_model_prepares_its_dropouts_too():
    head = torch.nn.ModuleDict({"dropout": torch.nn.Dropout(0.25)})
    head.base_model = torch.nn.Identity()
    HeadDropouts(head, 1).prepare(torch.arange(9), 7)  # as the warm-up by contrast leaves it
    second = HeadDropouts(head, 1)
    second.prepare(torch.arange(40), 0)
    assert second.parts == [head["dropout"]]
    head.train()
    assert torch.equal(head["dropout"](torch.ones(40, 8)), head["dropout"](torch.ones(40, 8)))


@pytest.mark.slow
@pytest.mark.thorough
def test_compiled_training_ends_with_the_same_weights_under_the_same_names(toy_file, tmp_path):
    plain = fine_tuned(toy_file, tmp_path, "plain")
    compiled = fine_tuned(toy_file, tmp_path, "compiled", "trainer.extra.torch_compile_backend=eager")
    assert max(changes(plain.model, compiled.model).values()) < NOISE
