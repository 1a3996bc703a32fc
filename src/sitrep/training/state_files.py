"""What training holds in memory as files without pickle: tensors as safetensors, everything else as JSON."""

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch

from sitrep.errors import UserError

PLAIN = (str, int, float, bool, type(None))


def write_state(state: Any, folder: Path, name: str) -> None:
    """Write dicts, lists, tuples, numbers, text, arrays and tensors in any order within each other.

    Args:
        state: Such as an optimizer's ``state_dict()``; keys may be numbers.
        folder: To write to.
        name: Of the two files, without their endings.

    Raises:
        UserError: If it holds anything else, or the disk is full.
    """
    tensors: dict[str, torch.Tensor] = {}
    plain = _parted(state, name, tensors)
    (folder / f"{name}.json").write_text(json.dumps(plain) + "\n", encoding="utf-8")
    if tensors:
        with weights_errors(folder):
            safetensors.torch.save_file(tensors, folder / f"{name}.safetensors")


def read_state(folder: Path, name: str) -> Any:
    """What :func:`write_state` wrote, to the bit."""
    path = folder / f"{name}.safetensors"
    stored = safetensors.torch.load_file(path) if path.exists() else {}
    tensors = {key: tensor.clone() for key, tensor in stored.items()}  # what was loaded hangs on its file
    return _joined(json.loads((folder / f"{name}.json").read_text(encoding="utf-8")), tensors)


def random_states() -> dict[str, Any]:
    """Where the random generators stand that libraries share: Python's, NumPy's, and torch's on CPU and GPU."""
    return {
        "python": random.getstate(),
        "numpy": np.random.get_state(legacy=False),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
    }


def set_random_states(states: dict[str, Any]) -> None:
    """Put the generators where :func:`random_states` found them."""
    random.setstate(states["python"])
    np.random.set_state(states["numpy"])
    torch.set_rng_state(states["torch"])
    if states["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])


@contextmanager
def weights_errors(place: Path) -> Iterator[None]:
    """Turn what the library of weights says of a full disk, in a type of its own, into a ``UserError``."""
    try:
        yield
    except safetensors.SafetensorError as error:
        raise UserError(f"{place}: the weights could not be written: {error}; nothing half-written was kept") from None


def _parted(value: Any, name: str, tensors: dict[str, torch.Tensor]) -> Any:
    """JSON that stands for a value; its tensors are put into ``tensors`` under the names that stand for them."""
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, torch.Tensor):
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {"tensor": name}
    if isinstance(value, np.ndarray):
        return {"array": value.tolist(), "type": value.dtype.name}
    if isinstance(value, np.generic):
        return _parted(value.item(), name, tensors)
    if isinstance(value, dict):
        return {"dict": [[key, _parted(item, f"{name}.{key}", tensors)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_parted(item, f"{name}.{number}", tensors) for number, item in enumerate(value)]}
    raise UserError(f"{name}: a {type(value).__name__} cannot be kept in a training checkpoint; use another optimizer")


def _joined(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, content), *rest) = value.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "array":
        return np.array(content, dtype=rest[0][1])
    if kind == "dict":
        return {key: _joined(item, tensors) for key, item in content}
    items = [_joined(item, tensors) for item in content]
    return items if kind == "list" else tuple(items)
