"""Settings of what is done with a checkpoint, with data, with finished runs, or before the first."""

import re
import string
from dataclasses import dataclass, field

from sitrep.labels import find_taxonomy
from sitrep.settings.choices import (
    Cluster,
    EngineName,
    ExportFormat,
    FetchedBackbone,
    InputFormat,
    JoinLines,
    OnDuplicates,
    PartFormat,
    Precision,
    TrainingData,
    Unit,
)
from sitrep.settings.data import DataSettings, EvaluateDataSettings
from sitrep.settings.rules import check_label_map, check_object_urls, expand_home, refuse_urls, require


@dataclass
class InferenceSettings:
    """How sentences are fed to the model."""

    precision: Precision = Precision.auto
    """`auto`: bf16 where the processor or the GPU computes in it and a short measurement finds it faster, else fp32;
    `int8` is what `scripts/export.py` makes."""
    batch_tokens: int | None = None
    """Tokens a batch, padding included; `null`: 2,048 on a CPU, 32,768 on a GPU."""

    def __post_init__(self) -> None:
        if self.batch_tokens is not None:
            rule = "must lie between 8 and 100,000,000"
            require(8 <= self.batch_tokens <= 10**8, "inference.batch_tokens", self.batch_tokens, rule)


@dataclass
class EvaluateSettings:
    """Settings of `scripts/evaluate.py`."""

    checkpoint: str = "outputs/train/latest"
    """Run folder, or the `checkpoint` folder inside it, or any Hugging Face folder with our labels."""
    data: EvaluateDataSettings = field(default_factory=EvaluateDataSettings)
    engine: EngineName = EngineName.auto
    """As in `scripts/predict.py`."""
    inference: InferenceSettings = field(default_factory=InferenceSettings)
    calibrated: bool = True
    """Use the temperature that was fitted on validation, so that probabilities mean what they say."""
    baselines: bool = True
    """Train the two baselines on the checkpoint's training data and score them beside it."""
    behaviour: bool = True
    """Ask the model the behaviour tests."""
    behaviour_files: list[str] = field(default_factory=list)
    """Behaviour tests of your own (YAML, see docs/evaluation.md), beside those that are shipped."""
    neighbours: bool = True
    """Put the training units most like it beside each error; takes a pass over the training data."""
    training_data: TrainingData = TrainingData.own
    """`own`: read what a checkpoint names if it is of a run made here. `named`: any files that it names. `none`."""
    output_dir: str = "outputs/evaluate/{time}"
    """Folder of the result, which must not exist yet; `{time}` becomes the time of its start."""

    def __post_init__(self) -> None:
        expand_home(self, "checkpoint", "behaviour_files", "output_dir")


@dataclass
class RaySettings:
    """A cluster of Ray whose workers label the parts of a job."""

    address: str | None = None
    """Of a cluster that runs, as `HOST:6379`, or `auto` on one of its machines; `null`: one on this machine alone,
    which ends with the job."""
    workers: int | None = None
    """Processes that hold a model; `null`: as many as the cluster has room for when the job begins."""
    cpus: float = 1.0
    """Cores of each worker."""
    gpus: float = 0.0
    """Cards of each worker; `0.1`: ten share one."""
    object_store_bytes: int = 1_000_000_000
    """Bytes that parts on their way may take in Ray's object store; no part is read that would go beyond."""

    def __post_init__(self) -> None:
        if self.address is not None:
            rule = "name HOST:PORT, or auto, and run the command on a machine of the cluster"
            require(bool(self.address) and "://" not in self.address, "ray.address", self.address, rule)
        if self.workers is not None:
            require(1 <= self.workers <= 10**4, "ray.workers", self.workers, "must lie between 1 and 10,000")
        require(0 < self.cpus <= 1024, "ray.cpus", self.cpus, "must lie above 0, and at 1,024 at most")
        require(0 <= self.gpus <= 64, "ray.gpus", self.gpus, "must lie between 0 and 64")
        least = 80_000_000
        require(
            self.object_store_bytes >= least, "ray.object_store_bytes", self.object_store_bytes, f"at least {least:,}"
        )


