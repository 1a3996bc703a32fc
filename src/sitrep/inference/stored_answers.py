"""Sentences with the answers that an exported model gave where it was made, by which other processors are tried.

In int8 a processor without instructions for it adds up products in fewer bits, and answers otherwise.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from sitrep.decisions import probabilities_of
from sitrep.errors import UserError
from sitrep.inference.batching import batches_by_length
from sitrep.inference.engine import Engine
from sitrep.model.checkpoint import Checkpoint
from sitrep.model.encoding import InputEncoder
from sitrep.model.export_record import ANSWERS, ONNX
from sitrep.model.hardware import INT8_FLAGS, cpu_flags, cpu_name, machine, version_of
from sitrep.settings import EngineName
from sitrep.storage.complete import read_json, record_of, sha256_of
from sitrep.storage.machine_report import found_once

SENTENCES = 200
VERSION = 1
BATCH_TOKENS = 2048
"""Fixed, as in int8 an answer hangs a little on what else is in the batch."""
MOST_CHANGED = 0.01
"""Share of the sentences that may get another label than where the model was made."""
FAR = 0.1
"""A probability may differ by this much."""


@dataclass(frozen=True)
class StoredAnswers:
    """Content of ``stored_answers.json``.

    Attributes:
        texts: Sentences.
        logits: Of each, one figure for each output.
        processor: That gave them.
        instructions: Of that processor, as far as they are for int8.
        version: Of this file's format.
    """

    texts: list[str]
    logits: list[list[float]]
    processor: str
    instructions: list[str]
    version: int = VERSION

    def __post_init__(self) -> None:
        for item in fields(self):
            kind: Any = getattr(item.type, "__origin__", item.type)
            if not isinstance(getattr(self, item.name), kind):
                raise TypeError(f"{item.name} must be {kind.__name__}, not {getattr(self, item.name)!r}")
        if not self.texts or len(self.texts) != len(self.logits):
            raise TypeError("there must be sentences, and logits for each of them")

    @classmethod
    def of(cls, engine: Engine, encoder: InputEncoder, texts: Sequence[str]) -> "StoredAnswers":
        """The answers that an engine gives here."""
        logits = np.round(answer(engine, encoder, texts).astype(np.float64), 6)
        flags = sorted(cpu_flags() & set(INT8_FLAGS))
        return cls(list(texts), logits.tolist(), cpu_name(), flags)

    def write(self, folder: Path) -> None:
        """Write the file into a checkpoint folder."""
        (folder / ANSWERS).write_text(json.dumps(asdict(self), ensure_ascii=False) + "\n", encoding="utf-8")


def answer(engine: Engine, encoder: InputEncoder, texts: Sequence[str]) -> np.ndarray:
    """Logits of texts, each read alone, in batches that are the same everywhere; shape (texts, outputs)."""
    rows = [encoder.alone(ids, number) for number, ids in enumerate(encoder.tokenize(texts)[0])]
    lengths = [len(row.ids) for row in rows]
    batches = list(batches_by_length(lengths, BATCH_TOKENS))
    found = [engine.logits(encoder.batch([rows[n] for n in batch], lengths[batch[0]])) for batch in batches]
    logits = np.empty((len(rows), found[0].shape[1]), dtype=np.float32)
    logits[[number for batch in batches for number in batch]] = np.concatenate(found)
    return logits


def check_answers(checkpoint: Checkpoint, engine: Engine, encoder: InputEncoder) -> None:
    """See once a machine whether an exported model answers here as it did where it was made.

    Raises:
        UserError: If it does not, or the stored answers are missing or damaged.
    """
    if engine.name is not EngineName.onnx or checkpoint.export is None:
        return
    path = checkpoint.folder / ANSWERS
    if not path.is_file():
        raise UserError(f"{path}: no such file; whether this processor answers alike cannot be told; export it again")
    holds_for = machine() | {"onnxruntime": version_of("onnxruntime"), "answers": sha256_of(path)}
    record = checkpoint.record
    known = record.files.get(ONNX) if record else None  # was just compared with the file
    model = known or sha256_of(checkpoint.folder / ONNX)

    def difference() -> dict[str, float]:
        stored = record_of(StoredAnswers, VERSION, read_json(path), path)
        now = answer(engine, encoder, stored.texts)[:, : len(stored.logits[0])]  # what stands behind is who speaks
        before, after = (probabilities_of(np.array(x), checkpoint.task) for x in (stored.logits, now))
        if before.shape != after.shape:
            raise UserError(f"{path}: its answers are of another model; export it again")
        changed = (before.argmax(axis=1) != after.argmax(axis=1)).mean()
        return {"changed_labels": float(changed), "largest_change": float(np.abs(before - after).max())}

    found = found_once(f"answers of {model[:16]}", holds_for, difference)
    if found["changed_labels"] > MOST_CHANGED or found["largest_change"] > FAR:
        stored = record_of(StoredAnswers, VERSION, read_json(path), path)
        raise UserError(_words(checkpoint, stored, found))


def _words(checkpoint: Checkpoint, stored: StoredAnswers, found: dict[str, float]) -> str:
    def named(processor: str, flags: Sequence[str]) -> str:
        return f"{processor} ({', '.join(flags) or 'without instructions for int8'})"

    here = named(cpu_name(), sorted(cpu_flags() & set(INT8_FLAGS)))
    there = named(stored.processor, stored.instructions)
    return (
        f"{checkpoint.folder / ONNX}: this processor, {here}, answers otherwise than {there}, where it was exported: "
        f"{found['changed_labels']:.1%} of {len(stored.texts)} sentences get another label, a probability changes by "
        f"{found['largest_change']:.2f}; export it again on this machine, or with format=onnx"
    )
