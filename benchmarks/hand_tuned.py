"""The same model in programs that are tuned by hand: OpenVINO and torch.compile, fed with the same sorted batches."""

from collections.abc import Callable
from typing import Any

import numpy as np
from padded_engine import PaddedEngine

from sitrep.inference.predictor import Predictor
from sitrep.model.encoding import Batch

Answer = Callable[[list[str]], np.ndarray]


def compiled(folder: str) -> Answer:
    """torch.compile with shapes that may change, in bf16."""
    import torch

    predictor = Predictor.from_checkpoint(folder, precision="bf16")
    engine: Any = predictor.engine
    engine = PaddedEngine(engine.model, engine._device, engine.precision)
    engine.model = torch.compile(engine.model, dynamic=True)
    predictor.engine = engine
    return predictor.predict_proba


def openvino(folder: str, kind: str) -> Answer:
    """OpenVINO's own conversion of the model of transformers, in one stream with all cores."""
    import openvino
    import torch

    predictor = Predictor.from_checkpoint(folder, precision="fp32")
    model: Any = predictor.engine.model.model  # type: ignore[attr-defined]
    example = {name: torch.ones(2, 16, dtype=torch.int64) for name in ("input_ids", "attention_mask")}
    with torch.no_grad():
        converted = openvino.convert_model(model, example_input=example)
    hints = {"INFERENCE_PRECISION_HINT": kind, "PERFORMANCE_HINT": "LATENCY"}
    engine = OpenVino(openvino.Core().compile_model(converted, "CPU", hints), predictor.engine)
    predictor.engine = engine
    return predictor.predict_proba


class OpenVino:
    """An engine by OpenVINO."""

    with_speakers = False

    def __init__(self, model: Any, like: Any) -> None:
        self.model, self.name, self.device, self.precision = model, like.name, like.device, like.precision

    def logits(self, batch: Batch) -> np.ndarray:
        """As the protocol ``Engine`` has it."""
        arrays = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
        return np.asarray(self.model(arrays)[0], dtype=np.float32)
