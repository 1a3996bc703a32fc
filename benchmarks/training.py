"""Training: this program against transformers' own example defaults, side by side in one run.

    python benchmarks/training.py [steps=30]

The example's defaults (`run_classification.py`): fp32, batches of 8, every sentence padded to 128
tokens. Ours: `configs/train.yaml`. Both see the same training split of the shipped corpus, the same
backbone and optimiser; the first steps are not counted.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import datasets
import transformers

from sitrep.settings import TrainSettings
from sitrep.data.loading import load_data
from sitrep.model.hardware import choose_device, choose_precision
from sitrep.cli.composition import compose, typed
from sitrep.model.encoding import Reader
from sitrep.training.library_arguments import training_arguments
from sitrep.model.backbone import load_backbone
from sitrep.training.examples import Collator, Examples, pad_id
from sitrep.training.losses import Objective
from sitrep.training.regularization import hide_tokens
from sitrep.training.trainer import SentenceTrainer

CONFIGS = Path(__file__).parents[1] / "configs"
WARM_UP = 5


class Stopwatch(transformers.TrainerCallback):  # type: ignore[misc]
    """Seconds of every step."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.began = 0.0

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        """Start the watch."""
        self.began = time.perf_counter()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Read the watch."""
        self.seconds.append(time.perf_counter() - self.began)


def speed(trainer: transformers.Trainer, watch: Stopwatch, batch_size: int) -> float:
    """Sentences a second over the counted steps, from the mean step: batches differ in length."""
    trainer.train()
    return batch_size / statistics.mean(watch.seconds[WARM_UP:])


def example(settings: TrainSettings, steps: int, scratch: str) -> float:
    """The example script's way."""
    labels = settings.labels.label_set.names
    train = load_data(settings.data, settings.labels.label_set).split.train
    row_model, tokenizer = load_backbone(settings.model, labels, settings.task, (), "example")
    texts = [sentence.text for sentence in train]
    encoded = tokenizer(texts, truncation=True, padding="max_length", max_length=128)
    dataset = datasets.Dataset.from_dict(dict(encoded) | {"labels": [labels.index(s.label) for s in train]})
    watch = Stopwatch()
    arguments = transformers.TrainingArguments(
        scratch,
        per_device_train_batch_size=8,
        max_steps=steps,
        report_to="none",
        disable_tqdm=True,
        save_strategy="no",
        use_cpu=True,
        dataloader_pin_memory=False,
    )
    trainer = transformers.Trainer(row_model.model, arguments, train_dataset=dataset, callbacks=[watch])
    return speed(trainer, watch, 8)


def ours(settings: TrainSettings, steps: int, scratch: str) -> float:
    """Our way: as `fine_tune` sets the trainer up, without validation."""
    labels = settings.labels.label_set.names
    train = load_data(settings.data, settings.labels.label_set).split.train
    device = choose_device()
    precision = choose_precision(settings.trainer.precision, device, "trainer.precision")
    model, tokenizer = load_backbone(settings.model, labels, settings.task, (), device.type)
    arguments = training_arguments(settings, Path(scratch), precision, device.type)
    arguments.max_steps, arguments.eval_strategy, arguments.save_strategy = steps, "no", "no"
    arguments.load_best_model_at_end = False
    watch = Stopwatch()
    chosen = settings.model
    reader = Reader(tokenizer, chosen.context, chosen.pooling, chosen.max_tokens, chosen.window_tokens)
    examples = Examples(train, reader, labels)
    if settings.trainer.token_masking:
        hide_tokens(model, tokenizer, settings.trainer.token_masking)
    trainer = SentenceTrainer(
        model=model,
        args=arguments,
        train_dataset=examples,
        data_collator=Collator(pad_id(tokenizer), reader.pairs),
        settings=settings.trainer,
        objective=Objective(settings.trainer, settings.task, train, labels),
        callbacks=[watch],
    )
    return speed(trainer, watch, settings.trainer.batch_size)


def main() -> None:
    """Measure twice in turn and print the table."""
    options = dict(argument.split("=", 1) for argument in sys.argv[1:])
    steps = int(options.get("steps", "30"))
    settings = typed(compose(CONFIGS, "train", TrainSettings, []), TrainSettings)
    plain = typed(compose(CONFIGS, "train", TrainSettings, ["model.dropout=null"]), TrainSettings)
    speeds: dict[str, list[float]] = {"transformers' example": [], "sitrep": []}
    with tempfile.TemporaryDirectory() as scratch:
        for _ in range(2):
            speeds["transformers' example"].append(example(plain, steps, scratch))
            speeds["sitrep"].append(ours(settings, 2 * steps, scratch))
    base = statistics.mean(speeds["transformers' example"])
    print("| method | sentences/s | ratio |\n|---|---|---|")
    for name, values in speeds.items():
        print(f"| {name} | {statistics.mean(values):.1f} | {statistics.mean(values) / base:.1f} |")


if __name__ == "__main__":
    main()
