"""What a checkpoint keeps of its validation split: what was fitted on it, and how the model erred there."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import UnionType
from typing import Any, get_origin

from sitrep.sentences import LabelledSentence
from sitrep.storage.complete import read_json, record_of

VALIDATION = "validation.json"
VERSION = 2


@dataclass(frozen=True)
class ValidationFit:
    """Content of ``validation.json`` in a checkpoint folder.

    Attributes:
        labels: Every label that a unit can get; the lists below number them.
        true: Label of each validation unit.
        predicted: Label that the model gave it; with several classes a sentence at thresholds that were fitted without
            its article, so that its errors are those of units that nothing was fitted on.
        articles: Number of its article.
        temperature: That logits are divided by before they become probabilities; ``None`` if none could be fitted.
        temperature_note: Why there is none; otherwise empty.
        thresholds: Least probability of each class that applies; empty with one label a sentence.
        target_precision: That the acceptance thresholds were chosen for.
        acceptance_thresholds: Least probability with which a label is accepted unread; ``None``: never. Empty if not
            chosen.
        version: Of this file's format.
    """

    labels: list[str]
    true: list[int]
    predicted: list[int]
    articles: list[int]
    temperature: float | None
    temperature_note: str
    thresholds: dict[str, float]
    target_precision: float
    acceptance_thresholds: dict[str, float | None]
    version: int = VERSION

    def __post_init__(self) -> None:
        for item in fields(self):
            kind: Any = item.type if isinstance(item.type, UnionType) else get_origin(item.type) or item.type
            if not isinstance(getattr(self, item.name), kind):
                raise TypeError(f"{item.name} must be {item.type}, not {getattr(self, item.name)!r}")
        lists = (self.true, self.predicted, self.articles)
        whole = all(isinstance(number, int) and number >= 0 for numbers in lists for number in numbers)
        known = all(number < len(self.labels) for number in (*self.true, *self.predicted) if whole)
        if not whole or not known or len({len(numbers) for numbers in lists}) > 1:
            raise TypeError("true, predicted and articles must number the labels and articles of the same units")
        for name in ("thresholds", "acceptance_thresholds"):
            for label, value in getattr(self, name).items():
                if label not in self.labels or not _is_share(value, name == "acceptance_thresholds"):
                    raise TypeError(f"{name} must give a label a probability, not {label!r}: {value!r}")
        if self.temperature is not None and not 0 < self.temperature < float("inf"):
            raise TypeError(f"temperature must be above 0, not {self.temperature!r}")

    def is_of(self, sentences: Sequence[LabelledSentence]) -> bool:
        """Whether it tells of these units, by their labels and how they stand in articles; else of pages of a user's.

        Args:
            sentences: The validation split of the training.
        """
        same_labels = [self.labels[number] for number in self.true] == [sentence.label for sentence in sentences]
        return same_labels and self.articles == number_articles([sentence.article_id for sentence in sentences])

    def write(self, folder: Path) -> None:
        """Write the file into a checkpoint folder."""
        (folder / VALIDATION).write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")


def read_validation(folder: Path) -> ValidationFit | None:
    """What ``validation.json`` in a checkpoint folder says; ``None`` where there is none.

    Raises:
        UserError: If it is not what it should be.
    """
    path = folder / VALIDATION
    if not path.is_file():
        return None
    content = read_json(path)
    if content.get("version") == 1 and "accept" in content:  # the name of version 0.1
        content = content | {"version": VERSION, "acceptance_thresholds": content["accept"]}
        del content["accept"]
    return record_of(ValidationFit, VERSION, content, path)


def number_articles(article_ids: Sequence[str]) -> list[int]:
    """Articles by number, in order of first appearance, as names of pages do not belong into a checkpoint."""
    numbers = {name: number for number, name in enumerate(dict.fromkeys(article_ids))}
    return [numbers[name] for name in article_ids]


def _is_share(value: Any, or_none: bool) -> bool:
    return (or_none and value is None) or (isinstance(value, float) and 0 <= value <= 1)
