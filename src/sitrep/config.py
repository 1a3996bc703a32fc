"""Typed settings. The YAML under ``configs/`` holds the values; here stand types and meanings."""

from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

from sitrep.errors import UsageError
from sitrep.labels import LabelSet
from sitrep.sentences import KNOWN_LABELS

MISSING: Any = "???"
"""OmegaConf's mark for a value that has to be given."""


class Precision(Enum):
    """Number format of the model's arithmetic."""

    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"


class ClassWeights(Enum):
    """How much an error on each label counts in the training loss."""

    none = "none"
    balanced = "balanced"


class Context(Enum):
    """What a sentence is read with."""

    none = "none"
    neighbours = "neighbours"
    article = "article"


class Pooling(Enum):
    """Which of the encoder's outputs stand for a sentence."""

    cls = "cls"
    mean = "mean"


class Unit(Enum):
    """What one row of prediction input holds."""

    sentence = "sentence"
    article = "article"


class InputFormat(Enum):
    """How prediction input is to be read."""

    auto = "auto"
    text = "text"
    jsonl = "jsonl"
    csv = "csv"
    tsv = "tsv"
    parquet = "parquet"


def _check_label_map(label_map: dict[str, str]) -> None:
    for theirs, ours in label_map.items():
        require(ours in KNOWN_LABELS, f"data.label_map.{theirs}", ours, f"use one of {', '.join(KNOWN_LABELS)}")


def require(condition: bool, setting: str, value: object, rule: str) -> None:
    """Raise a ``UsageError`` that names ``setting`` and its value unless ``condition`` holds."""
    if not condition:
        raise UsageError(f"{setting}={value}: {rule}")


@dataclass
class LabelSettings:
    """Which labels the model learns."""

    label_set: LabelSet = MISSING
    """`five`: the four classes and `none`. `four`: rows labelled `none` are left out of training and scoring."""


@dataclass
class DataSettings:
    """Where labelled sentences come from and how they are divided."""

    train_files: list[str] = MISSING
    """Files (`.jsonl` `.csv` `.tsv` `.parquet`), folders saved by `datasets`, hub names, or `sitrep:corpus`."""
    validation_files: list[str] = MISSING
    """Data that chooses the best epoch; empty: whole articles are held out of `train_files`."""
    test_files: list[str] = MISSING
    """Data that the report is about; empty: whole articles are held out of `train_files`."""
    text_field: str = MISSING
    """Column that holds the sentence."""
    label_field: str = MISSING
    """Column that holds the one label."""
    labels_field: str = MISSING
    """Column that holds every label that applies (optional; a list, or names parted by `|`)."""
    article_id_field: str = MISSING
    """Column that says which article a sentence belongs to (optional; without it each row stands alone)."""
    position_field: str = MISSING
    """Column with the place of the sentence in its article (optional)."""
    id_field: str = MISSING
    """Column that identifies the row (optional)."""
    label_map: dict[str, str] = MISSING
    """Your label names to ours, for example `{attack: attack_description, other: none}`."""
    validation_fraction: float = MISSING
    """Share of the units held out for validation where `validation_files` is empty."""
    test_fraction: float = MISSING
    """Share of the units held out for test where `test_files` is empty."""
    split_seed: int = MISSING
    """Seed of the division into whole articles; apart from `seed`, so that runs with other seeds share a test set."""
    allow_leakage: bool = MISSING
    """Train although a text stands in more than one set."""

    def __post_init__(self) -> None:
        require(bool(self.train_files), "data.train_files", self.train_files, "name at least one file")
        for name in ("validation_fraction", "test_fraction"):
            value = getattr(self, name)
            require(0 < value < 0.5, f"data.{name}", value, "must lie between 0 and 0.5")
        _check_label_map(self.label_map)


