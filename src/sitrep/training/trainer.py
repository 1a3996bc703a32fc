"""``transformers.Trainer`` over rows that answer one sentence or many."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import transformers

from sitrep.config import TrainerSettings
from sitrep.training.examples import RowBatches
from sitrep.training.losses import Objective, divergence, supervised_contrast

LAYER = re.compile(r"\blayers?\.(\d+)\.")
"""Where the name of a weight gives the number of its layer."""


class SentenceTrainer(transformers.Trainer):  # type: ignore[misc]
    """A trainer whose steps hold like many sentences, whatever the rows hold.

    Args:
        settings: Of the trainer.
        objective: Loss of single sentences.
        others: As ``transformers.Trainer`` takes them; the training set must be :class:`Examples`.
    """

    loss_is_scaled_for_ga = True  # ours is divided by the sentences of the whole step

    def __init__(self, settings: TrainerSettings, objective: Objective, **others: Any) -> None:
        super().__init__(**others)
        self.settings = settings
        self.objective = objective

    def get_train_dataloader(self) -> Any:
        """Batches of rows by number of sentences, shared among the processes."""
        batches = RowBatches(
            self.train_dataset,
            self.args.per_device_train_batch_size,
            self.settings.group_by_length,
            self.settings.context_dropout,
            self.settings.noise,
            self.args.data_seed,
            self.args.world_size,
        )
        loader = torch.utils.data.DataLoader(
            self.train_dataset,
            batch_sampler=batches,
            collate_fn=self.data_collator,
            pin_memory=self.args.dataloader_pin_memory,
            num_workers=self.args.dataloader_num_workers,
        )
        return self.accelerator.prepare(loader)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Sum over the batch divided by the sentences of the whole step.

        They differ where gradients are accumulated or several devices share a step.
        """
        answered = inputs["labels"] >= 0
        targets = inputs["labels"][answered], inputs["applies"][answered]
        rows = {name: value for name, value in inputs.items() if name not in ("labels", "applies")}
        outputs = model(**rows)
        logits = outputs["logits"][answered]
        losses = self.objective(logits, *targets)
        if self.settings.r_drop and model.training:
            again = model(**rows)["logits"][answered]
            apart = divergence(logits, again, self.objective.task)
            losses = (losses + self.objective(again, *targets)) / 2 + self.settings.r_drop * apart
        loss = losses.sum() / (len(losses) if num_items_in_batch is None else num_items_in_batch)
        return (loss, outputs) if return_outputs else loss

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """The library's own, with a rate for each layer where ``trainer.layer_decay`` asks for it."""
        decay = self.settings.layer_decay
        if decay == 1:
            return super().create_optimizer(model)
        trained = self.model if model is None else model
        weighed = set(self.get_decay_parameter_names(trained))
        groups = [
            {"params": [weight], "lr": self.args.learning_rate * factor, "weight_decay": self.args.weight_decay * heavy}
            for name, weight, factor in layer_factors(trained, decay)
            for heavy in [name in weighed]
        ]
        kind, options = self.get_optimizer_cls_and_kwargs(self.args, trained)
        self.optimizer = kind(groups, **options)
        return self.optimizer


class ContrastiveTrainer(SentenceTrainer):
    """Trains the encoder alone: sentences of one label are drawn together, the others parted.

    With batches of all labels it does what SetFit does with pairs: Tunstall et al., "Efficient few-shot learning
    without prompts", 2022.
    """

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Supervised contrastive loss of the batch."""
        answered = inputs["labels"] >= 0
        rows = {name: value for name, value in inputs.items() if name not in ("labels", "applies")}
        with self.accelerator.autocast():
            vectors = self.accelerator.unwrap_model(model).vectors(**rows)
        loss = supervised_contrast(vectors[answered], inputs["labels"][answered])
        return loss / self.args.gradient_accumulation_steps


def warm_up(settings: TrainerSettings, arguments: Any, scratch: Path, **others: Any) -> None:
    """Prepare the encoder by contrast before it is fine-tuned; the classification layer is not touched.

    Args:
        settings: Of the trainer.
        arguments: Of the training proper; nothing is validated or saved here.
        scratch: Folder that the library wants to be named.
        others: ``model``, ``train_dataset``, ``data_collator`` and ``objective``.
    """
    plain = replace(
        arguments,
        output_dir=str(scratch),
        num_train_epochs=settings.contrastive_epochs,
        eval_strategy="no",
        save_strategy="no",
        load_best_model_at_end=False,
    )
    trainer = ContrastiveTrainer(settings=settings, args=plain, **others)
    trainer.remove_callback(transformers.PrinterCallback)
    trainer.train()


def layer_factors(model: Any, decay: float) -> list[tuple[str, Any, float]]:
    """Name, weight and factor on the learning rate of every trained weight.

    The factor of the classification layer is 1, that of the top layer of the encoder ``decay``, of the one below it
    ``decay ** 2``, and so on down to the embeddings: Howard and Ruder, "Universal language model fine-tuning for text
    classification", ACL 2018.

    Args:
        model: A classifier whose encoder is its ``base_model``.
        decay: From 0 to 1.
    """
    encoder = {id(weight) for weight in model.base_model.parameters()}
    numbers = [int(found[1]) for name, _ in model.base_model.named_parameters() if (found := LAYER.search(name))]
    layers = max(numbers, default=-1) + 1
    factors = []
    for name, weight in model.named_parameters():
        if not weight.requires_grad:
            continue
        found = LAYER.search(name)
        below = layers - int(found[1]) if found else layers + 1
        pooler = not found and "embed" not in name  # what is in the encoder but neither layer nor embedding lies on top
        factor = decay ** (0 if id(weight) not in encoder else 1 if pooler else below)
        factors.append((name, weight, factor))
    return factors
