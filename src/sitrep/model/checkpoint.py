"""What a run directory and the checkpoint inside it hold, and how a checkpoint is verified.

A checkpoint is a plain Hugging Face folder with files of ours beside the weights: ``sitrep.json`` has the settings that
evaluation and prediction need, so that none has to be given twice, and the hashes of the files; ``taxonomy.yaml`` the
labels; ``validation.json`` what was fitted on validation; ``familiarity.json`` which words training knew. A folder
without them is used as it is, if its labels are those of a shipped taxonomy. The checkpoint of an ensemble has the
weights of each member in a folder under ``members``; those beside ``config.json`` are one model more, for programs that
know nothing of members.
"""

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path, PurePosixPath
from typing import Any, get_origin

import yaml

from sitrep.errors import UserError
from sitrep.labels import Task, Taxonomy, read_taxonomy, shipped_names, shipped_taxonomy
from sitrep.model.familiarity import FAMILIARITY, Familiarity, read_familiarity
from sitrep.model.validation_fit import VALIDATION, ValidationFit, read_validation
from sitrep.settings import Context
from sitrep.storage.complete import read_json, record_of, sha256_of

CHECKPOINT = "checkpoint"
RECORD = "sitrep.json"
TAXONOMY = "taxonomy.yaml"
WEIGHTS = "model.safetensors"
MEMBERS = "members"
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

RECORD_VERSION = 3
WITHOUT_MEMBERS = 2
"""The version before there were ensembles; nothing else has changed since."""
DEFAULT_MAX_TOKENS = 256
DEFAULT_THRESHOLD = 0.5
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


@dataclass(frozen=True)
class CheckpointRecord:
    """What ``sitrep.json`` says.

    Attributes:
        max_tokens: Longest input in tokens.
        files: File name to SHA-256 of every file that decides what the model answers, those of members included.
        data: Data settings of the training run, as written in its ``config.yaml``.
        base: Folder that relative paths in ``data`` start from, as seen from the checkpoint.
        split: Digest of each split's sentences, by which later runs know that the data is the same.
        context: What a sentence is read with.
        window_tokens: Longest window of a page where ``context`` is ``article``.
        version: Of this record's format.
    """

    max_tokens: int
    files: dict[str, str] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    base: str = "."
    split: dict[str, str] = field(default_factory=dict)
    context: str = Context.none.name
    window_tokens: int = DEFAULT_MAX_TOKENS
    version: int = RECORD_VERSION

    def __post_init__(self) -> None:
        for item in fields(self):
            kind: Any = get_origin(item.type) or item.type
            if not isinstance(getattr(self, item.name), kind):
                raise TypeError(f"{item.name} must be {kind.__name__}, not {getattr(self, item.name)!r}")
        if self.context not in Context.__members__:
            raise TypeError(f"context must be one of {', '.join(Context.__members__)}, not {self.context!r}")

    @property
    def members(self) -> tuple[str, ...]:
        """Names of the folders that hold the weights of an ensemble, in its order; none for one model."""
        parts = (PurePosixPath(name).parts for name in self.files)
        return tuple(dict.fromkeys(path[1] for path in parts if path[:1] == (MEMBERS,) and len(path) == 3))

    def write(self, folder: Path) -> None:
        """Write the record into a checkpoint folder."""
        (folder / RECORD).write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint folder.

    Attributes:
        folder: Where the weights and the tokenizer lie.
        taxonomy: The labels that it answers with.
        task: One label a sentence, or every class that applies.
        max_tokens: Longest input in tokens.
        context: What a sentence is read with.
        window_tokens: Longest window of a page where ``context`` is ``article``.
        record: Content of ``sitrep.json``; ``None`` for a folder that another program made.
        validation: What was fitted on validation; ``None`` for such a folder, and for checkpoints from before that.
        members: Folders of the weights of an ensemble; none for one model.
        familiarity: What words its training data knows; ``None`` as before, and where that was too small to tell.
    """

    folder: Path
    taxonomy: Taxonomy
    task: Task
    max_tokens: int
    context: Context
    window_tokens: int
    record: CheckpointRecord | None
    validation: ValidationFit | None
    members: tuple[Path, ...] = ()
    familiarity: Familiarity | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label that a sentence can get, in the order of the taxonomy."""
        return self.taxonomy.labels

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the model's outputs in their order."""
        return self.taxonomy.class_names(self.task)

    @property
    def thresholds(self) -> dict[str, float]:
        """Least probability of each class that applies; empty with one label a sentence."""
        if self.task is Task.single_label:
            return {}
        return dict.fromkeys(self.class_names, DEFAULT_THRESHOLD) | (
            self.validation.thresholds if self.validation else {}
        )


