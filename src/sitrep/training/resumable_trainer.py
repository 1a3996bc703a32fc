"""``transformers.Trainer`` with training checkpoints of our own: to the bit, and without pickle.

The library writes optimizer and random states by ``torch.save``, begins the order of the data anew, and takes a folder
for whole that was cut off. So its methods that write and read checkpoints are replaced here; its loop, and with it
every argument of ``trainer.extra``, stays as it is.
"""

import signal
import time
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
import transformers
from accelerate.utils import gather_object
from transformers.trainer_callback import ExportableState

from sitrep.errors import Stopped
from sitrep.training.examples import RowBatches
from sitrep.training.signal_watch import SignalWatch
from sitrep.training.state_files import random_states, read_state, set_random_states, weights_errors, write_state
from sitrep.training.training_checkpoints import (
    BEST,
    MODEL,
    OPTIMIZER,
    PROGRESS,
    TRAINER_STATE,
    TrainingCheckpoints,
    TrainingFailed,
)


class _Wish(IntEnum):
    """What a process wants after a step; the highest of all processes is done by all."""

    go_on = 0
    save = 1
    end = 2
    refuse = 3


@dataclass
class Resumption:
    """What a trainer needs to be broken off and gone on with.

    Attributes:
        checkpoints: Of this training.
        save_seconds: Between two of them within an epoch; 0: there are none but at the ends of epochs.
        signals: That ask for the end.
        facts: Kept with each checkpoint.
        seconds: Spent in this training by all processes that worked at it one after the other, once it is over.
    """

    checkpoints: TrainingCheckpoints
    save_seconds: float = 0.0
    signals: SignalWatch = field(default_factory=SignalWatch)
    facts: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


