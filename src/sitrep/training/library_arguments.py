"""The only module that knows the names of ``transformers``' training arguments."""

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sitrep.errors import UsageError
from sitrep.settings import Precision, TrainSettings

if TYPE_CHECKING:
    import transformers

BEST_METRIC = "macro_f1"

FIXED = {
    "eval_strategy",
    "save_strategy",
    "load_best_model_at_end",
    "metric_for_best_model",
    "greater_is_better",
    "save_only_model",
    "save_total_limit",
    "save_on_each_node",
    "resume_from_checkpoint",
    "restore_callback_states_from_checkpoint",
    "ignore_data_skip",
    "auto_find_batch_size",
    "fp16",
    "use_cpu",
    "disable_tqdm",
    "label_names",
    "remove_unused_columns",
    "label_smoothing_factor",
    "train_sampling_strategy",
}
"""Arguments that the loss, the batches, the choice of the best epoch, the precision, the training checkpoints and the
progress bar rest on."""

OURS = {
    "num_train_epochs": "trainer.epochs",
    "per_device_train_batch_size": "trainer.batch_size",
    "learning_rate": "trainer.learning_rate",
    "warmup_steps": "trainer.warmup_fraction",
    "weight_decay": "trainer.weight_decay",
    "bf16": "trainer.precision",
    "gradient_accumulation_steps": "trainer.accumulation_steps",
    "gradient_checkpointing": "trainer.activation_checkpointing",
    "activation_checkpointing": "trainer.activation_checkpointing",
    "seed": "seed",
    "data_seed": "seed",
    "output_dir": "output_dir",
}
"""Arguments that have a setting of their own, which ``trainer.extra`` must not contradict."""


def training_arguments(
    settings: TrainSettings, scratch: Path, precision: Precision, device: str
) -> "transformers.TrainingArguments":
    """Translate our settings into the library's, ``trainer.extra`` last."""
    import transformers

    chosen = settings.trainer
    known = {item.name for item in fields(transformers.TrainingArguments)}
    for name in chosen.extra:
        if name in OURS:
            raise UsageError(f"trainer.extra.{name}: has a setting of its own; use {OURS[name]}")
        if name in FIXED:
            raise UsageError(f"trainer.extra.{name}: cannot be changed; what the report says of the run rests on it")
        if name not in known:
            raise UsageError(
                f"trainer.extra.{name}: transformers {transformers.__version__} has no such training argument"
            )
    arguments: dict[str, Any] = {
        "output_dir": str(scratch),
        "num_train_epochs": settings.epochs,
        "per_device_train_batch_size": chosen.batch_size,  # the batches themselves are made by RowBatches
        "gradient_accumulation_steps": chosen.accumulation_steps,
        "per_device_eval_batch_size": max(64, chosen.batch_size),
        "learning_rate": chosen.learning_rate,
        "warmup_steps": chosen.warmup_fraction,  # below 1 it is a share of all steps
        "weight_decay": chosen.weight_decay,
        "bf16": precision is Precision.bf16,
        "use_cpu": device == "cpu",
        "dataloader_pin_memory": device == "cuda",
        "seed": settings.seed,
        "data_seed": settings.seed,
        "eval_strategy": "epoch",
        "save_strategy": "epoch",
        "logging_strategy": "steps",
        "logging_steps": 1,
        "metric_for_best_model": BEST_METRIC,
        "greater_is_better": True,
        "report_to": "none",
        "disable_tqdm": True,
        "label_names": ["labels", "targets"],
        "remove_unused_columns": False,
        "ddp_find_unused_parameters": False,
        "accelerator_config": {"even_batches": False},  # batches hold like many sentences, not like many rows
    }
    try:
        return transformers.TrainingArguments(**(arguments | chosen.extra))
    except (ValueError, TypeError) as error:
        raise UsageError(f"trainer.extra={chosen.extra}: {error}") from None
