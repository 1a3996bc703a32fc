"""One table of the runs of ``--multirun``."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sitrep.model.checkpoint import METRICS
from sitrep.report.rendering import figure
from sitrep.storage.complete import read_json, shown
from sitrep.storage.spreadsheets import write_spreadsheet

TABLE_NAME = "multirun"
HEADINGS = {"validation_macro_f1": "validation", "test_macro_f1": "test"}
"""Shorter ones of figures, on the terminal."""


@dataclass(frozen=True)
class RunOutcome:
    """How one of several runs ended.

    Attributes:
        arguments: Of the run.
        result: What the command returned; ``None`` where it failed.
        reason: Why it failed; empty where it did not.
        seconds: That it took.
    """

    arguments: Sequence[str]
    result: Any
    reason: str
    seconds: float

    @property
    def folder(self) -> Path | None:
        """The folder of the run, if that is what the command makes."""
        return self.result if isinstance(self.result, Path) and (self.result / METRICS).is_file() else None

    def figures(self) -> tuple[float | None, float | None]:
        """Macro-F1 on validation and on test."""
        if self.folder is None:
            return None, None
        metrics = read_json(self.folder / METRICS)
        return metrics.get("training", {}).get("validation_macro_f1"), metrics.get("macro_f1")


def tell_runs(outcomes: Sequence[RunOutcome], console: Console) -> Path | None:
    """Print the table, and write it as ``multirun.csv`` beside the runs.

    Args:
        outcomes: In the order of the runs; nothing is told where none of them made a folder with figures.
        console: To print on.

    Returns:
        The file; where one is there, a number is added to its name.
    """
    first = next((outcome.folder for outcome in outcomes if outcome.folder), None)
    if first is None:
        return None
    varying = _varying([outcome.arguments for outcome in outcomes])
    columns = ["run", *varying, "validation_macro_f1", "test_macro_f1", "seconds", "reason"]
    table = Table(title=f"{len(outcomes)} runs, macro-F1")
    for name in columns:
        heading = HEADINGS.get(name, name.rpartition(".")[2])
        number = name in HEADINGS or name == "seconds"
        table.add_column(heading, justify="right" if number else "left", overflow="fold", no_wrap=name == "run")
    rows = []
    for outcome in outcomes:
        given = dict(argument.partition("=")[::2] for argument in outcome.arguments)
        validation, test = outcome.figures()
        name = shown(outcome.folder.name) if outcome.folder else "failed"
        words = [name, *(given.get(setting, "") for setting in varying)]
        table.add_row(*map(Text, [*words, figure(validation), figure(test), f"{outcome.seconds:.0f}", outcome.reason]))
        cells = [*words, validation, test, round(outcome.seconds, 1), outcome.reason]
        rows.append(dict(zip(columns, cells, strict=True)))
    path = _free(first.parent)
    write_spreadsheet(path, columns, rows)
    console.print(table)
    console.print(f"table: {shown(path)}", highlight=False, markup=False, soft_wrap=True)
    return path


def _varying(runs: Sequence[Sequence[str]]) -> list[str]:
    """Names of the settings that are not the same in every run, in their order."""
    given = [dict(argument.partition("=")[::2] for argument in run) for run in runs]
    names = dict.fromkeys(name for run in given for name in run)
    return [name for name in names if len({run.get(name) for run in given}) > 1]


def _free(folder: Path) -> Path:
    path, number = folder / f"{TABLE_NAME}.csv", 1
    while path.exists():
        number += 1
        path = folder / f"{TABLE_NAME}-{number}.csv"
    return path
