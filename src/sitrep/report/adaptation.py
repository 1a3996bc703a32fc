"""What labels of a user's pages made better, written out: JSON, HTML, and the lines on the terminal."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from sitrep.adaptation.candidates import Candidate
from sitrep.report.comparison import p_value, signed
from sitrep.report.rendering import bounds, figure, render_page
from sitrep.storage.complete import shown

JSON_NAME, HTML_NAME = "adaptation.json", "adaptation.html"
SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Adaptation:
    """All that the report tells.

    Attributes:
        candidates: Every way, the checkpoint as it is first.
        best: The one that was kept.
        acceptance_thresholds: Confidence from which on a label of its is accepted; ``None``: never. Empty where
            nothing decides.
        units: Labels.
        measured: Those of units that were drawn at random.
        pages: Of all.
        notes: What is to be said besides.
        settings: Of the command.
    """

    candidates: Sequence[Candidate]
    best: Candidate
    acceptance_thresholds: dict[str, float | None]
    units: int
    measured: int
    pages: int
    notes: Sequence[str]
    settings: dict[str, Any]

    @property
    def accepts(self) -> str:
        """From what confidence on its labels are accepted."""
        known = self.acceptance_thresholds
        least = {label: value for label, value in known.items() if value is not None}
        if not least:
            return "accepts nothing unread"
        if len(set(known.values())) == 1:
            return f"accepts labels from a confidence of {figure(next(iter(least.values())))} on"
        told = ", ".join(f"{label} {figure(value)}" for label, value in least.items())
        return f"accepts labels from these confidences on: {told}"

    @property
    def verdict(self) -> str:
        """What was kept, and whether it is better beyond chance."""
        best = self.best
        if best is self.candidates[0]:
            return f"kept: {best.name}; no other way has better probabilities on pages that it did not learn from"
        losses, scores = best.log_loss_gain, best.gain
        told = f"kept: {best.name}; its log loss is lower by {figure(losses.value)} (p {p_value(losses.p)})"
        return f"{told}, its macro-F1 changes by {signed(scores.value)} (p {p_value(scores.p)})"


def write_adaptation(folder: Path, found: Adaptation) -> None:
    """Write ``adaptation.json`` and ``adaptation.html``."""
    content = {
        "schema_version": SCHEMA_VERSION,
        "kept": found.best.name,
        "acceptance_thresholds": found.acceptance_thresholds,
        "units": found.units,
        "measured": found.measured,
        "pages": found.pages,
        "notes": list(found.notes),
        "candidates": [{k: v for k, v in asdict(c).items() if k != "predicted"} for c in found.candidates],
        "settings": found.settings,
    }
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / JSON_NAME).write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
    page = render_page("adaptation.html.j2", found=found, signed=signed, bounds=bounds, p_value=p_value)
    (folder / HTML_NAME).write_text(shown(page), encoding="utf-8")


def print_adaptation(found: Adaptation, folder: Path, console: Console) -> None:
    """The table, what was kept, and where it lies."""
    title = f"{found.measured} units of pages that each way did not learn from"
    table = Table(title=title, box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for heading in ("", "macro-F1", "gain", "p", "log loss", "cal. error", "accepted", "right"):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for way in found.candidates:
        table.add_row(
            way.name,
            figure(way.macro_f1),
            "" if way is found.candidates[0] else signed(way.gain.value),
            "" if way is found.candidates[0] else p_value(way.gain.p),
            figure(way.log_loss),
            figure(way.calibration_error),
            "–" if way.accepted is None else f"{way.accepted:.0%}",
            figure(way.right),
        )
    console.print(table)
    for line in (*found.notes, found.verdict, f"report: {shown(folder / HTML_NAME)}", f"checkpoint: {shown(folder)}"):
        console.print(line, highlight=False, markup=False, emoji=False, soft_wrap=True)
