"""The one exception that stands for a mistake of the user's, not of the program's."""

from collections.abc import Callable
from importlib.util import find_spec


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
}
"""Packages that a light installation lacks, and the extra that brings each."""


def is_installed(package: str) -> bool:
    """Whether a package can be imported, without importing it."""
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # some finders say it so
        return False


def not_installed(package: str) -> UserError:
    """What is said where a package of an extra is needed and not there."""
    return UserError(f"{package} is not installed; pip install 'sitrep[{EXTRAS[package]}]'")
