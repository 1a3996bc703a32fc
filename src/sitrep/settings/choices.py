"""Settings that are one of a few names. Members are named as they are written on the command line."""

from enum import Enum


class Precision(Enum):
    """Number format of the model's arithmetic."""

    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"
    int8 = "int8"


class EngineName(Enum):
    """What runs the model."""

    auto = "auto"
    torch = "torch"
    onnx = "onnx"
    reference = "reference"


ExportFormat = Enum("ExportFormat", {"onnx": "onnx", "onnx-int8": "onnx-int8"})
"""What a checkpoint is exported as."""


class Context(Enum):
    """What a sentence is read with."""

    none = "none"
    article = "article"


class KeptWeights(Enum):
    """What is kept of the runs of several seeds."""

    auto = "auto"
    ensemble = "ensemble"


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
    html = "html"
    mhtml = "mhtml"
    warc = "warc"
    zip = "zip"
    tar = "tar"


class JoinLines(Enum):
    """Whether rows that are lines of a page are read as parts of their sentence."""

    auto = "auto"
    never = "never"


class OnDuplicates(Enum):
    """What prediction does about pages and sentences that repeat."""

    ignore = "ignore"
    mark = "mark"


class Cluster(Enum):
    """What spreads a long prediction over machines."""

    none = "none"
    ray = "ray"


class PartFormat(Enum):
    """Format of the parts of a long prediction."""

    parquet = "parquet"
    jsonl = "jsonl"


class FetchedBackbone(Enum):
    """Backbones that are put together from packages of the Python package index."""

    mpnet = "mpnet"


class TrainingData(Enum):
    """Whether evaluation reads the training data that a checkpoint names."""

    own = "own"
    named = "named"
    none = "none"


LabelFormat = Enum(
    "LabelFormat",
    {
        "label-studio": "label-studio",
        "doccano": "doccano",
        "prodigy": "prodigy",
        "csv": "csv",
        "xlsx": "xlsx",
        "page": "page",
    },
)
"""Where units are labelled."""


class Tracker(Enum):
    """Programs that show how training goes."""

    tensorboard = "tensorboard"
    mlflow = "mlflow"
