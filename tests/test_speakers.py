"""Who speaks is learnt beside the label, and leaves the classifier as it is."""

import json

import numpy as np
import pytest
import torch
from conftest import PROJECT, TAXONOMY, rows, train_settings, write_jsonl
from safetensors import safe_open
from safetensors.torch import load_file
from test_low_rank import backbone
from test_processes import finished
from test_resuming import EVERY_STEP, RECIPE, KillAt, Killed, weights_of
from transformers import pipeline

from sitrep.data.columns import Columns
from sitrep.data.loading import load_data
from sitrep.data.reading import read_labelled
from sitrep.errors import UserError
from sitrep.model.speaker_heads import SpeakerHeads, read_heads
from sitrep.speakers import NAMES, SPEAKERS, SPEECH
from sitrep.training.fine_tuning import fine_tune
from sitrep.training.losses import speaker_balance, speaker_losses
from sitrep.training.run import train

SAID = [
    ("none", "none", "the road climbs to the pass"),
    ("reported", "official", "the army said that all was quiet"),
    ("direct", "witness", "“we ran”, a shopkeeper told us"),
    ("reported", "armed_group", "the front claimed the raid"),
    ("direct", "organisation", "“nobody is safe”, the monitors wrote"),
]


def spoken_rows(articles=12):
    """The toy corpus, with somebody else who speaks in the sentences of each label."""
    made = rows(articles)
    for row in made:
        row["speech"], row["speaker"], said = SAID[TAXONOMY.labels.index(row["label"])]
        row["text"] = f"{said}, {row['text'].partition(' in ')[2]}"
    return made


@pytest.fixture(scope="module")
def spoken_file(tmp_path_factory):
    return write_jsonl(tmp_path_factory.mktemp("spoken") / "spoken.jsonl", spoken_rows())


@pytest.fixture(scope="module")
def large_file(tmp_path_factory):
    """So large that one epoch is enough: which of several does best on validation says nothing of who speaks."""
    return write_jsonl(tmp_path_factory.mktemp("spoken") / "large.jsonl", spoken_rows(200))


def tune(file, folder, *overrides):
    settings = train_settings(file, folder / "run", *RECIPE, *overrides)
    return fine_tune(settings, load_data(settings.data, TAXONOMY).split, TAXONOMY, folder / "scratch")


def shares_right(trained):
    """Share of the sentences in which each head finds what was annotated; by chance it is 0.2 to 0.4."""
    model, encoder = trained.model.eval(), trained.encoder
    wanted = spoken_rows()
    tokens, _ = encoder.tokenize([row["text"] for row in wanted])
    alone = encoder.rows(tokens, [[number] for number in range(len(wanted))])
    batch = encoder.batch(alone, max(len(row.ids) for row in alone))
    inputs = (batch.input_ids, batch.attention_mask, batch.starts, batch.owners)
    with torch.no_grad():
        found = model(*map(torch.from_numpy, inputs), with_speakers=True)
    said = {name: [known[n] for n in found[name][:, 0].argmax(-1)] for name, known in NAMES.items()}
    return {
        name: np.mean([answer == row[name] for answer, row in zip(said[name], wanted, strict=True)]) for name in NAMES
    }


LEARN = [
    "trainer.epochs=1",
    "trainer.learning_rate=0.003",
    "trainer.batch_size=4",
    "trainer.speaker_weight=1",
    "trainer.save_minutes=0",
]


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param(["model.dropout=0"], id="packed", marks=pytest.mark.slow),
        pytest.param(["model.context=article"], id="windows", marks=pytest.mark.slow),
        pytest.param(["model.lora.rank=8"], id="lora", marks=pytest.mark.slow),
        pytest.param(["model.dropout=0.1"], id="padded", marks=pytest.mark.thorough),
        pytest.param(["trainer.activation_checkpointing=true"], id="computed again", marks=pytest.mark.thorough),
        pytest.param(["trainer.accumulation_steps=2"], id="parts", marks=pytest.mark.thorough),
        pytest.param(["trainer.contrastive_epochs=1"], id="warm-up", marks=pytest.mark.thorough),
    ],
)
def test_a_model_learns_who_speaks(large_file, tmp_path, overrides):
    trained = tune(large_file, tmp_path, *LEARN, *overrides)
    assert min(shares_right(trained).values()) > 0.7


