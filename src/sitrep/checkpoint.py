"""What a run directory and the checkpoint inside it hold, and how a checkpoint is verified.

A checkpoint is a plain Hugging Face folder with one file of ours beside the weights, ``sitrep.json``:
the settings that evaluation and prediction need, so that none has to be given twice, and the hash of
the weights. A folder without that file is used as it is, if its labels are ours.
"""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, get_origin

from sitrep.config import Context, ModelSettings, Pooling
from sitrep.errors import UserError
from sitrep.files import read_json, sha256_of
from sitrep.labels import CLASSES, LabelSet, Task, outputs_of
from sitrep.validation import VALIDATION, ValidationFit, read_validation

CHECKPOINT = "checkpoint"
RECORD = "sitrep.json"
WEIGHTS = "model.safetensors"
CONTEXT_WEIGHTS = "sentence_classifier.safetensors"
TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "spm.model", "tokenizer.model", "sentencepiece.bpe.model")
CONFIG = "config.yaml"
METRICS = "metrics.json"
REPORT = "report.html"
REPORT_MARKDOWN = "report.md"
ERRORS = "errors.csv"
CARD = "README.md"
PREDICTIONS = "predictions.jsonl"
ENVIRONMENT = "environment.json"
SPLIT = "split.json"

RECORD_VERSION = 1
DEFAULT_MAX_TOKENS = 256
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


@dataclass(frozen=True)
class CheckpointRecord:
    """What ``sitrep.json`` says.

    Attributes:
        label_set: Which labels the model answers with.
        max_tokens: Longest input in tokens.
        files: File name to SHA-256 of the weights, the configuration and the tokenizer.
        data: Data settings of the training run, as written in its ``config.yaml``.
        base: Folder that relative paths in ``data`` start from, as seen from the checkpoint.
        split: Digest of each split's sentences, by which later runs know that the data is the same.
        context: What a sentence is read with; records from before there was a choice say nothing, and mean ``none``.
        pooling: What stands for a sentence.
        window_tokens: Longest window of a page where ``context`` is ``article``.
        version: Of this record's format.
    """

    label_set: str
    max_tokens: int
    files: dict[str, str]
    data: dict[str, Any] = field(default_factory=dict)
    base: str = "."
    split: dict[str, str] = field(default_factory=dict)
    context: str = Context.none.name
    pooling: str = Pooling.cls.name
    window_tokens: int = DEFAULT_MAX_TOKENS
    version: int = RECORD_VERSION

    def __post_init__(self) -> None:
        for item in fields(self):
            kind: Any = get_origin(item.type) or item.type
            if not isinstance(getattr(self, item.name), kind):
                raise TypeError(f"{item.name} must be {kind.__name__}, not {getattr(self, item.name)!r}")
        for name, known in (("context", Context), ("pooling", Pooling)):
            if getattr(self, name) not in known.__members__:
                raise TypeError(f"{name} must be one of {', '.join(known.__members__)}, not {getattr(self, name)!r}")

    def write(self, folder: Path) -> None:
        """Write the record into a checkpoint folder."""
        (folder / RECORD).write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint folder.

    Attributes:
        folder: Where the weights and the tokenizer lie.
        outputs: Names of the model's outputs in their order: the labels, or the classes that may apply together.
        label_set: Which labels it answers with.
        task: One label a sentence, or every class that applies.
        thresholds: Least probability of each class that applies; empty with one label a sentence.
        max_tokens: Longest input in tokens.
        context: What a sentence is read with.
        pooling: What stands for a sentence.
        window_tokens: Longest window of a page where ``context`` is ``article``.
        record: Content of ``sitrep.json``; ``None`` for a folder that another program made.
        validation: What was fitted on validation; ``None`` for such a folder, and for checkpoints from before that.
    """

    folder: Path
    outputs: tuple[str, ...]
    label_set: LabelSet
    task: Task
    thresholds: dict[str, float]
    max_tokens: int
    context: Context
    pooling: Pooling
    window_tokens: int
    record: CheckpointRecord | None
    validation: ValidationFit | None

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label that a sentence can get, in the order of the taxonomy."""
        return self.label_set.names

    @property
    def is_plain(self) -> bool:
        """Whether any program that reads Hugging Face folders can use it as a text classifier, if without context."""
        return self.pooling is Pooling.cls


