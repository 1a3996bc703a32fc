"""Typed settings. The YAML under ``configs/`` holds the values; here stand types and meanings."""

from sitrep.config.choices import ClassWeights, Context, InputFormat, Pooling, Precision, Unit, WeightAveraging
from sitrep.config.comparison import CompareSettings
from sitrep.config.data import DataSettings, EvaluateDataSettings, LabelSettings
from sitrep.config.jobs import CheckSettings, EvaluateSettings, InferenceSettings, PredictSettings
from sitrep.config.training import ModelSettings, TrainerSettings, TrainSettings

__all__ = [
    "CheckSettings",
    "ClassWeights",
    "CompareSettings",
    "Context",
    "DataSettings",
    "EvaluateDataSettings",
    "EvaluateSettings",
    "InferenceSettings",
    "InputFormat",
    "LabelSettings",
    "ModelSettings",
    "Pooling",
    "Precision",
    "PredictSettings",
    "TrainSettings",
    "TrainerSettings",
    "Unit",
    "WeightAveraging",
]
