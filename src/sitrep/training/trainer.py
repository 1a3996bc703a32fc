"""``transformers.Trainer`` over rows that answer one sentence or many."""

from typing import Any

import torch
import transformers

from sitrep.training.examples import RowBatches


class SentenceTrainer(transformers.Trainer):  # type: ignore[misc]
    """A trainer whose steps hold like many sentences, whatever the rows hold.

    Args:
        by_length: Make batches of rows of like length.
        context_dropout: Share of the articles that are read without context.
        others: As ``transformers.Trainer`` takes them; the training set must be :class:`Examples`.
    """

    def __init__(self, by_length: bool, context_dropout: float, **others: Any) -> None:
        super().__init__(**others)
        self.by_length = by_length
        self.context_dropout = context_dropout

    def get_train_dataloader(self) -> Any:
        """Batches of rows by number of sentences, shared among the processes."""
        batches = RowBatches(
            self.train_dataset,
            self.args.per_device_train_batch_size,
            self.by_length,
            self.context_dropout,
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