@dataclass
class ModelSettings:
    """Which transformer is fine-tuned."""

    name: str = MISSING
    """A folder, a hub name (`owner/name`), `packaged:minilm`, or `random:tiny`."""
    revision: str | None = MISSING
    """Branch, tag or commit on the hub; `null` for the default one."""
    max_tokens: int = MISSING
    """Longest input in tokens, special tokens included; what is longer is cut, and the row says so."""
    context: Context = MISSING
    """`none`: each sentence alone. `neighbours`: with those around it. `article`: whole windows of the page."""
    pooling: Pooling = MISSING
    """What stands for a sentence: the first token (`cls`), or the `mean` over its tokens."""
    window_tokens: int = MISSING
    """Tokens of a window of the page where `context` is `article`."""
    dropout: float | None = MISSING
    """Dropout inside the encoder in training; `null`: the backbone's own. 0 saves a third of the time on a CPU."""

    def __post_init__(self) -> None:
        require(self.dropout is None or 0 <= self.dropout < 1, "model.dropout", self.dropout, "must lie in [0, 1)")
        for name in ("max_tokens", "window_tokens"):
            value = getattr(self, name)
            require(8 <= value <= 10**6, f"model.{name}", value, "must lie between 8 and 1,000,000")
        if self.context is Context.article:
            rule = f"a window must hold the longest sentence; lower model.max_tokens={self.max_tokens} too"
            require(self.window_tokens >= self.max_tokens, "model.window_tokens", self.window_tokens, rule)


@dataclass
class TrainerSettings:
    """How the transformer is fine-tuned."""

    epochs: float = MISSING
    """Passes over the training split at most."""
    batch_size: int = MISSING
    """Sentences a step and device."""
    learning_rate: float = MISSING
    """Peak learning rate; it rises over the warm-up and then falls linearly to zero."""
    warmup_fraction: float = MISSING
    """Share of the steps in which the learning rate rises."""
    weight_decay: float = MISSING
    """AdamW's weight decay."""
    label_smoothing: float = MISSING
    """Share of the target probability that is spread over all labels."""
    token_masking: float = MISSING
    """Share of the tokens that is hidden in training, chosen anew for each batch; 0: none."""
    pretrained_share: float = MISSING
    """Share of the pretrained encoder in the final weights, for pages unlike the training data; 0: none."""
    context_dropout: float = MISSING
    """Share of the articles that an epoch reads without context, so that a lone sentence is no surprise."""
    class_weights: ClassWeights = MISSING
    """`balanced` weighs each label by the inverse of its share of the training split."""
    early_stopping_patience: int = MISSING
    """Epochs without a better validation macro-F1 after which training stops; 0: never."""
    precision: Precision = MISSING
    """`auto`: bf16 where the processor (AMX) or the GPU computes in it, else fp32."""
    group_by_length: bool = MISSING
    """Make batches of sentences of like length, so that little is padded."""
    extra: dict[str, Any] = MISSING
    """Any other argument of `transformers.TrainingArguments`, passed through as it is."""

    def __post_init__(self) -> None:
        require(self.epochs > 0, "trainer.epochs", self.epochs, "must be above 0")
        require(self.batch_size >= 1, "trainer.batch_size", self.batch_size, "must be at least 1")
        require(self.learning_rate > 0, "trainer.learning_rate", self.learning_rate, "must be above 0")
        require(0 <= self.warmup_fraction < 1, "trainer.warmup_fraction", self.warmup_fraction, "must lie in [0, 1)")
        require(self.weight_decay >= 0, "trainer.weight_decay", self.weight_decay, "must not be negative")
        for name in ("label_smoothing", "token_masking", "pretrained_share", "context_dropout"):
            require(0 <= getattr(self, name) < 1, f"trainer.{name}", getattr(self, name), "must lie in [0, 1)")
        require(
            self.early_stopping_patience >= 0,
            "trainer.early_stopping_patience",
            self.early_stopping_patience,
            "must not be negative",
        )


@dataclass
class TrainSettings:
    """Settings of `scripts/train.py`."""

    data: DataSettings = MISSING
    model: ModelSettings = MISSING
    labels: LabelSettings = MISSING
    trainer: TrainerSettings = MISSING
    seed: int = MISSING
    """Seed of the new layers, the order of batches and dropout."""
    seeds: list[int] = MISSING
    """Seeds of several runs side by side, such as `[1,2,3]`; `seed` then plays no part. Empty: one run."""
    output_dir: str = MISSING
    """Folder of the run; it must not exist yet."""

    def __post_init__(self) -> None:
        for name, value in [("seed", self.seed), *(("seeds", seed) for seed in self.seeds)]:
            require(0 <= value < 2**32, name, value, "must lie between 0 and 4294967295")
        alone = len(self.seeds) == 1 or len(set(self.seeds)) < len(self.seeds)
        require(not alone, "seeds", self.seeds, "name two or more that differ, or use seed=N")


