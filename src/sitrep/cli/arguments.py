"""Arguments as people write them: paths and label names are taken as they are, everything else is Hydra's grammar."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sitrep.cli.configs import configs_folder
from sitrep.errors import UsageError
from sitrep.storage.tables import ROW_SUFFIXES

PATHS = {
    *("input", "output", "pages_text", "checkpoint", "output_dir", "study", "model.name", "apply", "a", "b", "labels"),
    *("resume", "repeat", "trainer.tracking_uri", "sample", "predictions", "decided", "coder"),
}
"""Settings whose value is taken as it is written: a file name may hold blanks, commas, brackets and quotes."""

PATH_LISTS = {
    *(f"data.{name}_files" for name in ("train", "validation", "test", "calibration", "unlabelled")),
    "trainer.teacher",
    "behaviour_files",
    "validation_files",
    "others",
    "inputs",
}
"""Lists of such."""

MAPPING = "data.label_map"
"""Maps names of the user's, which may be numbers or hold anything."""

OPEN_MAPPING = "trainer.extra"
"""Setting whose keys are the user's; Hydra wants `++` before what is not there yet."""

OPEN_GROUPS = {"model": ("custom", "model.name"), "data": ("files", "data.train_files")}
"""Groups whose value may also be a path or hub name: the group file that takes it, and the setting that it goes to."""


@dataclass(frozen=True)
class Options:
    """What stands before the settings on a command line."""

    help: bool = False
    multirun: bool = False
    show: bool = False


@dataclass
class Overrides:
    """Arguments, parted by who reads them.

    Attributes:
        grammar: In Hydra's own.
        literal: Values by dotted setting, taken as they were written.
    """

    grammar: list[str] = field(default_factory=list)
    literal: dict[str, Any] = field(default_factory=dict)


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


def read_arguments(arguments: Sequence[str]) -> Overrides:
    """Part arguments into those that are taken as they are and those that Hydra reads.

    ``input=My page (2).txt`` needs no quotes, ``data.test_files=[a.csv,b, c.csv]`` names two files or three, by what is
    there, and ``model=path/to/folder`` becomes the group file for folders plus the name.

    Raises:
        UsageError: If a setting is to be taken away, or a mapping cannot be read.
    """
    found = Overrides()
    for argument in arguments:
        key, separator, value = argument.partition("=")
        if argument.startswith("~"):
            raise UsageError(f"{argument}: a setting cannot be taken away, only given another value")
        if not separator or "${" in value:
            found.grammar.append(argument)
        elif key in OPEN_GROUPS and names_a_path(key, value):
            group_file, target = OPEN_GROUPS[key]
            found.grammar.append(f"{key}={group_file}")
            found.literal[target] = [unquoted(value)] if target in PATH_LISTS else unquoted(value)
        elif key in PATHS:
            found.literal[key] = None if value == "null" else unquoted(value)
        elif key in PATH_LISTS:
            found.literal[key] = list_of_paths(value)
        elif key == MAPPING or key.startswith(f"{MAPPING}."):
            given = mapping_of(value) if key == MAPPING else {key.removeprefix(f"{MAPPING}."): unquoted(value)}
            found.literal[MAPPING] = found.literal.get(MAPPING, {}) | given
        elif key == OPEN_MAPPING or key.startswith(f"{OPEN_MAPPING}."):
            found.grammar.append(f"++{argument}")
        else:
            found.grammar.append(argument)
    return found


def names_a_path(group: str, value: str) -> bool:
    """Whether a value of an open group is a path or hub name and no ready choice."""
    if (configs_folder() / group / f"{value}.yaml").exists():
        return False
    named = Path(unquoted(value))
    return bool(re.search(r"[/\\:~]", value)) or named.suffix.lower() in ROW_SUFFIXES or named.exists()


def names_a_file(setting: str) -> bool:
    """Whether the value of a setting is taken as it is written, or may be a path."""
    return setting in PATHS or setting in PATH_LISTS or setting in OPEN_GROUPS


def list_of_paths(value: str) -> list[str]:
    """File names out of ``[a,b]``, or of one name without brackets.

    A comma inside quotes parts nothing, and neither does one inside a name of a file that is there.
    """
    if not (value.startswith("[") and value.endswith("]")) or (Path(value).exists() and value != "[]"):
        return [unquoted(value)] if value else []
    if not value[1:-1].strip():
        return []
    names: list[str] = []
    waiting = ""
    for piece in pieces(value[1:-1]):
        waiting = f"{waiting},{piece}" if waiting else piece
        joined = waiting.strip()
        if _is_whole(joined) and (not _names_a_longer_file(joined, value)):
            names.append(unquoted(joined))
            waiting = ""
    return [*names, *([unquoted(waiting.strip())] if waiting.strip() else [])]


def _names_a_longer_file(name: str, value: str) -> bool:
    """Whether ``name``, which is no file itself, begins the name of a file that goes on behind its comma."""
    if Path(unquoted(name)).exists():
        return False
    rest = value[value.index(name) + len(name) : -1]
    more = rest.split(",")[1:]
    return any(Path(",".join([name, *more[: count + 1]]).strip()).is_file() for count in range(len(more)))


def mapping_of(value: str) -> dict[str, str]:
    """Names by name out of ``{theirs: ours, 'a, b': ours}``; names are text, whatever they look like.

    Raises:
        UsageError: If it is not written so.
    """
    if not (value.startswith("{") and value.endswith("}")):
        raise UsageError(f"{MAPPING}={value}: write it as {{theirs: ours, theirs: ours}}, in quotes for the shell")
    found = {}
    for pair in pieces(value[1:-1]):
        if not pair.strip():
            continue
        parted = re.fullmatch(r"\s*('(?:\\.|[^'])*'|\"(?:\\.|[^\"])*\"|.*)\s*:\s*(.*?)\s*", pair, re.S)
        if parted is None or not parted[1].strip():
            raise UsageError(f"{MAPPING}={value}: {pair.strip()!r} is no pair theirs: ours")
        found[unquoted(parted[1].strip())] = unquoted(parted[2])
    return found


def unquoted(value: str) -> str:
    r"""A value without the quotes around it, inside which ``\\'`` is a quote; the name of a file that exists stays."""
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"" and not Path(value).exists():
        return re.sub(rf"\\([\\{value[0]}])", r"\1", value[1:-1])
    return value


def _is_whole(piece: str) -> bool:
    return piece[:1] not in ("'", '"') or (len(piece) > 1 and piece[-1] == piece[0])


def pieces(text: str) -> Iterator[str]:
    """Parts between commas that are not inside quotes; a quote counts where it opens a part."""
    start, quote = 0, ""
    for place, character in enumerate(text):
        if quote:
            quote = "" if character == quote and text[place - 1] != "\\" else quote
        elif character in "'\"" and re.search(r"(?:^|[,{:])\s*$", text[start:place] or ","):
            quote = character
        elif character == ",":
            yield text[start:place]
            start = place + 1
    yield text[start:]
