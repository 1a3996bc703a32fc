"""Settings that are one of a few names. Members are named as they are written on the command line."""

from enum import Enum


class Precision(Enum):
    """Number format of the model's arithmetic."""

    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"


class ClassWeights(Enum):
    """How much an error on each label counts in the training loss."""

    none = "none"
    balanced = "balanced"


class WeightAveraging(Enum):
    """Which weights of the run are averaged into those that are kept."""

    none = "none"
    ema = "ema"
    swa = "swa"


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