def open_checkpoint(location: str) -> Checkpoint:
    """Find and verify a checkpoint without loading it.

    Args:
        location: A run directory, the ``checkpoint`` folder in it, or any Hugging Face folder.

    Raises:
        UserError: If there is none, if its weights are missing, changed or pickled, or if it answers
            with other labels than its taxonomy's.
    """
    folder = _find(Path(location))
    config = read_json(folder / "config.json")
    record, version_1_labels = _read_record(folder)
    several = config.get("problem_type") == f"{Task.multi_label.name}_classification"
    task = Task.multi_label if several else Task.single_label
    taxonomy = _taxonomy_of(folder, _outputs_of(config, folder), task, version_1_labels)
    _check_files(folder, record)
    longest = config.get("max_position_embeddings")
    default = min(longest, DEFAULT_MAX_TOKENS) if isinstance(longest, int) and longest > 0 else DEFAULT_MAX_TOKENS
    validation = read_validation(folder)
    if validation and validation.labels != list(taxonomy.labels):
        labels = list(taxonomy.labels)
        raise UserError(f"{folder / VALIDATION}: its labels are {validation.labels}, the model's {labels}")
    return Checkpoint(
        folder=folder,
        taxonomy=taxonomy,
        task=task,
        max_tokens=record.max_tokens if record else default,
        context=Context[record.context] if record else Context.none,
        window_tokens=record.window_tokens if record else default,
        record=record,
        validation=validation,
        members=tuple(folder / MEMBERS / name for name in record.members) if record else (),
        familiarity=read_familiarity(folder),
    )


def write_taxonomy(folder: Path, taxonomy: Taxonomy) -> None:
    """Write the labels into a checkpoint folder."""
    text = yaml.safe_dump(taxonomy.as_plain(), sort_keys=False, allow_unicode=True)
    (folder / TAXONOMY).write_text(text, encoding="utf-8")


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files that make up a model, one or a numbered few."""
    return sorted(folder.glob("model*.safetensors"))


def recorded_files(folder: Path) -> dict[str, str]:
    """Name and SHA-256 of every file that decides what the model answers, those of members included."""
    names = ("config.json", *TOKENIZERS, "tokenizer_config.json", TAXONOMY, VALIDATION, FAMILIARITY)
    deciding = [*weight_files(folder), *(folder / name for name in names), *sorted(folder.glob(f"{MEMBERS}/*/*"))]
    return {path.relative_to(folder).as_posix(): sha256_of(path) for path in deciding if path.is_file()}


def _find(location: Path) -> Path:
    if not location.exists():
        hint = "; `make train` makes one" if location.name == "latest" else ""
        raise UserError(f"checkpoint={location}: no such folder{hint}")
    for folder in (location / CHECKPOINT, location):
        if (folder / "config.json").is_file():
            return folder
    raise UserError(f"checkpoint={location}: no checkpoint there; a folder with config.json and {WEIGHTS} is wanted")


def _taxonomy_of(folder: Path, outputs: tuple[str, ...], task: Task, version_1_labels: str | None) -> Taxonomy:
    """The taxonomy in the folder, else the shipped one that has the model's outputs."""
    if (folder / TAXONOMY).is_file():
        taxonomy = read_taxonomy(folder / TAXONOMY)
        if taxonomy.class_names(task) != outputs:
            wanted = list(taxonomy.class_names(task))
            raise UserError(f"{folder}: config.json holds the labels {list(outputs)}, {TAXONOMY} {wanted}")
        return taxonomy
    shipped = [(name, shipped_taxonomy(name)) for name in shipped_names()]
    fitting = [
        (name, known)
        for name, known in shipped
        if known.class_names(task) == outputs and (task is Task.single_label or known.negative is not None)
    ]
    if not fitting:
        ours = " or ".join(str(list(known.class_names(task))) for _, known in shipped)
        raise UserError(
            f"{folder}: its labels are {list(outputs)}; wanted are {ours}, or a file {TAXONOMY} that says how they "
            "go together"
        )
    name, taxonomy = fitting[0]
    if version_1_labels not in (None, name):
        raise UserError(
            f"{folder}: config.json holds the labels of labels={name}, {RECORD} those of labels={version_1_labels}; "
            "one of the files was changed"
        )
    return taxonomy


