"""Tables of the figures of one part, as Markdown; `benchmarks/real_pages.py` prints them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from error_kinds import LABELS
from page_figures import (
    Estimate,
    Figures,
    KindFigures,
    Part,
    Row,
    SourceFigures,
    differences,
    figures_of,
    kind_figures,
    source_figures,
)

from sitrep.metrics.significance import Difference
from sitrep.report.comparison import p_value
from sitrep.report.rendering import bounds, figure


def part_report(part: Part, rows: Mapping[str, Row], against: str) -> tuple[str, dict[str, Any]]:
    """All tables of a part, and the figures in them as JSON has them.

    Args:
        part: The units.
        rows: Readings by row.
        against: The row that the others are tested against.
    """
    pages = len(set(part.pages))
    scores = {name: figures_of(part, row) for name, row in rows.items()}
    tested = differences(part, rows, against)
    sources = source_figures(part, rows, against)
    kinds = kind_figures(part, rows, against)
    texts = [f"## {part.name}: {len(part.units):,} units of {pages:,} pages", score_table(scores)]
    if tested:
        texts += [f"### Against {_named(against)}", difference_table(tested)]
    texts += ["### By source", source_table(sources, list(rows))]
    texts += ["### By kind of error", kind_table(kinds, list(rows), against)]
    figures = {
        "units": len(part.units),
        "pages": pages,
        "rows": {name: asdict(item) for name, item in scores.items()},
        "differences": {name: asdict(item) for name, item in tested.items()},
        "sources": [asdict(item) for item in sources],
        "kinds": [asdict(item) for item in kinds],
    }
    return "\n\n".join(texts) + "\n", figures


def score_table(scores: Mapping[str, Figures]) -> str:
    """Scores, calibration and what is accepted, one row a line."""
    columns = ["row", "macro-F1", "95 %", *LABELS, "accuracy", "calibration error"]
    columns += ["accepted", "right of these", "95 %", "promised"]
    lines = []
    for name, found in scores.items():
        cells = [_named(name), estimate(found.macro_f1), bounds(found.macro_f1.interval)]
        cells += [estimate(found.f1[label]) for label in LABELS]
        cells += [estimate(found.accuracy), estimate(found.calibration_error)]
        cells += [estimate(found.accepted), estimate(found.right), bounds(found.right.interval), figure(found.promised)]
        lines.append(cells)
    return table(columns, lines)


def difference_table(tested: Mapping[str, Difference]) -> str:
    """Differences from the reference."""
    lines = [
        [_named(name), _signed(found.value, 3), bounds(found.interval), p_value(found.p), p_value(found.p_adjusted)]
        for name, found in tested.items()
    ]
    return table(["row", "difference of macro-F1", "95 %", "p", "p (Holm)"], lines)


def source_table(sources: Sequence[SourceFigures], rows: Sequence[str]) -> str:
    """One source a line."""
    columns = [f"{_named(name)} {what}" for name in rows for what in ("macro-F1", "accuracy")]
    lines = []
    for found in sources:
        cells = [estimate(values[name]) for name in rows for values in (found.macro_f1, found.accuracy)]
        lines.append([found.source, str(found.units), str(found.pages), *cells])
    return table(["source", "units", "pages", *columns], lines)


def kind_table(kinds: Sequence[KindFigures], rows: Sequence[str], against: str) -> str:
    """One kind a line; every row but the reference says by how many errors it differs from that."""
    columns = ["kind", "units"]
    for name in rows:
        columns += [f"{_named(name)} errors", "rate", *(["change"] if name != against else [])]
    lines = []
    for found in kinds:
        cells = [found.kind, str(found.units)]
        for name in rows:
            several = (found.errors[name].deviation, found.errors[against].deviation) != (None, None)
            cells += [estimate(found.errors[name], int(several)), figure(found.rates[name])]
            cells += [_signed(found.changes[name], int(several))] if name != against else []
        lines.append(cells)
    return table(columns, lines)


def table(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    written = [[cell.replace("|", "\\|") for cell in line] for line in (columns, ["---"] * len(columns), *lines)]
    return "\n".join(f"| {' | '.join(line)} |" for line in written)


def estimate(found: Estimate, digits: int = 3) -> str:
    """A figure as people read it, with its standard deviation over the seeds."""
    if found.mean is None:
        return "–"
    spread = "" if found.deviation is None else f" ± {found.deviation:.{digits}f}"
    return f"{found.mean:.{digits}f}{spread}"


def _signed(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:+.{digits}f}"


def _named(row: str) -> str:
    return f"`{row}`"
