"""Settings of a training run."""

from dataclasses import dataclass
from typing import Any

from sitrep.config.choices import ClassWeights, Context, Pooling, Precision, WeightAveraging
from sitrep.config.data import DataSettings, LabelSettings
from sitrep.config.rules import MISSING, require
from sitrep.labels import LabelSet, Task


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
    layer_decay: float = MISSING
    """Factor on the learning rate from each layer to the one below it; 1: the same rate everywhere."""
    warmup_fraction: float = MISSING
    """Share of the steps in which the learning rate rises."""
    weight_decay: float = MISSING
    """AdamW's weight decay."""
    label_smoothing: float = MISSING
    """Share of the target probability that is spread over all labels."""
    focal_gamma: float = MISSING
    """How much less a sentence counts in the loss the surer the model is of it (focal loss); 0: not at all."""
    label_set_loss: float = MISSING
    """Weight of a second loss that puts every class that applies above `none` and all others below it; 0: none."""
    r_drop: float = MISSING
    """Weight of the difference between two passes with different tokens hidden and units dropped; 0: one pass."""
    contrastive_epochs: float = MISSING
    """Epochs before the training proper that draw sentences of one label together and part the others; 0: none."""
    weight_averaging: WeightAveraging = MISSING
    """`ema`: running mean of the weights over the last steps. `swa`: their mean over the last third of the run."""
    noise: float = MISSING
    """Share of the sentences that an epoch reads with damage (case, punctuation, encoding, a cut end); 0: none."""
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
        for name in ("label_smoothing", "token_masking", "pretrained_share", "context_dropout", "noise"):
            require(0 <= getattr(self, name) < 1, f"trainer.{name}", getattr(self, name), "must lie in [0, 1)")
        for name in ("focal_gamma", "label_set_loss", "r_drop", "contrastive_epochs"):
            require(getattr(self, name) >= 0, f"trainer.{name}", getattr(self, name), "must not be negative")
        require(0 < self.layer_decay <= 1, "trainer.layer_decay", self.layer_decay, "must lie in (0, 1]")
        if self.r_drop:
            rule = "needs trainer.token_masking above 0: without it both passes are the same"
            require(self.token_masking > 0, "trainer.r_drop", self.r_drop, rule)
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
    task: Task = MISSING
    """`single_label`: one label a sentence. `multi_label`: every class that applies, each with a threshold."""
    trainer: TrainerSettings = MISSING
    target_precision: float = MISSING
    """Wanted share of right labels among the predictions that need no check; thresholds are chosen on validation."""
    seed: int = MISSING
    """Seed of the new layers, the order of batches and dropout."""
    seeds: list[int] = MISSING
    """Seeds of several runs side by side, such as `[1,2,3]`; `seed` then plays no part. Empty: one run."""
    output_dir: str = MISSING
    """Folder of the run; it must not exist yet."""

    def __post_init__(self) -> None:
        for name, value in [("seed", self.seed), *(("seeds", seed) for seed in self.seeds)]:
            require(0 <= value < 2**32, name, value, "must lie between 0 and 4294967295")
        require(0 < self.target_precision < 1, "target_precision", self.target_precision, "must lie between 0 and 1")
        few = self.labels.label_set is not LabelSet.five
        if self.task is Task.multi_label:
            require(not few, "task", self.task.name, "goes with labels=five; a sentence may be none of the classes")
        if self.trainer.label_set_loss:
            rule = "goes with labels=five and task=single_label; it weighs the classes against none"
            single = self.task is Task.single_label
            require(single and not few, "trainer.label_set_loss", self.trainer.label_set_loss, rule)
        alone = len(self.seeds) == 1 or len(set(self.seeds)) < len(self.seeds)
        require(not alone, "seeds", self.seeds, "name two or more that differ, or use seed=N")
