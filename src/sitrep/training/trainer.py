"""``transformers.Trainer`` over rows that answer one sentence or many."""

from dataclasses import replace
from typing import Any

import torch
import transformers

from sitrep.errors import UsageError
from sitrep.labels import Task
from sitrep.speakers import NAMES
from sitrep.training.examples import UNLEARNT, RowBatches, model_inputs
from sitrep.training.losses import sentence_losses, speaker_balance, speaker_losses, supervised_contrast
from sitrep.training.resumable_trainer import ResumableTrainer, Resumption
from sitrep.training.sentence_dropout import HeadDropouts


class SentenceTrainer(ResumableTrainer):
    """A trainer whose steps hold like many sentences, whatever the rows hold.

    Args:
        task: One label a sentence, or every class that applies.
        context_dropout: Share of the articles that an epoch reads without context.
        batch_size: Sentences a step, over all processes and all parts that a step is computed in.
        speaker_weight: Of the loss of the model's ``speakers``, where it has them.
        others: As :class:`ResumableTrainer` takes them; the training set must be :class:`Examples`.
    """

    loss_is_scaled_for_ga = True  # ours is divided by the sentences of the whole step

    def __init__(
        self, task: Task, context_dropout: float, batch_size: int, speaker_weight: float, **others: Any
    ) -> None:
        super().__init__(**others)
        self.task = task
        self.context_dropout = context_dropout
        self.batch_size = batch_size
        self.speaker_weight = speaker_weight
        balance = speaker_balance(self.train_dataset.speakers)
        self.speaker_balance = {name: weights.to(self.args.device) for name, weights in balance.items()}
        self.head_dropouts = HeadDropouts(self.model.model, self.args.seed)

    def get_train_dataloader(self) -> Any:
        """Batches of rows by number of sentences, shared among the processes."""
        self.row_batches = RowBatches(
            self.train_dataset,
            self.batch_size,
            self.context_dropout,
            self.args.data_seed,
            self.args.world_size * self.args.gradient_accumulation_steps,
        )
        loader = torch.utils.data.DataLoader(
            self.train_dataset,
            batch_sampler=self.row_batches,
            collate_fn=self.data_collator,
            pin_memory=self.args.dataloader_pin_memory,
            num_workers=self.args.dataloader_num_workers,
        )
        return self.accelerator.prepare(loader)

    def get_eval_dataloader(self, eval_dataset: Any = None) -> Any:
        """Each process answers as many rows, the last of them without a label where the rows do not go round."""
        rows = self.eval_dataset if eval_dataset is None else eval_dataset
        processes = self.args.world_size
        numbers = [
            number if number < len(rows) else UNLEARNT for number in range(-(-len(rows) // processes) * processes)
        ]
        return torch.utils.data.DataLoader(
            torch.utils.data.Subset(rows, numbers[self.args.process_index :: processes]),
            batch_size=self.args.per_device_eval_batch_size,
            collate_fn=self.data_collator,
            pin_memory=self.args.dataloader_pin_memory,
            num_workers=self.args.dataloader_num_workers,
        )

    def get_test_dataloader(self, test_dataset: Any) -> Any:
        """As :meth:`get_eval_dataloader`."""
        return self.get_eval_dataloader(test_dataset)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Sum over the batch divided by the sentences of the whole step.

        They differ where gradients are accumulated or several processes share a step. The processes' gradients are
        averaged afterwards, hence the factor. Who speaks is learnt beside it, from the sentences that say so.
        """
        learns_speakers = self.model.speakers is not None and model.training
        answered = inputs["labels"] >= 0
        self.head_dropouts.prepare(inputs["numbers"], self.state.global_step)
        outputs = model(**model_inputs(inputs), **({"with_speakers": True} if learns_speakers else {}))
        logits = outputs["logits"][answered]
        losses = sentence_losses(logits, inputs["targets"][answered], self.task)
        if learns_speakers:
            said = {name: outputs[name][answered] for name in NAMES}
            losses = losses + self.speaker_weight * speaker_losses(
                said, inputs["speakers"][answered], self.speaker_balance
            )
        if num_items_in_batch is None:
            loss = losses.mean()
        else:
            loss = losses.sum() / num_items_in_batch * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss


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
        vectors = model(**model_inputs(inputs), without_head=True)["vectors"]
        loss = supervised_contrast(vectors[answered], inputs["labels"][answered])
        return loss / self.args.gradient_accumulation_steps


def make_trainer(kind: type[SentenceTrainer], extra: dict[str, Any], **parts: Any) -> SentenceTrainer:
    """A trainer that prints nothing by itself.

    Args:
        kind: Of trainer.
        extra: Arguments of the user's, which are to blame if the library refuses to make one.
        parts: What ``kind`` takes.

    Raises:
        UsageError: If the library refuses ``extra``.
    """
    try:
        trainer = kind(**parts)
    except (ValueError, TypeError, ImportError, RuntimeError) as error:
        if not extra:
            raise
        raise UsageError(f"trainer.extra={extra}: {error}") from None
    trainer.remove_callback(transformers.PrinterCallback)
    return trainer


def warm_up(
    arguments: Any, resumption: Resumption, epochs: float, extra: dict[str, Any], **parts: Any
) -> ResumableTrainer:
    """Prepare the encoder by contrast before it is fine-tuned; the classification layer is not touched.

    Args:
        arguments: Of the training proper; nothing is validated here.
        resumption: Of this stage.
        epochs: Passes over the training set.
        extra: As in :func:`make_trainer`.
        parts: What :class:`SentenceTrainer` takes besides.
    """
    plain = replace(
        arguments,
        num_train_epochs=epochs,
        eval_strategy="no",
        metric_for_best_model=None,
        ddp_find_unused_parameters=True,  # the classification layer has no part in it
    )
    trainer = make_trainer(ContrastiveTrainer, extra, args=plain, resumption=resumption, **parts)
    trainer.train_or_go_on()
    return trainer
