"""The shipped corpus: pages written for this project, one row a unit. See ``docs/corpus.md``."""

import csv
import hashlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from sitrep.sentences import Use

if TYPE_CHECKING:
    import datasets

FOLDER = Path(__file__).parent
PROBABILITIES = FOLDER / "probabilities.csv"
USES = {"articles": Use.any, "further": Use.learning, "foreign": Use.calibration}
"""Kinds of files that hold units, and what these are for."""


def load() -> "datasets.Dataset":
    """Read the corpus.

    Returns:
        One row a unit, articles in order: ``id``, ``article_id``, ``position``, ``text``, ``label``, ``labels`` and,
        of the article, ``region``, ``event``, ``register``, ``noise``, ``year``; then ``speech`` and ``speaker``, but
        for the foreign pages, where they are ``None``. Behind the articles that two readers
        labelled for measuring stand the further pages, which are learnt from, and the foreign ones, which promises are
        fitted on.
    """
    import datasets

    datasets.disable_progress_bars()
    with TemporaryDirectory() as cache:  # the corpus is small: nothing is left in the user's cache
        files = [str(path) for kind in USES for path in _files(kind)]
        return datasets.Dataset.from_json(files, cache_dir=cache, keep_in_memory=True)


def load_texts() -> list[str]:
    """The text of every unit, in the order of :func:`load`, without ``datasets``."""
    return [
        json.loads(line)["text"] for kind in USES for path in _files(kind) for line in path.read_bytes().splitlines()
    ]


def load_uses() -> dict[str, Use]:
    """What each article is for, by its id."""
    return {
        json.loads(line)["article_id"]: use
        for kind, use in USES.items()
        for path in _files(kind)
        for line in path.read_bytes().splitlines()
    }


def load_probabilities() -> dict[str, dict[str, float]]:
    """What larger models that never saw its page hold each unit for.

    Returns:
        By id the probability of each label, in thousandths exact, for most units; see ``docs/corpus.md``.
    """
    found = {}
    with PROBABILITIES.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            identity = row.pop("id")
            thousandths = {label: int(value) for label, value in row.items()}
            whole = sum(thousandths.values())
            found[identity] = {label: value / whole for label, value in thousandths.items()}
    return found


def load_readings() -> list[dict[str, Any]]:
    """Read what each of the two readers said of each unit.

    Returns:
        One row a unit, in the order of :func:`load`: ``id``, ``first_label``, ``first_labels``, ``second_label``,
        ``second_labels`` and, where the readers parted on the label, ``decided``: the kind of question it was.
    """
    return [json.loads(line) for path in _files("readings") for line in path.read_bytes().splitlines()]


def sha256() -> str:
    """SHA-256 over the files of the corpus, in order."""
    total = hashlib.sha256()
    for path in _data_files():
        total.update(path.read_bytes())
    return total.hexdigest()


def size() -> int:
    """Bytes of the files of the corpus."""
    return sum(path.stat().st_size for path in _data_files())


def _data_files() -> list[Path]:
    return [*(path for kind in USES for path in _files(kind)), PROBABILITIES]


def _files(kind: str) -> list[Path]:
    return sorted(FOLDER.glob(f"{kind}-*.jsonl"))
