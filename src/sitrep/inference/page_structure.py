"""What the blocks of a page of HTML add to the model's word on boilerplate: whether a sentence is main text.

The model reads each sentence alone, and so does not see that a line stands in a menu, or between paragraphs of the
article. A logistic regression on a few figures of the block, of its neighbours and of the model's probability does. Its
numbers stand in `page_structure.json`, with what they were fitted on (`benchmarks/extraction.py` fits them).
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from sitrep.sentences import Passage, Prediction

NUMBERS = Path(__file__).with_suffix(".json")
BOILERPLATE = "boilerplate"
BLOCK_COLUMNS = ("xpath", "tag", "link_density")
MAIN_TEXT = "main_text"
"""Column: the probability that a sentence belongs to what the page is about."""

TAGS = ("p", "div", "li", "h1", "h2", "h3", "tr", "td", "pre", "blockquote", "figcaption", "button")
AROUND = (("nav", "header"), ("footer",), ("aside",), ("article",), ("main",), ("form",), ("ul", "ol"))
REACHES = (1, 3, 8)
"""How many sentences on either side are looked at."""
FAR = 30
"""Sentences behind the headline from which distance says no more."""
EDGE = 0.003
"""Keeps logits of probabilities of zero and one finite."""

FEATURES = (
    *("boilerplate", "link_density", "length", "position", "behind_h1", "before_h1"),
    *("share_of_parent", "links_of_parent", "share_of_grandparent", "boilerplate_and_links"),
    *(f"{what}_within_{reach}" for reach in REACHES for what in ("boilerplate", "link_density")),
    *("repeated", "boilerplate_of_parent"),
    *(f"in_{names[0]}" for names in AROUND),
    *(f"is_{tag}" for tag in TAGS),
)


@dataclass(frozen=True)
class PageStructure:
    """The fitted regression.

    Attributes:
        weights: Of each of ``FEATURES``, as they come.
        intercept: Is added.
    """

    weights: np.ndarray
    intercept: float

    def main_text(self, passages: Sequence[Passage], boilerplate: Sequence[float]) -> np.ndarray:
        """Probability of each sentence of one page that it is main text.

        Args:
            passages: All of the page, in its order.
            boilerplate: The model's probability of each.
        """
        scores: np.ndarray = structure_features(passages, boilerplate) @ self.weights + self.intercept
        probabilities: np.ndarray = 1 / (1 + np.exp(-scores))
        return probabilities


@cache
def shipped_structure() -> PageStructure:
    """The numbers that come with the program."""
    numbers: Mapping[str, Any] = json.loads(NUMBERS.read_text(encoding="utf-8"))
    return PageStructure(np.array([numbers["weights"][name] for name in FEATURES]), numbers["intercept"])


def with_main_text(predictions: Iterable[Prediction]) -> Iterator[Prediction]:
    """Put the column ``main_text`` to predictions of pages of HTML, a page at a time; others pass as they are.

    Where plain text has the columns of pages, it is empty.
    """
    for _, group in groupby(predictions, key=lambda prediction: prediction.passage.article_id):
        yield from _of_article(group)


def _of_article(others: Iterator[Prediction]) -> Iterator[Prediction]:
    first = next(others)
    if not {*BLOCK_COLUMNS} <= first.passage.fields.keys() or BOILERPLATE not in first.probabilities:
        yield first
        yield from others  # none is held: an article of rows may be endless
        return
    page = [first, *others]
    passages = [prediction.passage for prediction in page]
    if all(_has_block(passage) for passage in passages):
        boilerplate = [prediction.probabilities[BOILERPLATE] for prediction in page]
        values: list[float | None] = shipped_structure().main_text(passages, boilerplate).round(4).tolist()
    else:
        values = [None] * len(page)
    for prediction, value in zip(page, values, strict=True):
        passage = prediction.passage
        yield replace(prediction, passage=replace(passage, fields={**passage.fields, MAIN_TEXT: value}))


def _has_block(passage: Passage) -> bool:
    """Whether the columns of its block hold what reading HTML gives; rows may have such columns of their own."""
    xpath, tag, density = (passage.fields.get(name) for name in BLOCK_COLUMNS)
    return bool(xpath) and isinstance(xpath, str) and isinstance(tag, str) and isinstance(density, int | float)


def structure_features(passages: Sequence[Passage], boilerplate: Sequence[float]) -> np.ndarray:
    """Figures of each sentence of a page, in the order of ``FEATURES``; shape (sentences, features)."""
    given = np.asarray(boilerplate, dtype=np.float64)
    logit = np.log((given + EDGE) / (1 - given + EDGE))
    density = np.array([passage.fields["link_density"] for passage in passages], dtype=np.float64)
    lengths = np.array([len(passage.text) for passage in passages], dtype=np.float64)
    count = len(passages)
    paths = [str(passage.fields["xpath"]) for passage in passages]
    tags = [str(passage.fields["tag"]) for passage in passages]
    parents = [path.rpartition("/")[0] for path in paths]
    headline = tags.index("h1") if "h1" in tags else 0
    behind = np.arange(count) - headline
    texts = [passage.text for passage in passages]
    first = {text: place for place, text in reversed(list(enumerate(texts)))}
    columns = [
        *(logit, density, np.log1p(lengths), np.arange(count) / count),
        *(np.minimum(behind, FAR) / FAR, behind < 0),
        _together(parents, lengths) / lengths.sum(),
        _together(parents, lengths * density) / _together(parents, lengths),
        _together([path.rpartition("/")[0] for path in parents], lengths) / lengths.sum(),
        logit * density,
        *(_near(what * lengths, reach) / _near(lengths, reach) for reach in REACHES for what in (logit, density)),
        [first[text] < place for place, text in enumerate(texts)],
        _together(parents, logit * lengths) / _together(parents, lengths),
    ]
    steps = [set(re.findall(r"[a-z][a-z0-9-]*", path)) for path in paths]
    columns += [[not step.isdisjoint(names) for step in steps] for names in AROUND]
    columns += [[tag == name for tag in tags] for name in TAGS]
    return np.column_stack([np.asarray(column, dtype=np.float64) for column in columns])


def _together(names: Sequence[str], values: np.ndarray) -> np.ndarray:
    """The sum over all sentences of the same name, for each of them."""
    sums: dict[str, float] = defaultdict(float)
    for name, value in zip(names, values.tolist(), strict=True):
        sums[name] += value
    return np.array([sums[name] for name in names])


def _near(values: np.ndarray, reach: int) -> np.ndarray:
    """The sum over the sentences that are no further away."""
    total = np.concatenate(([0.0], np.cumsum(values)))
    places = np.arange(len(values))
    return total[np.minimum(places + reach + 1, len(values))] - total[np.maximum(places - reach, 0)]
