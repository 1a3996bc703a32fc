"""Settings of a training run."""

import re
from dataclasses import dataclass, field
from typing import Any

from sitrep.labels import Task, find_taxonomy
from sitrep.settings.choices import Context, KeptWeights, Precision, Tracker
from sitrep.settings.data import SHIPPED, DataSettings
from sitrep.settings.rules import check_label_map, expand_home, member, require


@dataclass
class LoraSettings:
    """LoRA, for large backbones: small matrices are trained beside frozen weights, then become part of them."""

    rank: int = 0
    """Rank of the matrices beside each linear layer of the encoder, such as 16; 0: its own weights are trained."""
    alpha: int | None = None
    """What they are multiplied with is this over the rank; `null`: twice the rank."""

    def __post_init__(self) -> None:
        require(0 <= self.rank <= 4096, "model.lora.rank", self.rank, "must lie between 0 and 4096")
        require(self.alpha is None or self.alpha > 0, "model.lora.alpha", self.alpha, "must be above 0")


@dataclass
class ModelSettings:
    """Which transformer is fine-tuned."""

    name: str = "packaged:minilm"
    """A folder, a hub name (`owner/name`), `packaged:minilm`, `packaged:mpnet`, or `random:tiny`."""
    revision: str | None = None
    """Branch, tag or commit on the hub; `null` for the default one."""
    max_tokens: int = 256
    """Longest input in tokens, special tokens included; what is longer is cut, and the row says so."""
    context: Context | None = None
    """`article`: each sentence with what stands around it on its page. `none`: alone. `null`: `article`, but `none`
    where the backbone is of a kind that cannot."""
    window_tokens: int | None = None
    """Tokens of the windows that a page is read in; a longer sentence has a window of its own. `null`: 256, or what the
    backbone reads at most if that is less."""
    dropout: float | None = 0.0
    """Dropout inside the encoder in training; `null`: the backbone's own. 0 saves a third of the time on a CPU."""
    layers: int | None = None
    """Lower layers of the encoder that are kept; `null`: all. Half of them take half the time."""
    frozen_layers: int | None = None
    """Lower layers of the encoder that stay as they were pretrained, as the vectors of the words always do. `null`: 2
    of `packaged:minilm`, 4 of `packaged:mpnet`, unless it is cut or trained by LoRA, and none of others."""
    lora: LoraSettings = field(default_factory=LoraSettings)

    def __post_init__(self) -> None:
        expand_home(self, "name")
        require(bool(self.name), "model.name", self.name, "name a folder or a hub name (owner/name)")
        require(self.dropout is None or 0 <= self.dropout < 1, "model.dropout", self.dropout, "must lie in [0, 1)")
        require(self.layers is None or self.layers >= 1, "model.layers", self.layers, "must be at least 1")
        frozen = self.frozen_layers
        require(frozen is None or frozen >= 0, "model.frozen_layers", frozen, "must not be negative")
        rule = "random:tiny is not pretrained; leave it out"
        require(not frozen or self.name != "random:tiny", "model.frozen_layers", frozen, rule)
        self.context = None if self.context is None else member(Context, "model.context", self.context)
        for name in ("max_tokens", "window_tokens"):
            value = getattr(self, name)
            require(value is None or 8 <= value <= 10**6, f"model.{name}", value, "must lie between 8 and 1,000,000")


SHIPPED_EPOCHS = {"packaged:minilm": 1.95}
"""Passes over the 84,000 units of the shipped corpus, by backbone: what fits into eight minutes on two cores."""
LARGER_EPOCHS = 1.34
"""The same for other backbones, which are larger, as it was measured with `packaged:mpnet`."""
OTHER_EPOCHS = 3.0
"""Passes over other data, which is mostly much smaller."""


