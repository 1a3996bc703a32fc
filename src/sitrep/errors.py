"""The exceptions that stand for no mistake of the program's: one of the user's, and a signal."""

import signal
from collections.abc import Callable


class UserError(Exception):
    """Something that a user can mend.

    The message is one line: what was wrong, the value, where it stands (file and line, or the dotted
    setting) and what to do. Scripts print it and exit with ``exit_status``; every other exception is a
    bug and keeps its traceback.
    """

    exit_status = 1


class UsageError(UserError):
    """The command line or the configuration itself is wrong."""

    exit_status = 2


SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
"""What asks a command to end: Ctrl-C, a job scheduler or ``kill``, and a terminal that is gone."""

CUT_OFF = 75
"""Exit status of training that a signal ended and that can be gone on with: EX_TEMPFAIL of ``sysexits.h``."""


class Stopped(BaseException):
    """A signal asked the command to end. Like ``KeyboardInterrupt`` it is no error, so that nothing swallows it.

    Attributes:
        signal: Its number.
        kept: What was kept of the work and how to go on with it, in words; empty where nothing was.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = signal.Signals(number)
        self.kept = ""

    @property
    def exit_status(self) -> int:
        """What shells report of a command that a signal ended; :data:`CUT_OFF` where it can be gone on with."""
        return CUT_OFF if self.kept else 128 + self.signal

    def __str__(self) -> str:
        words = "interrupted" if self.signal is signal.SIGINT else f"stopped by {self.signal.name}"
        return f"{words}; {self.kept or 'nothing half-written was kept'}"


Refuse = Callable[[UserError], None]
"""What is done about one thing that cannot be read; where it returns, reading goes on with the next."""


def stop(error: UserError) -> None:
    """Read no further."""
    raise error


EXTRAS = {
    "onnxruntime": "onnx",
    "openpyxl": "xlsx",
    "pyarrow": "parquet",
    **dict.fromkeys(
        ("accelerate", "cleanlab", "datasets", "huggingface_hub", "matplotlib", "safetensors", "scipy"), "train"
    ),
    **dict.fromkeys(("sklearn", "torch", "transformers"), "train"),
    "peft": "lora",
    **dict.fromkeys(("onnx", "onnxscript"), "export"),
    **dict.fromkeys(("fastapi", "prometheus_client", "uvicorn"), "serve"),
    "optuna": "sweep",
    "ray": "ray",
    "tensorboard": "tensorboard",
    **dict.fromkeys(("mlflow", "sqlalchemy", "alembic"), "mlflow"),
}
"""Packages that a light installation lacks, and the extra that brings each."""


def is_installed(package: str) -> bool:
    """Whether a package can be imported, without importing it."""
    from importlib.util import find_spec  # a command has to heed signals before it imports

    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # some finders say it so
        return False


def not_installed(package: str) -> UserError:
    """What is said where a package of an extra is needed and not there."""
    # The folder and not the name: where ours is not installed, the index gives another project of that name.
    return UserError(f"{package} is not installed; pip install '.[{EXTRAS[package]}]' in the checkout of sitrep")