@pytest.mark.slow
def test_a_backbone_without_a_pooler_learns_who_speaks_from_its_first_token(large_file, run_directory, tmp_path):
    folder = backbone("modernbert", run_directory, tmp_path / "backbone")
    recipe = [f"model.name={folder}", "trainer.learning_rate=0.005", "trainer.pretrained_share=0"]
    trained = tune(large_file, tmp_path, *LEARN, *recipe)
    assert min(shares_right(trained).values()) > 0.5


@pytest.mark.slow
def test_weight_0_trains_to_the_bit_as_data_that_does_not_say_who_speaks(spoken_file, tmp_path):
    silent = [{name: value for name, value in row.items() if name not in NAMES} for row in spoken_rows()]
    file = write_jsonl(tmp_path / "silent.jsonl", silent)
    without = tune(file, tmp_path / "without")
    unweighted = tune(spoken_file, tmp_path / "unweighted", "trainer.speaker_weight=0")
    learnt = tune(spoken_file, tmp_path / "learnt")
    assert weights_of(without) == weights_of(unweighted)
    assert without.model.speakers is unweighted.model.speakers is None
    assert isinstance(learnt.model.speakers, SpeakerHeads)
    assert not torch.equal(learnt.model.model.classifier.weight, without.model.model.classifier.weight)


@pytest.mark.slow
def test_one_of_the_columns_alone_is_one_clear_error(tmp_path):
    made = [{name: value for name, value in row.items() if name != "speaker"} for row in spoken_rows()]
    file = write_jsonl(tmp_path / "half.jsonl", made)
    with pytest.raises(UserError, match=r"^data\.speaker_field: no training sentence says speaker"):
        tune(file, tmp_path)
    assert tune(file, tmp_path, "trainer.speaker_weight=0").model.speakers is None


@pytest.mark.slow
@pytest.mark.parametrize("step", [2, 6])
def test_training_with_heads_that_is_broken_off_ends_with_the_same_weights(spoken_file, tmp_path, step):
    settings = train_settings(spoken_file, tmp_path / "run", *RECIPE, EVERY_STEP)
    split = load_data(settings.data, TAXONOMY).split
    whole = fine_tune(settings, split, TAXONOMY, tmp_path / "whole")
    with pytest.raises(Killed):
        fine_tune(settings, split, TAXONOMY, tmp_path / "scratch", [KillAt(step)])
    resumed = fine_tune(settings, split, TAXONOMY, tmp_path / "scratch")
    assert any(name.startswith("speakers.") for name in whole.model.state_dict())
    assert weights_of(resumed) == weights_of(whole)


@pytest.mark.slow
def test_checkpoint_is_a_plain_classifier_with_the_heads_beside_it(spoken_file, tmp_path, recwarn):
    run = train(train_settings(spoken_file, tmp_path / "run"))
    folder = run / "checkpoint"
    names = set(load_file(folder / "model.safetensors"))
    assert all(name.startswith(("bert.", "classifier.")) for name in names)
    pipeline("text-classification", model=str(folder), device="cpu")("shells hit the bridge")
    assert not recwarn.list
    with safe_open(folder / "speaker.safetensors", "pt") as file:
        told = {name: tuple(json.loads(answers)) for name, answers in file.metadata().items()}
    assert told == {"speech": SPEECH, "speaker": SPEAKERS}
    assert "speaker.safetensors" in json.loads((folder / "sitrep.json").read_text())["files"]
    assert set(read_heads(folder)) == set(NAMES)


@pytest.mark.slow
def test_heads_of_several_seeds_are_averaged_or_kept_for_each_member(spoken_file, tmp_path):
    run = train(train_settings(spoken_file, tmp_path / "run", "seeds=[1,2]", "keep=ensemble", "trainer.batch_size=8"))
    own = {seed: load_file(run / f"seeds/{seed}/checkpoint/speaker.safetensors") for seed in (1, 2)}
    kept = load_file(run / "checkpoint" / "speaker.safetensors")
    mean = {name: (own[1][name] + own[2][name]) / 2 for name in kept}
    compared = json.loads((run / "metrics.json").read_text())["training"]["seeds"]
    wanted = mean if compared["weights"] == "soup" else own[int(compared["weights"])]
    for name, weight in kept.items():
        torch.testing.assert_close(weight, wanted[name])
    for seed, weights in own.items():
        member = load_file(run / f"checkpoint/members/{seed}/speaker.safetensors")
        assert all(torch.equal(member[name], weights[name]) for name in weights)


