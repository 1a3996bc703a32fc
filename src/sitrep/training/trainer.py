"""``transformers.Trainer`` over rows that answer one sentence or many."""

from collections.abc import Sequence
from typing import Any

import torch
import transformers

from sitrep.training.examples import Collator, Examples, RowBatches


class SentenceTrainer(transformers.Trainer):  # type: ignore[misc]
    """A trainer whose steps hold like many sentences, whatever the rows hold.

    Args:
        examples: Training and validation rows.
        collators: One for each.
        by_length: Make batches of rows of like length.
        context_dropout: Share of the articles that are read without context.
        others: As ``transformers.Trainer`` takes them.
    """

    def __init__(
        self,
        examples: Sequence[Examples],
        collators: Sequence[Collator],
        by_length: bool,
        context_dropout: float,
        **others: Any,
    ) -> None:
        super().__init__(
            train_dataset=examples[0], eval_dataset=examples[1], data_collator=collators[1], **others
        )  # validation rows go through the library's own loader
        self.collate_training = collators[0]
        self.by_length = by_length
        self.context_dropout = context_dropout

    def get_train_dataloader(self) -> Any:
        """Batches of rows by number of sentences, shared among the processes."""
        batches = RowBatches(
            self.train_dataset,
            self.args.per_device_train_batch_size,
            self.by_length,
            self.context_dropout,
            self.args.data_seed or self.args.seed,
            self.args.world_size,
        )
        loader = torch.utils.data.DataLoader(
            self.train_dataset,
            batch_sampler=batches,
            collate_fn=self.collate_training,
            pin_memory=self.args.dataloader_pin_memory,
            num_workers=self.args.dataloader_num_workers,
        )
        return self.accelerator.prepare(loader)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The library's, but only ``logits`` are kept of the outputs."""
        loss, outputs = super().compute_loss(model, inputs, True, num_items_in_batch)
        return (loss, {"logits": outputs["logits"]}) if return_outputs else loss
