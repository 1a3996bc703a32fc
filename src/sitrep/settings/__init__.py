"""Typed settings: types, defaults and meanings. The YAML under ``configs/`` holds choices and recipes."""

from sitrep.settings.choices import (
    Context,
    EngineName,
    ExportFormat,
    FetchedBackbone,
    InputFormat,
    JoinLines,
    KeptWeights,
    LabelFormat,
    OnDuplicates,
    PartFormat,
    Precision,
    Tracker,
    TrainingData,
    Unit,
)
from sitrep.settings.data import DataSettings, EvaluateDataSettings
from sitrep.settings.jobs import (
    CheckSettings,
    CompareSettings,
    EvaluateSettings,
    ExportSettings,
    FetchSettings,
    InferenceSettings,
    PredictSettings,
)
from sitrep.settings.labelling import (
    AdaptSettings,
    AgreeSettings,
    AuditSettings,
    ExportSampleSettings,
    ImportLabelsSettings,
    SelectSettings,
)
from sitrep.settings.search import SweepSettings
from sitrep.settings.serving import ServeSettings, ServingLimits
from sitrep.settings.training import LoraSettings, ModelSettings, TrainerSettings, TrainSettings

__all__ = [
    "AdaptSettings",
    "AgreeSettings",
    "AuditSettings",
    "CheckSettings",
    "CompareSettings",
    "Context",
    "DataSettings",
    "EngineName",
    "EvaluateDataSettings",
    "EvaluateSettings",
    "ExportFormat",
    "ExportSampleSettings",
    "ExportSettings",
    "FetchSettings",
    "FetchedBackbone",
    "ImportLabelsSettings",
    "InferenceSettings",
    "InputFormat",
    "JoinLines",
    "KeptWeights",
    "LabelFormat",
    "LoraSettings",
    "ModelSettings",
    "OnDuplicates",
    "PartFormat",
    "Precision",
    "PredictSettings",
    "SelectSettings",
    "ServeSettings",
    "ServingLimits",
    "SweepSettings",
    "Tracker",
    "TrainSettings",
    "TrainerSettings",
    "TrainingData",
    "Unit",
]
