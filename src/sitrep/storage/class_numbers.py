"""Class numbers and their names, as the library ``datasets`` records them; read without it."""

import json
from collections.abc import Mapping
from typing import Any


def recorded_features(metadata: Mapping[bytes, bytes] | None) -> dict[str, Any]:
    """What the library ``datasets`` recorded of the columns in a Parquet file that it wrote; empty of other files."""
    try:
        return dict(json.loads((metadata or {})[b"huggingface"])["info"]["features"])
    except (KeyError, TypeError, ValueError):
        return {}


def class_names(features: Mapping[str, Any]) -> dict[str, list[str]]:
    """Names of the class numbers in each column that holds some, or lists of some.

    Args:
        features: Of ``datasets``, in the plain form that it writes them in.
    """
    found = {}
    for column, feature in features.items():
        if isinstance(feature, list) and feature:  # how its older versions wrote a list
            feature = feature[0]
        elif isinstance(feature, dict) and isinstance(feature.get("feature"), dict):
            feature = feature["feature"]
        if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and feature.get("names"):
            found[column] = list(feature["names"])
    return found


def with_class_names(fields: dict[str, Any], classes: Mapping[str, list[str]]) -> dict[str, Any]:
    """A row with its class numbers as names; -1, which stands for no class, is empty. Other numbers stay."""

    def named(value: Any, names: list[str]) -> Any:
        if isinstance(value, list):
            return [named(item, names) for item in value]
        if not isinstance(value, int):
            return value
        return None if value == -1 else names[value] if 0 <= value < len(names) else value

    return fields | {column: named(fields[column], names) for column, names in classes.items() if column in fields}
