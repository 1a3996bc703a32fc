"""Samples through every format of labelling and back: whether each text is the same byte by byte, and the time.

    python benchmarks/labelling.py [units=10000] [formats=csv,xlsx]

Texts are made of what spoils tables and programs: tabs, line breaks, formulas, quotes, HTML, right-to-left marks,
emoji, half characters, NUL, escapes of XLSX, and more characters than a cell holds. The part of the labelling program
is played by a function that gives every unit its label as the program's own export does, in another order.
"""

import csv
import itertools
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import openpyxl
from arguments import options

from sitrep.data.own_labels import CoderLabel, Drawn, SampledUnit, read_labels, read_sample, write_labels, write_sample
from sitrep.labelling.answers import check_answers
from sitrep.labelling.exchange import UNIT_ID, Assignment
from sitrep.labelling.formats import EXCHANGES
from sitrep.labels import shipped_taxonomy
from sitrep.settings.choices import LabelFormat

TAXONOMY = shipped_taxonomy("five")
CODER = "anna"
LONG = "a" * 32_760 + "\U0001f4a5 end of a long line"

NASTY = (
    *("=HYPERLINK(1)", "+1", "-2+3", "@SUM(A1)", "'=1", "''@", "#N/A", "TRUE", "007", "1e5", "12:30", "2024-01-05"),
    *(
        "a\tb",
        "a\nb",
        "a\r\nb",
        "a\rb",
        "\tlead",
        "trail \t",
        " both ",
        "\u00a0",
        "x\u2028y",
        "a\x0bb",
        "a\x0cb",
        "\x85",
    ),
    *("\0", "a\0b", "\x01\x02", "\x1b[31m", "\x7f", "\ufeffmark", "\ufffe", "\uffff", "\ufffd", "\ud800", "a\udfffb"),
    *("\u202eevil\u202c", "\u200fשלום", "مرحبا 123", "e\u0301", "é", "ﬁ", "👨\u200d👩\u200d👧", "🇺🇦", "𝔘nicode"),
    *('"', '""', 'say "no", he', "it's", "a;b", "a,b", "a|b", "\\n", "\\u0000", "\\ud800", "%s {0} $text", "sep=;"),
    *("<b>bold</b>", "</script>", "<!-- -->", "]]>", "&amp;", "&#0;", "_x0041_", "_x005F_x0041_", "_x000D_", "…"),
    *(LONG, "=" + LONG, "\U0001f4a5" * 20_000, "word " * 8_000),
)
"""Texts, none of them blank once letters stand before it."""


def nasty_units(count: int) -> list[SampledUnit]:
    """Units of nasty texts, each with others before and behind, some with an id that a spreadsheet takes for more."""
    long = [text for text in NASTY if len(text) > 1000]
    short = [text for text in NASTY if text not in long]
    texts = [*NASTY, *map("".join, itertools.product(short, short))]
    made = []
    for number in range(count):
        text = texts[number % len(texts)]
        text = text if text.strip() and number < len(texts) else f"{text}unit {number}"
        name = ("12:{}", "00{}", "=page:{}", "page é:{}", "{}")[number % 5].format(number)
        drawn = Drawn.random if number % 2 else Drawn.chosen
        chance = 0.25 if drawn is Drawn.random else None
        around = short[number % len(short)]
        page, fields = f"page {number // 7}", {"outlet": short[number % 3]}
        made.append(SampledUnit(name, page, number % 7, text, (around,), (around, "x"), drawn, chance, fields=fields))
    return made


def some_labels(units: Sequence[SampledUnit]) -> list[CoderLabel]:
    """A label for each unit, such as every format can hold."""
    rng = random.Random(1)
    made = []
    for unit in units:
        label = rng.choice(TAXONOMY.labels)
        several = {label, rng.choice(("casualty_report", "attack_description"))}
        one = label in (TAXONOMY.negative, *TAXONOMY.exclusive) or rng.random() < 0.7
        labels = tuple(name for name in TAXONOMY.classes if name in ({label} if one else several))
        first = next((name for name in TAXONOMY.filing_order if name in labels), label)
        made.append(CoderLabel(unit, first, labels, CODER))
    return made


Said = Mapping[str, CoderLabel]
"""What the coder says, by the id of the unit."""


def fill_label_studio(sent: Path, back: Path, said: Said) -> None:
    """What Label Studio exports as JSON."""
    tasks = json.loads(sent.read_text(encoding="utf-8"))
    for number, task in enumerate(tasks):
        label = said[task["data"][UNIT_ID]]
        results = [_choices("label", [label.label]), _choices("labels", list(label.labels))]
        annotation = {"id": number, "completed_by": 7, "was_cancelled": False, "result": results}
        task |= {"id": number + 100, "annotations": [annotation], "predictions": []}
    back.write_text(json.dumps(tasks[::-1]), encoding="utf-8")


