"""Tells a study how a trial goes on, epoch by epoch, and gives it up where that is no use."""

from collections.abc import Sequence
from typing import Any

import optuna
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

SEED_STEPS = 1000
"""Epochs of different seeds are compared with those of the same seed; no training has as many."""


class EpochReport(TrainerCallback):  # type: ignore[misc]
    """Reports the validation figure of every epoch, as the mean with what earlier seeds of the trial came to.

    Args:
        trial: That is told of it.
        metric: Name of the figure among those of the validation.
        before: Figures of the seeds that are done.
    """

    def __init__(self, trial: optuna.Trial, metric: str, before: Sequence[float]) -> None:
        self.trial = trial
        self.metric = metric
        self.before = before
        self.epochs = 0

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Report an epoch.

        Raises:
            optuna.TrialPruned: If the trial is to be given up.
        """
        self.epochs += 1
        value = (sum(self.before) + (metrics or {})[self.metric]) / (len(self.before) + 1)
        self.trial.report(value, len(self.before) * SEED_STEPS + self.epochs)
        if self.trial.should_prune():
            raise optuna.TrialPruned
