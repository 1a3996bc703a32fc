"""Rendering of results as one HTML file, as Markdown, and on the terminal."""

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from rich.console import Console
from rich.table import Table

from sitrep.evaluation.misclassifications import ERRORS_SHOWN
from sitrep.evaluation.results import Results
from sitrep.model.checkpoint import REPORT
from sitrep.report.confusion import confusion_svg
from sitrep.report.plots import precision_recall_svg, reliability_svg, risk_coverage_svg
from sitrep.report.rendering import figure, render_page, render_text


def render(results: Results, settings: dict[str, Any]) -> str:
    """One self-contained page: styles, pictures and one small script inside, no network.

    Args:
        results: What to show.
        settings: Of the run, as plain values.
    """
    return render_page(
        "report.html.j2",
        results=results,
        pictures=_pictures(results),
        errors_shown=ERRORS_SHOWN,
        kept=_kept_in_words(results),
        settings=yaml.safe_dump(settings, sort_keys=False, allow_unicode=True),
    )


def render_markdown(results: Results, settings: dict[str, Any]) -> str:
    """The same content without pictures, the errors by number only; arguments as in :func:`render`."""
    return render_text(
        "report.md.j2",
        results=results,
        kept=_kept_in_words(results),
        settings=yaml.safe_dump(settings, sort_keys=False, allow_unicode=True).strip(),
    )


def print_summary(results: Results, folder: Path, console: Console) -> None:
    """A short table, the headline beside the baselines, and where the report lies."""
    console.print(_table(results))
    interval = results.analysis.intervals.macro_f1
    bounds = f" (95 % interval {figure(interval.low)} to {figure(interval.high)})" if interval else ""
    lines = [f"{results.headline}: [bold]{figure(results.scores.macro_f1)}[/bold]{bounds}"]
    if several := results.multilabel:
        mean = f"mean average precision {figure(several.mean_average_precision)}"
        lines.append(f"every class that applies: macro-F1 {figure(several.macro_f1)}, {mean}")
    lines += [f"  {title}: {figure(scores.macro_f1)}" for title, scores in results.baselines.values()]
    lines += [
        f"{name}: macro-F1 {figure(found.scores.macro_f1)}, accuracy {figure(found.scores.accuracy)}"
        for name, found in results.speakers.items()
    ]
    if seeds := results.training.get("seeds"):
        spread = f"mean {figure(seeds['mean'])}, standard deviation {figure(seeds['standard_deviation'])}"
        names = ", ".join(str(run["seed"]) for run in seeds["runs"])
        lines.append(f"seeds {names}: {spread}; kept: {_kept_in_words(results)}")
    lines += [f"note: {note}" for note in results.notes]
    lines.append(f"report: {folder / REPORT}")
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)


def _table(results: Results) -> Table:
    table = Table(title=f"{len(results.sentences)} test units of {results.data['test']['articles']} articles")
    for heading in ("label", "precision", "recall", "F1", "units"):
        table.add_column(heading, justify="left" if heading == "label" else "right")
    for label, figures in results.scores.per_class.items():
        cells = [figure(figures.precision), figure(figures.recall), figure(figures.f1), str(figures.support)]
        table.add_row(label, *cells)
    return table


def _kept_in_words(results: Results) -> str:
    """What was kept of several seeds; empty where there was one."""
    seeds = results.training.get("seeds")
    if seeds is None:
        return ""
    if seeds["kept"] == "ensemble":
        return f"all {len(seeds['runs'])}, as an ensemble that answers with the mean of their probabilities"
    if seeds["kept"] == "soup":
        return "the mean of their weights, which did better on validation than the median run"
    return f"seed {seeds['kept']}, the median on validation"


def _pictures(results: Results) -> dict[str, str]:
    analysis = results.analysis
    pictures = {"confusion": confusion_svg(results.scores.confusion, results.labels)}
    pictures["reliability"] = reliability_svg(analysis.calibration) if analysis.calibration else ""
    pictures["risk_coverage"] = risk_coverage_svg(analysis.risk_coverage) if analysis.risk_coverage else ""
    pictures["precision_recall"] = ""
    if results.multilabel is None:
        rows = [[prediction.probabilities[label] for label in results.labels] for prediction in results.predictions]
        true = np.array([results.labels.index(sentence.label) for sentence in results.sentences])
        pictures["precision_recall"] = precision_recall_svg(true, np.array(rows), results.labels)
    return pictures
