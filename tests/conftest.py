import importlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import tokenizers

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as shells leave it to what they start in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # as nohup does
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
os.environ["HF_HUB_OFFLINE"] = "1"  # a test that wants the network is wrong, and fails at once
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="sitrep-test-cache-")  # nothing is left in the user's

from sitrep.cli.composition import compose_settings
from sitrep.errors import SIGNALS
from sitrep.evaluation.analysis import analyse
from sitrep.evaluation.results import Results, compute
from sitrep.labels import Task, Taxonomy, shipped_taxonomy
from sitrep.model.checkpoint import Checkpoint
from sitrep.model.tokenizer import TextTokenizer
from sitrep.settings import Context, DataSettings, TrainSettings

PROJECT = Path(__file__).parents[1]
CONFIGS = PROJECT / "configs"
BENCHMARKS = PROJECT / "benchmarks"
TAXONOMY, WITHOUT_NONE = shipped_taxonomy("five"), shipped_taxonomy("four")
CLASSES = TAXONOMY.classes

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
    return compose_settings("train", TrainSettings, [f"data={toy_file}"]).data


def train_settings(toy_file: Path, output: Path, *overrides: str) -> TrainSettings:
    """Settings of a run of a second: random two-layer model, toy corpus, one epoch."""
    common = [f"data={toy_file}", "model=tiny", "trainer.epochs=1", "trainer.precision=fp32", f"output_dir={output}"]
    return compose_settings("train", TrainSettings, [*common, *overrides])


@pytest.fixture(scope="session")
def run_directory(toy_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete run of a model that has learnt the toy corpus."""
    from sitrep.training.run import train

    output = tmp_path_factory.mktemp("outputs") / "train" / "run"
    recipe = ["trainer.learning_rate=0.005", "trainer.epochs=30", "trainer.batch_size=8"]
    return train(train_settings(toy_file, output, *recipe, "trainer.early_stopping_patience=0"))


def bare_checkpoint(taxonomy: Taxonomy) -> Checkpoint:
    """A checkpoint of which nothing is known but its labels."""
    return Checkpoint(
        folder=Path("."),
        taxonomy=taxonomy,
        task=Task.single_label,
        max_tokens=256,
        context=Context.none,
        window_tokens=256,
        record=None,
        validation=None,
    )


def results_of(sentences, predictions, taxonomy, data, baselines="none were asked for") -> Results:
    """Results of predictions that no model made."""
    analysis = analyse(sentences, predictions, bare_checkpoint(taxonomy), calibrated=True)
    return compute(sentences, predictions, taxonomy, analysis, baselines, data, {}, {"packages": {}})


def word_tokenizer() -> TextTokenizer:
    """A tokenizer of one token a word, whose words are numbers and stand for themselves."""
    special = {"[PAD]": 0, "[CLS]": 1, "[SEP]": 2}
    made = tokenizers.Tokenizer(
        tokenizers.models.WordLevel(special | {str(n): n for n in range(3, 1000)}, unk_token="[PAD]")
    )
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    return TextTokenizer(made, "[PAD]", "[CLS]", "[SEP]")


@pytest.fixture(autouse=True)
def _signals_as_before() -> Iterator[None]:
    """A command that a test runs in this process handles signals; those that come after it must not."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def beside_each_other(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Benchmarks import each other as they do when one of them is run; their short names are gone after the test."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield
    for path in BENCHMARKS.glob("*.py"):
        sys.modules.pop(path.stem, None)


def script(name: str) -> ModuleType:
    """A benchmark as a module, in a test that uses ``beside_each_other``."""
    return importlib.import_module(name)
