"""The same recipe and peers on any data set of texts and labels, so that published tables can be repeated.

    python benchmarks/public.py [seeds=1,2,3] [rows=ROW,ROW,...] [text=text] [label=label] DATA...

Each DATA is a file of rows (`.jsonl` `.csv` `.tsv` `.parquet`), or two of them parted by a comma: training and test as
they were published. Of a single file a fifth is held out for test by the seed; a tenth of the training rows chooses the
best epoch. Articles stay whole where there is a column `article_id`. Labels may be any; `none`, if there is one, is
left out of macro-F1. Rows are those of `benchmarks/accuracy.py`; by default `default` and every peer. For each data set
it prints macro-F1, accuracy and seconds.
"""

import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from accuracy import DEFAULT, PEER, train, with_spread
from arguments import part_arguments
from peers import PEERS, taxonomy_of

from sitrep.data.reading import Columns, read_labelled
from sitrep.data.split import Split, hold_out
from sitrep.labels import Taxonomy
from sitrep.sentences import LabelledSentence
from sitrep.storage.tables import read_rows

VALIDATION, TEST = 0.1, 0.2


def read(files: Sequence[str], text: str, label: str) -> tuple[Taxonomy, list[list[LabelledSentence]]]:
    """The units of each file, and a taxonomy of all labels that are in them.

    Raises:
        UserError: If a file cannot be read, or a row is not right.
        SystemExit: If there are not two labels.
    """
    found = {row.fields.get(label) for file in files for row in read_rows(Path(file))} - {None}
    labels = {str(name).strip() for name in found} - {""}
    if len(labels) < 2:
        sys.exit(f"{','.join(files)}: two labels or more are wanted in column {label!r}, not {sorted(labels)}")
    taxonomy = taxonomy_of(labels)
    columns = Columns(text=text, label=label, labels=label)  # no column of several labels: the one is all that applies
    return taxonomy, [read_labelled(file, columns, taxonomy) for file in files]


def divide(sets: Sequence[Sequence[LabelledSentence]], seed: int) -> Split:
    """Training, validation and test units, of one set or of training and test as published.

    Raises:
        SystemExit: If there are too few articles.
    """
    rest, test = (sets[0], sets[1]) if len(sets) > 1 else hold_out(sets[0], TEST, seed)
    training, validation = hold_out(rest, VALIDATION, seed)
    if not validation or not test:
        sys.exit(f"{len(rest)} units in too few articles to hold a share of them out")
    return Split(tuple(training), tuple(validation), tuple(test))


def main() -> None:
    """Measure every row with every seed on every data set."""
    given, data = part_arguments({"seeds", "rows", "text", "label"})
    if not data:
        sys.exit(__doc__)
    rows = given["rows"].split(",") if "rows" in given else [DEFAULT, *(PEER + name for name in PEERS)]
    for item in data:
        taxonomy, sets = read(item.split(","), given.get("text", "text"), given.get("label", "label"))
        table: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
        for seed in map(int, given.get("seeds", "1,2,3").split(",")):
            split = divide(sets, seed)
            for row in rows:
                began = time.perf_counter()
                run = train(row, seed, split, taxonomy, {"test": split.test})
                seconds = time.perf_counter() - began
                right = [unit.label == label for unit, label in zip(split.test, run.predicted["test"], strict=True)]
                table[row].append((run.figures["test"], float(np.mean(right)), seconds))
                print(f"{item}, {row}, seed {seed}: macro-F1 {run.figures['test']:.4f}", flush=True)
        units = ", ".join(f"{len(part)} {name}" for name, part in split.parts().items())
        print(f"\n{item}: {units} texts\n\n| row | macro-F1 | accuracy | seconds |\n|---|---|---|---|")
        for row, found in table.items():
            figures, shares, times = zip(*found, strict=True)
            cells = [with_spread(figures), f"{statistics.mean(shares):.3f}", f"{statistics.mean(times):.0f}"]
            print(f"| {row} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
