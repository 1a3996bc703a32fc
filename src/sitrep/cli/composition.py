"""From arguments to typed settings. The only module that knows Hydra and OmegaConf."""

import dataclasses
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sitrep.cli.arguments import (
    MAPPING,
    OPEN_GROUPS,
    OPEN_MAPPING,
    PATH_LISTS,
    PATHS,
    names_a_file,
    pieces,
    read_arguments,
)
from sitrep.cli.configs import configs_folder
from sitrep.cli.help import nearest
from sitrep.errors import UsageError, UserError
from sitrep.search.space import is_range
from sitrep.settings import SweepSettings, TrainSettings
from sitrep.settings.description import describe
from sitrep.settings.search import NOT_SEARCHED

Settings = TypeVar("Settings")


def compose_settings(root: str, schema: type[Settings], arguments: Sequence[str]) -> Settings:
    """Compose ``configs/<root>.yaml`` with arguments of a command line.

    Args:
        root: Name of the command; the file of a command of two words has ``_`` between them.
        schema: Dataclass of its settings.
        arguments: ``name=value`` each, as people write them.

    Raises:
        UsageError: For whatever is wrong with the arguments, by name and with the remedy.
        UserError: If a file that a setting names is not what it should be.
    """
    root = root.replace(" ", "_")
    ConfigStore.instance().store(name=f"{root}_schema", node=schema)
    overrides = read_arguments(arguments)
    known = {setting.name for setting in describe(schema)}
    try:
        with hydra.initialize_config_dir(version_base="1.3", config_dir=str(configs_folder().resolve())):
            cfg = hydra.compose(root, overrides.grammar)
        for name, value in overrides.literal.items():
            if name not in known:
                raise UsageError(f"there is no setting {name}; {nearest(name, schema)}")
            OmegaConf.update(cfg, name, value, merge=False)
        return _typed(cfg, schema)
    except (HydraException, OmegaConfBaseException) as error:
        cause = error.__cause__  # a rule in __post_init__, which OmegaConf wraps
        if isinstance(cause, UserError):
            raise cause from None
        raise UsageError(_explain(error, schema)) from None
    except (ValueError, AssertionError) as error:  # Hydra's own: a group set to null, for example
        raise UsageError(str(error)) from None


def combinations(arguments: Sequence[str]) -> list[list[str]]:
    """The arguments of every run of a multirun: all combinations of values that are parted by commas.

    Values of settings that hold one path, and of groups that take one, are parted at their commas; all others as
    Hydra's grammar has it, ranges and choices included.

    Raises:
        UsageError: If an argument cannot be read.
    """
    return [list(run) for run in itertools.product(*(_values(argument) for argument in arguments))]


def compose_sweep(arguments: Sequence[str]) -> SweepSettings:
    """Settings of a search: its own, those that all trials share, and those with several values.

    Raises:
        UsageError: For whatever is wrong with the arguments; rules of a trial's settings are not applied yet.
    """
    own = {item.name for item in dataclasses.fields(SweepSettings)} - {"train", "space"}
    known = {setting.name for setting in describe(TrainSettings)} - {"seeds", "output_dir"}
    groups = {name.partition(".")[0] for name in known if "." in name} | {"experiment"}
    given: list[str] = []
    train: list[str] = []
    space: dict[str, Any] = {}
    for argument in arguments:
        name = argument.partition("=")[0]
        plain = name.lstrip("+")
        open_ended = plain.startswith((f"{OPEN_MAPPING}.", f"{MAPPING}."))
        if name in own or name.startswith("~"):
            given.append(argument)
            continue
        if name in NOT_SEARCHED:
            raise UsageError(f"{name}: {NOT_SEARCHED[name]}")
        if plain not in known | groups and not open_ended:
            raise UsageError(f"there is no setting {plain}; {nearest(plain, SweepSettings, TrainSettings)}")
        train = [each for each in train if each.partition("=")[0] != name]  # of a setting given twice the last counts
        space.pop(name, None)
        several = _several(argument, open_ended)
        if several:
            space[name] = several
        else:
            train.append(argument)
    return dataclasses.replace(compose_settings("sweep", SweepSettings, given), train=train, space=space)


def _several(argument: str, open_ended: bool) -> str | list[str]:
    """The range, or the values, that an argument gives a setting to be searched; empty where it gives one value."""
    name, _, value = argument.partition("=")
    if names_a_file(name) and (name in PATH_LISTS or Path(value).exists()):
        return []
    if is_range(value) and not names_a_file(name) and not open_ended:
        return value
    values = [each.partition("=")[2] for each in _values(argument)]
    return values if len(values) > 1 else []


def _values(argument: str) -> list[str]:
    key, separator, value = argument.partition("=")
    if separator and (key in OPEN_GROUPS or key in PATHS):
        return [f"{key}={item}" for item in pieces(value)]
    try:
        (override,) = OverridesParser.create().parse_overrides([argument])
    except HydraException as error:
        raise UsageError(f"{argument}: {str(error).splitlines()[0]}") from None
    if not override.is_sweep_override():
        return [argument]
    return [f"{override.get_key_element()}={item}" for item in override.sweep_string_iterator()]


def _typed(cfg: DictConfig, schema: type[Settings]) -> Settings:
    missing = sorted(OmegaConf.missing_keys(cfg))
    if missing:
        raise UsageError(f"{missing[0]}: no value given; add {missing[0]}=… to the command line")
    for name in _added_keys(cfg, schema):
        raise UsageError(f"there is no setting {name}; {nearest(name, schema)}")
    settings = OmegaConf.to_object(cfg)
    assert isinstance(settings, schema)
    return settings


def _added_keys(cfg: DictConfig, schema: type, prefix: str = "") -> Iterator[str]:
    """Keys that came in by ``+key=value``, which Hydra adds even to a typed configuration."""
    fields: dict[str, Any] = {item.name: item.type for item in dataclasses.fields(schema)}
    for key in map(str, cfg):
        if key not in fields:
            if prefix or key != "experiment":
                yield prefix + key
        elif dataclasses.is_dataclass(fields[key]):
            yield from _added_keys(cfg[key], fields[key], f"{prefix}{key}.")


def _explain(error: Exception, schema: type) -> str:
    """Say in one line what is wrong with a configuration; the text of the error is all that tells kinds apart."""
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
        also = ", or a folder or hub name (owner/name)" if group[1] in OPEN_GROUPS else ""
        return f"{group[1]}={group[2]}: no such choice; use one of {choices}{also}"
    key = re.search(r"full_key: (\S+)", text)
    if key:
        return f"{key[1]}: {str(error.__cause__ or error).splitlines()[0]}"
    return text.partition("See https://hydra.cc")[0]
