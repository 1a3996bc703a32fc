"""From a command line to typed settings. The only module that knows Hydra and OmegaConf.

A script decorates its ``main`` with :func:`job` and gets plain dataclasses. Whatever the user can get
wrong comes out as one line on standard error and an exit status: 2 for the command line or the
configuration, 1 for files and data, 130 for Ctrl-C.
"""

import dataclasses
import errno
import functools
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import hydra
from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from sitrep.config_text import SettingDescription, describe, explain, nearest
from sitrep.errors import UsageError, UserError
from sitrep.tables import ROW_SUFFIXES

Settings = TypeVar("Settings")

PATH_SETTINGS = {"input", "output", "checkpoint", "output_dir", "model.name", "apply", "a", "b"}
"""Settings that hold a path: spaces, commas and brackets in them are not Hydra's grammar but the user's file name."""

OPEN_GROUPS = {
    "model": ("custom", "model.name={value}"),
    "data": ("files", "data.train_files=[{value}]"),
}
"""Groups whose value may also be a path or hub name: the group file that takes it, and the setting that it goes to."""

OPEN_MAPPINGS = ("trainer.extra", "data.label_map")
"""Settings whose keys are the user's; Hydra wants `++` before what is not there yet."""

HYDRA_OPTIONS = (
    "-m",
    "--multirun",
    "-c",
    "--cfg",
    "--resolve",
    "-p",
    "--package",
    "--config-dir",
    "-cd",
    "-i",
    "--info",
)
"""Options that are passed on to Hydra."""


def job(config_name: str, schema: type[Settings]) -> Callable[[Callable[[Settings], None]], Callable[[], None]]:
    """Make a script's ``main(settings)`` a command that composes ``configs/<config_name>.yaml``.

    Args:
        config_name: Root file in ``configs/`` beside the folder of the script.
        schema: Settings dataclass that the composed configuration must fit.

    Returns:
        A decorator. The decorated function takes no argument, reads ``sys.argv`` and never returns
        a value; it ends the process with the exit status that the module's docstring describes.
    """

    def decorate(main: Callable[[Settings], None]) -> Callable[[], None]:
        script = Path(main.__code__.co_filename).resolve()
        configs = script.parents[1] / "configs"

        @functools.wraps(main)
        def command() -> None:
            ConfigStore.instance().store(name=f"{config_name}_schema", node=schema)
            os.environ["HYDRA_FULL_ERROR"] = "1"  # otherwise Hydra prints the error itself, over several lines
            signal.signal(signal.SIGTERM, _terminated)
            with one_line_errors(script.name, schema):
                if {"--help", "-h"} & set(sys.argv[1:]):
                    print(help_text(script, configs, config_name, schema, main.__doc__ or ""))
                    return
                _run(main, schema, configs, config_name)

        return command

    return decorate


def _run(main: Callable[[Settings], None], schema: type[Settings], configs: Path, config_name: str) -> None:
    """Let Hydra compose and call ``main``; errors are carried past Hydra, which would announce them too."""
    raised: list[BaseException] = []
    given = sys.argv[1:]
    for option in given:
        if option.startswith("-") and option.partition("=")[0] not in HYDRA_OPTIONS:
            raise UsageError(f"there is no option {option}; settings are written name=value, --help lists them")

    def task(cfg: DictConfig) -> None:
        sys.argv[1:] = given  # what the user wrote, for the record of the run
        try:
            main(typed(cfg, schema))
        except BaseException as error:
            raised.append(error)

    sys.argv[1:] = rewrite_arguments(given, configs)
    try:
        hydra.main(version_base="1.3", config_path=str(configs), config_name=config_name)(task)()
    except (HydraException, OmegaConfBaseException):
        raise
    except (ValueError, AssertionError) as error:  # Hydra's own: a group set to null, options that exclude each other
        raise UsageError(str(error)) from None
    if raised:
        raise raised[0]


def typed(cfg: DictConfig, schema: type[Settings]) -> Settings:
    """Turn a composed configuration into an instance of its dataclass.

    Raises:
        UsageError: If a value is missing or breaks a rule of the dataclass.
    """
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
    fields = {item.name: item.type for item in dataclasses.fields(schema)}
    for key in map(str, cfg):
        if key not in fields:
            if prefix or key != "experiment":
                yield prefix + key
        elif dataclasses.is_dataclass(fields[key]):
            yield from _added_keys(cfg[key], fields[key], f"{prefix}{key}.")  # type: ignore[arg-type]


def compose(configs: Path, config_name: str, schema: type, overrides: list[str]) -> DictConfig:
    """Compose a root file without a command line: for the help text and for tests."""
    ConfigStore.instance().store(name=f"{config_name}_schema", node=schema)
    with hydra.initialize_config_dir(version_base="1.3", config_dir=str(configs.resolve())):
        return hydra.compose(config_name, rewrite_arguments(overrides, configs))


