"""The processes of one training run: all train, one writes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sitrep.errors import UserError
from sitrep.model.hardware import choose_device

CONNECTION_SIGNS = (
    "Connection",
    "connection",
    "gloo",
    "NCCL",
    "DistBackendError",
    "DistNetworkError",
    "DistStoreError",
)
"""What errors of torch say where another process does not answer; they share no type."""

SHARED_PLACE = 0
"""Rank of the process that writes."""


class Processes:
    """Those that a launcher such as ``torchrun`` started together; alone, this process is all there is.

    Attributes:
        count: How many there are.
        is_main: Whether this is the one that writes.
    """

    def __init__(self) -> None:
        self.count = int(os.environ.get("WORLD_SIZE", "1"))
        self.is_main = int(os.environ.get("RANK", "0")) == SHARED_PLACE

    def share(self, value: Any) -> Any:
        """What the main process gives, in every process."""
        if self.count == 1:
            return value
        from accelerate import PartialState
        from accelerate.utils import broadcast_object_list

        with lost_partners(self.count):
            PartialState(cpu=choose_device().type == "cpu")  # joins the others
            return broadcast_object_list([value if self.is_main else None], from_process=SHARED_PLACE)[0]

    def part(self) -> None:
        """Let go of the others, who have no more to do."""
        if self.count > 1:
            import torch.distributed

            with lost_partners(self.count):
                torch.distributed.barrier()
            torch.distributed.destroy_process_group()


@contextmanager
def lost_partners(count: int) -> Iterator[None]:
    """Say plainly that training ends because another process of it has.

    Args:
        count: Of the processes that train together.

    Raises:
        UserError: If the connection to another process breaks.
    """
    try:
        yield
    except (RuntimeError, ConnectionError) as error:
        if count == 1 or not any(sign in f"{type(error).__name__}: {error}" for sign in CONNECTION_SIGNS):
            raise
        raise UserError(f"another of the {count} processes has ended; nothing half-written was kept") from None


def refuse_idle_processes(rows: int, batch_size: int, accumulation_steps: int) -> None:
    """See that there is work for every process.

    Args:
        rows: That are trained on.
        batch_size: Sentences a step.
        accumulation_steps: Parts of a step in each process.

    Raises:
        UserError: If a process would have nothing to do in any step.
    """
    count = Processes().count
    if count == 1:
        return
    if count > rows:
        raise UserError(f"{count} processes: there are only {rows} training rows; start no more processes than that")
    if count * accumulation_steps > batch_size:
        what = f"{count} processes" + (f" of {accumulation_steps} parts" if accumulation_steps > 1 else "")
        raise UserError(f"trainer.batch_size={batch_size}: fewer sentences a step than {what}; raise it")
