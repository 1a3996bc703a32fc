"""Fine-tuning a backbone with ``transformers.Trainer``."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sitrep.config import Precision, TrainSettings, WeightAveraging
from sitrep.data import Split
from sitrep.decisions import classes_that_apply, label_of
from sitrep.errors import UsageError, UserError
from sitrep.evaluation.metrics import Scores, score
from sitrep.hardware import choose_device, choose_precision
from sitrep.labels import CLASSES, NONE, Task, outputs_of
from sitrep.modelling.rows import Reader
from sitrep.training.arguments import BEST_METRIC, training_arguments
from sitrep.training.backbone import RANDOM_TINY, load_backbone
from sitrep.training.robustness import PretrainedWeights, hide_tokens

if TYPE_CHECKING:
    import transformers


@dataclass(frozen=True)
class FineTuned:
    """A trained model with what is to be told of its training.

    Attributes:
        model: The weights of the best epoch.
        tokenizer: Its tokenizer.
        history: One entry an epoch: ``epoch``, ``loss`` (mean over the epoch) and the validation ``macro_f1_four``.
        validation: Macro-F1 over the four classes of the final weights on validation.
        precision: That was computed in.
        device: That was computed on.
        seconds: Spent in training, validation included, loading apart.
        sentences: Trained on in all epochs together.
    """

    model: Any
    tokenizer: Any
    history: list[dict[str, float]]
    validation: float
    precision: Precision
    device: str
    seconds: float
    sentences: int


def fine_tune(
    settings: TrainSettings,
    split: Split,
    scratch: Path,
    callbacks: "Sequence[transformers.TrainerCallback]" = (),
    first_seed: int | None = None,
    labels: tuple[str, ...] | None = None,
) -> FineTuned:
    """Fine-tune a backbone and return the weights of the epoch that did best on validation.

    Args:
        settings: Of the run.
        split: Its ``test`` part is not touched.
        scratch: Folder for the weights of single epochs; the caller removes it.
        callbacks: Watchers, such as a progress bar.
        first_seed: Of the new layers, where runs of several seeds are to begin at one point; ``None``: as the rest.
        labels: Of data with a taxonomy of their own; ``None``: those of the settings.

    Raises:
        UserError: If the backbone cannot be loaded.
        UsageError: If ``trainer.extra`` names what is not there, or what has a setting of its own.
    """
    import torch
    import transformers

    from sitrep.training.examples import Collator, Examples, pad_id
    from sitrep.training.losses import Objective
    from sitrep.training.trainer import SentenceTrainer, warm_up

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    device = choose_device()
    precision = choose_precision(settings.trainer.precision, device, "trainer.precision")
    arguments = training_arguments(settings, scratch, precision, device.type)
    outputs = labels or outputs_of(settings.task, settings.labels.label_set)
    labels = labels or settings.labels.label_set.names
    transformers.set_seed(settings.seed if first_seed is None else first_seed)  # the classification layer is drawn here
    model, tokenizer = load_backbone(settings.model, outputs, settings.task, (s.text for s in split.train), device.type)
    began_at_random = settings.model.name == RANDOM_TINY
    pretrained = PretrainedWeights(model) if settings.trainer.pretrained_share and not began_at_random else None
    watchers = list(callbacks)
    if settings.trainer.weight_averaging is not WeightAveraging.none:
        from sitrep.training.averaging import AveragedWeights

        watchers.append(AveragedWeights(settings.trainer.weight_averaging))
    if settings.trainer.early_stopping_patience:
        watchers.append(transformers.EarlyStoppingCallback(settings.trainer.early_stopping_patience))
    chosen = settings.model
    reader = Reader(tokenizer, chosen.context, chosen.pooling, chosen.max_tokens, chosen.window_tokens)
    examples, held_out = (Examples(part, reader, labels) for part in (split.train, split.validation))
    held_out.rows.sort(key=lambda row: len(row.ids))  # batches of like length: little is padded
    parts = {
        "model": model,
        "train_dataset": examples,
        "data_collator": Collator(pad_id(tokenizer), reader.pairs),
        "objective": Objective(settings.trainer, settings.task, split.train, labels),
    }
    began = time.perf_counter()
    try:
        if settings.trainer.contrastive_epochs:
            warm_up(settings.trainer, arguments, scratch, **parts)
        if settings.trainer.token_masking:
            hide_tokens(model, tokenizer, settings.trainer.token_masking)
        trainer = SentenceTrainer(
            settings=settings.trainer,
            args=arguments,
            eval_dataset=held_out,
            compute_metrics=validation_metrics(labels, settings.task),
            callbacks=watchers,
            **parts,
        )
    except (ValueError, TypeError, ImportError, RuntimeError) as error:
        if not settings.trainer.extra:
            raise
        raise UsageError(f"trainer.extra={settings.trainer.extra}: {error}") from None
    trainer.remove_callback(transformers.PrinterCallback)
    try:
        trainer.train()
    except torch.OutOfMemoryError:
        size = settings.trainer.batch_size
        raise UserError(f"trainer.batch_size={size}: the GPU's memory is too small; lower it") from None
    if not all(torch.isfinite(weights).all() for weights in trainer.model.parameters()):
        rate = settings.trainer.learning_rate
        raise UserError(f"trainer.learning_rate={rate}: training diverged, the weights are not finite; lower it")
    seconds = time.perf_counter() - began
    history = _history(trainer.state.log_history)
    validation = max(entry[BEST_METRIC] for entry in history)
    if pretrained:
        pretrained.mix_into(trainer.model, settings.trainer.pretrained_share)
        validation = trainer.predict(held_out, metric_key_prefix="eval").metrics[f"eval_{BEST_METRIC}"]
    return FineTuned(
        model=trainer.model,
        tokenizer=tokenizer,
        history=history,
        validation=validation,
        precision=precision,
        device=device.type,
        seconds=seconds,
        sentences=round(len(split.train) * (settings.trainer.contrastive_epochs + (trainer.state.epoch or 0))),
    )


def validation_metrics(labels: tuple[str, ...], task: Task) -> Callable[[Any], dict[str, float]]:
    """The figure that picks the best epoch, computed from logits of shape (rows, sentences, outputs).

    With many labels a class applies from a probability of 0.5, as thresholds are chosen when training is over.
    """

    def compute(output: Any) -> dict[str, float]:
        true = output.label_ids[0]
        answered = true >= 0
        logits = np.asarray(output.predictions)[answered]
        names = np.asarray(labels)
        if task is Task.multi_label:  # a logit of 0 is a probability of 0.5
            predicted = label_of(classes_that_apply(logits, dict.fromkeys(CLASSES, 0.0)))
        else:
            predicted = list(names[logits.argmax(axis=-1)])
        scores = score(list(names[true[answered]]), predicted, labels)
        return {BEST_METRIC: scores.macro_f1_four or _other_macro_f1(scores)}

    return compute


def _other_macro_f1(scores: Scores) -> float:
    """Mean F1 over the labels of another taxonomy, ``none`` left out; 0 where a mean over our classes is that."""
    found = [figures.f1 for label, figures in scores.per_class.items() if label not in (*CLASSES, NONE)]
    return float(np.mean([f1 or 0.0 for f1 in found])) if found else 0.0


def save_model(trained: FineTuned, folder: Path) -> None:
    """Write weights, tokenizer and configuration, as a plain Hugging Face folder wherever the model is a plain one.

    Raises:
        OSError: If the disk is full, which the weights' library reports in a type of its own.
    """
    from safetensors import SafetensorError

    from sitrep.modelling.classifier import SentenceClassifier, save_sentence_classifier

    try:
        if isinstance(trained.model, SentenceClassifier):
            save_sentence_classifier(trained.model, folder)
        else:
            trained.model.model.save_pretrained(folder)
        trained.tokenizer.save_pretrained(folder)
    except SafetensorError as error:
        raise UserError(
            f"{folder.name}: the weights could not be written: {error}; nothing half-written was kept"
        ) from None


def _history(log: list[dict[str, float]]) -> list[dict[str, float]]:
    """Per epoch: mean training loss and validation figure, out of the library's flat log."""
    history: list[dict[str, float]] = []
    losses: list[float] = []
    for entry in log:
        if "loss" in entry:
            losses.append(entry["loss"])
        if f"eval_{BEST_METRIC}" in entry:
            history.append(
                {
                    "epoch": entry["epoch"],
                    "loss": float(np.mean(losses)) if losses else float("nan"),
                    BEST_METRIC: entry[f"eval_{BEST_METRIC}"],
                }
            )
            losses = []
    return history
