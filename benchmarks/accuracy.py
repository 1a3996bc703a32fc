"""What each training setting gains: macro-F1 and speed over several seeds, side by side.

    python benchmarks/accuracy.py [other=FILE] [seeds=1,2,3] SETTINGS...

Each of SETTINGS is one or more settings joined by `;`, such as `model.context=article` or
`trainer.token_masking=0;trainer.pretrained_share=0`; `default` changes nothing. Every row of the table is trained on
the training split of the shipped corpus and scored on its test split and on `other`, with articles read whole where the
model reads context; `alone` is the test split with every sentence read alone.
"""

import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from sitrep.checkpoint import open_checkpoint, record_of
from sitrep.config import InferenceSettings, TrainSettings
from sitrep.data import load_data
from sitrep.data.reading import Columns, read_labelled
from sitrep.evaluation.metrics import score
from sitrep.evaluation.results import passages_of
from sitrep.hydra_entry import compose, typed
from sitrep.inference import Predictor
from sitrep.sentences import LabelledSentence
from sitrep.training.fine_tuning import fine_tune, save_model

CONFIGS = Path(__file__).parents[1] / "configs"
DEFAULT = "default"


def loaded(settings: TrainSettings, folder: Path) -> Predictor:
    """The checkpoint in a folder, as a user loads it."""
    record_of(folder, settings.model, settings.labels.label_set).write(folder)
    return Predictor(open_checkpoint(str(folder)), InferenceSettings(settings.trainer.precision, None, 8192))


def macro_f1(sentences: Sequence[LabelledSentence], predicted: Sequence[str], labels: Sequence[str]) -> float:
    """Macro-F1 over the four classes."""
    return score([sentence.label for sentence in sentences], predicted, labels).macro_f1_four or 0.0


def measure(overrides: Sequence[str], seed: int, other: Sequence[LabelledSentence]) -> dict[str, float]:
    """Train once and return the columns of the table."""
    settings = typed(compose(CONFIGS, "train", TrainSettings, [*overrides, f"seed={seed}"]), TrainSettings)
    labels = settings.labels.label_set.names
    split = load_data(settings.data, settings.labels.label_set).split
    with tempfile.TemporaryDirectory() as scratch, tempfile.TemporaryDirectory() as folder:
        trained = fine_tune(settings, split, Path(scratch))
        save_model(trained, Path(folder))
        predictor = loaded(settings, Path(folder))
        began = time.perf_counter()
        predicted = [prediction.label for prediction in predictor.predict(passages_of(split.test))]
        seconds = time.perf_counter() - began
        alone = predictor.score([sentence.text for sentence in split.test]).probabilities.argmax(axis=1)
        figures = {
            "validation": trained.validation,
            "own test": macro_f1(split.test, predicted, labels),
            "own test, alone": macro_f1(split.test, [labels[index] for index in alone], labels),
        }
        if other:
            found = [prediction.label for prediction in predictor.predict(passages_of(other))]
            figures["other"] = macro_f1(other, found, labels)
    return figures | {
        "trained sentences/s": trained.sentences / trained.seconds,
        "predicted sentences/s": len(split.test) / seconds,
    }


def main() -> None:
    """Measure every row with every seed and print the table."""
    named = dict(item.split("=", 1) for item in sys.argv[1:] if item.startswith(("other=", "seeds=")))
    rows = [item for item in sys.argv[1:] if not item.startswith(("other=", "seeds="))] or [DEFAULT]
    seeds = [int(seed) for seed in named.get("seeds", "1,2,3").split(",")]
    other = tuple(read_labelled(os.path.expanduser(named["other"]), Columns())) if "other" in named else ()
    table: dict[str, dict[str, list[float]]] = {}
    for row in rows:
        table[row] = defaultdict(list)
        for seed in seeds:
            found = measure([] if row == DEFAULT else row.split(";"), seed, other)
            print(
                f"{row}, seed {seed}: " + ", ".join(f"{name} {value:.4g}" for name, value in found.items()), flush=True
            )
            for name, value in found.items():
                table[row][name].append(value)
    columns = list(table[rows[0]])
    print("\n| setting | " + " | ".join(columns) + " |\n|" + "---|" * (len(columns) + 1))
    for row, values in table.items():
        cells = []
        for name in columns:
            mean = statistics.mean(values[name])
            spread = f" ± {statistics.stdev(values[name]):.3f}" if len(seeds) > 1 else ""
            cells.append(f"{mean:.0f}" if name.endswith("/s") else f"{mean:.3f}{spread}")
        print(f"| `{row}` | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
