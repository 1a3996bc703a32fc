"""A comparison written out: JSON, Markdown, HTML, a table of flipped units, and the lines on the terminal."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sitrep.comparison.figures import Comparison
from sitrep.comparison.pairs import PairComparison
from sitrep.metrics.intervals import CONFIDENCE
from sitrep.metrics.significance import Difference
from sitrep.report.rendering import bounds, figure, render_page
from sitrep.settings.description import as_plain
from sitrep.storage.complete import shown
from sitrep.storage.spreadsheets import write_spreadsheet

SCHEMA_VERSION = 1
FLIPS_SHOWN = 50
RUN_FIGURES = ("label", "probability", "true_probability")
"""Columns that the table of flipped units has of each run."""
JSON_NAME, HTML_NAME, MARKDOWN_NAME, FLIPS_NAME = "comparison.json", "comparison.html", "comparison.md", "flipped.csv"


def write_comparison(folder: Path, comparison: Comparison) -> None:
    """Write ``comparison.json``, ``comparison.html``, ``comparison.md`` and ``flipped.csv``."""
    content = json.dumps(_as_json(comparison), indent=2, ensure_ascii=False, allow_nan=False)
    # Names of folders need not be UTF-8; in JSON the escape that stands then is what JSON itself writes.
    (folder / JSON_NAME).write_text(content + "\n", encoding="utf-8", errors="backslashreplace")
    (folder / MARKDOWN_NAME).write_text(shown(_markdown(comparison)), encoding="utf-8")
    (folder / HTML_NAME).write_text(shown(_page(comparison)), encoding="utf-8")
    write_spreadsheet(folder / FLIPS_NAME, _flip_columns(comparison), _flip_rows(comparison))


def print_summary(comparison: Comparison, folder: Path, console: Console) -> None:
    """A table of the runs, the verdict on every pair, and where the report lies."""
    table = Table(title=f"{comparison.units:,} units of {comparison.articles:,} articles")
    for heading in ("run", "macro-F1", "95 % interval", "accuracy"):
        table.add_column(heading, justify="left" if heading == "run" else "right")
    for run in comparison.runs:
        interval = bounds(run.intervals.macro_f1)
        table.add_row(Text(shown(run.name)), figure(run.scores.macro_f1), interval, figure(run.scores.accuracy))
    console.print(table)
    for pair in comparison.pairs:
        console.print(shown(in_words(pair)), highlight=False, markup=False, emoji=False, soft_wrap=True)
    console.print(f"{len(comparison.flips):,} units are labelled differently", highlight=False)
    console.print(f"report: {shown(folder / HTML_NAME)}", highlight=False, markup=False, emoji=False, soft_wrap=True)


def in_words(pair: PairComparison) -> str:
    """Difference and verdicts of a pair in one line."""
    found = pair.macro_f1
    apart = f"{pair.first} - {pair.second}: {signed(found.value)} macro-F1"
    if found.interval:
        apart += f" (95 % interval {bounds(found.interval, signed)}, p {p_value(found.p_adjusted)})"
    return f"{apart}; {pair.verdict}; {pair.seed_verdict}"


def signed(value: float | None) -> str:
    """A difference as people read it: with its sign, or a dash where it is undefined."""
    return "–" if value is None else f"{value:+.3f}"


def p_value(p: float | None) -> str:
    """A p-value as people read it: three digits, no false precision below."""
    return "–" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def _as_json(comparison: Comparison) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "confidence": CONFIDENCE,
        "units": comparison.units,
        "articles": comparison.articles,
        "runs": [
            {
                "name": run.name,
                "location": run.location,
                "macro_f1": run.scores.macro_f1,
                "accuracy": run.scores.accuracy,
                "per_class": {label: asdict(figures) for label, figures in run.scores.per_class.items()},
                "intervals": asdict(run.intervals),
                "seed_macro_f1": list(run.seed_figures),
            }
            for run in comparison.runs
        ],
        "pairs": as_plain(comparison.pairs),
        "flipped": len(comparison.flips),
        "settings": comparison.settings,
    }


def _flip_columns(comparison: Comparison) -> list[str]:
    of_runs = [shown(f"{name}_{run.name}") for run in comparison.runs for name in RUN_FIGURES]
    return ["id", "article_id", "position", "text", "true_label", "right", *of_runs]


def _flip_rows(comparison: Comparison) -> Iterator[dict[str, Any]]:
    for flip in comparison.flips:
        unit = flip.units[0]
        row = {"id": unit.id, "article_id": unit.article_id, "position": unit.position, "text": unit.text}
        row |= {"true_label": unit.true, "right": shown("|".join(flip.right))}
        for run, said in zip(comparison.runs, flip.units, strict=True):
            figures = (said.predicted, said.probabilities.get(said.predicted), said.probabilities.get(said.true))
            row |= {shown(f"{name}_{run.name}"): value for name, value in zip(RUN_FIGURES, figures, strict=True)}
        yield row


def _markdown(comparison: Comparison) -> str:
    lines = ["# sitrep: comparison of runs", "", f"{comparison.units:,} units of {comparison.articles:,} articles.", ""]
    lines += ["| run | macro-F1 | 95 % interval | accuracy | folder |", "|---|---|---|---|---|"]
    for run in comparison.runs:
        cells = [figure(run.scores.macro_f1), bounds(run.intervals.macro_f1), figure(run.scores.accuracy)]
        lines.append(_row(run.name, *cells, run.location))
    for pair in comparison.pairs:
        lines += ["", f"## {pair.first} against {pair.second}", "", f"{in_words(pair)}.", ""]
        lines += ["| figure | difference | 95 % interval | p | p, Holm |", "|---|---|---|---|---|"]
        found = {"macro-F1": pair.macro_f1, **{f"F1 of {label}": item for label, item in pair.f1.items()}}
        lines += [_row(name, *_difference_cells(item)) for name, item in found.items()]
        lines += ["", _units_in_words(pair)]
    lines += ["", f"{len(comparison.flips):,} units are labelled differently; `{FLIPS_NAME}` has them."]
    return "\n".join(lines) + "\n"


def _units_in_words(pair: PairComparison) -> str:
    units = pair.disagreement
    alone = f"{pair.first} alone is right on {units.only_first_right:,} units, {pair.second} alone on"
    tested = f"McNemar's exact test: p {p_value(units.p)}, by Holm {p_value(units.p_adjusted)}"
    return f"{alone} {units.only_second_right:,} ({tested})."


def _difference_cells(found: Difference) -> tuple[str, ...]:
    return signed(found.value), bounds(found.interval, signed), p_value(found.p), p_value(found.p_adjusted)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _page(comparison: Comparison) -> str:
    widest = sorted(comparison.flips, key=lambda flip: -flip.span)[:FLIPS_SHOWN]
    formats = {"signed": signed, "bounds": bounds, "p_value": p_value}
    labels = list(comparison.runs[0].scores.per_class)
    return render_page("comparison.html.j2", comparison=comparison, shown=widest, labels=labels, **formats)
