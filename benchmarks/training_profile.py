"""Where the time of a training step goes, and what share of the processor's limit it reaches.

    python benchmarks/training_profile.py [steps=20] [SETTING...]

The limit is a large product in the same number format on the same cores, measured before; what counts as work are the
products and the attention of real tokens, on the way there and back. Times of operators are torch's own; what is left
of the step is Python, the library's trainer among it.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from arguments import part_arguments
from gpu_training import flops_a_sentence
from prediction import limit
from torch.profiler import ProfilerActivity, profile

from sitrep.cli.composition import compose_settings
from sitrep.data.loading import load_data
from sitrep.data.split import Split
from sitrep.labels import find_taxonomy
from sitrep.model.hardware import choose_device, cpu_name
from sitrep.settings import TrainSettings
from sitrep.training.fine_tuning import fine_tune

WARM_UP = 8
KINDS = {
    "products with weights": ("aten::mm", "aten::addmm", "aten::linear"),
    "attention: products and softmax": ("aten::bmm", "aten::_softmax", "aten::_softmax_backward_data"),
    "GELU": ("aten::gelu", "aten::gelu_backward"),
    "layer norms": ("aten::native_layer_norm", "aten::native_layer_norm_backward"),
    "optimizer": ("aten::_fused_adamw_", "Optimizer.step#AdamW.step", "Optimizer.zero_grad#AdamW.zero_grad"),
    "clipping of gradients": ("aten::linalg_vector_norm", "aten::_foreach_norm", "aten::mul_", "aten::_foreach_mul_"),
    "embeddings": ("aten::embedding", "aten::embedding_dense_backward", "aten::fill_", "aten::zero_"),
    "casts and copies": ("aten::copy_", "aten::_to_copy", "aten::cat", "aten::index_select", "aten::index_add_"),
}
"""What operators are for. Zeros are filled for little else than the gradient of the embeddings."""


def profiler(steps: int) -> Any:
    """A callback that profiles some steps behind the first."""
    import transformers

    class StepProfiler(transformers.TrainerCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.profile = profile(activities=[ProfilerActivity.CPU])
            self.seconds = 0.0

        def on_step_begin(self, args: Any, state: Any, *_: Any, **__: Any) -> None:
            if state.global_step == WARM_UP:
                self.profile.__enter__()
                self.began = time.perf_counter()

        def on_step_end(self, args: Any, state: Any, *_: Any, **__: Any) -> None:
            if state.global_step == WARM_UP + steps:
                self.seconds = time.perf_counter() - self.began
                self.profile.__exit__(None, None, None)

    return StepProfiler()


def main() -> None:
    """Profile and print the table."""
    given, changes = part_arguments({"steps"})
    steps = int(given.get("steps", "20"))
    settings = compose_settings("train", TrainSettings, [*changes, f"trainer.extra.max_steps={WARM_UP + steps + 1}"])
    taxonomy = find_taxonomy(settings.labels)
    split = load_data(settings.data, taxonomy).split
    watch = profiler(steps)
    with tempfile.TemporaryDirectory() as scratch:
        trained = fine_tune(settings, Split(split.train, split.validation[:100], ()), taxonomy, Path(scratch), [watch])
    reached = limit(trained.precision.precision.name)
    spent = {event.key: event.self_cpu_time_total / 1e6 for event in watch.profile.key_averages()}
    named = {name for names in KINDS.values() for name in names}
    rows = {kind: sum(spent.get(name, 0.0) for name in names) for kind, names in KINDS.items()}
    rows["other operators"] = sum(seconds for name, seconds in spent.items() if name not in named)
    rows["Python and the trainer"] = max(watch.seconds - sum(rows.values()), 0.0)
    size, step = settings.trainer.batch_size, watch.seconds / steps
    print(
        f"{cpu_name()}, device: {choose_device().type}, {torch.get_num_threads()} threads, {trained.precision.reason}"
    )
    print(f"{1000 * step:.1f} ms a step, {size / step:.0f} sentences/s (with the profiler)\n")
    print("| part | ms a step | share |\n|---|---|---|")
    for kind, seconds in sorted(rows.items(), key=lambda item: -item[1]):
        print(f"| {kind} | {1000 * seconds / steps:.1f} | {seconds / watch.seconds:.0%} |")
    if reached:
        share = flops_a_sentence(trained, split) * size / step / reached
        print(f"\na large product: {reached / 1e9:.0f} GFLOP/s; the step reaches {share:.0%} of it")


if __name__ == "__main__":
    main()
