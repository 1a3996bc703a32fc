"""Typed settings: types, defaults and meanings. The YAML under ``configs/`` holds choices and recipes."""

from sitrep.settings.choices import (
    Context,
    FetchedBackbone,
    InputFormat,
    KeptWeights,
    OnError,
    PartFormat,
    Precision,
    TrainingData,
    Unit,
)
from sitrep.settings.data import DataSettings, EvaluateDataSettings
from sitrep.settings.jobs import (
    CheckSettings,
    CompareSettings,
    EvaluateSettings,
    FetchSettings,
    InferenceSettings,
    PredictSettings,
)
from sitrep.settings.training import ModelSettings, TrainerSettings, TrainSettings

__all__ = [
    "CheckSettings",
    "CompareSettings",
    "Context",
    "DataSettings",
    "EvaluateDataSettings",
    "EvaluateSettings",
    "FetchSettings",
    "FetchedBackbone",
    "InferenceSettings",
    "InputFormat",
    "KeptWeights",
    "ModelSettings",
    "OnError",
    "PartFormat",
    "Precision",
    "PredictSettings",
    "TrainSettings",
    "TrainerSettings",
    "TrainingData",
    "Unit",
]
