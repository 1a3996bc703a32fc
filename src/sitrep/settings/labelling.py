"""Settings of `scripts/label.py`: labels of a user's own, from the choice of units to counts."""

from dataclasses import dataclass, field
from pathlib import Path

from sitrep.labels import find_taxonomy
from sitrep.settings.choices import EngineName, InputFormat, LabelFormat, TrainingData, Unit
from sitrep.settings.jobs import InferenceSettings
from sitrep.settings.rules import expand_home, require

COUNT_SUFFIXES = (".json", ".csv", ".html")
"""Endings of what `scripts/label.py audit` writes."""


@dataclass
class SelectSettings:
    """Settings of `scripts/label.py select`."""

    input: str
    """Pages or rows as `scripts/predict.py` takes them, or what it wrote."""
    output: str = "sample.jsonl"
    """File of the sample, JSON lines."""
    n: int = 200
    """Units to be labelled."""
    random_share: float = 1.0
    """Share of them that is drawn at random, and so can measure; the others are what the model learns most from."""
    per_page: int = 2
    """Units of a page at most; at random more of one that is so long that it is drawn for certain."""
    seed: int = 1
    """Of the draw."""
    unit: Unit = Unit.sentence
    """As in `scripts/predict.py`, like the three that follow."""
    format: InputFormat = InputFormat.auto
    """`auto` goes by the file's ending."""
    text_field: str = "text"
    """Column or key of a row that holds its text."""
    html_field: str | None = None
    """Column or key of a row that holds a page of HTML; `null`: `html`, where rows have no `text_field`."""
    checkpoint: str = "outputs/train/latest"
    """Run folder, or the `checkpoint` folder inside it; what it says decides which units are chosen."""
    overwrite: bool = False
    """Replace `output` if it exists."""
    engine: EngineName = EngineName.auto
    """As in `scripts/predict.py`."""
    inference: InferenceSettings = field(default_factory=InferenceSettings)

    def __post_init__(self) -> None:
        expand_home(self, "input", "output", "checkpoint")
        require(bool(self.input), "input", self.input, "name a file or a folder")
        require(self.n >= 1, "n", self.n, "must be at least 1")
        require(0 <= self.random_share <= 1, "random_share", self.random_share, "must lie in [0, 1]")
        require(self.per_page >= 1, "per_page", self.per_page, "must be at least 1")
        require(0 <= self.seed < 2**32, "seed", self.seed, "must lie between 0 and 4294967295")


@dataclass
class ExportSampleSettings:
    """Settings of `scripts/label.py export`."""

    input: str
    """Sample that `scripts/label.py select` wrote."""
    format: LabelFormat
    """`page`: one file that opens in a browser; `csv`, `xlsx`: a spreadsheet; or what another program imports."""
    output: str
    """File of the result, or, with several coders, what their files are named after: `page.html`, `page-anna.html`."""
    labels: str = "five"
    """As in `scripts/train.py`."""
    coders: list[str] = field(default_factory=list)
    """Names of the coders, a file each; empty: one coder."""
    overlap: float = 0.2
    """Share of the units that all coders get, where there are several; the others are dealt out."""
    show_guess: bool = False
    """Show what the model says; it leads the coder."""
    seed: int = 1
    """Of the order of the units."""
    overwrite: bool = False
    """Replace files that exist."""

    def __post_init__(self) -> None:
        expand_home(self, "input", "output", "labels")
        find_taxonomy(self.labels)
        require(0 <= self.overlap <= 1, "overlap", self.overlap, "must lie in [0, 1]")
        require(0 <= self.seed < 2**32, "seed", self.seed, "must lie between 0 and 4294967295")
        rule = "every coder has a name of its own, that a file may have"
        fit = all(name and not set(name) & set("/\\\0") for name in self.coders)
        require(fit and len(set(self.coders)) == len(self.coders), "coders", self.coders, rule)


