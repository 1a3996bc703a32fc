"""The shipped corpus: pages written for this project, one row a unit. See ``docs/corpus.md``."""

import hashlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import datasets

FOLDER = Path(__file__).parent


def load() -> "datasets.Dataset":
    """Read the corpus.

    Returns:
        One row a unit, articles in order: ``id``, ``article_id``, ``position``, ``text``, ``label``, ``labels`` and,
        of the article, ``region``, ``event``, ``register``, ``noise``, ``year``.
    """
    import datasets

    datasets.disable_progress_bars()
    with TemporaryDirectory() as cache:  # the corpus is small: nothing is left in the user's cache
        files = [str(path) for path in _files("articles")]
        return datasets.Dataset.from_json(files, cache_dir=cache, keep_in_memory=True)


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
    for path in _files("articles"):
        total.update(path.read_bytes())
    return total.hexdigest()


def size() -> int:
    """Bytes of the files of the corpus."""
    return sum(path.stat().st_size for path in _files("articles"))


def _files(kind: str) -> list[Path]:
    return sorted(FOLDER.glob(f"{kind}-*.jsonl"))
