"""Large products in whole numbers of eight bits: the ways to do it, from the fastest to the most exact."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sitrep.export.graph import quiet
from sitrep.model.encoding import Batch, InputEncoder

BLOCK = 128
"""Inputs of a product that share a scale, where each row has scales of its own."""
CALIBRATION_BATCH = 16
LEAST_SCALE = 1e-6
"""Of a row, so that one of zeros is not divided by zero."""


def quantize_all(fp32: Path, folder: Path, calibration: Sequence[Batch]) -> Iterator[tuple[str, Path]]:
    """Make a model in int8 in every way.

    Weights have a scale for each output throughout. Products of two activations stay in fp32.

    Args:
        fp32: The exported model.
        folder: For the results.
        calibration: Batches of training sentences; without any the way that needs them is left out.

    Yields:
        What was done, and the file.
    """
    ways: dict[str, Callable[[Path], None]] = {
        "dynamic": lambda path: _dynamic(fp32, path),
        "static": lambda path: _static(fp32, path, calibration),
        "dynamic by rows": lambda path: _dynamic(_by_rows(fp32, folder), path),
        "by blocks": lambda path: _by_blocks(fp32, path),
    }
    if not calibration:
        del ways["static"]
    for number, (way, make) in enumerate(ways.items()):
        path = folder / f"int8-{number}.onnx"
        with quiet():
            make(path)
        yield way, path


def calibration_batches(encoder: InputEncoder, texts: Sequence[str]) -> list[Batch]:
    """Batches of texts of like length, each read alone."""
    rows = [encoder.alone(ids, number) for number, ids in enumerate(encoder.tokenize(texts)[0])]
    rows.sort(key=lambda row: len(row.ids))
    parts = [rows[start : start + CALIBRATION_BATCH] for start in range(0, len(rows), CALIBRATION_BATCH)]
    return [encoder.batch(part, len(part[-1].ids)) for part in parts]


def _products(path: Path) -> list[tuple[str, tuple[int, int]]]:
    """Name of each product of activations and weights in the order of the graph, and the shape of its weights."""
    import onnx

    graph = onnx.load(str(path)).graph
    shapes = {item.name: tuple(item.dims) for item in graph.initializer}
    return [
        (node.name, shapes[node.input[1]])
        for node in graph.node
        if node.op_type == "MatMul" and len(shapes.get(node.input[1], ())) == 2
    ]


def _dynamic(fp32: Path, path: Path) -> None:
    """Scales of activations are found anew for each batch."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(
        str(fp32),
        str(path),
        weight_type=QuantType.QInt8,
        per_channel=True,
        extra_options={"MatMulConstBOnly": True, "DefaultTensorType": 1},
    )


def _by_rows(fp32: Path, folder: Path) -> Path:
    """The model with activations divided by the largest of their row before each product, and multiplied behind it.

    The scale that is then found for a whole batch is that of each row: one token with a large figure does not take the
    precision of all others, and what else is in the batch hardly matters.
    """
    import onnx
    from onnx import helper, numpy_helper

    named = dict(_products(fp32))
    path, model = folder / "by_rows.onnx", onnx.load(str(fp32))
    model.graph.initializer.append(numpy_helper.from_array(np.array([-1], dtype=np.int64), "row_axis"))
    model.graph.initializer.append(numpy_helper.from_array(np.array(LEAST_SCALE, dtype=np.float32), "least_scale"))
    nodes, done = [], set()
    for node in model.graph.node:
        if node.name not in named:
            nodes.append(node)
            continue
        taken, given = node.input[0], node.output[0]
        size, largest, scale, even = (f"{taken}_{what}" for what in ("size", "largest", "scale", "even"))
        if taken not in done:
            done.add(taken)
            nodes += [
                helper.make_node("Abs", [taken], [size], name=size),
                helper.make_node("ReduceMax", [size, "row_axis"], [largest], name=largest, keepdims=1),
                helper.make_node("Max", [largest, "least_scale"], [scale], name=scale),
                helper.make_node("Div", [taken, scale], [even], name=even),
            ]
        node.input[0], node.output[0] = even, f"{given}_even"
        nodes += [node, helper.make_node("Mul", [f"{given}_even", scale], [given], name=f"{given}_scaled")]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, str(path))
    return path


def _static(fp32: Path, path: Path, calibration: Sequence[Batch]) -> None:
    """Scales of activations are those of training sentences."""
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    names = _input_names(fp32)

    class Batches(CalibrationDataReader):  # type: ignore[misc]
        """The calibration batches, one after the other."""

        def __init__(self) -> None:
            self.left = iter(calibration)

        def get_next(self) -> dict[str, Any] | None:
            batch = next(self.left, None)
            return None if batch is None else {name: getattr(batch, name) for name in names}

    quantize_static(
        str(fp32),
        str(path),
        Batches(),
        op_types_to_quantize=["MatMul"],
        weight_type=QuantType.QInt8,
        activation_type=QuantType.QUInt8,
        per_channel=True,
        extra_options={"MatMulConstBOnly": True, "DefaultTensorType": 1},
    )


def _by_blocks(fp32: Path, path: Path) -> None:
    """Each row has a scale for each block of activations, so that no answer hangs on what else is in the batch."""
    import onnx
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    made = MatMulNBitsQuantizer(onnx.load(str(fp32)), bits=8, block_size=BLOCK, is_symmetric=True, accuracy_level=4)
    made.process()
    made.model.save_model_to_file(str(path), False)


def _input_names(path: Path) -> list[str]:
    import onnx

    return [item.name for item in onnx.load(str(path), load_external_data=False).graph.input]
