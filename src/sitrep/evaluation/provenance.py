"""What a result was made with."""

import os
import platform
import re
import shlex
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sitrep import __version__
from sitrep.model.hardware import BF16_FLAGS, PrecisionChoice, cpu_flags, cpu_name, version_of

FOLDERS = re.compile(r"(?<![^=,:\[{'\" ])(?:~|[A-Za-z]:[\\/]|/)(?:[^/\\,=\]}'\"]*[/\\])*")
"""The folders of an absolute path at the beginning of a value, or of an item in a list."""

PACKAGES = (
    "torch",
    "transformers",
    "tokenizers",
    "datasets",
    "accelerate",
    "safetensors",
    "numpy",
    "onnxruntime",
    "scikit-learn",
)


def environment(device: str, precision: PrecisionChoice, engine: str = "torch") -> dict[str, Any]:
    """Program, versions, machine and command line, without names of users or of the machine."""
    return {
        "sitrep": __version__,
        "time_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command_line(),
        "python": platform.python_version(),
        "packages": {name: version_of(name) for name in PACKAGES},
        "system": f"{platform.system()} {platform.machine()}",
        "processor": cpu_name(),
        "cores": os.cpu_count(),
        "bf16_instructions": sorted(cpu_flags() & set(BF16_FLAGS)),
        "gpu": _gpu_name() if device == "cuda" else None,
        "engine": engine,
        "device": device,
        "precision": precision.precision.name,
        "precision_reason": precision.reason,
    }


def cost(began: float, device: str, on_device_seconds: float) -> dict[str, Any]:
    """Seconds that a run took.

    Args:
        began: ``time.perf_counter()`` at its beginning.
        device: That the model ran on.
        on_device_seconds: Spent in training and scoring.
    """
    return {
        "wall_seconds": round(time.perf_counter() - began, 1),
        "cpu_seconds": round(time.process_time(), 1),
        "gpu_seconds": round(on_device_seconds, 1) if device == "cuda" else None,
    }


def command_line() -> str:
    """The command that made the run, without the folders of absolute paths, which name users and machines."""
    script = Path(sys.argv[0])
    arguments = [FOLDERS.sub("…/", argument) for argument in sys.argv[1:]]
    return shlex.join(["python", f"{script.parent.name}/{script.name}", *arguments])


def _gpu_name() -> str:
    import torch

    return str(torch.cuda.get_device_name())
