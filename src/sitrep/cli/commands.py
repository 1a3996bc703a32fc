"""Commands as they are run from a command line.

Whatever the user can get wrong comes out as one line on standard error and an exit status: 2 for the command line or
the configuration, 1 for files and data, 128 and the signal's number for Ctrl-C and its like, 75 where such ended
training that can be gone on with.
"""

import errno
import importlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, NoReturn

from sitrep.cli.arguments import split_options
from sitrep.cli.command_list import COMMANDS, Command
from sitrep.cli.help import help_text
from sitrep.cli.launched import is_first_to_speak
from sitrep.cli.start import raise_on_signals
from sitrep.errors import EXTRAS, Stopped, UsageError, UserError, is_installed, not_installed

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
"""What a full, missing, forbidden or impossible place answers; any other error of the system is a bug."""


def run_named(arguments: Sequence[str]) -> None:
    """Run the command that the first argument names, or the first two."""
    with one_line_errors("sitrep"):
        if not arguments or arguments[0] in ("-h", "--help"):
            print(f"Usage: sitrep COMMAND [SETTING=VALUE ...]\n\n{_list_of_commands(COMMANDS)}")
            return
        script = arguments[0].replace("-", "_")
        if script not in {name.partition(" ")[0] for name in COMMANDS}:
            raise UsageError(f"there is no command {arguments[0]}; use one of {', '.join(COMMANDS)}")
    run_command(script, arguments[1:], f"sitrep {arguments[0]}", f"sitrep {arguments[0]}")


def run_command(name: str, arguments: Sequence[str], program: str, usage: str) -> None:
    """Run one command.

    Args:
        name: Of the command, or of a script that holds several, of which the first argument then names one.
        arguments: Behind it on the command line.
        program: What errors begin with.
        usage: How the command is called.
    """
    with one_line_errors(program):
        raise_on_signals()
        if name not in COMMANDS:
            inside = {whole.partition(" ")[2]: whole for whole in COMMANDS if whole.startswith(f"{name} ")}
            if not arguments or arguments[0] in ("-h", "--help"):
                listed = _list_of_commands({short: COMMANDS[whole] for short, whole in inside.items()})
                print(f"Usage: {usage} COMMAND [SETTING=VALUE ...]\n\n{listed}")
                return
            if arguments[0] not in inside:
                raise UsageError(f"there is no {name} {arguments[0]}; use one of {', '.join(inside)}")
            name, usage, arguments = inside[arguments[0]], f"{usage} {arguments[0]}", arguments[1:]
        _run(name, arguments, program, usage)


def _run(name: str, arguments: Sequence[str], program: str, usage: str) -> None:
    command = COMMANDS[name]
    options, overrides = split_options(arguments)
    if command.first:
        overrides = [item if "=" in item else f"{command.first}={item}" for item in overrides]
    if options.help:
        print(help_text(name, command.schema, command.purpose, usage))
        return
    from sitrep.cli.composition import combinations, compose_settings, compose_sweep

    if command.around and options.multirun:
        raise UsageError("--multirun: several values are what is searched; leave it out")
    runs = combinations(overrides) if options.multirun else [overrides]
    chosen: list[Any] = (
        [compose_sweep(overrides)] if command.around else [compose_settings(name, command.schema, run) for run in runs]
    )
    if options.show:
        print("---\n".join(map(_as_yaml, chosen)), end="")
        return
    for package in command.needs:
        if not is_installed(package):
            raise not_installed(package)
    module, _, function = command.function.partition(":")
    work = getattr(importlib.import_module(module), function)
    if command.around:
        work = partial(work, compose=partial(compose_settings, command.around, COMMANDS[command.around].schema))
    if options.multirun:
        _run_each(work, runs, chosen, program)
    else:
        work(chosen[0])


def _run_each(work: Callable[[Any], Any], runs: Sequence[Sequence[str]], chosen: Sequence[Any], program: str) -> None:
    """Do the runs of a multirun one after the other, and tell them in one table, also when they are broken off."""
    from rich.console import Console

    from sitrep.cli.multirun import RunOutcome, tell_runs

    outcomes: list[RunOutcome] = []
    failed: list[UserError] = []
    try:
        for arguments, settings in zip(runs, chosen, strict=True):
            began = time.perf_counter()
            result, reason = None, ""
            try:
                result = work(settings)
            except UserError as error:  # the other runs are as good as before
                if len(chosen) == 1:
                    raise
                failed.append(error)
                reason = _one_line(error)
                print(f"{program}: {reason}", file=sys.stderr)
            outcomes.append(RunOutcome(arguments, result, reason, time.perf_counter() - began))
    finally:
        if is_first_to_speak():
            tell_runs(outcomes, Console(stderr=True))
    if failed:
        raise SystemExit(failed[0].exit_status)


@contextmanager
def one_line_errors(program: str) -> Iterator[None]:
    """Turn what a user can cause into one line on standard error and an exit status; let bugs through."""
    try:
        yield
    except UserError as error:
        _end(program, error, error.exit_status)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        missing = not_installed(package)
        _end(program, missing, missing.exit_status)
    except Stopped as stopped:
        _end(program, stopped, stopped.exit_status)
    except BrokenPipeError:
        # The reader of our pipe has gone (`| head`): say nothing, and keep Python from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None
    except OSError as error:
        if error.errno not in USERS_OS_ERRORS:
            raise
        place = f"{error.filename}: " if error.filename else ""
        _end(program, f"{place}{error.strerror}; nothing half-written was kept", UserError.exit_status)
    except Exception as error:
        if behind := _signal_behind(error):
            _end(program, behind, behind.exit_status)
        raise


def _signal_behind(error: BaseException) -> Stopped | None:
    """The signal in whose wake a library's own clean-up failed, as omegaconf's does with what it had half built."""
    behind: BaseException | None = error
    while behind is not None and not isinstance(behind, Stopped):
        behind = behind.__context__
    return behind


def _end(program: str, message: object, status: int) -> NoReturn:
    if is_first_to_speak():
        print(f"{program}: {_one_line(message)}", file=sys.stderr)
    raise SystemExit(status) from None


def _one_line(message: object) -> str:
    return " ".join(str(message).split())


def _list_of_commands(commands: Mapping[str, Command]) -> str:
    width = max(map(len, commands))
    return "\n".join(f"  {name:<{width}}  {command.purpose}" for name, command in commands.items())


def _as_yaml(chosen: Any) -> str:
    import yaml

    from sitrep.settings.description import as_plain

    return str(yaml.safe_dump(as_plain(chosen), sort_keys=False, allow_unicode=True))