def fill_doccano(sent: Path, back: Path, said: Said) -> None:
    """What doccano exports: its own id, and labels in the order of the alphabet."""
    rows = _json_lines(sent)
    for number, row in enumerate(rows):
        label = said[row[UNIT_ID]]
        row |= {"id": number, "label": sorted(label.labels or (label.label,)), "Comments": []}
    _write_json_lines(back, rows[::-1])


def fill_prodigy(sent: Path, back: Path, said: Said) -> None:
    """What Prodigy gives out."""
    rows = _json_lines(sent)
    for row in rows:
        label = said[row[UNIT_ID]]
        row |= {"accept": list(label.labels or (label.label,)), "answer": "accept", "_annotator_id": "set-anna"}
    _write_json_lines(back, rows[::-1])


def fill_csv(sent: Path, back: Path, said: Said) -> None:
    """What a spreadsheet saves that parts columns by semicolons, with the columns in another order."""
    with sent.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        label = said[row["id"].removeprefix("'")]
        row |= {"label": label.label, "labels": "|".join(label.labels), "note": "mine"}
    with back.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, sorted(rows[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(rows[::-1])


def fill_xlsx(sent: Path, back: Path, said: Said) -> None:
    """What a coder makes of the workbook."""
    book = openpyxl.load_workbook(sent)
    sheet = book.worksheets[0]
    header = [cell.value for cell in sheet[1]]
    for row in sheet.iter_rows(min_row=2):
        label = said[row[header.index("id")].value]
        row[header.index("label")].value = label.label
        row[header.index("labels")].value = "; ".join(label.labels)
    book.save(back)


def fill_page(sent: Path, back: Path, said: Said) -> None:
    """What the page saves."""
    assert sent.is_file()
    rows = [
        {
            "id": label.unit.id,
            "text_hash": label.unit.text_hash,
            "coder": CODER,
            "label": label.label,
            "labels": list(label.labels),
            "unsure": False,
            "comment": "",
        }
        for label in said.values()
    ]
    _write_json_lines(back, rows)


FILL: dict[LabelFormat, tuple[str, Callable[[Path, Path, Said], None]]] = {
    LabelFormat["label-studio"]: (".json", fill_label_studio),
    LabelFormat.doccano: (".jsonl", fill_doccano),
    LabelFormat.prodigy: (".jsonl", fill_prodigy),
    LabelFormat.csv: (".csv", fill_csv),
    LabelFormat.xlsx: (".xlsx", fill_xlsx),
    LabelFormat.page: (".jsonl", fill_page),
}
"""The ending of what each program gives back, and its part."""


def round_trip(folder: Path, units: Sequence[SampledUnit], wanted: LabelFormat) -> tuple[list[CoderLabel], list[float]]:
    """Units sent and read back, through files all the way.

    Returns:
        The labels as they are read from the file of labels, and the seconds of writing and of reading back.
    """
    exchange, (ending, fill) = EXCHANGES[wanted], FILL[wanted]
    sample, sent, back = folder / "sample.jsonl", folder / f"sent{exchange.ending}", folder / f"back{ending}"
    write_sample(sample, units, overwrite=True)
    began = time.perf_counter()
    exchange.write(sent, read_sample(sample), Assignment(TAXONOMY, CODER))
    written = time.perf_counter() - began
    fill(sent, back, {label.unit.id: label for label in some_labels(units)})
    began = time.perf_counter()
    imported = check_answers(exchange.read(back), read_sample(sample), TAXONOMY, back)
    write_labels(folder / "labels.jsonl", imported.labels, overwrite=True)
    read = time.perf_counter() - began
    return read_labels(folder / "labels.jsonl", TAXONOMY), [written, read]


def kept(label: CoderLabel) -> tuple[object, ...]:
    """What has to come back of a label and its unit."""
    unit = label.unit
    carried = (*unit.fields.items(), unit.drawn, unit.sampling_probability)
    return unit.id, unit.article_id, unit.position, unit.text, carried, label.label, label.labels, label.coder


def _choices(name: str, chosen: list[str]) -> dict[str, Any]:
    return {"from_name": name, "to_name": "text", "type": "choices", "value": {"choices": chosen}}


def _json_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _write_json_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def main() -> None:
    """Print a line a format."""
    given = options("units", "formats")
    units = nasty_units(int(given.get("units", 10_000)))
    wanted = [LabelFormat[name] for name in given["formats"].split(",")] if "formats" in given else list(EXCHANGES)
    print(f"{len(units):,} units, {sum(len(unit.text) for unit in units):,} characters")
    print(f"{'format':<14}{'same':>8}{'write s':>9}{'read s':>9}{'MB':>8}")
    for each in wanted:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            labels, (written, read) = round_trip(folder, units, each)
            size = (folder / f"sent{EXCHANGES[each].ending}").stat().st_size / 1e6
        expected = {kept(label) for label in some_labels(units)}
        same = len(expected & set(map(kept, labels)))
        print(f"{each.name:<14}{same:>8,}{written:>9.2f}{read:>9.2f}{size:>8.1f}")
        if same != len(units):
            sys.exit(f"{each.name}: {len(units) - same} units are not what they were")


if __name__ == "__main__":
    main()