class ResumableTrainer(transformers.Trainer):  # type: ignore[misc]
    """A trainer that can be killed at any moment.

    Args:
        resumption: See there.
        others: As ``transformers.Trainer`` takes them.
    """

    row_batches: RowBatches
    """Set where the data is loaded."""

    def __init__(self, resumption: Resumption, **others: Any) -> None:
        super().__init__(**others)
        self.resumption = resumption
        self.add_callback(_StepEnd(self))
        self._saved_at = self._began = time.monotonic()
        self._seconds_before = 0.0
        self._steps_per_epoch = 1
        self._loss_is_finite = True
        self._wish = _Wish.go_on

    def train_or_go_on(self) -> None:
        """Train to the end and take the weights of the best epoch, or the last ones where none was scored.

        Raises:
            UserError: If there were fewer steps than planned, and not because of early stopping.
            TrainingFailed: If a loss is not finite.
            Stopped: If a signal came; a checkpoint was written then.
        """
        found = self.resumption.checkpoints.last
        if found is None:
            self.train()
        elif read_state(found, PROGRESS)["done"]:
            self.state = transformers.TrainerState.load_from_json(str(found / TRAINER_STATE))
            self._load_from_checkpoint(str(found))
            self._take_up(read_state(found, PROGRESS))
        else:
            self.train(resume_from_checkpoint=str(found))
        self._check_steps()
        last = self.resumption.checkpoints.last
        if self.state.best_global_step and last:
            self._load_weights(last / BEST)
        self.resumption.seconds = self._seconds()

    def set_initial_training_values(self, *arguments: Any, **others: Any) -> Any:
        """As the library's; the steps of an epoch are kept."""
        values = super().set_initial_training_values(*arguments, **others)
        self._steps_per_epoch = values[1]
        return values

    def training_step(self, *arguments: Any, **others: Any) -> Any:
        """As the library's; whether the loss is a number is kept."""
        loss = super().training_step(*arguments, **others)
        self._loss_is_finite &= bool(torch.isfinite(loss))
        return loss

    def at_step_end(self, control: transformers.TrainerControl) -> None:
        """Decide, together with the other processes, whether to write a checkpoint now."""
        within = self.state.global_step % self._steps_per_epoch and not control.should_training_stop
        self._wish = self._agreed(self._own_wish())
        if self._wish is _Wish.refuse:
            rate, step = self.args.learning_rate, self.state.global_step
            raise TrainingFailed(
                f"trainer.learning_rate={rate:g}: training diverged, the loss is not finite at step {step} of "
                f"{self.state.max_steps}; lower it"
            )
        # At the last step of an epoch the checkpoint waits for its end: gone on with from here, the training would take
        # the epoch for done and never score it.
        if within and self._wish > _Wish.go_on:
            control.should_save = True

    def _own_wish(self) -> _Wish:
        if not self._loss_is_finite:
            return _Wish.refuse
        if self.resumption.signals.came is not None:
            return _Wish.end
        pause = self.resumption.save_seconds
        return _Wish.save if pause and time.monotonic() - self._saved_at >= pause else _Wish.go_on

    def _agreed(self, wish: _Wish) -> _Wish:
        if self.args.world_size == 1:
            return wish
        highest = torch.tensor(int(wish), device=self.args.device)
        torch.distributed.all_reduce(highest, op=torch.distributed.ReduceOp.MAX)
        return _Wish(int(highest))

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Write a checkpoint of our own, and end where a signal asked for it."""
        self.store_flos()
        of_each = gather_object([{"random": random_states(), "unlogged_loss": float(self._tr_loss)}])
        step = self.state.global_step
        if self.args.should_save:
            with self.resumption.checkpoints.write(step, self.state.best_global_step == step) as folder:
                with weights_errors(folder):
                    safetensors.torch.save_model(self.accelerator.unwrap_model(self.model), str(folder / MODEL))
                write_state(self.optimizer.state_dict(), folder, OPTIMIZER)
                write_state(self._progress(of_each), folder, PROGRESS)
                self.state.save_to_json(str(folder / TRAINER_STATE))
        self.accelerator.wait_for_everyone()
        self.resumption.checkpoints.last = self.resumption.checkpoints.place(step)
        self._saved_at = time.monotonic()
        if self._wish is _Wish.end:
            raise Stopped(self.resumption.signals.came or signal.SIGTERM)  # another process may have got it alone

    def _progress(self, of_each: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "done": self.control.should_training_stop,
            "scheduler": self.lr_scheduler.state_dict(),
            "processes": of_each,
            "batches": self.row_batches.progress(self.state.global_step % self._steps_per_epoch == 0),
            "callbacks": {type(item).__name__: item.state()["attributes"] for item in self._exportable()},
            "logged_loss": self._total_loss_scalar,
            "logged_step": self._globalstep_last_logged,
            "seconds": self._seconds(),
            "checkpoint_seconds": self.resumption.checkpoints.seconds,
            "facts": self.resumption.facts,
        }

    def _seconds(self) -> float:
        return self._seconds_before + time.monotonic() - self._began

    def _exportable(self) -> list[Any]:
        return [item for item in self.callback_handler.callbacks if isinstance(item, ExportableState)]

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        self._load_weights(Path(resume_from_checkpoint) / MODEL)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        """Called once the optimizer is there, and in a training that begins too."""
        if checkpoint is None:
            return
        progress = read_state(Path(checkpoint), PROGRESS)
        self.optimizer.load_state_dict(read_state(Path(checkpoint), OPTIMIZER))
        self.lr_scheduler.load_state_dict(progress["scheduler"])
        self.row_batches.go_on(progress["batches"])
        self._take_up(progress)

    def _load_rng_state(self, checkpoint: str | None) -> None:
        """Called right before the first step that is new."""
        if checkpoint is None:
            return
        progress = read_state(Path(checkpoint), PROGRESS)
        mine = progress["processes"][self.args.process_index]
        set_random_states(mine["random"])
        self._tr_loss += mine["unlogged_loss"]
        self._total_loss_scalar = progress["logged_loss"]
        self._globalstep_last_logged = progress["logged_step"]

    def _take_up(self, progress: dict[str, Any]) -> None:
        for item in self._exportable():
            for name, value in progress["callbacks"].get(type(item).__name__, {}).items():
                setattr(item, name, value)
        self._seconds_before = progress["seconds"]
        self.resumption.checkpoints.seconds += progress["checkpoint_seconds"]

    def _load_weights(self, path: Path) -> None:
        safetensors.torch.load_model(self.accelerator.unwrap_model(self.model), str(path))

    def _check_steps(self) -> None:
        done, planned = self.state.global_step, self.state.max_steps
        stopping = (item for item in self._exportable() if isinstance(item, transformers.EarlyStoppingCallback))
        early = any(item.early_stopping_patience_counter >= item.early_stopping_patience for item in stopping)
        if done < planned and not early:
            raise TrainingFailed(
                f"training ended after {done} of {planned} steps, and not by trainer.early_stopping_patience; "
                "the weights were not kept"
            )


class _StepEnd(transformers.TrainerCallback):  # type: ignore[misc]
    def __init__(self, trainer: ResumableTrainer) -> None:
        self.trainer = trainer

    def on_step_end(self, args: Any, state: Any, control: transformers.TrainerControl, **others: Any) -> None:
        self.trainer.at_step_end(control)
