"""A line for every step of training, in a file of the run and in the programs that track it."""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import psutil
import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from sitrep.storage.complete import complete_file
from sitrep.training.library_arguments import BEST_METRIC
from sitrep.training.speed import TrainingSpeed, sentences_of
from sitrep.training.step_records import VALIDATION, read_step_log


class Follower(Protocol):
    """What is told of every step besides the file."""

    def follow(self, record: Mapping[str, Any]) -> None:
        """Take a record as :class:`StepLog` writes it."""

    def close(self) -> None:
        """Training has ended, or broken off."""


class StepLog(TrainerCallback):  # type: ignore[misc]
    """Writes ``training.jsonl``: a line for every step, and one for the validation at the end of every epoch.

    Each line is handed to the system at once, so that a run that is killed leaves what it has done. A run that goes on
    from a checkpoint takes off the lines of the steps that it does again.

    Args:
        path: The file; its folder is made.
        followers: Told the same.
        after_epoch: Called when the line of an epoch is written.
    """

    def __init__(
        self, path: Path, followers: Sequence[Follower] = (), after_epoch: Callable[[], None] | None = None
    ) -> None:
        self.path = path
        self.followers = followers
        self.after_epoch = after_epoch
        self._file: Any = None
        self._speed = TrainingSpeed()
        self._process = psutil.Process()
        self._began = 0.0

    def close(self) -> None:
        """Close the file and leave the followers; also when training broke off."""
        if self._file is not None:
            self._file.close()
            self._file = None
        for follower in self.followers:
            follower.close()

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Open the file, without the lines of steps that are still to be done."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        kept = [record for record in read_step_log(self.path) if record["step"] <= state.global_step]
        if state.global_step and self.path.exists():
            with complete_file(self.path, overwrite=True) as partial:
                partial.write_text("".join(map(_line, kept)), encoding="utf-8")
        else:
            kept = []
            self.path.unlink(missing_ok=True)
        self._file = self.path.open("a", encoding="utf-8")
        self._began = time.perf_counter() - (kept[-1]["seconds"] if kept else 0.0)
        self._speed.wait(state.epoch or 0.0)

    def on_epoch_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Leave out what was between two epochs."""
        self._speed.wait(state.epoch or 0.0)

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Leave out the time of saving."""
        self._speed.wait(state.epoch or 0.0)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        train_dataloader: Any = None,
        **_: Any,
    ) -> None:
        """Write the line of a step."""
        if not logs or "loss" not in logs:
            return
        self._speed.step(state.epoch or 0.0, sentences_of(train_dataloader))
        record = self._moment(state) | {
            "loss": _finite(logs["loss"]),
            "learning_rate": logs.get("learning_rate"),
            "gradient_norm": _finite(logs.get("grad_norm")),
            "sentences_per_second": None if self._speed.last is None else round(self._speed.last, 1),
            "memory_bytes": self._process.memory_info().rss,
        }
        if torch.cuda.is_available():
            record["gpu_peak_bytes"] = torch.cuda.max_memory_allocated()
        self._write(record)

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Write the line of an epoch."""
        told = metrics or {}
        figures = {VALIDATION: told.get(f"eval_{BEST_METRIC}"), "validation_loss": _finite(told.get("eval_loss"))}
        self._write(self._moment(state) | figures)
        if self.after_epoch:
            self.after_epoch()
        self._speed.wait(state.epoch or 0.0)

    def _moment(self, state: TrainerState) -> dict[str, Any]:
        return {
            "step": state.global_step,
            "epoch": round(state.epoch or 0.0, 4),
            "seconds": round(time.perf_counter() - self._began, 3),
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }

    def _write(self, record: dict[str, Any]) -> None:
        if self._file is None:
            return
        self._file.write(_line(record))
        self._file.flush()
        for follower in self.followers:
            follower.follow(record)


def _line(record: Mapping[str, Any]) -> str:
    return json.dumps(record, allow_nan=False) + "\n"


def _finite(value: float | None) -> float | None:
    """JSON has no word for what is no number."""
    return value if value is not None and math.isfinite(value) else None