@dataclass
class TrainerSettings:
    """How the transformer is fine-tuned."""

    epochs: float | None = None
    """Passes over the training split at most; `null`: over the shipped corpus, alone or with other files, 1.95, or
    1.34 of a backbone other than the default; 3 over other data."""
    batch_size: int = 32
    """Sentences a step, over all processes: the result does not hang on their number."""
    accumulation_steps: int = 1
    """Parts that a step's sentences are computed in, one after the other; more of them want less memory."""
    activation_checkpointing: bool = False
    """Compute each layer again on the way back instead of keeping what it found: less memory, more time."""
    learning_rate: float = 2e-4
    """Peak learning rate; it rises, then falls to zero. Large backbones want 2e-5; a ready `model=` brings its own."""
    warmup_fraction: float = 0.1
    """Share of the steps in which the learning rate rises."""
    weight_decay: float = 0.01
    """AdamW's weight decay."""
    pretrained_share: float = 0.15
    """Share of the pretrained encoder in the final weights, for pages unlike the training data; 0: none."""
    distillation: float = 0.5
    """Share of other models' probabilities in what a sentence is trained towards, its label being the rest."""
    teacher: list[str] = field(default_factory=list)
    """Trained runs whose mean probabilities are learnt; empty: those that come with the corpus, if any."""
    speaker_weight: float = 0.3
    """What learning who speaks, and how, counts beside learning the label, where the data says so; 0: not learnt."""
    contrastive_epochs: float = 0.0
    """Epochs before the training proper that draw sentences of one label together and part the others; 0: none."""
    context_dropout: float = 0.3
    """Share of the articles that an epoch reads without context, so that a lone sentence is no surprise."""
    early_stopping_patience: int = 2
    """Epochs without a better validation macro-F1 after which training stops; 0: never."""
    precision: Precision = Precision.auto
    """`auto`: bf16 where the processor or the GPU computes in it and a short measurement finds it faster, else fp32."""
    track: list[Tracker] = field(default_factory=list)
    """Programs that are told of every step: `tensorboard`, `mlflow`, or both."""
    tracking_uri: str | None = None
    """MLflow's store: `sqlite:///FILE`, or a server's address; `null`: `MLFLOW_TRACKING_URI`, else `mlflow.db` beside
    the run."""
    save_minutes: float = 5.0
    """Minutes between training checkpoints within an epoch, which `resume` goes on from; 0: only at ends of epochs."""
    extra: dict[str, Any] = field(default_factory=dict)
    """Any other argument of `transformers.TrainingArguments`, passed through as it is."""

    def __post_init__(self) -> None:
        expand_home(self, "teacher")
        self.track = [member(Tracker, "trainer.track", tracker) for tracker in self.track]
        uri, tracked = self.tracking_uri, Tracker.mlflow in self.track
        require(uri is None or tracked, "trainer.tracking_uri", uri, "is MLflow's; add trainer.track=[mlflow]")
        rule = "name a store of MLflow's: sqlite:///FILE, or the address of a server"
        known = re.match(r"[a-z][a-z0-9+]+://", uri or "sqlite://") and not (uri or "").startswith("file:")
        require(bool(known), "trainer.tracking_uri", uri, rule)
        require(0 <= self.distillation <= 1, "trainer.distillation", self.distillation, "must lie in [0, 1]")
        for name, value in (("epochs", self.epochs), ("learning_rate", self.learning_rate)):
            require(value is None or value > 0, f"trainer.{name}", value, "must be above 0")
        rule = "training computes in fp32 or bf16; scripts/export.py makes int8"
        require(self.precision is not Precision.int8, "trainer.precision", self.precision.name, rule)
        require(self.batch_size >= 1, "trainer.batch_size", self.batch_size, "must be at least 1")
        rule = f"must lie between 1 and trainer.batch_size={self.batch_size}"
        steps = self.accumulation_steps
        require(1 <= steps <= self.batch_size, "trainer.accumulation_steps", steps, rule)
        for name in ("warmup_fraction", "pretrained_share", "context_dropout"):
            require(0 <= getattr(self, name) < 1, f"trainer.{name}", getattr(self, name), "must lie in [0, 1)")
        for name in ("weight_decay", "speaker_weight", "contrastive_epochs", "early_stopping_patience", "save_minutes"):
            require(getattr(self, name) >= 0, f"trainer.{name}", getattr(self, name), "must not be negative")


@dataclass
class TrainSettings:
    """Settings of `scripts/train.py`."""

    data: DataSettings = field(default_factory=DataSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    labels: str = "five"
    """`five`: the four classes and `none`. `four`: rows labelled `none` are passed over. Or a YAML file of your own."""
    task: Task = Task.single_label
    """`single_label`: one label a sentence. `multi_label`: every class that applies, each with a threshold."""
    trainer: TrainerSettings = field(default_factory=TrainerSettings)
    target_precision: float = 0.95
    """Wanted share of right labels among predictions that need no check: on validation, and on foreign pages if any."""
    seed: int = 1
    """Seed of the new layers, the order of batches and dropout."""
    seeds: list[int] = field(default_factory=list)
    """Seeds of several runs side by side, such as `[1,2,3]`; `seed` then plays no part. Empty: one run."""
    keep: KeptWeights = KeptWeights.auto
    """`auto`: the median of the seeds, or the mean of their weights. `ensemble`: the mean of their probabilities."""
    output_dir: str = "outputs/train/{time}"
    """Folder of the run, which must not exist yet; `{time}` becomes the time of its start."""
    resume: str | None = None
    """Go on with a run that was cut off. `true`: the newest one of these settings; a folder: that run; `auto`: one of
    these settings if there is any, else begin."""
    repeat: str | None = None
    """A run whose settings are taken for all but `output_dir`; what came out otherwise goes into `repeat.json`."""

    def __post_init__(self) -> None:
        expand_home(self, "labels", "output_dir", "resume", "repeat")
        self.resume = None if self.resume in ("false", "") else self.resume
        require(self.repeat != "", "repeat", self.repeat, "name the folder of a run")
        for name, value in [("seed", self.seed), *(("seeds", seed) for seed in self.seeds)]:
            require(0 <= value < 2**32, name, value, "must lie between 0 and 4294967295")
        require(0 < self.target_precision < 1, "target_precision", self.target_precision, "must lie between 0 and 1")
        taxonomy = find_taxonomy(self.labels)
        check_label_map(self.data.label_map, taxonomy)
        if self.task is Task.multi_label:
            rule = f"labels={self.labels} has no negative label; a sentence may be none of the classes"
            require(taxonomy.negative is not None, "task", self.task.name, rule)
        pages = self.data.unlabelled_files
        require(not pages or bool(self.trainer.teacher), "data.unlabelled_files", pages, "name a trainer.teacher=[RUN]")
        alone = len(self.seeds) == 1 or len(set(self.seeds)) < len(self.seeds)
        require(not alone, "seeds", self.seeds, "name two or more that differ, or use seed=N")
        rule = "there is one run alone; name several seeds, such as seeds=[1,2,3]"
        require(bool(self.seeds) or self.keep is KeptWeights.auto, "keep", self.keep.name, rule)

    @property
    def epochs(self) -> float:
        """Passes over the training split at most, chosen by the data where nothing else is asked for."""
        if self.trainer.epochs is not None:
            return self.trainer.epochs
        if SHIPPED not in self.data.train_files:
            return OTHER_EPOCHS
        return SHIPPED_EPOCHS.get(self.model.name, LARGER_EPOCHS)
