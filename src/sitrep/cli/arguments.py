"""Arguments as people write them, turned into Hydra's grammar."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sitrep.cli.configs import configs_folder
from sitrep.errors import UsageError
from sitrep.storage.tables import ROW_SUFFIXES

PATH_SETTINGS = {"input", "output", "checkpoint", "output_dir", "model.name", "apply", "a", "b", "labels"}
"""Settings that hold a path: spaces, commas and brackets in them are not Hydra's grammar but the user's file name."""

OPEN_GROUPS = {
    "model": ("custom", "model.name={value}"),
    "data": ("files", "data.train_files=[{value}]"),
}
"""Groups whose value may also be a path or hub name: the group file that takes it, and the setting that it goes to."""

OPEN_MAPPINGS = ("trainer.extra", "data.label_map")
"""Settings whose keys are the user's; Hydra wants `++` before what is not there yet."""


@dataclass(frozen=True)
class Options:
    """What stands before the settings on a command line."""

    help: bool = False
    multirun: bool = False
    show: bool = False


def split_options(arguments: Sequence[str]) -> tuple[Options, list[str]]:
    """Part options from settings.

    Raises:
        UsageError: For an option that there is not.
    """
    given: set[str] = set()
    settings = []
    names = {"-h": "help", "--help": "help", "-m": "multirun", "--multirun": "multirun", "--cfg": "show"}
    for argument in arguments:
        if argument in names:
            given.add(names[argument])
        elif argument.startswith("-"):
            raise UsageError(f"there is no option {argument}; settings are written name=value, --help lists them")
        else:
            settings.append(argument)
    return Options(**dict.fromkeys(given, True)), settings


def rewrite_arguments(arguments: Sequence[str]) -> list[str]:
    """Let paths be written as in any other program.

    ``input=My page (2).txt`` is quoted for Hydra's grammar, and ``model=path/to/folder`` becomes the
    group file for folders plus the name. Everything else is left alone.
    """
    return [rewritten for argument in arguments for rewritten in _rewrite(argument)]


def _rewrite(argument: str) -> Iterator[str]:
    if argument.startswith("~"):
        raise UsageError(f"{argument}: a setting cannot be taken away, only given another value")
    key, separator, value = argument.partition("=")
    if separator and key in OPEN_GROUPS and names_a_path(key, value):
        group_file, target = OPEN_GROUPS[key]
        yield f"{key}={group_file}"
        yield target.format(value=quoted(value))
    elif separator and key in PATH_SETTINGS and value != "null":
        yield f"{key}={quoted(value)}"
    elif separator and any(key == name or key.startswith(f"{name}.") for name in OPEN_MAPPINGS):
        yield f"++{argument}"
    else:
        yield argument


def names_a_path(group: str, value: str) -> bool:
    """Whether a value of an open group is a path or hub name and no ready choice."""
    if (configs_folder() / group / f"{value}.yaml").exists() or value[:1] in {"'", '"', "$"}:
        return False
    return "/" in value or ":" in value or Path(value).suffix in ROW_SUFFIXES or Path(value).exists()


def quoted(value: str) -> str:
    """A value in single quotes, in which Hydra takes a backslash before a quote, and only there, as an escape."""
    if not value or "${" in value or (len(value) > 1 and value[0] == value[-1] and value[0] in "'\""):
        return value
    escaped = re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + ("\\'" if found[2] else ""), value)
    return f"'{escaped}'"
