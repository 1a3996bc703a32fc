"""Training: this program against transformers' own example defaults, side by side in one run.

    python benchmarks/training.py [steps=30] [SETTING...]

The example's defaults (`run_classification.py`): fp32, batches of 8, every sentence padded to 128 tokens. Ours:
`scripts/train.py` as it comes, or with SETTINGs. Both see the same training split of the shipped corpus, the same
backbone and optimiser; the first steps are not counted.
"""

import statistics
import tempfile
from pathlib import Path

from arguments import part_arguments
from stopwatch import stopwatch

from sitrep.cli.composition import compose_settings
from sitrep.data.loading import load_data
from sitrep.data.split import Split
from sitrep.labels import Taxonomy, find_taxonomy
from sitrep.model.backbone import load_backbone
from sitrep.model.hardware import choose_device, cpu_name
from sitrep.sentences import LabelledSentence
from sitrep.settings import TrainSettings
from sitrep.training.fine_tuning import fine_tune

VALIDATION = 100
"""Units that ours validates on at the end, which is not timed but cannot be turned off."""
EXAMPLE_BATCH = 8


def example(changes: list[str], steps: int, train: tuple[LabelledSentence, ...], taxonomy: Taxonomy) -> float:
    """Speed of the example script's way."""
    import datasets
    import transformers

    settings = compose_settings("train", TrainSettings, [*changes, "model.dropout=null"])
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
    return float(watch.speed(EXAMPLE_BATCH))


def ours(changes: list[str], steps: int, split: Split, taxonomy: Taxonomy) -> tuple[float, str]:
    """Speed of our way, and the precision with its reason."""
    settings = compose_settings("train", TrainSettings, [*changes, f"trainer.extra.max_steps={steps}"])
    watch = stopwatch()
    with tempfile.TemporaryDirectory() as scratch:
        trained = fine_tune(settings, split, taxonomy, Path(scratch), [watch])
    return watch.speed(settings.trainer.batch_size), f"{trained.precision.precision.name}: {trained.precision.reason}"


def main() -> None:
    """Measure twice in turn and print the table."""
    given, changes = part_arguments({"steps"})
    steps = int(given.get("steps", "30"))
    settings = compose_settings("train", TrainSettings, changes)
    taxonomy = find_taxonomy(settings.labels)
    split = load_data(settings.data, taxonomy).split
    split = Split(split.train, split.validation[:VALIDATION], ())
    speeds: dict[str, list[float]] = {"transformers' example": [], "sitrep": []}
    precisions = {"transformers' example": "fp32: its default"}
    for _ in range(2):
        speeds["transformers' example"].append(example(changes, steps, split.train, taxonomy))
        found, precisions["sitrep"] = ours(changes, 2 * steps, split, taxonomy)
        speeds["sitrep"].append(found)
    base = statistics.mean(speeds["transformers' example"])
    print(f"{cpu_name()}, device: {choose_device().type}\n")
    print("| method | precision | sentences/s | ratio |\n|---|---|---|---|")
    for name, values in speeds.items():
        middle = statistics.mean(values)
        print(f"| {name} | {precisions[name]} | {middle:.1f} | {middle / base:.1f} |")


if __name__ == "__main__":
    main()
