"""Training: this program against transformers' own example defaults, side by side in one run.

    python benchmarks/training.py [steps=30] [rounds=2] [processes=2] [SETTING...]
    python benchmarks/training.py units=1000 seeds=1,2,3 [SETTING...]

The example's defaults (`run_classification.py`): fp32, batches of 8, every sentence padded to 128 tokens. Ours:
`scripts/train.py` as it comes, or with SETTINGs. Both see the same training split of the shipped corpus, the same
backbone and optimiser; the first steps are not counted. With `processes` ours is measured a third time, as so many
processes of one thread each at the same sentences a step. With `units` both are trained to their end on the first units
of the training split, each with its own learning rate, and scored on the test split: is the faster one as good?
"""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from arguments import part_arguments
from stopwatch import stopwatch

from sitrep.cli.composition import compose_settings
from sitrep.data.loading import load_data
from sitrep.data.split import Split
from sitrep.inference.predictor import Predictor
from sitrep.inference.torch_engine import TorchEngine
from sitrep.labels import Taxonomy, find_taxonomy
from sitrep.metrics.scores import score
from sitrep.model.backbone import load_backbone
from sitrep.model.classifier import wrap_classifier
from sitrep.model.hardware import choose_device, cpu_name
from sitrep.sentences import LabelledSentence
from sitrep.settings import TrainSettings
from sitrep.training.fine_tuning import FineTuned, fine_tune

VALIDATION = 100
"""Units that ours validates on at the end, which is not timed but cannot be turned off."""
EXAMPLE_BATCH = 8


def example(
    changes: list[str], steps: int, train: tuple[LabelledSentence, ...], taxonomy: Taxonomy, seed: int = 42
) -> tuple[float, Any, Any]:
    """Speed of the example script's way, and its model and tokenizer; ``steps`` of -1 are its three epochs."""
    import datasets
    import transformers

    settings = compose_settings("train", TrainSettings, [*changes, "model.dropout=null"])
    transformers.set_seed(seed)
    texts = [sentence.text for sentence in train]
    classifier, tokenizer = load_backbone(settings.model, taxonomy.labels, settings.task, texts)
    encoded = tokenizer(texts, truncation=True, padding="max_length", max_length=128)
    numbers = [taxonomy.labels.index(sentence.label) for sentence in train]
    watch = stopwatch()
    with tempfile.TemporaryDirectory() as scratch:
        arguments = transformers.TrainingArguments(
            scratch,
            per_device_train_batch_size=EXAMPLE_BATCH,
            max_steps=steps,
            seed=seed,
            report_to="none",
            disable_tqdm=True,
            save_strategy="no",
            use_cpu=choose_device().type == "cpu",
            dataloader_pin_memory=False,
        )
        dataset = datasets.Dataset.from_dict(dict(encoded) | {"labels": numbers})
        trainer = transformers.Trainer(classifier.model, arguments, train_dataset=dataset, callbacks=[watch])
        trainer.remove_callback(transformers.PrinterCallback)
        trainer.train()
    return float(watch.speed(EXAMPLE_BATCH)), classifier.model, tokenizer


def ours(changes: list[str], steps: int, split: Split, taxonomy: Taxonomy) -> tuple[float, FineTuned]:
    """Speed of our way, and what came of it; ``steps`` of -1 are as many as the settings say."""
    limit = [f"trainer.extra.max_steps={steps}"] if steps > 0 else []
    settings = compose_settings("train", TrainSettings, [*changes, *limit])
    watch = stopwatch()
    with tempfile.TemporaryDirectory() as scratch:
        trained = fine_tune(settings, split, taxonomy, Path(scratch), [watch])
    return watch.speed(settings.trainer.batch_size), trained


