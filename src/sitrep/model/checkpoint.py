"""What a run directory and the checkpoint inside it hold, and how a checkpoint is verified.

A checkpoint is a plain Hugging Face folder with files of ours beside the weights: ``sitrep.json`` has the settings that
evaluation and prediction need, so that none has to be given twice, and the hashes of the files; ``taxonomy.yaml`` the
labels; ``speaker.safetensors`` heads that say who speaks; ``validation.json`` what was fitted on validation;
``familiarity.json`` which words training knew. A folder without them is used as it is, if its labels are those of a
shipped taxonomy. The checkpoint of an ensemble has the weights of each member in a folder under ``members``; those
beside ``config.json`` are one model more, for programs that know nothing of members.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sitrep.errors import UserError
from sitrep.labels import Task, Taxonomy, read_taxonomy, shipped_names, shipped_taxonomy
from sitrep.model.checkpoint_record import DEFAULT_MAX_TOKENS, MEMBERS, RECORD, CheckpointRecord, read_record
from sitrep.model.export_record import ANSWERS, EXPORT, ONNX, ExportRecord, read_export
from sitrep.model.familiarity import FAMILIARITY, Familiarity, read_familiarity
from sitrep.model.validation_fit import VALIDATION, ValidationFit, read_validation
from sitrep.settings import Context
from sitrep.storage.complete import read_json, sha256_of

CHECKPOINT = "checkpoint"
TAXONOMY = "taxonomy.yaml"
WEIGHTS = "model.safetensors"
SPEAKER = "speaker.safetensors"
"""Heads that say who speaks, where they were learnt; in the folder or in that of a member."""
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

DEFAULT_THRESHOLD = 0.5
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


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
        export: What ``model.onnx`` was made from; ``None`` where there is none.
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
    export: ExportRecord | None = None

    @property
    def has_weights(self) -> bool:
        """Whether PyTorch can load it; what was exported has ``model.onnx`` alone."""
        return bool(weight_files(self.folder))

    @property
    def knows_speakers(self) -> bool:
        """Whether it has learnt who speaks."""
        return (self.folder / SPEAKER).is_file()

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label that a sentence can get, in the order of the taxonomy."""
        return self.taxonomy.labels

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the model's outputs in their order."""
        return self.taxonomy.class_names(self.task)

    @property
    def promised_precision(self) -> float | None:
        """Share of right labels among those accepted that its thresholds were chosen for; ``None`` if it has none."""
        fit = self.validation
        return fit.target_precision if fit and fit.acceptance_thresholds else None

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
    record, version_1_labels = read_record(folder)
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
        export=read_export(folder),
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
    ours = (SPEAKER, TAXONOMY, VALIDATION, FAMILIARITY, ONNX, EXPORT, ANSWERS)
    names = ("config.json", *TOKENIZERS, "tokenizer_config.json", *ours)
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
    if not weight_files(folder) and not (folder / ONNX).is_file():
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
    if record is None and (folder / ONNX).is_file():
        raise UserError(
            f"{folder / RECORD}: no such file, but {ONNX} is there; export it again, or restore what "
            "scripts/export.py wrote beside it"
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
