"""Settings in words: for help, for records of a run, and for the table of all settings."""

import ast
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from enum import Enum
from typing import Any, TypeVar

from sitrep.errors import UsageError

Settings = TypeVar("Settings")


def as_plain(settings: Any) -> Any:
    """Settings as dicts, lists and scalars, enum members by name: what YAML and JSON can hold."""
    if is_dataclass(settings):
        return {item.name: as_plain(getattr(settings, item.name)) for item in fields(settings)}
    if isinstance(settings, dict):
        return {str(key): as_plain(value) for key, value in settings.items()}
    if isinstance(settings, list | tuple):
        return [as_plain(value) for value in settings]
    return settings.name if isinstance(settings, Enum) else settings


def flattened(plain: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """What :func:`as_plain` gives, by dotted name."""
    found: dict[str, Any] = {}
    for name, value in plain.items():
        found |= flattened(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return found


def from_plain(schema: type[Settings], plain: Mapping[str, Any], prefix: str = "") -> Settings:
    """Settings out of what :func:`as_plain` made of them; what is not there keeps its default.

    Raises:
        UsageError: If there is no such setting, or it cannot have that value.
    """
    kinds: dict[str, Any] = {item.name: item.type for item in fields(schema)}  # type: ignore[arg-type]
    given: dict[str, Any] = {}
    for name, value in plain.items():
        kind = kinds.get(name)
        if kind is None:
            raise UsageError(f"there is no setting {prefix}{name}")
        if is_dataclass(kind):
            value = from_plain(kind, value, f"{prefix}{name}.")  # type: ignore[arg-type]
        elif inspect.isclass(kind) and issubclass(kind, Enum):
            if value not in kind.__members__:
                raise UsageError(f"{prefix}{name}={value}: use one of {', '.join(kind.__members__)}")
            value = kind[value]
        given[name] = value
    return schema(**given)


@dataclass(frozen=True)
class SettingDescription:
    """One line of a settings table."""

    name: str
    """Dotted, as it is written on the command line."""
    default: str
    """As it would be written on the command line; `???` where a value must be given."""
    choices: tuple[str, ...]
    """Valid values of an enum; empty for other types."""
    meaning: str
    """The docstring under the field."""


def describe(schema: type, prefix: str = "") -> Iterator[SettingDescription]:
    """List every setting of a settings dataclass, nested ones dotted, in the order of declaration."""
    meanings = _field_docstrings(schema)
    for item in fields(schema):
        kind: Any = item.type
        if is_dataclass(kind):
            yield from describe(kind, f"{prefix}{item.name}.")  # type: ignore[arg-type]
            continue
        choices = tuple(kind.__members__) if inspect.isclass(kind) and issubclass(kind, Enum) else ()
        yield SettingDescription(prefix + item.name, _written(_default(item)), choices, meanings[item.name])


def settings_table(schema: type) -> str:
    """Every setting with its default and meaning, as a Markdown table."""
    rows = [
        f"| `{setting.name}` | `{setting.default}` | {setting.meaning.replace('|', chr(92) + '|')} |"
        for setting in describe(schema)
    ]
    return "\n".join(["| setting | default | meaning |", "|---|---|---|", *rows])


def _default(item: "Field[Any]") -> Any:
    if item.default_factory is not MISSING:
        return item.default_factory()
    return item.default


def _written(value: Any) -> str:
    if value is MISSING:
        return "???"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ",".join(map(str, value)) + "]"
    return str(getattr(value, "name", value))


def _field_docstrings(schema: type) -> dict[str, str]:
    """Docstrings under fields are not kept at run time, so they are read from the source."""
    body = ast.parse(inspect.getsource(schema).lstrip()).body[0]
    assert isinstance(body, ast.ClassDef)
    found = {item.name: "" for item in fields(schema)}
    for statement, following in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
        ):
            found[statement.target.id] = " ".join(str(following.value.value).split())
    return found