def rewrite_arguments(arguments: list[str], configs: Path) -> list[str]:
    """Let paths be written as in any other program.

    ``input=My page (2).txt`` is quoted for Hydra's grammar, and ``model=path/to/folder`` becomes the
    group file for folders plus the name. Everything else, and every argument of a multirun, is left alone.
    """
    if {"-m", "--multirun"} & set(arguments):
        return arguments
    return [rewritten for argument in arguments for rewritten in _rewrite(argument, configs)]


def _rewrite(argument: str, configs: Path) -> Iterator[str]:
    if argument.startswith("~"):
        raise UsageError(f"{argument}: a setting cannot be taken away, only given another value")
    key, separator, value = argument.partition("=")
    if separator and key in OPEN_GROUPS and _names_a_path(value, configs / key):
        group_file, target = OPEN_GROUPS[key]
        yield f"{key}={group_file}"
        yield target.format(value=_quoted(value))
    elif separator and key in PATH_SETTINGS and value != "null":
        yield f"{key}={_quoted(value)}"
    elif separator and any(key == name or key.startswith(f"{name}.") for name in OPEN_MAPPINGS):
        yield f"++{argument}"
    else:
        yield argument


def _names_a_path(value: str, group: Path) -> bool:
    if (group / f"{value}.yaml").exists() or value[:1] in {"'", '"', "$"}:
        return False
    return "/" in value or ":" in value or Path(value).suffix in ROW_SUFFIXES or Path(value).exists()


def _quoted(value: str) -> str:
    """A value in single quotes, in which Hydra takes a backslash before a quote, and only there, as an escape."""
    if not value or "${" in value or (len(value) > 1 and value[0] == value[-1] and value[0] in "'\""):
        return value
    escaped = re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + ("\\'" if found[2] else ""), value)
    return f"'{escaped}'"


@contextmanager
def one_line_errors(program: str, schema: type) -> Iterator[None]:
    """Turn what a user can cause into one line on standard error and an exit status; let bugs through."""
    try:
        yield
    except UserError as error:
        _end(program, str(error), error.exit_status)
    except (HydraException, OmegaConfBaseException) as error:
        cause = error.__cause__  # a rule in __post_init__, which OmegaConf wraps
        if isinstance(cause, UserError):
            _end(program, str(cause), cause.exit_status)
        _end(program, explain(error, schema, OPEN_GROUPS), UsageError.exit_status)
    except KeyboardInterrupt:
        _end(program, "interrupted; nothing half-written was kept", 130)
    except BrokenPipeError:
        # The reader of our pipe has gone (`| head`): say nothing, and keep Python from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except OSError as error:
        if error.errno not in USERS_OS_ERRORS:
            raise
        place = f"{error.filename}: " if error.filename else ""
        _end(program, f"{place}{error.strerror}; nothing half-written was kept", UserError.exit_status)


def _terminated(*_: object) -> NoReturn:
    """End by way of the clean-up that Ctrl-C takes."""
    raise SystemExit(143)


def _end(program: str, message: str, status: int) -> NoReturn:
    print(f"{program}: {' '.join(message.split())}", file=sys.stderr)
    raise SystemExit(status) from None


USERS_OS_ERRORS = {
    errno.ENOSPC,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENOENT,
    errno.EISDIR,
    errno.ENOTDIR,
    errno.EDQUOT,
    errno.ENAMETOOLONG,
}


def help_text(script: Path, configs: Path, config_name: str, schema: type, purpose: str) -> str:
    """Text of ``--help``: usage, choices of every group, and every setting with its default and meaning."""
    cfg = compose(configs, config_name, schema, [])
    lines = [" ".join(purpose.split()), "", f"Usage: python scripts/{script.name} [SETTING=VALUE ...]"]
    for group in sorted(path for path in configs.iterdir() if path.is_dir()):
        if f"{group.name}" in cfg or group.name == "experiment":
            choices = ", ".join(sorted(path.stem for path in group.glob("*.yaml")))
            lines.append(f"  {group.name}=  {choices}")
    lines.append("")
    for setting in describe(schema):
        lines.append(f"{setting.name}={default_of(cfg, setting)}")
        lines.append(f"    {setting.meaning}")
        if setting.choices:
            lines.append(f"    ({' | '.join(setting.choices)})")
    return "\n".join(lines)


def default_of(cfg: DictConfig, setting: SettingDescription) -> str:
    """The default of a setting as it would be written on the command line; `???` where one must be given."""
    parent: Any = cfg
    *path, last = setting.name.split(".")
    for part in path:
        parent = parent[part]
    if OmegaConf.is_missing(parent, last):
        return "???"
    values: Any = OmegaConf.to_container(parent)  # not resolved: a pattern stays a pattern
    value = values[last]
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ",".join(map(str, value)) + "]"
    return getattr(value, "name", str(value))
