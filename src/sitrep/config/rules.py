"""What settings are checked with when they are made."""

from typing import Any

from sitrep.errors import UsageError
from sitrep.sentences import KNOWN_LABELS

MISSING: Any = "???"
"""OmegaConf's mark for a value that has to be given."""


def check_label_map(label_map: dict[str, str]) -> None:
    """Raise a ``UsageError`` unless every label that ``data.label_map`` maps to is one of ours."""
    for theirs, ours in label_map.items():
        require(ours in KNOWN_LABELS, f"data.label_map.{theirs}", ours, f"use one of {', '.join(KNOWN_LABELS)}")


def require(condition: bool, setting: str, value: object, rule: str) -> None:
    """Raise a ``UsageError`` that names ``setting`` and its value unless ``condition`` holds."""
    if not condition:
        raise UsageError(f"{setting}={value}: {rule}")