def in_processes(count: int, changes: list[str], steps: int) -> float:
    """Speed of our way in processes of one thread, at the same sentences a step."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}", __file__]
    finished = subprocess.run(
        [*command, f"steps={steps}", "worker=yes", *changes],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    return float(next(line for line in finished.stdout.splitlines() if line.startswith("speed ")).split()[1])


def small(changes: list[str]) -> tuple[Split, Taxonomy]:
    """The training split with little to validate on, and its taxonomy."""
    settings = compose_settings("train", TrainSettings, changes)
    taxonomy = find_taxonomy(settings.labels)
    split = load_data(settings.data, taxonomy).split
    return Split(split.train, split.validation[:VALIDATION], ()), taxonomy


def compare_speed(changes: list[str], steps: int, rounds: int, processes: int) -> None:
    """Measure in turn and print the table."""
    split, taxonomy = small(changes)
    several = f"sitrep, {processes} processes of one thread"
    speeds: dict[str, list[float]] = {"transformers' example": [], "sitrep": []}
    precisions = {"transformers' example": "fp32: its default", several: "the same"}
    for _ in range(rounds):
        speeds["transformers' example"].append(example(changes, steps, split.train, taxonomy)[0])
        found, trained = ours(changes, 2 * steps, split, taxonomy)
        speeds["sitrep"].append(found)
        precisions["sitrep"] = f"{trained.precision.precision.name}: {trained.precision.reason}"
        if processes > 1:
            speeds.setdefault(several, []).append(in_processes(processes, changes, 2 * steps))
    base = statistics.mean(speeds["transformers' example"])
    print(f"{cpu_name()}, device: {choose_device().type}\n")
    print("| method | precision | sentences/s (of each round) | ratio |\n|---|---|---|---|")
    for name, values in speeds.items():
        middle = statistics.mean(values)
        each = ", ".join(f"{value:.1f}" for value in values)
        print(f"| {name} | {precisions[name]} | {middle:.1f} ({each}) | {middle / base:.1f} |")


def compare_accuracy(changes: list[str], units: int, seeds: list[int]) -> None:
    """Train both ways to their end with every seed, and print macro-F1 on the test split."""
    settings = compose_settings("train", TrainSettings, changes)
    taxonomy = find_taxonomy(settings.labels)
    split = load_data(settings.data, taxonomy).split
    part = Split(split.train[:units], split.validation[: max(units // 5, VALIDATION)], ())
    texts, true = [unit.text for unit in split.test], [unit.label for unit in split.test]

    def figure(model: Any, trained: FineTuned) -> float:
        engine = TorchEngine(model, trained.device, trained.precision)
        predictor = Predictor(engine, trained.encoder, taxonomy, settings.task)
        return score(true, predictor.choose(predictor.predict_proba(texts))[0], taxonomy).macro_f1 or 0.0

    print(f"{len(part.train)} training units, {len(texts)} test units\n")
    print("| seed | transformers' example | sitrep |\n|---|---|---|")
    rows = []
    for seed in seeds:
        _, trained = ours([*changes, f"seed={seed}"], -1, part, taxonomy)
        _, model, _ = example(changes, -1, part.train, taxonomy, seed)
        rows.append((figure(wrap_classifier(model, settings.model.context), trained), figure(trained.model, trained)))
        print(f"| {seed} | {rows[-1][0]:.4f} | {rows[-1][1]:.4f} |", flush=True)
    theirs, own = (statistics.mean(column) for column in zip(*rows, strict=True))
    print(f"| mean | {theirs:.4f} | {own:.4f} |")


def main() -> None:
    """Compare speed, or accuracy where `units` are given."""
    given, changes = part_arguments({"steps", "rounds", "processes", "units", "seeds", "worker"})
    steps = int(given.get("steps", "30"))
    if "worker" in given:
        found, _ = ours(changes, steps, *small(changes))
        if os.environ.get("RANK", "0") == "0":
            print(f"speed {found}")
    elif "units" in given:
        compare_accuracy(changes, int(given["units"]), [int(seed) for seed in given.get("seeds", "1,2,3").split(",")])
    else:
        compare_speed(changes, steps, int(given.get("rounds", "2")), int(given.get("processes", "1")))


if __name__ == "__main__":
    main()
