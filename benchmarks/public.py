"""The same recipe and peers on any data set of texts and labels, so that published tables can be repeated.

    python benchmarks/public.py [seeds=1,2,3] [rows=ROW,ROW,...] [text=text] [label=label] DATA...

Each DATA is a file of rows (`.jsonl` `.csv` `.tsv` `.parquet`), or two or three of them parted by commas: training and
test, or training, validation and test, as they were published (`benchmarks/public_data.py` writes such). Of a single
file a fifth is held out for test by the seed; without validation a tenth of the training rows chooses the best epoch.
Articles stay whole where there is a column `article_id`. Labels may be any; macro-F1 is over all of them but `none`, if
there is one, and weighted F1 over all. Rows are those of `benchmarks/accuracy.py`, with the epochs that the program
gives other data than its corpus; by default `default` and every peer.
For each data set it prints macro-F1, accuracy (micro-F1, as every text has one label), weighted F1 and seconds.
"""

import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from accuracy import DEFAULT, PEER, train, with_spread
from arguments import part_arguments
from peers import PEERS, taxonomy_of

from sitrep.data.reading import Columns, read_labelled
from sitrep.data.split import Split, hold_out
from sitrep.errors import UserError
from sitrep.labels import Taxonomy
from sitrep.metrics.scores import score
from sitrep.sentences import LabelledSentence
from sitrep.storage.tables import read_rows

VALIDATION, TEST = 0.1, 0.2
MEASURES = ("macro-F1", "accuracy", "weighted F1")


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
    """Training, validation and test units, of one set, of training and test as published, or of all three.

    Raises:
        SystemExit: If there are more than three sets, or too few articles.
    """
    if len(sets) > 3:
        sys.exit(f"{len(sets)} files: at most training, validation and test can be parted by commas")
    if len(sets) == 3:
        return Split(*map(tuple, sets))
    rest, test = (sets[0], sets[1]) if len(sets) > 1 else hold_out(sets[0], TEST, seed)
    training, validation = hold_out(rest, VALIDATION, seed)
    if not validation or not test:
        sys.exit(f"{len(rest)} units in too few articles to hold a share of them out")
    return Split(tuple(training), tuple(validation), tuple(test))


def measure(units: Sequence[LabelledSentence], predicted: Sequence[str], taxonomy: Taxonomy) -> tuple[float, ...]:
    """The figures of `MEASURES`; F1 in the weighted mean counts by how many units have the label."""
    found = score([unit.label for unit in units], predicted, taxonomy)
    weighted = sum((label.f1 or 0.0) * label.support for label in found.per_class.values()) / len(units)
    return found.macro_f1 or 0.0, found.accuracy, weighted


def main() -> None:
    """Measure every row with every seed on every data set."""
    given, data = part_arguments({"seeds", "rows", "text", "label"})
    if not data:
        sys.exit(__doc__)
    rows = given["rows"].split(",") if "rows" in given else [DEFAULT, *(PEER + name for name in PEERS)]
    for item in data:
        try:
            taxonomy, sets = read(item.split(","), given.get("text", "text"), given.get("label", "label"))
        except UserError as error:
            sys.exit(str(error))
        figures: dict[str, list[tuple[float, ...]]] = defaultdict(list)
        seconds: dict[str, list[float]] = defaultdict(list)
        for seed in map(int, given.get("seeds", "1,2,3").split(",")):
            split = divide(sets, seed)
            for row in rows:
                began = time.perf_counter()
                run = train(row, seed, split, taxonomy, {"test": split.test}, corpus=False)
                seconds[row].append(time.perf_counter() - began)
                figures[row].append(measure(split.test, run.predicted["test"], taxonomy))
                told = ", ".join(f"{name} {value:.4f}" for name, value in zip(MEASURES, figures[row][-1], strict=True))
                print(f"{item}, {row}, seed {seed}: {told}", flush=True)
        units = ", ".join(f"{len(part)} {name}" for name, part in split.parts().items())
        print(f"\n{item}: {units} texts\n\n| row | {' | '.join(MEASURES)} | seconds |\n|---|---|---|---|---|")
        for row, found in figures.items():
            cells = [*map(with_spread, zip(*found, strict=True)), f"{statistics.mean(seconds[row]):.0f}"]
            print(f"| {row} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
