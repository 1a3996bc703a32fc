"""The same recipe and peers on any data set of texts and labels, so that published tables can be repeated.

    python benchmarks/public.py [seeds=1,2,3] [rows=default,TF-IDF,...] [text=text] [label=label] DATA...

Each DATA is a TSV or CSV file with a header, or two of them parted by a comma: training and test as they were
published. Of a single file a fifth is held out for test by the seed; a tenth of the training rows chooses the best
epoch. Labels may be any; `none`, if there is one, is left out of macro-F1. `rows` names settings of `scripts/train.py`
joined by `;`, or peers of `benchmarks/peers.py`. For each data set it prints macro-F1, accuracy and seconds.
"""

import csv
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accuracy import DEFAULT, arguments, settings_of
from peers import PEERS, macro_f1

from sitrep.data.split import Split
from sitrep.model.classifier import batch_of
from sitrep.model.encoding import Reader
from sitrep.training.fine_tuning import fine_tune

VALIDATION, TEST = 0.1, 0.2
BATCH = 64


@dataclass(frozen=True)
class Unit:
    """A text with a label of any name, as training takes it: one article each."""

    text: str
    label: str
    id: str
    article_id: str
    position: int = 0
    labels: tuple[str, ...] = ()


def read(path: Path, text: str, label: str) -> list[Unit]:
    """Rows of a TSV or CSV file.

    Raises:
        SystemExit: If a column is missing or a row is blank.
    """
    delimiter = "," if path.suffix == ".csv" else "\t"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=delimiter))
    for number, row in enumerate(rows, 2):
        for column in (text, label):
            if not (row.get(column) or "").strip():
                sys.exit(f"{path}:{number}: column {column!r} is missing or empty; there are {', '.join(row)}")
    return [Unit(row[text], row[label], f"{path}-{n}", f"{path}-{n}") for n, row in enumerate(rows)]


def divide(paths: list[Path], text: str, label: str, seed: int) -> tuple[Any, ...]:
    """Training, validation and test units."""
    chance = random.Random(seed)
    units = read(paths[0], text, label)
    chance.shuffle(units)
    held = int(TEST * len(units)) if len(paths) == 1 else 0
    test = units[:held] if held else read(paths[1], text, label)
    rest = units[held:]
    chosen = max(1, int(VALIDATION * len(rest)))
    return tuple(rest[chosen:]), tuple(rest[:chosen]), tuple(test)


def ours(row: str, split: Split, seed: int) -> list[str]:
    """Labels of the test texts by our recipe."""
    settings = settings_of(row, seed)
    labels = tuple(sorted({unit.label for part in split.parts().values() for unit in part}))
    with tempfile.TemporaryDirectory() as scratch:
        trained = fine_tune(settings, split, Path(scratch), labels=labels)
    chosen = settings.model
    reader = Reader(trained.tokenizer, chosen.context, chosen.pooling, chosen.max_tokens, chosen.window_tokens)
    tokens, _ = reader.tokenise([unit.text for unit in split.test])
    rows = reader.rows(tokens, [[number] for number in range(len(tokens))])
    predicted: list[str] = []
    model = trained.model.eval()
    device = next(model.parameters()).device
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        batch = batch_of(part, reader.tokenizer.pad_token_id, max(len(row.ids) for row in part), reader.pairs)
        with torch.inference_mode():
            logits = model(**{name: values.to(device) for name, values in batch.items()})["logits"][:, 0]
        predicted += [labels[index] for index in logits.argmax(-1).tolist()]
    return predicted


def main() -> None:
    """Measure every row with every seed on every data set."""
    options, data = arguments({"seeds", "rows", "text", "label"})
    if not data:
        sys.exit(__doc__)
    rows = options["rows"].split(",") if "rows" in options else [DEFAULT, *PEERS]
    for item in data:
        table: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
        for seed in map(int, options.get("seeds", "1,2,3").split(",")):
            paths = [Path(part) for part in item.split(",")]
            train, validation, test = divide(paths, options.get("text", "text"), options.get("label", "label"), seed)
            for row in rows:
                began = time.perf_counter()
                if row in PEERS:
                    predicted = PEERS[row](train, validation, [unit.text for unit in test], seed)
                else:
                    predicted = ours(row, Split(train, validation, test), seed)
                seconds = time.perf_counter() - began
                accuracy = float(np.mean([unit.label == label for unit, label in zip(test, predicted, strict=True)]))
                table[row].append((macro_f1(test, predicted), accuracy, seconds))
                print(f"{item}, {row}, seed {seed}: macro-F1 {table[row][-1][0]:.4f}", flush=True)
        print(f"\n{item}: {len(train)} training, {len(validation)} validation, {len(test)} test texts\n")
        print("| row | macro-F1 | accuracy | seconds |\n|---|---|---|---|")
        for row, found in table.items():
            cells = [statistics.mean(column) for column in zip(*found, strict=True)]
            spread = f" ± {statistics.stdev(value for value, _, _ in found):.3f}" if len(found) > 1 else ""
            print(f"| {row} | {cells[0]:.3f}{spread} | {cells[1]:.3f} | {cells[2]:.0f} |")


if __name__ == "__main__":
    main()
