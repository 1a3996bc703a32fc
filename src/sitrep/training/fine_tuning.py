"""Fine-tuning a backbone with ``transformers.Trainer``."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sitrep.data.split import Split
from sitrep.decisions import classes_that_apply, label_of
from sitrep.errors import UserError
from sitrep.labels import Task, Taxonomy
from sitrep.metrics.scores import score
from sitrep.model.backbone import RANDOM_TINY, load_backbone
from sitrep.model.encoding import InputEncoder
from sitrep.model.hardware import PrecisionChoice, choose_device, choose_precision
from sitrep.model.tokenizer import TextTokenizer
from sitrep.sentences import LabelledSentence
from sitrep.settings import TrainSettings
from sitrep.training.distillation import wanted_probabilities
from sitrep.training.library_arguments import BEST_METRIC, training_arguments
from sitrep.training.memory_use import training_memory
from sitrep.training.pretrained_weights import PretrainedWeights
from sitrep.training.processes import lost_partners, refuse_idle_processes
from sitrep.training.training_checkpoints import Tell, TrainingFailed

if TYPE_CHECKING:
    import torch
    import transformers


@dataclass(frozen=True)
class FineTuned:
    """A trained model with what is to be told of its training.

    Attributes:
        model: A :class:`sitrep.model.classifier.SentenceClassifier` in fp32 with the weights of the best epoch.
        tokenizer: Its tokenizer of transformers.
        encoder: Makes its inputs.
        history: One entry an epoch: ``epoch``, ``loss`` (mean over the epoch) and the validation ``macro_f1``.
        validation: Macro-F1 of the final weights on validation.
        precision: That was computed in, and why.
        device: That was computed on.
        seconds: Spent in training, validation included, loading apart, by all processes that were cut off too.
        checkpoint_seconds: Of them, in writing training checkpoints.
        resumed_from: Steps after which training was gone on with.
        sentences: Trained on in all epochs together.
    """

    model: Any
    tokenizer: Any
    encoder: InputEncoder
    history: list[dict[str, float]]
    validation: float
    precision: PrecisionChoice
    device: "torch.device"
    seconds: float
    checkpoint_seconds: float
    resumed_from: list[int]
    sentences: int

    def told(self, processes: int) -> dict[str, Any]:
        """What ``metrics.json`` tells of the training.

        Args:
            processes: That trained together.
        """
        return {
            "history": self.history,
            "best_epoch": max(self.history, key=lambda entry: entry[BEST_METRIC])["epoch"],
            "validation_macro_f1": self.validation,
            "precision": self.precision.precision.name,
            "precision_reason": self.precision.reason,
            "device": self.device.type,
            "processes": processes,
            "training_seconds": self.seconds,
            "checkpoint_seconds": self.checkpoint_seconds,
            "resumed_from": self.resumed_from,
            "sentences_per_second": self.sentences / self.seconds,
        }


def fine_tune(
    settings: TrainSettings,
    split: Split,
    taxonomy: Taxonomy,
    scratch: Path,
    callbacks: "Sequence[transformers.TrainerCallback]" = (),
    first_seed: int | None = None,
    unlabelled: Sequence[LabelledSentence] = (),
    tell: Tell = lambda line: None,
) -> FineTuned:
    """Fine-tune a backbone and return the weights of the epoch that did best on validation.

    Args:
        settings: Of the run.
        split: Its ``test`` part is not touched.
        taxonomy: Of its labels.
        scratch: Folder for training checkpoints; what is in it already is gone on with. The caller removes it.
        callbacks: Watchers, such as a progress bar.
        first_seed: Of the new layers, where runs of several seeds are to begin at one point; ``None``: as the rest.
        unlabelled: Sentences whose probabilities alone are learnt.
        tell: Is told of what was found in ``scratch``.

    Raises:
        UserError: If the backbone cannot be loaded, or training diverges.
        UsageError: If ``trainer.extra`` names what is not there, or what has a setting of its own.
        Stopped: If a signal came; ``scratch`` has a checkpoint of that moment.
    """
    import transformers

    from sitrep.model.speaker_heads import SpeakerHeads
    from sitrep.training.cpu_steps import faster_steps
    from sitrep.training.examples import Collator, Examples
    from sitrep.training.frozen_weights import freeze
    from sitrep.training.low_rank import LowRankEncoder
    from sitrep.training.stages import Stages
    from sitrep.training.trainer import SentenceTrainer, make_trainer, warm_up

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    chosen, device, task = settings.trainer, choose_device(), settings.task
    stages = Stages(scratch, chosen.save_minutes, tell)
    precision = stages.precision(lambda wanted: choose_precision(wanted, device, "trainer.precision"), chosen.precision)
    arguments = training_arguments(settings, scratch, precision.precision, device.type)
    transformers.set_seed(settings.seed if first_seed is None else first_seed)  # the classification layer is drawn here
    texts = (sentence.text for sentence in split.train)
    model, tokenizer = load_backbone(settings.model, taxonomy.class_names(task), task, texts)
    began_at_random = settings.model.name == RANDOM_TINY
    if chosen.speaker_weight and _says_who_speaks(split.train):
        model.speakers = SpeakerHeads(model.config.hidden_size)
    pretrained = PretrainedWeights(model) if chosen.pretrained_share and not began_at_random else None
    lora = LowRankEncoder(model.model, settings.model.lora) if settings.model.lora.rank else None
    if not began_at_random:
        freeze(model.model, settings.model)
    encoder = InputEncoder(
        TextTokenizer.from_transformers(tokenizer),
        model.context,
        settings.model.max_tokens,
        model.window_tokens,
    )
    wanted = [
        wanted_probabilities(split.train, taxonomy, task, chosen.distillation),
        wanted_probabilities(unlabelled, taxonomy, task, 1.0),
    ]
    examples = Examples([*split.train, *unlabelled], encoder, taxonomy, np.concatenate(wanted))
    # What nobody labelled has no part in the contrast of labels.
    apart = bool(unlabelled and chosen.contrastive_epochs)
    labelled = Examples(split.train, encoder, taxonomy, wanted[0]) if apart else examples
    refuse_idle_processes(len(labelled), chosen.batch_size, chosen.accumulation_steps)
    read = wanted_probabilities(split.validation, taxonomy, task, 0.0)
    held_out = Examples(split.validation, encoder, taxonomy, read)
    held_out.rows.sort(key=lambda row: len(row.ids))  # batches of like length: little is padded
    parts = {
        "model": model,
        "train_dataset": examples,
        "data_collator": Collator(encoder),
        "task": task,
        "context_dropout": chosen.context_dropout,
        "batch_size": chosen.batch_size,
        "speaker_weight": chosen.speaker_weight,
    }
    watchers = list(callbacks)
    if chosen.early_stopping_patience:
        watchers.append(transformers.EarlyStoppingCallback(chosen.early_stopping_patience))
    with (
        _users_errors(settings),
        lost_partners(arguments.world_size),
        faster_steps(model, device.type, settings, arguments.torch_compile),
        training_memory(model, settings),
        stages.open(),
    ):
        if chosen.contrastive_epochs:
            contrasted = parts | {"train_dataset": labelled}
            warm_up(arguments, stages.warm_up, chosen.contrastive_epochs, chosen.extra, **contrasted)
        trainer = make_trainer(
            SentenceTrainer,
            chosen.extra,
            args=arguments,
            resumption=stages.main,
            eval_dataset=held_out,
            compute_metrics=validation_metrics(taxonomy, task),
            callbacks=watchers,
            **parts,
        )
        trainer.train_or_go_on()
        _refuse_divergence(model, settings)
        if lora:
            lora.merge()
        history = _history(trainer.state.log_history)
        validation = max(entry[BEST_METRIC] for entry in history)
        if pretrained:
            pretrained.mix_into(model, chosen.pretrained_share)
            validation = trainer.predict(held_out, metric_key_prefix="eval").metrics[f"eval_{BEST_METRIC}"]
    model = trainer.accelerator.unwrap_model(trainer.model)
    for name in ("forward", "_original_forward"):  # the library's cast to the training's precision
        model.__dict__.pop(name, None)
    return FineTuned(
        model=model,
        tokenizer=tokenizer,
        encoder=encoder,
        history=history,
        validation=validation,
        precision=precision,
        device=device,
        seconds=stages.seconds,
        checkpoint_seconds=stages.checkpoint_seconds,
        resumed_from=stages.resumed_from,
        sentences=round(
            len(labelled.labels) * chosen.contrastive_epochs + len(examples.labels) * (trainer.state.epoch or 0)
        ),
    )


def validation_metrics(taxonomy: Taxonomy, task: Task) -> Callable[[Any], dict[str, float]]:
    """The figure that picks the best epoch, computed from logits of shape (rows, sentences, outputs).

    With many labels a class applies from a probability of 0.5, as thresholds are chosen when training is over.
    """

    def compute(output: Any) -> dict[str, float]:
        true = output.label_ids[0]
        answered = true >= 0
        logits = np.asarray(output.predictions)[answered]
        names = np.asarray(taxonomy.labels)
        if task is Task.multi_label:  # a logit of 0 is a probability of 0.5
            applies = classes_that_apply(logits, dict.fromkeys(taxonomy.classes, 0.0), taxonomy)
            predicted = label_of(applies, taxonomy)
        else:
            predicted = list(names[logits.argmax(axis=-1)])
        return {BEST_METRIC: score(list(names[true[answered]]), predicted, taxonomy).macro_f1 or 0.0}

    return compute


def _says_who_speaks(sentences: Sequence[LabelledSentence]) -> bool:
    """Whether any sentence has what the heads learn from.

    Raises:
        UserError: If there is something for one head, and nothing for the other, which would then answer at random.
    """
    speech, speaker = any(unit.speech for unit in sentences), any(unit.speaker for unit in sentences)
    if speech is not speaker:
        there, missing = ("speech", "speaker") if speech else ("speaker", "speech")
        raise UserError(
            f"data.{missing}_field: no training sentence says {missing}, but some say {there}; give both columns, or "
            "set trainer.speaker_weight=0"
        )
    return speech


@contextmanager
def _users_errors(settings: TrainSettings) -> Iterator[None]:
    import torch

    try:
        yield
    except torch.OutOfMemoryError:
        size = settings.trainer.batch_size
        raise UserError(f"trainer.batch_size={size}: the GPU's memory is too small; lower it") from None


def _refuse_divergence(model: Any, settings: TrainSettings) -> None:
    import torch

    if not all(torch.isfinite(weights).all() for weights in model.parameters()):
        rate = settings.trainer.learning_rate
        raise TrainingFailed(f"trainer.learning_rate={rate}: training diverged, the weights are not finite; lower it")


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