@dataclass
class PredictSettings:
    """Settings of `scripts/predict.py`."""

    input: str
    """A page (`.txt` `.html` `.mhtml`), an archive or WARC, rows (`.jsonl` `.csv` `.parquet`), a folder, or `-`; also
    the URL of an object or a prefix, `s3://` or `gs://` (docs/cluster.md)."""
    output: str = "-"
    """`.jsonl`, `.csv`, `.parquet`, `.html` (coloured; `NAME.html/`: a folder of pages), `-` for JSON lines, or else
    `FOLDER/`, `s3://BUCKET/PREFIX/` or `gs://…/`: a long job in parts."""
    clean: bool = False
    """Write each page without its boilerplate instead, as `.txt` or `.md`, or `NAME.txt/`, `NAME.md/`: a folder."""
    checkpoint: str = "outputs/train/latest"
    """Run folder, or the `checkpoint` folder inside it, or any Hugging Face folder with our labels."""
    unit: Unit = Unit.sentence
    """What a row holds: one `sentence`, or a whole `article` to be cut into sentences."""
    format: InputFormat = InputFormat.auto
    """`auto` goes by the file's ending; on standard input by how it begins: JSON lines, HTML, or else an article."""
    text_field: str = "text"
    """Column or key of a row that holds its text."""
    html_field: str | None = None
    """Column or key of a row that holds a page of HTML; `null`: `html`, where rows have no `text_field`."""
    pages_text: str | None = None
    """Folder for the text of each page of HTML, which `start` and `end` count in; it must not exist yet, but for a job
    in parts that goes on."""
    calibrated: bool = True
    """Use the temperature that was fitted on validation, and say which predictions to check."""
    strict: bool = False
    """End at the first page or row that cannot be read (exit status 1), instead of leaving it out (status 3)."""
    join_lines: JoinLines = JoinLines.auto
    """`auto`: rows of one `article_id` that are lines of telex or hard-wrapped copy get the label of their sentence."""
    speaker: bool = False
    """Say of each sentence too whether it holds speech, who speaks, and how likely each speaker is, if the checkpoint
    has learnt that."""
    duplicates: OnDuplicates = OnDuplicates.ignore
    """`mark`: pages and sentences that repeat in the job, also re-edited, get `page_group` and `sentence_group`."""
    overwrite: bool = False
    """Replace `output` if it exists; an unfinished job of the same input, checkpoint and settings is gone on with."""
    parts: PartFormat = PartFormat.parquet
    """Format of the parts where `output` is a folder."""
    part_sentences: int = 50_000
    """Sentences a part, at least; it ends with the article, or at twice as many."""
    shard: str | None = None
    """`i/N`: do the i-th of N shares of a job in parts, in `FOLDER/shard-i-of-N`; by file in a folder, else by part."""
    engine: EngineName = EngineName.auto
    """`auto`: what is there, and of several the one that a short measurement finds faster. `torch`; `onnx`: a model
    that `scripts/export.py` made; `reference`: torch in fp32, every row alone and without padding."""
    inference: InferenceSettings = field(default_factory=InferenceSettings)
    cluster: Cluster = Cluster.none
    """`ray`: workers of a cluster label the parts of a job in parts; wants the extra `ray` (docs/cluster.md)."""
    ray: RaySettings = field(default_factory=RaySettings)

    def __post_init__(self) -> None:
        refuse_urls(self, *check_object_urls(self, "input", "output"), "checkpoint", "pages_text")
        expand_home(self, "input", "output", "checkpoint", "pages_text")
        require(bool(self.input), "input", self.input, "name a file or a folder, or - for standard input")
        rule = "must lie between 1 and 100,000,000"
        require(1 <= self.part_sentences <= 10**8, "part_sentences", self.part_sentences, rule)
        numbers = re.fullmatch(r"([1-9]\d{0,5})/([1-9]\d{0,5})", self.shard or "1/1")
        rule = "write it as i/N, such as 2/8, with i between 1 and N"
        require(bool(numbers) and int(numbers[1]) <= int(numbers[2]), "shard", self.shard, rule)  # type: ignore[index]


