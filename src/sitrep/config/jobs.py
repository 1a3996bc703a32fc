"""Settings of what is done with a checkpoint or with data."""

from dataclasses import dataclass

from sitrep.config.choices import InputFormat, Precision, Unit
from sitrep.config.data import DataSettings, EvaluateDataSettings, LabelSettings
from sitrep.config.rules import MISSING, require


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
    calibrated: bool = MISSING
    """Use the temperature that was fitted on validation, so that probabilities mean what they say."""
    baselines: bool = MISSING
    """Train the two baselines on the checkpoint's training data and score them beside it."""
    behaviour: bool = MISSING
    """Ask the model the behaviour tests."""
    behaviour_files: list[str] = MISSING
    """Behaviour tests of your own (YAML, see docs/evaluation.md), beside those that are shipped."""
    neighbours: bool = MISSING
    """Put the training units most like it beside each error; takes a pass over the training data."""
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
    calibrated: bool = MISSING
    """Use the temperature that was fitted on validation, and say which predictions to check."""
    overwrite: bool = MISSING
    """Replace `output` if it exists."""
    inference: InferenceSettings = MISSING

    def __post_init__(self) -> None:
        require(bool(self.input), "input", self.input, "name a file or a folder, or - for standard input")
