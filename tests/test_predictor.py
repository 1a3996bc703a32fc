import json
import shutil
import threading
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import CLASSES, TAXONOMY, rows
from safetensors.torch import load_file, save_file

from sitrep.errors import UserError
from sitrep.inference.predictor import WINDOW, Predictor
from sitrep.labels import Task
from sitrep.model.validation_fit import ValidationFit
from sitrep.pages.passages import article_passages


@pytest.fixture
def predictor(run_directory):
    return Predictor.from_checkpoint(run_directory, precision="fp32")


def test_prediction_does_not_depend_on_the_batch(predictor):
    texts = [row["text"] for row in rows(6)] + ["a much longer sentence about " + "the river and " * 20]
    together = predictor.predict_proba(texts)
    alone = np.concatenate([predictor.predict_proba([text]) for text in texts])
    assert np.abs(together - alone).max() < 1e-5


def test_without_the_temperature_probabilities_change_and_labels_do_not():
    drawn = np.random.default_rng(0).normal(scale=3, size=(3000, 4))
    thresholds = dict(zip(CLASSES, (0.3, 0.45, 0.7, 0.2), strict=True))
    fit = ValidationFit(list(TAXONOMY.labels), [], [], [], 2.5, "", thresholds, 0.95, {})
    warm = Predictor(SimpleNamespace(device="cpu"), None, TAXONOMY, Task.multi_label, fit, thresholds)
    plain = warm.uncalibrated()
    assert plain.probabilities(drawn) == pytest.approx(1 / (1 + np.exp(-drawn)))
    assert plain.choose(plain.probabilities(drawn)) == warm.choose(warm.probabilities(drawn))
    by_old_thresholds = warm.choose(plain.probabilities(drawn))
    assert by_old_thresholds != warm.choose(warm.probabilities(drawn))
    again = plain.uncalibrated()
    assert again.choose(again.probabilities(drawn)) == plain.choose(plain.probabilities(drawn))


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


SMALL = 64


@pytest.fixture
def small_windows(monkeypatch):
    monkeypatch.setattr("sitrep.inference.predictor.WINDOW", SMALL)


def passages_of(texts):
    return [next(iter(article_passages(text, f"a{number}"))) for number, text in enumerate(texts)]


def test_predictions_are_to_the_bit_those_without_a_thread(predictor, small_windows, monkeypatch):
    passages = passages_of([f"shells hit bridge {number % 50} at dawn" for number in range(5 * SMALL)])
    threaded = list(predictor.predict(passages))
    monkeypatch.setattr("sitrep.inference.predictor.ahead", lambda work: work(lambda: False))
    assert threaded == list(predictor.predict(passages))
    assert [prediction.passage for prediction in threaded] == passages


class CountingEngine:
    def __init__(self, engine):
        self.engine, self.device, self.precision, self.rows = engine, engine.device, engine.precision, 0

    def logits(self, batch):
        self.rows += len(batch.input_ids)
        return self.engine.logits(batch)


def test_equal_sentences_of_a_job_are_computed_once(predictor, small_windows):
    texts = [f"shells hit bridge {number % 50} at dawn" for number in range(5 * SMALL)]
    alone = predictor.predict_proba(texts[:50])
    predictor.engine = CountingEngine(predictor.engine)
    found = list(predictor.predict(passages_of(texts)))
    assert predictor.engine.rows == 50
    given = np.array([list(prediction.probabilities.values()) for prediction in found])
    assert np.abs(given - alone[np.arange(len(texts)) % 50]).max() < 1e-5


def test_nothing_is_known_from_an_earlier_job(predictor):
    predictor.engine = CountingEngine(predictor.engine)
    for _ in range(2):
        list(predictor.predict(passages_of(["shells hit the bridge"] * 3)))
    assert predictor.engine.rows == 2


def test_an_error_while_reading_ahead_is_raised_behind_what_was_read(predictor, small_windows):
    def broken():
        yield from passages_of(["shells hit the bridge"] * SMALL)
        yield from passages_of(["gunmen stormed the post"])
        raise UserError("news.jsonl:9: not valid JSON")

    found = predictor.predict(broken())
    assert len([next(found) for _ in range(SMALL)]) == SMALL
    with pytest.raises(UserError, match=r"news\.jsonl:9"):
        next(found)


def test_the_thread_ends_when_predictions_are_no_longer_taken(predictor, small_windows):
    found = predictor.predict(passages_of(["shells hit the bridge"] * (3 * SMALL)))
    next(found)
    found.close()
    assert "reading ahead" not in [thread.name for thread in threading.enumerate()]
