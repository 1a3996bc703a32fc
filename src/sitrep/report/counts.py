"""Counts of a set written out: JSON, a flat table, one HTML page, and the lines on the terminal."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from sitrep.counting.audit import Audit, Counted, Group
from sitrep.metrics.intervals import CONFIDENCE
from sitrep.report.rendering import render_page
from sitrep.storage.complete import shown
from sitrep.storage.spreadsheets import write_spreadsheet

SCHEMA_VERSION = 1
"""Of the JSON file; docs/counting.md says what it holds."""
COLUMNS = (
    *("group", "class", "units", "labels", "pages", "found", "naive", "estimate", "low", "high"),
    *("labels_only_estimate", "labels_only_low", "labels_only_high", "borrowed", "halve_labels", "halve_pages"),
)
GROUPS_SHOWN = 200
"""Groups that the page shows; all are in the other formats."""


@dataclass(frozen=True)
class CountedFile:
    """A file that the counts were made from."""

    file: str
    bytes: int
    sha256: str


def write_counts(
    path: Path, audit: Audit, settings: Mapping[str, Any], inputs: Mapping[str, Sequence[CountedFile]]
) -> None:
    """Write the counts in the format that the ending names."""
    ending = path.suffix.lower()
    if ending == ".csv":
        write_spreadsheet(path, COLUMNS, _rows(audit))
    elif ending == ".html":
        path.write_text(shown(_page(audit, settings, inputs)), encoding="utf-8", errors="backslashreplace")
    else:
        content = json.dumps(_as_json(audit, settings, inputs), indent=2, ensure_ascii=False, allow_nan=False)
        path.write_text(content + "\n", encoding="utf-8", errors="backslashreplace")


def print_counts(audit: Audit, output: Path, console: Console) -> None:
    """A line a class, what has to be known of them, and where the file lies."""
    whole = audit.whole
    console.print(f"{whole.units:,} units; {whole.labels:,} labels drawn at random, on {whole.pages:,} pages")
    width = max(len(shown(name)) for name in whole.classes)
    for name, counted in whole.classes.items():
        console.print(f"{shown(name):<{width}}  {_in_words(counted)}")
    for note in audit.notes:
        console.print(f"note: {shown(note)}")
    groups = f", {len(audit.groups):,} groups by their column" if audit.groups else ""
    console.print(f"counts of the whole{groups}: {shown(output)}")


def _in_words(counted: Counted) -> str:
    known = counted.known
    assert known is not None  # of the whole set
    alone, more = known.labels_only, known.to_halve
    parts = [
        f"{count_of(counted):>7}, 95 % interval {interval_of(counted)}",
        f"model alone {counted.naive:,}",
        f"labels alone {alone.low:,.0f} to {alone.high:,.0f}",
        *([f"{more.labels:,} more labels would halve it"] if more else []),
    ]
    return "; ".join(parts)


def count_of(counted: Counted) -> str:
    """A count as people read it."""
    return "–" if counted.known is None else f"{counted.known.count.estimate:,.0f}"


def interval_of(counted: Counted) -> str:
    """Its interval as people read it; ``at most`` where no label of the class was found."""
    if counted.known is None:
        return "–"
    low, high = counted.known.count.low, counted.known.count.high
    return f"{low:,.0f} to {high:,.0f}" if counted.known.found or low >= 1 else f"at most {high:,.0f}"


def _class_as_json(counted: Counted) -> dict[str, Any]:
    known = counted.known
    if known is None:
        nothing = dict.fromkeys(("estimate", "low", "high"))
        return {**nothing, "naive": counted.naive, "found": 0, "labels_only": nothing, "weight": None, "to_halve": None}
    return {
        **asdict(known.count),
        "naive": counted.naive,
        "found": known.found,
        "labels_only": asdict(known.labels_only),
        "weight": known.weight,
        "to_halve": asdict(known.to_halve) if known.to_halve else None,
    }


def _group_as_json(group: Group) -> dict[str, Any]:
    return {
        "units": group.units,
        "labels": group.labels,
        "pages": group.pages,
        "counts": {name: _class_as_json(counted) for name, counted in group.classes.items()},
    }


def _as_json(audit: Audit, settings: Mapping[str, Any], inputs: Mapping[str, Sequence[CountedFile]]) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "confidence": CONFIDENCE,
        **_group_as_json(audit.whole),
        "chosen_labels": audit.chosen,
        "missing_units": audit.missing,
        "by": settings["by"],
        "groups": [
            {"value": group.value, "borrowed": group.borrowed, **_group_as_json(group)} for group in audit.groups
        ],
        "notes": audit.notes,
        "settings": dict(settings),
        "inputs": {name: [asdict(file) for file in files] for name, files in inputs.items()},
    }


def _rows(audit: Audit) -> Iterator[dict[str, Any]]:
    for group in (audit.whole, *audit.groups):
        for name, counted in group.classes.items():
            plain = _class_as_json(counted)
            alone, more = plain["labels_only"], plain["to_halve"] or {}
            yield {
                "group": group.value,
                "class": name,
                "units": group.units,
                "labels": group.labels,
                "pages": group.pages,
                "borrowed": group.borrowed,
                **{key: plain[key] for key in ("found", "naive", "estimate", "low", "high")},
                **{f"labels_only_{key}": value for key, value in alone.items()},
                **{f"halve_{key}": value for key, value in more.items()},
            }


def _page(audit: Audit, settings: Mapping[str, Any], inputs: Mapping[str, Sequence[CountedFile]]) -> str:
    return render_page(
        "counts.html.j2",
        audit=audit,
        by=settings["by"],
        inputs=inputs,
        reach={"whole": _reach([audit.whole]), "groups": _reach(audit.groups[:GROUPS_SHOWN])},
        groups_shown=GROUPS_SHOWN,
        count_of=count_of,
        interval_of=interval_of,
    )


def _reach(groups: Sequence[Group]) -> float:
    """The largest number that a picture of some groups has to show."""
    counted = [item for group in groups for item in group.classes.values()]
    ends = [max(item.known.count.high, item.known.labels_only.high) for item in counted if item.known]
    return max([1.0, *ends, *(item.naive for item in counted)])
