"""Typed settings: types, defaults and meanings. The YAML under ``configs/`` holds choices and recipes."""

from sitrep.settings.choices import (
    Context,
    FetchedBackbone,
    InputFormat,
    JoinLines,
    KeptWeights,
    OnDuplicates,
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
from sitrep.settings.serving import ServeSettings, ServingLimits
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
    "JoinLines",
    "KeptWeights",
    "ModelSettings",
    "OnDuplicates",
    "PartFormat",
    "Precision",
    "PredictSettings",
    "ServeSettings",
    "ServingLimits",
    "TrainSettings",
    "TrainerSettings",
    "TrainingData",
    "Unit",
]
