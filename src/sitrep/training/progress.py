"""A progress bar with the loss, the validation figure, the speed and the time left."""

import statistics
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sitrep.training.library_arguments import BEST_METRIC
from sitrep.training.speed import TrainingSpeed, sentences_of


class ProgressBar(TrainerCallback):  # type: ignore[misc]
    """Shows training on a terminal as a bar, elsewhere as one line an epoch."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.losses: list[float] = []
        self.figure = "–"
        self.progress = Progress(
            TextColumn("training"),
            BarColumn(),
            TextColumn("{task.completed}/{task.total} steps"),
            TextColumn("loss {task.fields[loss]}"),
            TextColumn("validation F1 {task.fields[figure]}"),
            TextColumn("{task.fields[speed]} sentences/s"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self.task = self.progress.add_task("train", total=None, loss="–", figure=self.figure, speed="–")
        self.speed = TrainingSpeed()

    def close(self) -> None:
        """Take the bar off the terminal; also when training broke off."""
        self.progress.stop()

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Start the bar once the number of steps is known."""
        self.progress.update(self.task, total=state.max_steps)
        self.progress.start()

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Leave what is between two epochs out of the speed."""
        self.speed.wait(state.epoch or 0.0)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Move the bar."""
        self.speed.step(state.epoch or 0.0, sentences_of(kwargs["train_dataloader"]))
        speed = "–" if self.speed.smoothed is None else f"{self.speed.smoothed:,.0f}"
        self.progress.update(self.task, completed=state.global_step, speed=speed)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Show the last loss."""
        if logs and "loss" in logs:
            self.losses.append(logs["loss"])
            self.progress.update(self.task, loss=f"{logs['loss']:.3f}")

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Print one line an epoch, with its mean loss, above the bar."""
        self.figure = f"{(metrics or {}).get(f'eval_{BEST_METRIC}', float('nan')):.3f}"
        self.progress.update(self.task, figure=self.figure)
        epoch = f"epoch {state.epoch or 0:g} of {args.num_train_epochs:g}"
        loss = f"{statistics.mean(self.losses):.3f}" if self.losses else "–"
        self.losses = []
        self.console.print(f"{epoch}: loss {loss}, validation macro-F1 {self.figure}", highlight=False, soft_wrap=True)