def _check_files(folder: Path, record: CheckpointRecord | None) -> None:
    if not weight_files(folder):
        if any(path for pattern in PICKLES for path in folder.glob(pattern)):
            raise UserError(
                f"{folder}: holds pickled weights only, which can run any code when they are loaded; "
                f"convert them to {WEIGHTS} first"
            )
        raise UserError(f"{folder / WEIGHTS}: no such file; the checkpoint has no weights")
    if not any((folder / name).is_file() for name in TOKENIZERS):
        raise UserError(f"{folder / TOKENIZERS[0]}: no such file; the checkpoint has no tokenizer")
    if record is None and (folder / MEMBERS).is_dir():
        raise UserError(
            f"{folder / RECORD}: no such file, but {MEMBERS}/ is there; restore it, or delete {MEMBERS}/ and "
            f"{VALIDATION} to use the one model that the folder itself holds"
        )
    for name, expected in (record.files if record else {}).items():
        path = folder / name
        if not path.is_file():
            raise UserError(f"{path}: no such file; the checkpoint is incomplete")
        if (found := sha256_of(path)) != expected:
            other = "" if record and record.members else f", or delete {RECORD} to use it all the same"
            raise UserError(
                f"{path}: its sha256 is {found[:12]}…, {RECORD} says {expected[:12]}…; the file was changed or "
                f"damaged after training; restore it{other}"
            )


def _outputs_of(config: dict[str, Any], folder: Path) -> tuple[str, ...]:
    by_index = config.get("id2label")
    if not isinstance(by_index, dict) or not by_index:
        raise UserError(f"{folder / 'config.json'}: has no id2label; this is not a text classifier")
    try:
        return tuple(str(by_index[str(index)]) for index in range(len(by_index)))
    except KeyError:
        raise UserError(f"{folder / 'config.json'}: id2label is not numbered from 0: {by_index}") from None


def _read_record(folder: Path) -> tuple[CheckpointRecord | None, str | None]:
    """What ``sitrep.json`` says, and the name of the shipped taxonomy that it names where it is of version 1."""
    path = folder / RECORD
    if not path.is_file():
        return None, None
    content = read_json(path)
    labels = None
    if content.get("version") == 1:
        content, labels = _from_version_1(content, path)
    if content.get("version") == WITHOUT_MEMBERS:
        content = content | {"version": RECORD_VERSION}
    return record_of(CheckpointRecord, RECORD_VERSION, content, path), labels


def _from_version_1(content: dict[str, Any], path: Path) -> tuple[dict[str, Any], str | None]:
    """A record of version 0.1 of the program, which named a shipped taxonomy and had two more ways to read context."""
    content = dict(content)
    labels, pooling = content.pop("label_set", None), content.pop("pooling", "cls")
    if pooling != "cls" or content.get("context") == "neighbours":
        how = f"model.context={content.get('context')} and model.pooling={pooling}"
        raise UserError(f"{path}: made with {how}, which version 0.1 of sitrep alone reads; train again")
    return content | {"version": RECORD_VERSION}, labels
