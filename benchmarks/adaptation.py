"""What labels of one's own pages gain, on other pages of the same kind: `scripts/label.py adapt` as users call it.

    python benchmarks/adaptation.py checkpoints=RUN,RUN,... [files=FILE,FILE,...] [n=50,100,200,400,800] [draws=3]
        [first=0] [random_share=1,0.5] [results=FILE.jsonl]

The pages of all files together (by default parts 2 and 3 of `shared/real_dev` beside the project, of which part 3 is
rebuilt) are divided at random: one half is labelled as far as `n` says, drawn by `scripts/label.py select`; the other
half measures, each file apart. Every draw has another division, and the next of the checkpoints. `results` gets a row
for each draw and `n`, and may hold rows of earlier calls; the table is over all of them.
"""

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from arguments import part_arguments
from real_pages import part_files

from sitrep.adaptation.run import adapt
from sitrep.inference.predictor import Predictor
from sitrep.labelling.run import select
from sitrep.labels import shipped_taxonomy
from sitrep.metrics.calibration import expected_calibration_error, reliability_bins
from sitrep.metrics.scores import score
from sitrep.sentences import Passage
from sitrep.settings import AdaptSettings, SelectSettings
from sitrep.storage.tables import read_rows

OPTIONS = ("checkpoints", "files", "n", "draws", "first", "random_share", "results")
TARGET = 0.95
ENOUGH = 0.93
"""Precision of the accepted that a draw has to reach to be counted."""


def read_units(files: Sequence[Path]) -> list[dict[str, Any]]:
    """Rows of all files, each with the name of its file and ids that differ between files."""
    rows = []
    for file in files:
        for number, row in enumerate(read_rows(file)):
            known = {name: row.fields[name] for name in ("text", "label", "labels")}
            page = f"{file.stem}/{row.fields['article_id']}"
            place = {"id": f"{page}#{number}", "article_id": page, "position": row.fields.get("position", number)}
            rows.append({"file": file.stem, **place, **known})
    return rows


