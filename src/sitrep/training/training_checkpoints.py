"""Training checkpoints: everything that an unfinished training needs to go on as if nothing had happened.

One is a folder ``step-00000120`` with a manifest (:mod:`sitrep.storage.sealed`), which holds

- ``model.safetensors``, ``optimizer.json`` and ``.safetensors``: weights, and what the optimizer keeps of each;
- ``progress.json`` and ``.safetensors``: schedule, random states of every process, place in the data, early stopping;
- ``trainer_state.json``: the steps done, the log, and the best epoch so far;
- ``best.safetensors``: the weights of that epoch, a second name of the file where it was first written.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sitrep.errors import UserError
from sitrep.storage.complete import PARTIAL, link_or_copy
from sitrep.storage.sealed import MANIFEST, fault_of, sealed_folder

MODEL = "model.safetensors"
BEST = "best.safetensors"
OPTIMIZER = "optimizer"
PROGRESS = "progress"
TRAINER_STATE = "trainer_state.json"
"""The library's own name."""

DONE = "done.json"
"""What is left of one of several trainings of a run that is over and was scored; see :mod:`sitrep.training.seeds`."""

KEPT = 2
"""Checkpoints that stay: a second one, in case the disk damages the last."""

Tell = Callable[[str], None]


class TrainingFailed(UserError):
    """Training went where it cannot come back from: there is no use in going on with it."""


class TrainingCheckpoints:
    """Those of one training, in a folder.

    Attributes:
        folder: That holds them and nothing else.
        last: The newest complete one; ``None`` if there is none, or :meth:`find` was not called.
        seconds: That it took to write them.
    """

    def __init__(self, folder: Path, tell: Tell) -> None:
        self.folder = folder
        self.seconds = 0.0
        self.last: Path | None = None
        self._tell = tell

    def find(self) -> Path | None:
        """Look for the newest complete one; others are passed over with a line that says so, and removed."""
        for path in sorted(self.folder.glob(f"*{PARTIAL}")):
            self._pass_over(path, "was cut off while it was written")
        for path in sorted(self.folder.glob("step-*"), reverse=True):
            fault = fault_of(path)
            if fault is None:
                self.last = path
                return path
            self._pass_over(path, fault)
        return None

    @contextmanager
    def write(self, step: int, is_best: bool) -> Iterator[Path]:
        """Add one, and remove those that are too old.

        Args:
            step: How many were done.
            is_best: Whether its weights are those of the best epoch so far; else they are taken from the one before.

        Yields:
            A folder, into which the caller writes all but ``best.safetensors``.

        Raises:
            UserError: If it cannot be written, such as on a full disk; those before it stay.
        """
        began = time.perf_counter()
        wanted = self.place(step)
        with sealed_folder(wanted) as folder:
            yield folder
            source = folder if is_best else self.last
            name = MODEL if is_best else BEST
            if source and (source / name).exists():
                link_or_copy(source / name, folder / BEST)
        self.last = wanted
        for path in sorted(self.folder.glob("step-*"))[:-KEPT]:
            shutil.rmtree(path)
        self.seconds += time.perf_counter() - began

    def place(self, step: int) -> Path:
        """The folder of the one that is written after ``step`` steps."""
        return self.folder / f"step-{step:08}"

    def _pass_over(self, path: Path, why: str) -> None:
        self._tell(f"{path}: {why}; it is passed over")
        shutil.rmtree(path)


def is_there(folder: Path) -> bool:
    """Whether any training left something to go on from, in ``folder`` or below: a whole checkpoint, or it was done."""
    whole = (path for path in folder.rglob(f"step-*/{MANIFEST}") if path.parent.suffix != PARTIAL)
    return any(whole) or any(folder.rglob(DONE))