@dataclass
class EvaluateDataSettings:
    """Labelled data to score a checkpoint on; whatever is `null` is as it was in training."""

    test_files: list[str] = MISSING
    """Data to score; empty: the test split of the data that the checkpoint was trained on."""
    text_field: str | None = MISSING
    """Column that holds the sentence."""
    label_field: str | None = MISSING
    """Column that holds the one label."""
    labels_field: str | None = MISSING
    """Column that holds every label that applies."""
    article_id_field: str | None = MISSING
    """Column that says which article a sentence belongs to."""
    position_field: str | None = MISSING
    """Column with the place of the sentence in its article."""
    id_field: str | None = MISSING
    """Column that identifies the row."""
    label_map: dict[str, str] = MISSING
    """Your label names to ours; empty: as in training."""

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name != "test_files" and value not in (None, {}):
                require(bool(self.test_files), f"data.{item.name}", value, "says nothing without data.test_files")
        _check_label_map(self.label_map)


@dataclass
class CheckSettings:
    """Settings of `scripts/check_data.py`."""

    data: DataSettings = MISSING
    labels: LabelSettings = MISSING
    near_duplicate_threshold: float = MISSING
    """Least share of common word triples that makes two texts near duplicates."""
    label_errors: bool = MISSING
    """Look for suspected label errors; by far the slowest part."""
    strict: bool = MISSING
    """End with exit status 1 if anything worse than a hint was found."""
    apply: str | None = MISSING
    """A corrected `suggestions.csv`: its labels are put into the data, which are written as `corrected.jsonl`."""
    output_dir: str = MISSING
    """Folder of the result; it must not exist yet."""

    def __post_init__(self) -> None:
        threshold = self.near_duplicate_threshold
        require(0.5 <= threshold <= 1, "near_duplicate_threshold", threshold, "must lie between 0.5 and 1")


@dataclass
class InferenceSettings:
    """How sentences are fed to the model."""

    precision: Precision = MISSING
    """`auto`: bf16 where the processor (AMX) or the GPU computes in it, else fp32."""
    batch_tokens: int | None = MISSING
    """Tokens a batch, padding included; `null`: 2,048 on a CPU, 32,768 on a GPU."""
    window: int = MISSING
    """Sentences that are sorted by length together; bounds the memory of a long job."""

    def __post_init__(self) -> None:
        if self.batch_tokens is not None:
            rule = "must lie between 8 and 100,000,000"
            require(8 <= self.batch_tokens <= 10**8, "inference.batch_tokens", self.batch_tokens, rule)
        require(1 <= self.window <= 10**7, "inference.window", self.window, "must lie between 1 and 10,000,000")


@dataclass
class EvaluateSettings:
    """Settings of `scripts/evaluate.py`."""

    checkpoint: str = MISSING
    """Run folder, or the `checkpoint` folder inside it, or any Hugging Face folder with our labels."""
    data: EvaluateDataSettings = MISSING
    inference: InferenceSettings = MISSING
    baselines: bool = MISSING
    """Train the two baselines on the checkpoint's training data and score them beside it."""
    output_dir: str = MISSING
    """Folder of the result; it must not exist yet."""


@dataclass
class PredictSettings:
    """Settings of `scripts/predict.py`."""

    checkpoint: str = MISSING
    """Run folder, or the `checkpoint` folder inside it, or any Hugging Face folder with our labels."""
    input: str = MISSING
    """An article (`.txt`), rows (`.jsonl` `.csv` `.tsv` `.parquet`), a folder of them, or `-` for standard input."""
    output: str = MISSING
    """`.jsonl`, `.csv` or `.parquet`, or `-` for JSON lines on standard output."""
    unit: Unit = MISSING
    """What a row holds: one `sentence`, or a whole `article` to be cut into sentences."""
    format: InputFormat = MISSING
    """`auto` goes by the file's ending; on standard input a leading `{` means JSON lines, all else is an article."""
    text_field: str = MISSING
    """Column or key of a row that holds its text."""
    overwrite: bool = MISSING
    """Replace `output` if it exists."""
    inference: InferenceSettings = MISSING

    def __post_init__(self) -> None:
        require(bool(self.input), "input", self.input, "name a file or a folder, or - for standard input")
