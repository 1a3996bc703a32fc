"""A model that reads context, from training to prediction."""

import json

import numpy as np
import pytest
from conftest import CONFIGS, rows, train_settings, write_jsonl
from transformers import pipeline

from sitrep.checkpoint import CONTEXT_WEIGHTS, open_checkpoint
from sitrep.config import Context, PredictSettings
from sitrep.errors import UserError
from sitrep.hydra_entry import compose, typed
from sitrep.inference import Predictor, predict
from sitrep.training import train

ORDER = ["a bomb tore open the gate", "nine wounded", "it was the third", "share this page", "the governor urged calm"]


@pytest.fixture(scope="module", params=["neighbours", "article"])
def run(request, toy_file, tmp_path_factory):
    output = tmp_path_factory.mktemp("context") / "run"
    context = [f"model.context={request.param}", "model.pooling=mean", "model.window_tokens=64"]
    return train(train_settings(toy_file, output, *context, "trainer.learning_rate=0.005", "trainer.epochs=3"))


@pytest.fixture
def predictor(run, inference_settings):
    return Predictor(open_checkpoint(str(run)), inference_settings)


def test_answer_changes_with_what_stands_around_the_sentence(predictor):
    page = [list(range(len(ORDER)))]
    with_context = predictor.score(ORDER, page).probabilities
    alone = predictor.score(ORDER).probabilities
    other = predictor.score([*ORDER[:1], "prices rose in spring", *ORDER[2:]], page).probabilities
    assert np.abs(with_context - alone).max() > 1e-4
    assert np.abs(with_context[2] - other[2]).max() > 1e-5


def test_answer_does_not_change_with_other_articles_in_the_batch(predictor):
    others = [f"{row['text']} once more" for row in rows(4)]
    page = list(range(len(ORDER)))
    crowd = [*ORDER, *others]
    articles = [page, list(range(5, 25)), list(range(25, len(crowd)))]
    together = predictor.score(crowd, articles).probabilities[: len(ORDER)]
    assert np.abs(together - predictor.score(ORDER, [page]).probabilities).max() < 1e-5


def test_checkpoint_carries_the_choice_and_rows_are_read_by_article_and_position(run, tmp_path, inference_settings):
    checkpoint = open_checkpoint(str(run))
    assert checkpoint.context is not Context.none
    page = [{"article_id": "p", "position": n, "id": str(n), "text": text} for n, text in enumerate(ORDER)]
    lone = {"article_id": "q", "position": 0, "id": "q0", "text": "four were killed"}
    mixed = write_jsonl(tmp_path / "rows.jsonl", [page[3], lone, page[0], page[4], page[2], page[1]])
    output = tmp_path / "out.jsonl"
    overrides = [f"checkpoint={run}", f"input={mixed}", f"output={output}", "inference.precision=fp32"]
    predict(typed(compose(CONFIGS, "predict", PredictSettings, overrides), PredictSettings))
    found = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row["id"] for row in found] == ["3", "q0", "0", "4", "2", "1"], "the order of the input is kept"
    wanted = Predictor(checkpoint, inference_settings).score(ORDER, [list(range(len(ORDER)))]).probabilities
    for row in found:
        if row["article_id"] == "p":
            assert list(row["probabilities"].values()) == pytest.approx(wanted[row["position"]].tolist(), abs=1e-5)


def test_training_says_and_a_plain_pipeline_finds_that_it_is_not_for_one(run):
    with pytest.raises(ValueError, match=r"no file named model\.safetensors"):
        pipeline("text-classification", model=str(run / "checkpoint"))
    notes = json.loads((run / "metrics.json").read_text())["notes"]
    assert any("plain pipeline" in note for note in notes)


def test_context_weights_without_record_are_refused(run, tmp_path):
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", CONTEXT_WEIGHTS):
        (folder / name).write_bytes((run / "checkpoint" / name).read_bytes())
    with pytest.raises(UserError, match=r"sitrep\.json: no such file; without it nothing says how"):
        open_checkpoint(str(folder))


def test_window_longer_than_the_backbone_reads_is_refused(toy_file, tmp_path, run_directory):
    settings = train_settings(
        toy_file,
        tmp_path / "run",
        f"model={run_directory / 'checkpoint'}",
        "model.context=article",
        "model.max_tokens=64",
    )
    settings.model.window_tokens = 600
    with pytest.raises(UserError, match=r"model\.window_tokens=600: .* reads at most 128"):
        train(settings)
