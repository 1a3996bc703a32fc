import json
import shutil

import numpy as np
import pytest
import torch
from conftest import rows
from safetensors.torch import load_file, save_file

from sitrep.errors import UserError
from sitrep.inference.predictor import WINDOW, Predictor
from sitrep.pages.passages import article_passages


@pytest.fixture
def predictor(run_directory):
    return Predictor.from_checkpoint(run_directory, precision="fp32")


def test_prediction_does_not_depend_on_the_batch(predictor):
    texts = [row["text"] for row in rows(6)] + ["a much longer sentence about " + "the river and " * 20]
    together = predictor.predict_proba(texts)
    alone = np.concatenate([predictor.predict_proba([text]) for text in texts])
    assert np.abs(together - alone).max() < 1e-5


def test_predictions_come_before_the_whole_input_was_read(predictor):
    read = []

    def endless():
        for number in range(10 * WINDOW):
            read.append(number)
            yield from article_passages("Shells hit the bridge.", f"a{number}")

    next(predictor.predict(endless()))
    assert len(read) <= 3 * WINDOW + 1  # one is used, one waits, one is made; one more tells whether an article goes on


def spoil(run_directory, tmp_path, change):
    """A copy of the checkpoint with a change that its record does not know of."""
    folder = shutil.copytree(run_directory / "checkpoint", tmp_path / "checkpoint")
    (folder / "sitrep.json").unlink()
    change(folder)
    return folder


def drop_classifier(folder):
    weights = load_file(folder / "model.safetensors")
    save_file(
        {k: v for k, v in weights.items() if "classifier" not in k}, folder / "model.safetensors", {"format": "pt"}
    )


def deepen(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 4}))


def make_infinite(folder):
    weights = load_file(folder / "model.safetensors")
    weights["classifier.bias"] = torch.full_like(weights["classifier.bias"], float("nan"))
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (drop_classifier, "the weights do not fit config.json: missing keys: classifier"),
        (deepen, "the weights do not fit config.json: missing keys"),
        (make_infinite, "the model gives no finite figures"),
        (lambda folder: (folder / "tokenizer.json").write_text("{}"), "cannot be loaded"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"garbage"), "cannot be loaded"),
    ],
)
def test_checkpoint_that_would_answer_at_random_is_refused(run_directory, tmp_path, change, message):
    folder = spoil(run_directory, tmp_path, change)
    with pytest.raises(UserError, match=message):
        Predictor.from_checkpoint(folder, precision="fp32").label(["Shells hit the bridge."])
