"""Training on a GPU, in one run of a few minutes; each row is printed as it comes.

    python benchmarks/gpu_training.py [backbones=minilm,mpnet] [batch_sizes=32,256,1024] [lora=16] [steps=150] [NAME=…]

Every backbone (a ready choice of `model=`, a folder) is trained with each batch size, then with the largest one by LoRA
and with activation checkpointing. Printed are training sentences a second from the median step, the share of the step
in which the next batch is made (where that nears the whole, tokens and batches are the bottleneck and not the card),
peak memory, and the share of what a large product in bf16 reaches on the same card. It runs on a CPU too, to be tried:

    python benchmarks/gpu_training.py backbones=tiny batch_sizes=8,16 lora=2 steps=4 data=FILE
"""

import statistics
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from arguments import part_arguments
from gpu import card_limit, say, synchronize

from sitrep.cli.composition import compose_settings
from sitrep.data.loading import load_data
from sitrep.data.split import Split
from sitrep.labels import Taxonomy, find_taxonomy
from sitrep.model.hardware import choose_device, cpu_name
from sitrep.settings import TrainSettings
from sitrep.training.examples import Collator
from sitrep.training.fine_tuning import FineTuned, fine_tune
from sitrep.training.frozen_weights import named_layers

WARM_UP = 10
"""First steps, which are not counted."""
VALIDATION = 100
"""Units that are validated on at the end, which is not timed."""


def step_clock() -> Any:
    """A callback that keeps the end of every step; the card is waited for only at the first counted and at the last."""
    import transformers

    class StepClock(transformers.TrainerCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.ends: list[float] = []

        def on_step_end(self, args: Any, state: Any, *_: Any, **__: Any) -> None:
            if len(self.ends) == WARM_UP or state.global_step == state.max_steps:
                synchronize()
            self.ends.append(time.perf_counter())

        def seconds_a_step(self) -> float:
            counted = self.ends[min(WARM_UP, len(self.ends) - 2) :]
            return (counted[-1] - counted[0]) / (len(counted) - 1)

    return StepClock()


class TimedBatches:
    """Seconds in which batches were put together, while it is open."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __enter__(self) -> "TimedBatches":
        self._usual: Callable[..., Any] = Collator.__call__
        usual, seconds = self._usual, self.seconds

        def timed(collator: Collator, examples: Any) -> Any:
            began = time.perf_counter()
            made = usual(collator, examples)
            seconds.append(time.perf_counter() - began)
            return made

        Collator.__call__ = timed  # type: ignore[method-assign,assignment]
        return self

    def __exit__(self, *_: object) -> None:
        Collator.__call__ = self._usual  # type: ignore[method-assign]


def flops_a_sentence(trained: FineTuned, split: Split) -> float:
    """FLOPs that a sentence needs at least: products and attention of its real tokens, those of its context left out.

    What is learnt costs twice as much again on the way back. Of the last layer the begin token alone is read, so of
    the others keys and values are needed.
    """
    texts = [sentence.text for sentence in split.train[:2000]]
    tokens = np.array([len(item) for item in trained.encoder.tokenize(texts)[0]], dtype=float)
    size, wide = trained.model.config.hidden_size, trained.model.config.intermediate_size
    _, layers = named_layers(trained.model)
    *lower, _ = [3 if any(weights.requires_grad for weights in layer.parameters()) else 1 for layer in layers]
    whole = tokens * 2 * (4 * size**2 + 2 * size * wide) + 4 * tokens**2 * size
    last = tokens * 2 * 2 * size**2 + 4 * tokens * size
    return float((sum(lower) * whole + 3 * last).mean())


def row(name: str, settings: TrainSettings, split: Split, taxonomy: Taxonomy, limit: float) -> None:
    """Train some steps and print a line of the table."""
    clock = step_clock()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    with tempfile.TemporaryDirectory() as scratch, TimedBatches() as batches:
        trained = fine_tune(settings, split, taxonomy, Path(scratch), [clock])
    step, size = clock.seconds_a_step(), settings.trainer.batch_size
    waiting = statistics.median(batches.seconds) / step
    memory = f"{torch.cuda.max_memory_allocated() / 2**30:.1f}" if torch.cuda.is_available() else "–"
    share = flops_a_sentence(trained, split) * size / step / limit
    losses = [entry["loss"] for entry in trained.history]
    say(
        f"| {name} | {trained.precision.precision.name} | {size} | {size / step:,.0f} | {1000 * step:.1f} "
        f"| {waiting:.0%} | {memory} | {share:.1%} | {losses[-1]:.3f} |"
    )


def main() -> None:
    """One row after the other; one that fails does not take the others with it."""
    given, changes = part_arguments({"backbones", "batch_sizes", "lora", "steps"})
    sizes = [int(item) for item in given.get("batch_sizes", "32,256,1024").split(",")]
    rank, steps = int(given.get("lora", "16")), int(given.get("steps", "150"))
    device = choose_device()
    card = torch.cuda.get_device_name() if device.type == "cuda" else "no GPU"
    limit = card_limit(device)
    say(f"{card}; {cpu_name()}; torch {torch.__version__}; a large product in bf16: {limit / 1e12:.1f} TFLOP/s\n")
    say("| what | precision | batch | sentences/s | ms a step | of it making a batch | GiB | of the limit | loss |")
    say("|---|---|---|---|---|---|---|---|---|")
    common = [*changes, f"trainer.extra.max_steps={steps}", "trainer.early_stopping_patience=0"]
    known: dict[str, tuple[Split, Taxonomy]] = {}
    for backbone in given.get("backbones", "minilm,mpnet").split(","):
        ways = [(backbone, [f"trainer.batch_size={size}"]) for size in sizes]
        largest = [f"trainer.batch_size={sizes[-1]}"]
        ways.append((f"{backbone}, LoRA of rank {rank}", [*largest, f"model.lora.rank={rank}"]))
        ways.append((f"{backbone}, layers computed again", [*largest, "trainer.activation_checkpointing=true"]))
        for name, own in ways:
            try:
                settings = compose_settings("train", TrainSettings, [f"model={backbone}", *common, *own])
                key = repr((settings.data, settings.labels))
                if key not in known:
                    taxonomy = find_taxonomy(settings.labels)
                    split = load_data(settings.data, taxonomy).split
                    known[key] = replace(split, validation=split.validation[:VALIDATION], test=()), taxonomy
                row(name, settings, *known[key], limit)
            except Exception:  # the machine is lent for minutes: the next row is wanted all the same
                say(f"{name} {own}: {traceback.format_exc()}")


if __name__ == "__main__":
    main()