def open_checkpoint(location: str) -> Checkpoint:
    """Find and verify a checkpoint without loading it.

    Args:
        location: A run directory, the ``checkpoint`` folder in it, or any Hugging Face folder.

    Raises:
        UserError: If there is none, if its weights are missing, changed or pickled, or if it answers
            with other labels than the taxonomy's.
    """
    folder = _find(Path(location))
    config = read_json(folder / "config.json")
    record = read_record(folder)
    outputs = _outputs_of(config, folder)
    several = config.get("problem_type") == f"{Task.multi_label.name}_classification"
    task = Task.multi_label if several else Task.single_label
    known = LabelSet.five if several else next((each for each in LabelSet if each.names == outputs), None)
    if known is None or outputs_of(task, known) != outputs:
        wanted = [list(CLASSES)] if several else [list(each.names) for each in LabelSet]
        raise UserError(
            f"checkpoint={location}: its labels are {list(outputs)}; wanted are " + " or ".join(map(str, wanted))
        )
    if record is not None and record.label_set != known.name:
        raise UserError(
            f"checkpoint={location}: config.json holds the labels of labels={known.name}, "
            f"{RECORD} those of labels={record.label_set}; one of the files was changed"
        )
    _check_files(folder, record)
    longest = config.get("max_position_embeddings")
    default = min(longest, DEFAULT_MAX_TOKENS) if isinstance(longest, int) and longest > 0 else DEFAULT_MAX_TOKENS
    max_tokens = record.max_tokens if record else default
    context = Context[record.context] if record else Context.none
    pooling = Pooling[record.pooling] if record else Pooling.cls
    window_tokens = record.window_tokens if record else default
    validation = read_validation(folder)
    if validation and validation.labels != list(known.names):
        raise UserError(f"{folder / VALIDATION}: its labels are {validation.labels}, the model's {list(known.names)}")
    thresholds = dict.fromkeys(outputs, 0.5) | (validation.thresholds if validation else {}) if several else {}
    return Checkpoint(
        folder, outputs, known, task, thresholds, max_tokens, context, pooling, window_tokens, record, validation
    )


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files that make up a model, one or a numbered few."""
    return sorted(folder.glob("model*.safetensors")) or sorted(folder.glob(CONTEXT_WEIGHTS))


def _find(location: Path) -> Path:
    if not location.exists():
        hint = "; `make train` makes one" if location.name == "latest" else ""
        raise UserError(f"checkpoint={location}: no such folder{hint}")
    for folder in (location / CHECKPOINT, location):
        if (folder / "config.json").is_file():
            return folder
    raise UserError(f"checkpoint={location}: no checkpoint there; a folder with config.json and {WEIGHTS} is wanted")


def recorded_files(folder: Path) -> dict[str, str]:
    """Name and SHA-256 of every file that decides what the model answers."""
    deciding = [
        *weight_files(folder),
        *(folder / name for name in ("config.json", *TOKENIZERS, "tokenizer_config.json", VALIDATION)),
    ]
    return {path.name: sha256_of(path) for path in deciding if path.is_file()}


def record_of(folder: Path, model: ModelSettings, label_set: LabelSet) -> CheckpointRecord:
    """The record of a model that was just saved, without what is to be told of its data."""
    return CheckpointRecord(
        label_set=label_set.name,
        max_tokens=model.max_tokens,
        files=recorded_files(folder),
        context=model.context.name,
        pooling=model.pooling.name,
        window_tokens=model.window_tokens,
    )


def _check_files(folder: Path, record: CheckpointRecord | None) -> None:
    present = weight_files(folder)
    if not present:
        if any(path for pattern in PICKLES for path in folder.glob(pattern)):
            raise UserError(
                f"{folder}: holds pickled weights only, which can run any code when they are loaded; "
                f"convert them to {WEIGHTS} first"
            )
        raise UserError(f"{folder / WEIGHTS}: no such file; the checkpoint has no weights")
    if not any((folder / name).is_file() for name in TOKENIZERS):
        raise UserError(f"{folder / TOKENIZERS[0]}: no such file; the checkpoint has no tokenizer")
    if record is None and present[0].name == CONTEXT_WEIGHTS:
        raise UserError(f"{folder / RECORD}: no such file; without it nothing says how {CONTEXT_WEIGHTS} is to be read")
    for name, expected in (record.files if record else {}).items():
        path = folder / name
        if not path.is_file():
            raise UserError(f"{path}: no such file; the checkpoint is incomplete")
        if (found := sha256_of(path)) != expected:
            raise UserError(
                f"{path}: its sha256 is {found[:12]}…, {RECORD} says {expected[:12]}…; the file was changed or "
                f"damaged after training; restore it, or delete {RECORD} to use it all the same"
            )


def _outputs_of(config: dict[str, Any], folder: Path) -> tuple[str, ...]:
    by_index = config.get("id2label")
    if not isinstance(by_index, dict) or not by_index:
        raise UserError(f"{folder / 'config.json'}: has no id2label; this is not a text classifier")
    try:
        return tuple(str(by_index[str(index)]) for index in range(len(by_index)))
    except KeyError:
        raise UserError(f"{folder / 'config.json'}: id2label is not numbered from 0: {by_index}") from None


def read_record(folder: Path) -> CheckpointRecord | None:
    """What ``sitrep.json`` in a checkpoint folder says; ``None`` where there is none."""
    path = folder / RECORD
    if not path.is_file():
        return None
    content = read_json(path)
    if content.get("version") != RECORD_VERSION:
        raise UserError(f"{path}: version {content.get('version')}, this program reads {RECORD_VERSION}")
    try:
        return CheckpointRecord(**content)
    except TypeError as error:
        raise UserError(f"{path}: {error}") from None
