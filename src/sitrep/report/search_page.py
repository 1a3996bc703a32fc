"""A search written out: JSON, a table, a page, and the lines on the terminal."""

import json
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sitrep.report.plots import COLOURS, INK, picture_axes, svg_of
from sitrep.report.rendering import figure, render_page
from sitrep.search.trial_outcomes import SearchResult, TrialOutcome
from sitrep.settings.description import as_plain
from sitrep.storage.complete import shown
from sitrep.storage.spreadsheets import write_spreadsheet

SCHEMA_VERSION = 1
JSON_NAME, HTML_NAME, TABLE_NAME = "sweep.json", "sweep.html", "trials.csv"
SHOWN_ON_TERMINAL = 10
MARKERS = {"complete": "o", "pruned": "x"}


def write_search(folder: Path, result: SearchResult) -> None:
    """Write ``sweep.json``, ``trials.csv`` and ``sweep.html``."""
    content = json.dumps(_as_json(result), indent=2, ensure_ascii=False, allow_nan=False)
    (folder / JSON_NAME).write_text(content + "\n", encoding="utf-8", errors="backslashreplace")
    names = list(result.identity["space"])
    columns = ["trial", "state", "validation_macro_f1", *names, "seeds", "epochs", "seconds", "reason"]
    rows = [
        {
            "trial": trial.number,
            "state": trial.state,
            "validation_macro_f1": trial.value,
            **trial.values,
            "seeds": list(trial.figures),
            "epochs": trial.epochs,
            "seconds": None if trial.seconds is None else round(trial.seconds, 1),
            "reason": trial.reason,
        }
        for trial in result.trials
    ]
    write_spreadsheet(folder / TABLE_NAME, columns, rows)
    (folder / HTML_NAME).write_text(shown(search_page(result)), encoding="utf-8")


def search_page(result: SearchResult) -> str:
    """The page as HTML."""
    return render_page(
        "sweep.html.j2",
        result=result,
        headings=_headings(result),
        several=len(result.identity["seeds"]) > 1,
        counts=_counts(result),
        seconds=sum(trial.seconds or 0.0 for trial in result.trials),
        history=_history_svg(result),
        importance=_importance_svg(result),
    )


def print_trial(trial: TrialOutcome, best: TrialOutcome | None, console: Console) -> None:
    """One line on how a trial ended."""
    if trial.state == "failed":
        told = f"trial {trial.number}: failed: {trial.reason}"
    else:
        epochs = f"{trial.epochs} epoch{'s' if trial.epochs != 1 else ''}"
        given_up = f", given up after {epochs}" if trial.state == "pruned" else ""
        so_far = f"; best {figure(best.value)}, trial {best.number}" if best else ""
        told = f"trial {trial.number}: validation macro-F1 {figure(trial.value)}{given_up}{so_far}"
    console.print(told, highlight=False, markup=False, soft_wrap=True)


def print_result(result: SearchResult, folder: Path, console: Console) -> None:
    """A table of the best trials, those that failed, and what trains with the best settings."""
    names = list(result.identity["space"])
    table = Table(title=f"the best of {len(result.trials)} trials")
    for heading in ("trial", *_headings(result).values(), "validation macro-F1"):
        table.add_column(heading, justify="right", overflow="fold")
    for trial in result.ranked[:SHOWN_ON_TERMINAL]:
        if trial.state == "complete":
            values = [trial.values.get(name, "") for name in names]
            table.add_row(*map(Text, [str(trial.number), *values, figure(trial.value)]))
    console.print(table)
    for trial in result.trials:
        if trial.state == "failed":
            told = f"trial {trial.number} failed: {trial.reason}"
            console.print(told, highlight=False, markup=False, soft_wrap=True)
    lines = [
        _in_words(result),
        f"report: {shown(folder / HTML_NAME)}",
        "to train with the best settings:",
        result.command,
    ]
    for line in lines:
        console.print(shown(line), highlight=False, markup=False, emoji=False, soft_wrap=True)


def _headings(result: SearchResult) -> dict[str, str]:
    """What columns of settings are called: by the last part of the name, where that tells them apart."""
    names = list(result.identity["space"])
    short = {name: name.rpartition(".")[2] for name in names}
    return short if len(set(short.values())) == len(names) else {name: name for name in names}


def _in_words(result: SearchResult) -> str:
    counts = ", ".join(f"{count} {state}" for state, count in _counts(result).items())
    shares = ", ".join(f"{name} {share:.0%}" for name, share in result.importance.items())
    return counts + (f"; importance: {shares}" if shares else "")


def _counts(result: SearchResult) -> dict[str, int]:
    states = [trial.state for trial in result.trials]
    return {state: states.count(state) for state in dict.fromkeys(states)}


def _as_json(result: SearchResult) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "best": {
            "trial": result.best.number,
            "validation_macro_f1": result.best.value,
            "settings": dict(result.best.values),
            "command": result.command,
        },
        "importance": dict(result.importance),
        "trials": as_plain(result.trials),
        "search": dict(result.identity),
        "study": result.study,
    }


def _history_svg(result: SearchResult) -> str:
    """The figure of each trial, and the best one so far."""
    best_so_far: list[tuple[int, float]] = []
    with picture_axes("trial", "macro-F1 on validation", (6.2, 3.4)) as (drawn, axes):
        for place, (state, marker) in enumerate(MARKERS.items()):
            found = [
                (trial.number, trial.value)
                for trial in result.trials
                if trial.state == state and trial.value is not None
            ]
            if found:
                numbers, values = zip(*found, strict=True)
                axes.scatter(numbers, values, marker=marker, s=22, color=COLOURS[place], label=state)
        for trial in result.trials:
            if trial.state == "complete" and trial.value is not None:
                highest = max([trial.value, *(value for _, value in best_so_far[-1:])])
                best_so_far.append((trial.number, highest))
        numbers, values = zip(*best_so_far, strict=True)
        axes.step(numbers, values, where="post", color=INK, linewidth=1, alpha=0.6, label="best so far")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(frameon=False, fontsize=9)
        first = next(trial.value for trial in result.trials if trial.state == "complete")
        words = (
            f"{figure(first)} in the first complete trial, {figure(result.best.value)} in trial {result.best.number}"
        )
        return svg_of(drawn, f"Validation macro-F1 by trial: {words}, the best.")


def _importance_svg(result: SearchResult) -> str | None:
    if not result.importance:
        return None
    names, shares = list(result.importance)[::-1], list(result.importance.values())[::-1]
    with picture_axes("share in how the figures differ", "", (6.2, 0.9 + 0.4 * len(names))) as (drawn, axes):
        axes.barh(names, shares, color=COLOURS[0], height=0.6)
        axes.set_xlim(0, 1)
        axes.grid(visible=False, axis="y")
        words = ", ".join(f"{name} {share:.0%}" for name, share in result.importance.items())
        return svg_of(drawn, f"Importance of the settings: {words}.")
