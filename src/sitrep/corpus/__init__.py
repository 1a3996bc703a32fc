"""The shipped corpus: pages written for this project, one row a unit. See ``docs/corpus.md``."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datasets

PATH = Path(__file__).parent / "articles.jsonl"


def load() -> "datasets.Dataset":
    """Read the corpus.

    Returns:
        One row a unit, articles in order: ``id``, ``article_id``, ``position``, ``text``, ``label``,
        ``labels``, the readings ``first_labels`` and ``second_labels`` and, of the article, ``region``,
        ``event``, ``register``, ``noise``, ``year``.
    """
    import datasets

    datasets.disable_progress_bars()
    with TemporaryDirectory() as cache:  # the corpus is small: nothing is left in the user's cache
        return datasets.Dataset.from_json(str(PATH), cache_dir=cache, keep_in_memory=True)