@pytest.mark.thorough
def test_two_processes_end_with_the_heads_of_one_though_few_sentences_say_who_speaks(tmp_path):
    made = spoken_rows()
    for row in made[5:]:
        row["speech"] = row["speaker"] = ""
    file = write_jsonl(tmp_path / "few.jsonl", made)
    recipe = ["trainer.epochs=2", "trainer.batch_size=4", "trainer.learning_rate=0.002"]
    alone = train(train_settings(file, tmp_path / "alone", *recipe))
    pair = tmp_path / "pair"
    status, said = finished(PROJECT / "scripts" / "train.py", f"data={file}", *recipe, f"output_dir={pair}")
    assert status == 0, said
    one, two = (load_file(run / "checkpoint" / "speaker.safetensors") for run in (alone, pair))
    for name, weights in one.items():
        torch.testing.assert_close(two[name], weights, atol=1e-4, rtol=1e-3)


def test_loss_of_who_speaks_is_of_the_sentences_that_say_so_alone():
    logits = {"speech": torch.zeros(3, 3), "speaker": torch.zeros(3, 10)}
    wanted = torch.tensor([[0, 0], [1, -100], [-100, -100]])
    balance = {"speech": torch.tensor([1.0, 2.0, 1.0]), "speaker": torch.ones(10)}
    expected = [np.log(3) + np.log(10), 2 * np.log(3), 0.0]
    assert speaker_losses(logits, wanted, balance).tolist() == pytest.approx(expected)


def test_a_rare_answer_counts_more_and_the_annotated_sentences_one_each_in_the_mean():
    wanted = np.array([[0, 0]] * 16 + [[1, 1]] * 4 + [[2, 9]] + [[-100, -100]] * 50)
    balance = speaker_balance(wanted)
    speech = balance["speech"]
    assert (speech / speech[0]).tolist() == pytest.approx([1, 2, 4])
    assert (speech * torch.tensor([16, 4, 1])).sum().item() == pytest.approx(21)
    assert balance["speaker"][[0, 1, 9]].tolist() == pytest.approx(speech.tolist())


def test_balance_of_nothing_annotated_is_finite():
    assert all(torch.isfinite(weights).all() for weights in speaker_balance(np.full((3, 2), -100)).values())


def read(tmp_path, **cells):
    row = {"text": "the army denied it", "label": "official_statement", **cells}
    return read_labelled(str(write_jsonl(tmp_path / "rows.jsonl", [row])), Columns())[0]


def test_columns_of_who_speaks_are_read_and_an_empty_one_is_not_annotated(tmp_path):
    found = read(tmp_path, speech=" reported", speaker="official", region="Gaza")
    assert (found.speech, found.speaker, dict(found.fields)) == ("reported", "official", {"region": "Gaza"})
    for empty in (None, "", " "):
        found = read(tmp_path, speech="direct", speaker=empty)
        assert (found.speech, found.speaker) == ("direct", None)
    assert read(tmp_path).speech is None


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"speech": "indirect"}, r"rows\.jsonl:1: speech 'indirect' is none of none, direct, reported; .*speech_field"),
        ({"speaker": "Col. Karim"}, r"rows\.jsonl:1: speaker 'Col\. Karim' is none of .*; .*data\.speaker_field"),
        ({"speech": "none", "speaker": "witness"}, r"rows\.jsonl:1: speech 'none' and speaker 'witness' do not go"),
        ({"speech": "direct", "speaker": "none"}, r"rows\.jsonl:1: speech 'direct' and speaker 'none' do not go"),
    ],
)
def test_unknown_or_contradictory_names_are_one_clear_error(tmp_path, cells, message):
    with pytest.raises(UserError, match=message):
        read(tmp_path, **cells)