@dataclass
class ExportSettings:
    """Settings of `scripts/export.py`."""

    checkpoint: str = "outputs/train/latest"
    """Run folder, or the `checkpoint` folder inside it."""
    format: ExportFormat = ExportFormat.onnx
    """`onnx`: fp32, with the same answers. `onnx-int8`: smaller and faster, with answers that differ a little."""
    output: str | None = None
    """Folder of the result, which must not exist yet; `null`: named as `format`, beside the `checkpoint` folder."""
    validation_files: list[str] = field(default_factory=list)
    """Labelled data to check the answers on; empty: the validation split that the checkpoint was trained with."""
    training_data: TrainingData = TrainingData.own
    """Whether to read what the checkpoint names as its data, as in `scripts/evaluate.py`."""
    most_f1_loss: float = 0.01
    """Macro-F1 that the result may lose against fp32; more, and it is refused."""
    most_changed_labels: float = 0.01
    """Share of the units that may get another label than in fp32; more, and it is refused."""
    least_near: float = 0.99
    """Wanted share of units of which no probability moves by over 0.03, where int8 has a choice; 0.98 can be faster."""

    def __post_init__(self) -> None:
        expand_home(self, "checkpoint", "output", "validation_files")
        require(self.output != "", "output", self.output, "name a folder")
        for name in ("most_f1_loss", "most_changed_labels", "least_near"):
            require(0 <= getattr(self, name) <= 1, name, getattr(self, name), "must lie between 0 and 1")


@dataclass
class CompareSettings:
    """Settings of `scripts/compare.py`."""

    a: str
    """First run: a folder that `scripts/train.py` or `scripts/evaluate.py` made, or a `latest` link to one."""
    b: str
    """Second run, scored on the same units."""
    others: list[str] = field(default_factory=list)
    """Further runs, each compared with each other; the p-values are then adjusted for the number of pairs."""
    names: list[str] = field(default_factory=list)
    """What the report calls the runs, in their order; empty: `a`, `b`, `c` and so on."""
    draws: int = 2000
    """Draws of whole articles for intervals and tests."""
    seed: int = 1
    """Seed of the draws."""
    output_dir: str = "outputs/compare/{time}"
    """Folder of the result, which must not exist yet; `{time}` becomes the time of its start."""

    def __post_init__(self) -> None:
        expand_home(self, "a", "b", "others", "output_dir")
        for name in ("a", "b"):
            require(bool(getattr(self, name)), name, getattr(self, name), "name the folder of a run")
        runs = 2 + len(self.others)
        require(runs <= len(string.ascii_lowercase), "others", self.others, "26 runs can be compared at most")
        rule = f"name all {runs} runs, each by a name of its own, or none"
        require(not self.names or len(set(self.names) - {""}) == len(self.names) == runs, "names", self.names, rule)
        require(100 <= self.draws <= 10**6, "draws", self.draws, "must lie between 100 and 1,000,000")
        require(0 <= self.seed < 2**32, "seed", self.seed, "must lie between 0 and 4294967295")

    def runs(self) -> dict[str, str]:
        """The folder of each run by its name."""
        locations = [self.a, self.b, *self.others]
        names = self.names or list(string.ascii_lowercase[: len(locations)])
        return dict(zip(names, locations, strict=True))


@dataclass
class CheckSettings:
    """Settings of `scripts/check_data.py`."""

    data: DataSettings = field(default_factory=DataSettings)
    labels: str = "five"
    """`five`: the four classes and `none`. `four`: rows labelled `none` are passed over. Or a YAML file of your own."""
    near_duplicate_threshold: float = 0.8
    """Least share of common word triples that makes two texts near duplicates."""
    label_errors: bool = True
    """Look for suspected label errors; by far the slowest part."""
    strict: bool = False
    """End with exit status 1 if anything worse than a hint was found."""
    apply: str | None = None
    """A corrected `suggestions.csv`: the data with its labels are written into the folder `corrected`."""
    output_dir: str = "outputs/check_data/{time}"
    """Folder of the result, which must not exist yet; `{time}` becomes the time of its start."""

    def __post_init__(self) -> None:
        expand_home(self, "labels", "apply", "output_dir")
        threshold = self.near_duplicate_threshold
        require(0.5 <= threshold <= 1, "near_duplicate_threshold", threshold, "must lie between 0.5 and 1")
        check_label_map(self.data.label_map, find_taxonomy(self.labels))


@dataclass
class FetchSettings:
    """Settings of `scripts/fetch_backbone.py`."""

    backbone: FetchedBackbone
    """Which one; its name alone will do."""
    output: str | None = None
    """Folder that it becomes, which `model.name` then takes; `null`: the user's cache, where `model=mpnet` finds it."""

    def __post_init__(self) -> None:
        expand_home(self, "output")
        require(self.output != "", "output", self.output, "name a folder")
