"""What settings are checked with when they are made."""

from collections.abc import Mapping

from sitrep.errors import UsageError
from sitrep.labels import Taxonomy


def check_label_map(label_map: Mapping[str, str], taxonomy: Taxonomy) -> None:
    """Raise a ``UsageError`` unless every label that ``data.label_map`` maps to is one of the taxonomy."""
    for theirs, ours in label_map.items():
        require(ours in taxonomy.known, f"data.label_map.{theirs}", ours, f"use one of {', '.join(taxonomy.known)}")


def require(condition: bool, setting: str, value: object, rule: str) -> None:
    """Raise a ``UsageError`` that names ``setting`` and its value unless ``condition`` holds."""
    if not condition:
        raise UsageError(f"{setting}={value}: {rule}")
