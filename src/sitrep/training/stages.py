"""The stages of one training, warm-up by contrast and training proper, and how far each had come before."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sitrep.model.hardware import PrecisionChoice
from sitrep.settings import Precision
from sitrep.training.processes import Processes
from sitrep.training.resumable_trainer import Resumption
from sitrep.training.signal_watch import signals_noted
from sitrep.training.state_files import read_state
from sitrep.training.training_checkpoints import PROGRESS, Tell, TrainingCheckpoints


class Stages:
    """Both stages, as the training checkpoints in a folder have them.

    Args:
        folder: Of the checkpoints of both.
        save_minutes: Between two of them within an epoch; 0: there are none but at the ends of epochs.
        tell: Is told where training is gone on with, and of checkpoints that are damaged.

    Attributes:
        warm_up: How the first is gone on with.
        main: How the second is.
        resumed_from: Steps after which training was gone on with, this time and before.
    """

    def __init__(self, folder: Path, save_minutes: float, tell: Tell) -> None:
        self._processes = Processes()
        self._tell = tell
        self.warm_up, self.main = (
            Resumption(TrainingCheckpoints(folder / name, tell), save_minutes * 60) for name in ("warm_up", "main")
        )
        self._find()
        last = self.main.checkpoints.last or self.warm_up.checkpoints.last
        progress: dict[str, Any] = read_state(last, PROGRESS) if last else {"facts": {}, "done": False}
        self.facts: dict[str, Any] = progress["facts"]
        self.resumed_from: list[int] = self.facts.setdefault("resumed_from", [])
        if last:
            self._say(last, progress["done"])
        self.warm_up.facts = self.main.facts = self.facts

    @property
    def seconds(self) -> float:
        """Spent in training so far."""
        return self.warm_up.seconds + self.main.seconds

    @property
    def checkpoint_seconds(self) -> float:
        """Spent in writing checkpoints so far."""
        return self.warm_up.checkpoints.seconds + self.main.checkpoints.seconds

    def precision(self, choose: Callable[[Precision], PrecisionChoice], wanted: Precision) -> PrecisionChoice:
        """The number format that training began with; one for all processes, however each of them would choose."""
        if "precision" in self.facts:
            began = Precision[self.facts["precision"]]
            choose(began)  # raises where this machine does not have it
            return PrecisionChoice(began, self.facts["precision_reason"])
        choice: PrecisionChoice = self._processes.share(choose(wanted))
        self.facts |= {"precision": choice.precision.name, "precision_reason": choice.reason}
        return choice

    @contextmanager
    def open(self) -> Iterator[None]:
        """Within the block signals wait for the end of a step."""
        with signals_noted() as signals:
            self.warm_up.signals = self.main.signals = signals
            yield

    def _find(self) -> None:
        """Let the main process look, so that all go on from the same checkpoint."""
        for stage in (self.warm_up, self.main):
            found = stage.checkpoints.find() if self._processes.is_main else None
            stage.checkpoints.last = self._processes.share(found)

    def _say(self, last: Path, done: bool) -> None:
        step = int(last.name.partition("-")[2])
        self.resumed_from.append(step)
        stage = "training" if self.main.checkpoints.last else "the warm-up"
        self._tell(f"{last}: {stage} is {'done' if done else 'gone on with'} after {step} steps")
