"""An engine by ONNX Runtime, which needs neither PyTorch nor transformers."""

import re
from pathlib import Path
from typing import Any

import numpy as np

from sitrep.errors import UsageError, UserError, not_installed
from sitrep.model.checkpoint import Checkpoint
from sitrep.model.encoding import Batch
from sitrep.model.export_record import LOGITS, ONNX, SOURCE_KEY, SPEAKERS, ExportRecord
from sitrep.model.hardware import PrecisionChoice, usable_cores, version_of
from sitrep.settings import EngineName, Precision

LEAST_ONNXRUNTIME = (1, 22)
"""The first version that has every operator that an export may use."""

WITHOUT = ["SkipLayerNormFusion"]
"""What the session is not to do: the fused kernel is slower than the two that it replaces, and takes a quarter of the
time in int8 (docs/engines.md)."""


class OnnxEngine:
    """An engine by ONNX Runtime on the CPU.

    Args:
        session: Of a model that :mod:`sitrep.export` made.
        precision: Number format that it was exported in.
        with_speakers: Answer who speaks too.
    """

    name = EngineName.onnx
    device = "cpu"

    def __init__(self, session: Any, precision: PrecisionChoice, with_speakers: bool = False) -> None:
        self.session = session
        self.precision = precision
        self.with_speakers = with_speakers
        self._outputs = [LOGITS, *([SPEAKERS] if with_speakers else [])]
        self._inputs = [item.name for item in session.get_inputs()]

    @classmethod
    def load(
        cls, checkpoint: Checkpoint, precision: Precision = Precision.auto, with_speakers: bool = False
    ) -> "OnnxEngine":
        """Load the exported model of a checkpoint.

        Raises:
            UserError: If there is none, ONNX Runtime is missing or too old, or the model is not the one that its
                record speaks of.
            UsageError: If it is of another number format than is asked for.
        """
        record = checkpoint.export
        if record is None:
            folder = checkpoint.folder
            raise UserError(f"engine=onnx: {folder} has no {ONNX}; scripts/export.py checkpoint={folder} makes one")
        made = Precision.int8 if record.is_int8 else Precision.fp32
        if precision not in (Precision.auto, made):
            wanted = f"inference.precision={precision.name}"
            raise UsageError(f"{wanted}: {checkpoint.folder / ONNX} was exported in {made.name}")
        session = open_session(checkpoint.folder / ONNX, record)
        if with_speakers and SPEAKERS not in {item.name for item in session.get_outputs()}:
            raise UserError(f"speaker=true: {checkpoint.folder / ONNX} was exported without that; export it again")
        choice = PrecisionChoice(made, f"exported as {record.format}, {record.method}")
        return cls(session, choice, with_speakers)

    def logits(self, batch: Batch) -> np.ndarray:
        """As :meth:`sitrep.inference.engine.Engine.logits`."""
        found = self.session.run(self._outputs, {name: getattr(batch, name) for name in self._inputs})
        answers: np.ndarray = np.concatenate(found, axis=-1)[batch.starts >= 0]
        return answers


def open_session(path: Path, record: ExportRecord | None = None) -> Any:
    """A session of ONNX Runtime for a file.

    Args:
        path: Of the model.
        record: What is said of it; ``None`` while it is being made.

    Raises:
        UserError: If ONNX Runtime is missing or too old, cannot run the model, or that is not the one of its record.
    """
    check_onnxruntime()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = usable_cores()
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # plans for one shape; ours differ from batch to batch
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # the cores have other work too
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"], disabled_optimizers=WITHOUT
        )
    except Exception as error:  # the library raises types of its own for each kind of damage
        raise UserError(_why_not(path, record, str(error))) from None
    if record is not None:
        source = session.get_modelmeta().custom_metadata_map.get(SOURCE_KEY)
        if source != record.source:
            raise UserError(
                f"{path}: is of another checkpoint: made from weights of sha256 {str(source)[:12]}…, the record beside "
                f"it names {record.source[:12]}…; export it again"
            )
    return session


def check_onnxruntime() -> None:
    """Raise a ``UserError`` if ONNX Runtime is missing or too old."""
    version = version_of("onnxruntime") or version_of("onnxruntime-gpu")
    if version is None:
        raise not_installed("onnxruntime")
    numbers = tuple(map(int, re.findall(r"\d+", version)[:2]))
    if numbers < LEAST_ONNXRUNTIME:
        least = ".".join(map(str, LEAST_ONNXRUNTIME))
        raise UserError(f"onnxruntime {version} is too old; pip install 'onnxruntime>={least}'")


def _why_not(path: Path, record: ExportRecord | None, error: str) -> str:
    version = version_of("onnxruntime")
    if record is not None and "opset" in error.lower():
        return (
            f"{path}: is written in opset {record.opset}, which onnxruntime {version} does not know; install "
            f"onnxruntime {record.onnxruntime}, with which it was made, or export it again"
        )
    return f"{path}: cannot be loaded by onnxruntime {version}: {error}"
