"""Settings in words: for help, for records of a run, and for what is wrong with them."""

import ast
import difflib
import inspect
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any


def as_plain(settings: Any) -> Any:
    """Settings as dicts, lists and scalars, enum members by name: what YAML and JSON can hold."""
    if is_dataclass(settings):
        return {item.name: as_plain(getattr(settings, item.name)) for item in fields(settings)}
    if isinstance(settings, dict):
        return {str(key): as_plain(value) for key, value in settings.items()}
    if isinstance(settings, list | tuple):
        return [as_plain(value) for value in settings]
    return settings.name if isinstance(settings, Enum) else settings


@dataclass(frozen=True)
class SettingDescription:
    """One line of a settings table."""

    name: str
    """Dotted, as it is written on the command line."""
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
        yield SettingDescription(prefix + item.name, choices, meanings[item.name])


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
            found[statement.target.id] = str(following.value.value)
    return found


def explain(error: Exception, schema: type, open_groups: Collection[str]) -> str:
    """Say in one line what is wrong with a configuration, with the nearest valid name.

    Args:
        error: Of the composition; its text is all that tells one kind from another.
        schema: Settings dataclass of the script.
        open_groups: Groups whose value may also be a path or hub name.
    """
    text = f"{error} {error.__cause__ or ''}"
    overridden = re.search(r"Could not override '([^']+)'", text)
    unknown = re.search(r"Key '[^']+' (?:is not in struct|not in '\w+')\s+full_key: (\S+)", text)
    if unknown or (overridden and "full_key" not in text):
        name = max((found[1] for found in (overridden, unknown) if found), key=len)
        return f"there is no setting {name}; {nearest(name, schema)}"
    group = re.search(
        r"Could not find '(\w+)/([^']*)'.*?Available options in '[^']*':\s*(.*?)(?:Config search|$)", text, re.S
    )
    if group:
        choices = ", ".join(group[3].split())
        also = ", or a folder or hub name (owner/name)" if group[1] in open_groups else ""
        return f"{group[1]}={group[2]}: no such choice; use one of {choices}{also}"
    key = re.search(r"full_key: (\S+)", text)
    if key:
        return f"{key[1]}: {str(error.__cause__ or error).splitlines()[0]}"
    return text.partition("See https://hydra.cc")[0]


def nearest(name: str, schema: type) -> str:
    """The remedy for a setting that does not exist: those below it if it is a group, else the most similar one."""
    settings = [setting.name for setting in describe(schema)]
    inside = [setting for setting in settings if setting.startswith(f"{name}.")]
    if inside:
        return f"there are {', '.join(inside)}"
    known = settings + sorted({setting.partition(".")[0] for setting in settings})
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6) or [
        setting for setting in settings if setting.rpartition(".")[2] == name.rpartition(".")[2]
    ]
    return f"did you mean {close[0]}?" if close else "--help lists them all"