def divide(rows: Sequence[dict[str, Any]], draw: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of the half of the pages that may be labelled, and of the half that measures."""
    pages = sorted({row["article_id"] for row in rows})
    mixed = np.random.default_rng(draw).permutation(len(pages))
    ours = {pages[number] for number in mixed[: len(pages) // 2]}
    return [row for row in rows if row["article_id"] in ours], [row for row in rows if row["article_id"] not in ours]


def labelled(pool: Sequence[dict[str, Any]], n: int, share: float, draw: int, checkpoint: str, folder: Path) -> Path:
    """Draw a sample of the pool and give it its labels."""
    source, sample, labels = folder / "pool.jsonl", folder / "sample.jsonl", folder / "labels.jsonl"
    unlabelled = ("id", "article_id", "position", "text")
    source.write_text("".join(json.dumps({name: row[name] for name in unlabelled}) + "\n" for row in pool))
    pages = len({row["article_id"] for row in pool})
    a_page = max(3, round(2 * n / pages))  # the pool is small: a user with hundreds of pages takes 3
    select(
        SelectSettings(
            input=str(source),
            output=str(sample),
            n=n,
            random_share=share,
            per_page=a_page,
            seed=draw,
            checkpoint=checkpoint,
        )
    )
    known = {row["id"]: row for row in pool}
    rows = [json.loads(line) for line in sample.read_text().splitlines()]
    given = [row | {name: known[row["id"]][name] for name in ("label", "labels")} for row in rows]
    labels.write_text("".join(json.dumps(row) + "\n" for row in given))
    return labels


def figures(checkpoint: str, test: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What a checkpoint does on the pages that measure."""
    taxonomy = shipped_taxonomy("five")
    predictor = Predictor.from_checkpoint(checkpoint)
    units = [Passage(row["id"], row["article_id"], row["position"], 0, len(row["text"]), row["text"]) for row in test]
    found = list(predictor.predict(units))
    right = np.array([guess.label == row["label"] for guess, row in zip(found, test, strict=True)])
    accepted = np.array([guess.decision == "accept" for guess in found])
    confidence = np.array([guess.probability_of(guess.label) for guess in found])
    by_file = {}
    for name in dict.fromkeys(row["file"] for row in test):
        pairs = [(row["label"], guess.label) for guess, row in zip(found, test, strict=True) if row["file"] == name]
        true, predicted = zip(*pairs, strict=True)
        by_file[name] = score(true, predicted, taxonomy).macro_f1
    return {
        "macro_f1": by_file,
        "accepted": float(accepted.mean()),
        "right": float(right[accepted].mean()) if accepted.any() else None,
        "calibration_error": expected_calibration_error(reliability_bins(confidence, right)),
    }


def measure(given: dict[str, str], rows: Sequence[dict[str, Any]], results: Path) -> None:
    """Append a row to the results for each draw, share and `n`."""
    checkpoints = given["checkpoints"].split(",")
    first = int(given.get("first", 0))
    for draw in range(first, first + int(given.get("draws", 3))):
        pool, test = divide(rows, draw)
        checkpoint = checkpoints[draw % len(checkpoints)]
        before = figures(checkpoint, test)
        for share in map(float, given.get("random_share", "1").split(",")):
            for n in map(int, given.get("n", "50,100,200,400,800").split(",")):
                with tempfile.TemporaryDirectory() as scratch:
                    folder = Path(scratch)
                    file = labelled(pool, n, share, draw, checkpoint, folder)
                    run = adapt(AdaptSettings(str(file), checkpoint, TARGET, output_dir=str(folder / "adapted")))
                    kept = json.loads((run / "adaptation.json").read_text())["kept"]
                    after = figures(str(run), test)
                row = {"draw": draw, "n": n, "random_share": share, "kept": kept, "before": before, "after": after}
                with results.open("a") as stream:
                    stream.write(json.dumps(row) + "\n")


def table(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Means over draws, as Markdown."""
    names = list(rows[0]["before"]["macro_f1"])
    heads = [f"macro-F1 {name} (gain ± error)" for name in names]
    rest = f"calibration error | accepted | right | draws ≥ {ENOUGH}"
    yield f"| labels | at random | draws | {' | '.join(heads)} | {rest} |"
    yield "|" + "---|" * (7 + len(names))
    groups = sorted({(row["random_share"], row["n"]) for row in rows}, key=lambda key: (-key[0], key[1]))
    for share, n in groups:
        own = [row for row in rows if (row["random_share"], row["n"]) == (share, n)]
        cells = []
        for name in names:
            after = np.array([row["after"]["macro_f1"][name] for row in own])
            gain = after - np.array([row["before"]["macro_f1"][name] for row in own])
            error = gain.std(ddof=1) / np.sqrt(len(own)) if len(own) > 1 else float("nan")
            cells.append(f"{after.mean():.3f} ({gain.mean():+.3f} ± {error:.3f})")
        errors = [np.mean([row[when]["calibration_error"] for row in own]) for when in ("before", "after")]
        shares = [np.mean([row[when]["accepted"] for row in own]) for when in ("before", "after")]
        rights = [[row[when]["right"] for row in own if row[when]["right"] is not None] for when in ("before", "after")]
        said = [f"{np.mean(right):.3f}" if right else "–" for right in rights]
        held = sum(right >= ENOUGH for right in rights[1])
        yield (
            f"| {n} | {share:.0%} | {len(own)} | {' | '.join(cells)} | {errors[0]:.3f} → {errors[1]:.3f} | "
            f"{shares[0]:.0%} → {shares[1]:.0%} | {said[0]} → {said[1]} | {held} of {len(rights[1])} |"
        )


def main() -> None:
    """Measure and print the table."""
    given, rest = part_arguments(OPTIONS)
    if rest or "checkpoints" not in given:
        sys.exit("name checkpoints=RUN,RUN,... and options only")
    files = [Path(name) for name in given["files"].split(",")] if "files" in given else part_files({})[1:]
    results = Path(given.get("results", "adaptation.jsonl"))
    measure(given, read_units(files), results)
    print("\n".join(table([json.loads(line) for line in results.read_text().splitlines()])))


if __name__ == "__main__":
    main()
