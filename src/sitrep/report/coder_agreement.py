"""What coders agree on, written out: JSON, HTML, the sheet for a third reader, the decided labels, the terminal."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sitrep.agreement.coder_files import CodedUnit
from sitrep.agreement.examined_coders import ExaminedCoders
from sitrep.agreement.reliability import PairAgreement, worth
from sitrep.agreement.third_reader import DECISION, NOTE, as_cell
from sitrep.data.own_labels import write_labels
from sitrep.metrics.intervals import CONFIDENCE, Interval
from sitrep.metrics.krippendorff import Alpha
from sitrep.report.rendering import bounds, figure, render_page
from sitrep.storage.complete import shown
from sitrep.storage.sent_texts import cell_text
from sitrep.storage.spreadsheets import write_spreadsheet

SCHEMA_VERSION = 1
DISPUTES_SHOWN = 50
JSON_NAME, HTML_NAME, DISPUTED_NAME, LABELS_NAME = "agreement.json", "agreement.html", "disputed.csv", "labels.jsonl"


def write_agreement(folder: Path, examined: ExaminedCoders) -> None:
    """Write ``agreement.json``, ``agreement.html``, ``disputed.csv`` and ``labels.jsonl``."""
    content = json.dumps(_as_json(examined), indent=2, ensure_ascii=False, allow_nan=False)
    (folder / JSON_NAME).write_text(content + "\n", encoding="utf-8", errors="backslashreplace")
    (folder / HTML_NAME).write_text(shown(_page(examined)), encoding="utf-8")
    write_spreadsheet(folder / DISPUTED_NAME, _columns(examined), _disputed_rows(examined))
    write_labels(folder / LABELS_NAME, examined.outcome.decided)


def print_agreement(examined: ExaminedCoders, folder: Path, console: Console) -> None:
    """Alpha and what it is worth, each label, each pair, what is decided, and where the report lies."""
    found = examined.reliability

    def say(words: str) -> None:
        console.print(shown(words), highlight=False, markup=False, emoji=False, soft_wrap=True)

    coders = ", ".join(examined.coded.coders)
    say(f"{len(examined.coded.shared):,} units of {examined.pages:,} pages were labelled by two or more of {coders}")
    value = "is" if found.overall.value is None else f"{alpha_words(found.overall)}:"
    say(f"Krippendorff's alpha {value} {worth(found.overall)}")
    table = Table()
    for heading in ("label", "alpha", "95 % interval", *examined.coded.coders):
        table.add_column(Text(shown(heading)), justify="left" if heading == "label" else "right")
    for label, alpha in found.per_label.items():
        counts = [f"{examined.counts[coder][label]:,}" for coder in examined.coded.coders]
        table.add_row(Text(label), figure(alpha.value), bounds(alpha.interval), *counts)
    console.print(table)
    for label, alpha in found.per_label.items():
        if alpha.value is None:
            say(f"{label}: alpha is undefined, {alpha.undefined}")
    say(f"with all classes that apply (MASI): alpha {alpha_words(found.classes)}")
    for pair in (*examined.pairs, *examined.model):
        say(pair_words(pair))
    say(_outcome_words(examined, folder))
    say(f"report: {folder / HTML_NAME}")


def alpha_words(found: Alpha) -> str:
    """Alpha with its interval in words."""
    if found.value is None:
        return "is undefined"
    return figure(found.value) + (f" (95 % interval {bounds(found.interval)})" if found.interval else "")


def pair_words(pair: PairAgreement) -> str:
    """A pair in one line."""
    same = f"{pair.first} and {pair.second}: the same label on {pair.figures.raw:.1%} of {pair.figures.units:,} units"
    if pair.figures.kappa is None:
        return f"{same}; kappa is undefined, both gave all of them one label"
    interval = f" ({bounds(pair.kappa_interval)})" if pair.kappa_interval else ""
    return f"{same}; Cohen's kappa {figure(pair.figures.kappa)}{interval}"


def _outcome_words(examined: ExaminedCoders, folder: Path) -> str:
    outcome = examined.outcome
    words = f"{len(outcome.decided):,} labels decided: {folder / LABELS_NAME}"
    if outcome.disputed:
        words += (
            f"; {len(outcome.disputed):,} units wait for a third reader: fill in the column {DECISION} of "
            f"{folder / DISPUTED_NAME} and run this again with decided= and its name"
        )
    return words


def _as_json(examined: ExaminedCoders) -> dict[str, Any]:
    coded, found, outcome = examined.coded, examined.reliability, examined.outcome
    return {
        "schema_version": SCHEMA_VERSION,
        "confidence": CONFIDENCE,
        "units": len(coded.units),
        "shared_units": len(coded.shared),
        "pages": examined.pages,
        "coders": {
            coder: {
                "units": counts.total(),
                "unsure": sum(coder in one.said and one.said[coder].unsure for one in coded.units),
                "labels": {label: counts[label] for label in coded.taxonomy.known},
            }
            for coder, counts in examined.counts.items()
        },
        "alpha": {**_alpha_json(found.overall), "worth": worth(found.overall)},
        "alpha_per_label": {label: _alpha_json(alpha) for label, alpha in found.per_label.items()},
        "alpha_of_all_classes": {**_alpha_json(found.classes), "distance": "MASI"},
        "alpha_per_class_that_applies": {label: _alpha_json(alpha) for label, alpha in found.per_class.items()},
        "pairs": [_pair_json(pair, coded.taxonomy.known) for pair in examined.pairs],
        "model": [_pair_json(pair, coded.taxonomy.known) for pair in examined.model],
        "decided": len(outcome.decided),
        "disputed": len(outcome.disputed),
        "parted": outcome.parted,
        "parted_on_further_classes": outcome.further,
        "settings": examined.settings,
    }


def _alpha_json(found: Alpha) -> dict[str, Any]:
    made = {"value": found.value, **_bounds_json(found.interval), "labels": found.labels}
    return made | ({"undefined": found.undefined} if found.undefined else {})


def _bounds_json(interval: Interval | None) -> dict[str, float | None]:
    return {"low": None, "high": None} if interval is None else asdict(interval)


def _pair_json(pair: PairAgreement, labels: tuple[str, ...]) -> dict[str, Any]:
    figures, intervals = pair.figures, pair.intervals
    return {
        "first": pair.first,
        "second": pair.second,
        "units": figures.units,
        "raw": {"value": figures.raw, **_bounds_json(intervals.accuracy)},
        "kappa": {"value": figures.kappa, **_bounds_json(pair.kappa_interval)},
        "macro_f1": {"value": figures.macro_f1, **_bounds_json(intervals.macro_f1)},
        "f1": {
            label: {"value": value, **_bounds_json(intervals.per_class[label].f1)}
            for label, value in figures.f1.items()
        },
        "confusion": {"labels": list(labels), "counts": pair.confusion.tolist()},
    }


def _columns(examined: ExaminedCoders) -> list[str]:
    of_coders = [f"{name}_{coder}" for coder in examined.coded.coders for name in ("label", "unsure", "comment")]
    return ["id", "article_id", "before", "text", "after", DECISION, NOTE, *map(cell_text, of_coders)]


def _disputed_rows(examined: ExaminedCoders) -> Iterator[dict[str, Any]]:
    for one in examined.outcome.disputed:
        unit = one.unit
        row = {"id": unit.id, "article_id": unit.article_id, "text": unit.text}
        row |= {"before": "\n".join(unit.before), "after": "\n".join(unit.after)}
        for coder, said in one.said.items():
            row |= {f"label_{coder}": as_cell(said.label, said.labels), f"comment_{coder}": said.comment}
            row |= {f"unsure_{coder}": "unsure" if said.unsure else ""}
        yield {cell_text(column): cell_text(cell) for column, cell in row.items()}


def _page(examined: ExaminedCoders) -> str:
    disputed = examined.outcome.disputed
    return render_page(
        "agreement.html.j2",
        examined=examined,
        found=examined.reliability,
        outcome=examined.outcome,
        labels=examined.coded.taxonomy.known,
        meanings=examined.coded.taxonomy.meanings,
        disputed=disputed[:DISPUTES_SHOWN],
        said=_said,
        bounds=bounds,
        worth=worth,
        share=_share,
    )


def _said(one: CodedUnit) -> list[tuple[str, str, bool, str]]:
    """Coder, label with further classes, whether unsure, comment."""
    return [
        (coder, as_cell(said.label, said.labels).replace("|", " + "), said.unsure, said.comment)
        for coder, said in one.said.items()
    ]


def _share(confusion: np.ndarray, row: int, column: int) -> int:
    """Of the units in a row or a column of a confusion table, those in one cell, in percent: how it is shaded."""
    most = max(confusion[row].sum(), confusion[:, column].sum())
    return int(100 * confusion[row, column] / most) if most else 0
