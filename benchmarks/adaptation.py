"""What labels of one's own pages gain, on other pages of the same kind: `scripts/label.py adapt` as users call it.

    python benchmarks/adaptation.py checkpoints=RUN,RUN,... [files=FILE,FILE,...] [n=50,100,200,400,800] [draws=3]
        [first=0] [random_share=1,0.5] [quick=yes] [results=FILE.jsonl]

The pages of all files together (by default parts 2 and 3 of `shared/real_dev` beside the project, of which part 3 is
rebuilt) are divided at random: one half is labelled as far as `n` says, drawn by `scripts/label.py select`; the other
half measures, each file apart. Every draw has another division, and the next of the checkpoints. `results` gets a row
for each draw and `n`, and may hold rows of earlier calls; the table is over all of them. `quick=yes` leaves out the
cross-fitting, which is five sixths of the time: nothing is then recalibrated, accepted or kept.
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

from sitrep.adaptation.candidates import AS_IS, TRAINED, Fitted, Measurement, best_of
from sitrep.adaptation.cross_fitting import SHARE, FurtherTraining, cross_fit
from sitrep.adaptation.own_units import OwnUnits, read_own_units
from sitrep.adaptation.run import gentle_rate, reference_units
from sitrep.decisions import probabilities_of
from sitrep.labelling.run import select
from sitrep.labels import Task
from sitrep.metrics.abstention import acceptable
from sitrep.metrics.calibration import expected_calibration_error, reliability_bins
from sitrep.metrics.scores import score
from sitrep.model.checkpoint import Checkpoint, open_checkpoint
from sitrep.sentences import LabelledSentence
from sitrep.settings import Precision, SelectSettings, TrainingData
from sitrep.storage.tables import read_rows

OPTIONS = ("checkpoints", "files", "n", "draws", "first", "random_share", "quick", "results")
TARGET = 0.95
KEPT = "what is kept"
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
    a_page = -(-6 * n // (5 * pages))  # the pool is small: a user with hundreds of pages needs no more than a few
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


def measure(given: dict[str, str], rows: Sequence[dict[str, Any]], results: Path) -> None:
    """Append a row to the results for each draw, share and `n`: every way, on the pages that measure."""
    checkpoints = given["checkpoints"].split(",")
    first = int(given.get("first", 0))
    for draw in range(first, first + int(given.get("draws", 3))):
        pool, test = divide(rows, draw)
        checkpoint = open_checkpoint(checkpoints[draw % len(checkpoints)])
        training = FurtherTraining(checkpoint, gentle_rate(checkpoint), Precision.auto, draw)
        reference, _ = reference_units(checkpoint, TrainingData.own)
        for share in map(float, given.get("random_share", "1").split(",")):
            for n in map(int, given.get("n", "50,100,200,400,800").split(",")):
                with tempfile.TemporaryDirectory() as scratch:
                    file = labelled(pool, n, share, draw, str(checkpoint.folder), Path(scratch))
                    own = read_own_units(file, checkpoint.taxonomy, draw)
                look = ways_at_once if given.get("quick") == "yes" else ways_of
                ways = look(training, own, reference, test, draw)
                row = {"draw": draw, "n": n, "random_share": share, **ways}
                with results.open("a") as stream:
                    stream.write(json.dumps(row) + "\n")
                print(f"draw {draw}, {share:.0%} at random, {n} labels: {ways['kept']}", file=sys.stderr, flush=True)


def ways_of(
    training: FurtherTraining,
    own: OwnUnits,
    reference: Sequence[LabelledSentence],
    test: Sequence[dict[str, Any]],
    seed: int,
) -> dict[str, Any]:
    """What `adapt` finds of each way, what each does on the pages that measure, and which is kept."""
    answers, end = cross_fit(training, own, reference, lambda _: None)
    measurement = Measurement(training.checkpoint, own, reference, TARGET, seed)
    candidates = measurement.candidates(answers)
    kept = best_of(candidates)
    logits = {share: training.logits(sentences_of(test), end, share) for share in answers}
    found = {}
    for way in candidates:
        fitted = None if way.name == AS_IS else measurement.fit(answers[way.share])
        probabilities = probabilities_of(logits[way.share], Task.single_label, fitted.temperature if fitted else 1.0)
        figures = figures_of(training.checkpoint, probabilities, fitted, test)
        seen = {"gain": way.gain.value, "log_loss": way.log_loss, "log_loss_p": way.log_loss_gain.p}
        found[way.name] = {"cross_fitted": seen, "measured": figures}
    return {"kept": kept.name, "ways": found}


def ways_at_once(
    training: FurtherTraining,
    own: OwnUnits,
    reference: Sequence[LabelledSentence],
    test: Sequence[dict[str, Any]],
    seed: int,
) -> dict[str, Any]:
    """As :func:`ways_of` without its cross-fitting."""
    end = training.train(own.sentences)
    found = {}
    for share, name in {0.0: AS_IS, SHARE: TRAINED, 1.0: "trained on, all of the way"}.items():
        probabilities = probabilities_of(training.logits(sentences_of(test), end, share), Task.single_label)
        found[name] = {"measured": figures_of(training.checkpoint, probabilities, None, test)}
    return {"kept": AS_IS, "ways": found}


def sentences_of(test: Sequence[dict[str, Any]]) -> list[LabelledSentence]:
    """Rows as sentences."""
    return [
        LabelledSentence(row["text"], row["label"], tuple(row["labels"]), row["id"], row["article_id"], row["position"])
        for row in test
    ]


def figures_of(
    checkpoint: Checkpoint, probabilities: np.ndarray, fitted: Fitted | None, test: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """What probabilities are worth on the pages that measure; `None`: with the thresholds of the checkpoint."""
    names = checkpoint.labels
    given = [names[number] for number in probabilities.argmax(axis=1)]
    confidence = probabilities.max(axis=1)
    right = np.array([label == row["label"] for label, row in zip(given, test, strict=True)])
    shipped = checkpoint.validation.acceptance_thresholds if checkpoint.validation else {}
    accepted = acceptable(probabilities, names, dict.fromkeys(names, fitted.least) if fitted else shipped)
    by_file = {}
    for name in dict.fromkeys(row["file"] for row in test):
        pairs = [(row["label"], label) for label, row in zip(given, test, strict=True) if row["file"] == name]
        true, predicted = zip(*pairs, strict=True)
        by_file[name] = score(true, predicted, checkpoint.taxonomy).macro_f1
    places = [names.index(row["label"]) for row in test]
    return {
        "macro_f1": by_file,
        "log_loss": float(-np.log(np.maximum(probabilities[np.arange(len(test)), places], 1e-12)).mean()),
        "accepted": float(accepted.mean()),
        "right": float(right[accepted].mean()) if accepted.any() else None,
        "calibration_error": expected_calibration_error(reliability_bins(confidence, right)),
    }


def table(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Means over draws, as Markdown: what `adapt` keeps, and what each way alone would have given."""
    files = list(rows[0]["ways"][AS_IS]["measured"]["macro_f1"])
    heads = [f"macro-F1 {name} (gain ± error)" for name in files]
    rest = f"log loss | calibration error | accepted | right | draws ≥ {ENOUGH}"
    yield f"| at random | labels | draws | way | {' | '.join(heads)} | {rest} |"
    yield "|" + "---|" * (9 + len(files))
    groups = sorted({(row["random_share"], row["n"]) for row in rows}, key=lambda key: (-key[0], key[1]))
    for share, n in groups:
        own = [row for row in rows if (row["random_share"], row["n"]) == (share, n)]
        for way in (*own[0]["ways"], KEPT):
            found = [row["ways"][row["kept"] if way == KEPT else way]["measured"] for row in own]
            before = [row["ways"][AS_IS]["measured"] for row in own]
            yield f"| {share:.0%} | {n} | {len(own)} | {way} | {' | '.join(_cells(found, before, files))} |"


def _cells(found: Sequence[dict[str, Any]], before: Sequence[dict[str, Any]], files: Sequence[str]) -> Iterator[str]:
    for name in files:
        after = np.array([item["macro_f1"][name] for item in found])
        gain = after - np.array([item["macro_f1"][name] for item in before])
        error = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else float("nan")
        yield f"{after.mean():.3f} ({gain.mean():+.3f} ± {error:.3f})"
    for name in ("log_loss", "calibration_error"):
        yield f"{np.mean([item[name] for item in found]):.3f}"
    yield f"{np.mean([item['accepted'] for item in found]):.0%}"
    right = [item["right"] for item in found if item["right"] is not None]
    yield f"{np.mean(right):.3f}" if right else "–"
    yield f"{sum(value >= ENOUGH for value in right) + len(found) - len(right)} of {len(found)}"


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
