"""What an exported checkpoint says of its ``model.onnx``: where it comes from, and how it answers."""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, get_origin

from sitrep.errors import UserError
from sitrep.storage.complete import read_json, record_of, sha256_of

ONNX = "model.onnx"
EXPORT = "export.json"
ANSWERS = "stored_answers.json"
EXPORT_VERSION = 1
LOGITS, SPEAKERS = "logits", "speakers"
"""Outputs of ``model.onnx``: of the labels, and of who speaks, where the checkpoint has learnt it."""
SOURCE_KEY = "sitrep.source"
"""Name under which ``model.onnx`` itself holds the SHA-256 of the weights that it was made from."""


@dataclass(frozen=True)
class ExportRecord:
    """Content of ``export.json``.

    Attributes:
        format: ``onnx`` or ``onnx-int8``.
        method: How it came to its number format, in a word or two.
        source: SHA-256 of the weights that it was made from.
        opset: Version of ONNX's operators that it is written in.
        onnxruntime: Version that it was made and checked with.
        processor: That it was checked on.
        gate: Its figures against fp32 on ``units`` labelled units; see :class:`sitrep.export.gate.Gate`.
        tried: The same of every way that was tried.
        fitted: What became of temperature and thresholds, in words.
        version: Of this file's format.
    """

    format: str
    method: str
    source: str
    opset: int
    onnxruntime: str
    processor: str
    gate: dict[str, Any]
    tried: dict[str, Any] = field(default_factory=dict)
    fitted: str = ""
    version: int = EXPORT_VERSION

    def __post_init__(self) -> None:
        for item in fields(self):
            kind: Any = get_origin(item.type) or item.type
            if not isinstance(getattr(self, item.name), kind):
                raise TypeError(f"{item.name} must be {kind.__name__}, not {getattr(self, item.name)!r}")

    @property
    def is_int8(self) -> bool:
        """Whether its large products are of whole numbers."""
        return self.format == "onnx-int8"

    def write(self, folder: Path) -> None:
        """Write the file into a checkpoint folder."""
        (folder / EXPORT).write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_export(folder: Path) -> ExportRecord | None:
    """What ``export.json`` in a checkpoint folder says; ``None`` where there is no ``model.onnx``.

    Raises:
        UserError: If it is missing or not what it should be, or weights lie beside it that it was not made from.
    """
    if not (folder / ONNX).is_file():
        return None
    path = folder / EXPORT
    if not path.is_file():
        raise UserError(f"{path}: no such file; {ONNX} cannot be told to be of this checkpoint; export it again")
    record = record_of(ExportRecord, EXPORT_VERSION, read_json(path), path)
    weights = sorted(folder.glob("model*.safetensors"))
    if weights and (found := source_digest(weights)) != record.source:
        raise UserError(
            f"{folder / ONNX}: was exported from another checkpoint: from weights of sha256 {record.source[:12]}…, "
            f"those here have {found[:12]}…; export it again"
        )
    return record


def source_digest(weights: list[Path]) -> str:
    """SHA-256 of the weights of a model; of several files that of their hashes in the order of their names."""
    if len(weights) == 1:
        return sha256_of(weights[0])
    import hashlib

    return hashlib.sha256("".join(map(sha256_of, weights)).encode()).hexdigest()
