"""Means over the weights of one run."""

from typing import Any

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, get_swa_multi_avg_fn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sitrep.config import WeightAveraging

EMA_DECAY = 0.99
"""Share of the running mean that each step keeps: it looks back over about 100 steps."""

SWA_SHARE = 1 / 3
"""Last part of the steps whose weights are averaged."""


class AveragedWeights(TrainerCallback):  # type: ignore[misc]
    """Keeps a mean of the weights; validation sees it, and it is what an epoch saves, while training goes on without.

    ``swa`` is the plain mean of Izmailov et al., "Averaging weights leads to wider optima and better generalization",
    UAI 2018; ``ema`` forgets older weights exponentially.

    Args:
        kind: Which mean.
    """

    def __init__(self, kind: WeightAveraging) -> None:
        self.kind = kind
        self.mean: AveragedModel | None = None
        self.training: list[torch.Tensor] = []

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Take the weights of this step in."""
        if self.kind is WeightAveraging.swa and state.global_step <= (1 - SWA_SHARE) * state.max_steps:
            return
        model = kwargs["model"]
        if self.mean is None:
            every = get_swa_multi_avg_fn() if self.kind is WeightAveraging.swa else get_ema_multi_avg_fn(EMA_DECAY)
            self.mean = AveragedModel(model, multi_avg_fn=every)
        self.mean.update_parameters(model)

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Put the mean into the model, to be scored and saved."""
        if self.mean is not None:
            self.training = [weight.detach().clone() for weight in kwargs["model"].parameters()]
            _copy(list(self.mean.module.parameters()), kwargs["model"])

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Go on from where training stood."""
        if self.training:
            _copy(self.training, kwargs["model"])
            self.training = []


def _copy(weights: list[torch.Tensor], model: torch.nn.Module) -> None:
    with torch.no_grad():
        for target, weight in zip(model.parameters(), weights, strict=True):
            target.copy_(weight)
