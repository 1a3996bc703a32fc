import json
import os
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"  # a test that wants the network is wrong, and fails at once

from sitrep.checkpoint import Checkpoint
from sitrep.config import Context, DataSettings, InferenceSettings, Pooling, Precision, TrainSettings
from sitrep.evaluation.analysis import analyse
from sitrep.evaluation.results import Results, compute
from sitrep.hydra_entry import compose, typed
from sitrep.labels import LabelSet, Task

PROJECT = Path(__file__).parents[1]
CONFIGS = PROJECT / "configs"

PHRASES = {
    "attack_description": ["shells hit the bridge", "gunmen stormed the post", "a bomb tore open the gate"],
    "official_statement": ["the ministry denied it", "we will answer, the general said", "the governor urged calm"],
    "casualty_report": ["four were killed", "nine wounded, two missing", "no one was hurt"],
    "boilerplate": ["share this page", "sign up for our newsletter", "photo: agency"],
    "none": ["the town lies on a river", "prices rose in spring", "a widow remembers the market"],
}


def rows(articles: int = 12) -> list[dict]:
    """A toy corpus: each article holds every label twice, each text is different."""
    made = []
    for article in range(articles):
        for position, label in enumerate([*PHRASES] * 2):
            phrase = PHRASES[label][(article + position) % 3]
            made.append(
                {
                    "id": f"a{article}-{position}",
                    "article_id": f"a{article}",
                    "position": position,
                    "text": f"{phrase} in district {article} on day {position}",
                    "label": label,
                    "labels": [] if label == "none" else [label],
                }
            )
    return made


def write_jsonl(path: Path, content: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in content), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def toy_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_jsonl(tmp_path_factory.mktemp("data") / "toy.jsonl", rows())


@pytest.fixture
def data_settings(toy_file: Path) -> DataSettings:
    return typed(compose(CONFIGS, "train", TrainSettings, [f"data={toy_file}"]), TrainSettings).data


def train_settings(toy_file: Path, output: Path, *overrides: str) -> TrainSettings:
    """Settings of a run of a second: random two-layer model, toy corpus, one epoch."""
    common = [f"data={toy_file}", "model=tiny", "trainer.epochs=1", "trainer.precision=fp32", f"output_dir={output}"]
    return typed(compose(CONFIGS, "train", TrainSettings, [*common, *overrides]), TrainSettings)


@pytest.fixture(scope="session")
def run_directory(toy_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete run of a model that has learnt the toy corpus."""
    from sitrep.training import train

    output = tmp_path_factory.mktemp("outputs") / "train" / "run"
    recipe = ["trainer.learning_rate=0.005", "trainer.epochs=30", "trainer.batch_size=8", "seed=2"]
    return train(train_settings(toy_file, output, *recipe, "trainer.early_stopping_patience=0"))


@pytest.fixture
def inference_settings() -> InferenceSettings:
    return InferenceSettings(precision=Precision.fp32, batch_tokens=None, window=64)


def bare_checkpoint(labels: tuple[str, ...]) -> Checkpoint:
    """A checkpoint of which nothing is known but its labels."""
    label_set = next(known for known in LabelSet if known.names == labels)
    return Checkpoint(
        folder=Path("."),
        outputs=labels,
        label_set=label_set,
        task=Task.single_label,
        thresholds={},
        max_tokens=256,
        context=Context.none,
        pooling=Pooling.cls,
        window_tokens=256,
        record=None,
        validation=None,
    )


def results_of(sentences, predictions, labels, data, baselines="none were asked for") -> Results:
    """Results of predictions that no model made."""
    analysis = analyse(sentences, predictions, bare_checkpoint(labels), calibrated=True)
    return compute(sentences, predictions, labels, analysis, baselines, data, {}, {"packages": {}})
