"""The processes of one training run: all train, one writes."""

import os
from typing import Any

from sitrep.model.hardware import choose_device

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

        PartialState(cpu=choose_device().type == "cpu")  # joins the others
        return broadcast_object_list([value if self.is_main else None], from_process=SHARED_PLACE)[0]

    def part(self) -> None:
        """Let go of the others, who have no more to do."""
        if self.count > 1:
            import torch.distributed

            torch.distributed.barrier()
            torch.distributed.destroy_process_group()