@dataclass
class ImportLabelsSettings:
    """Settings of `scripts/label.py import`."""

    input: str
    """File that coders filled in, or that the program which they used wrote."""
    format: LabelFormat
    """As it was exported."""
    sample: str
    """Sample that it was made of."""
    output: str = "labels.jsonl"
    """File of the labels, JSON lines."""
    labels: str = "five"
    """As in `scripts/train.py`."""
    coder: str | None = None
    """Name of the one coder whose file it is; `null`: as the file says, else the name of the file."""
    overwrite: bool = False
    """Replace `output` if it exists."""

    def __post_init__(self) -> None:
        expand_home(self, "input", "sample", "output", "labels")
        find_taxonomy(self.labels)


@dataclass
class AgreeSettings:
    """Settings of `scripts/label.py agree`."""

    inputs: list[str]
    """Files of labels, of two coders or more."""
    labels: str = "five"
    """As in `scripts/train.py`."""
    predictions: str | None = None
    """Sample or predictions to compare each coder with the model; `null`: coders alone."""
    decided: str | None = None
    """The sheet of a third reader, filled in; what it decides goes into `labels.jsonl`."""
    draws: int = 2000
    """Draws of whole pages for the intervals."""
    seed: int = 1
    """Of the draws."""
    output_dir: str = "outputs/agree/{time}"
    """Folder of the result, which must not exist yet; `{time}` becomes the time of its start."""

    def __post_init__(self) -> None:
        expand_home(self, "inputs", "labels", "predictions", "decided", "output_dir")
        require(bool(self.inputs), "inputs", self.inputs, "name files of labels, of two coders or more")
        find_taxonomy(self.labels)
        require(100 <= self.draws <= 10**6, "draws", self.draws, "must lie between 100 and 1,000,000")
        require(0 <= self.seed < 2**32, "seed", self.seed, "must lie between 0 and 4294967295")


@dataclass
class AuditSettings:
    """Settings of `scripts/label.py audit`."""

    predictions: str
    """What `scripts/predict.py` wrote of the whole set, probabilities included."""
    labels: str
    """Labels of a random share of its units."""
    output: str
    """File of the result, `.json`, `.csv` or `.html` by its ending."""
    by: str | None = None
    """Column that counts are told apart by, such as `outlet`, or `published:month` (`:year`, `:day`) of dates."""
    overwrite: bool = False
    """Replace `output` if it exists."""

    def __post_init__(self) -> None:
        expand_home(self, "predictions", "labels", "output")
        for name in ("predictions", "labels"):
            require(bool(getattr(self, name)), name, getattr(self, name), "name a file")
        ending = Path(self.output).suffix.lower()
        require(ending in COUNT_SUFFIXES, "output", self.output, f"must end in {', '.join(COUNT_SUFFIXES)}")
        require(self.by != "", "by", self.by, "name a column, or leave it out")


@dataclass
class AdaptSettings:
    """Settings of `scripts/label.py adapt`."""

    labels: str
    """Labels of your pages: JSON lines, as `scripts/label.py import` or `agree` wrote them, or any labelled file."""
    checkpoint: str = "outputs/train/latest"
    """Run folder, or the `checkpoint` folder inside it."""
    target_precision: float = 0.95
    """Wanted share of right labels among predictions that need no check."""
    training_data: TrainingData = TrainingData.own
    """Whether to read what the checkpoint names as its data, as in `scripts/evaluate.py`; thresholds rest on it."""
    learning_rate: float | None = None
    """Highest learning rate; `null`: a quarter of the one that the checkpoint was trained with."""
    seed: int = 1
    """Of folds, batches and draws."""
    inference: InferenceSettings = field(default_factory=InferenceSettings)
    output_dir: str = "outputs/adapt/{time}"
    """Folder of the result, which must not exist yet; `{time}` becomes the time of its start."""

    def __post_init__(self) -> None:
        expand_home(self, "labels", "checkpoint", "output_dir")
        rule = "must be above 0"
        require(self.learning_rate is None or self.learning_rate > 0, "learning_rate", self.learning_rate, rule)
        require(0 < self.target_precision < 1, "target_precision", self.target_precision, "must lie between 0 and 1")
        require(0 <= self.seed < 2**32, "seed", self.seed, "must lie between 0 and 4294967295")
