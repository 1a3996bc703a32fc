"""Which engine is taken where the user names none."""

from sitrep.errors import UserError, is_installed, not_installed
from sitrep.inference.engine_timing import Answering, least_seconds
from sitrep.inference.onnx_engine import OnnxEngine, check_onnxruntime
from sitrep.inference.torch_engine import TorchEngine
from sitrep.model.checkpoint import Checkpoint
from sitrep.model.hardware import choose_device, machine, usable_cores, version_of
from sitrep.settings import EngineName, Precision
from sitrep.storage.complete import read_json
from sitrep.storage.machine_report import found_once

MEASURED_SECONDS = 2.0
SHAPE = ("model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
"""Settings of a model that decide how long it takes."""


def choose_engine(checkpoint: Checkpoint, precision: Precision) -> EngineName:
    """The engine that a checkpoint can be run with; of two the one that a short measurement found faster.

    The measurement is made once and kept until processor, versions or the shape of the checkpoint change.

    Args:
        checkpoint: An opened one.
        precision: Number format that is asked for; an engine that does not have it is not taken.

    Raises:
        UserError: If what could run it is not installed.
    """
    has_torch, has_onnx = is_installed("torch"), is_installed("onnxruntime")
    export = checkpoint.export
    if export is None or not checkpoint.has_weights:
        if export is not None:
            check_onnxruntime()
            return EngineName.onnx
        if not has_torch:
            raise UserError(
                f"{not_installed('torch')}, or take a checkpoint that scripts/export.py made, which needs onnxruntime"
            )
        return EngineName.torch
    if not has_torch:
        check_onnxruntime()
        return EngineName.onnx
    formats = (Precision.int8,) if export.is_int8 else (Precision.fp32,)
    if not has_onnx or precision not in (Precision.auto, *formats):
        return EngineName.torch
    if precision is Precision.int8:
        return EngineName.onnx
    if choose_device().type != "cpu":
        return EngineName.torch
    return EngineName[_faster(checkpoint, precision)]


def _faster(checkpoint: Checkpoint, precision: Precision) -> str:
    """Name of the engine that runs the checkpoint faster on this machine."""
    assert checkpoint.export is not None
    config = read_json(checkpoint.folder / "config.json")
    holds_for = machine() | {
        "threads": usable_cores(),
        "versions": {name: version_of(name) for name in ("torch", "transformers", "onnxruntime")},
        "shape": {name: config.get(name) for name in SHAPE},
        "context": checkpoint.context.name,
        "precision": precision.name,
    }
    question = f"engine, {config.get('model_type')} of {config.get('hidden_size')}, {checkpoint.export.format}"
    seconds: dict[str, float] = found_once(question, holds_for, lambda: _measure(checkpoint, precision))
    return min(seconds, key=lambda name: seconds[name])


def _measure(checkpoint: Checkpoint, precision: Precision) -> dict[str, float]:
    engines: dict[str, Answering] = {
        EngineName.torch.name: TorchEngine.load(checkpoint, precision),
        EngineName.onnx.name: OnnxEngine.load(checkpoint, precision),
    }
    return least_seconds(engines, checkpoint, MEASURED_SECONDS)
