"""What the blocks of a page of HTML add to the model's word on boilerplate: whether a sentence is main text.

The model reads text, and so does not see that a line stands in a menu, or between paragraphs of the article. A logistic
regression on a few figures of the block, of its neighbours and of the model's probability does. A second one looks
again, at what the first said of the sentences around: main text lies together. Their numbers stand in
`page_structure.json`, with what they were fitted on, by `benchmarks/page_structure.py`: with a default model that read
each sentence alone, without its context.
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

from sitrep.sentences import MAIN_TEXT, Passage, Prediction

NUMBERS = Path(__file__).with_suffix(".json")
BOILERPLATE = "boilerplate"
BLOCK_COLUMNS = ("xpath", "tag", "link_density")
TAGS = ("p", "div", "li", "h1", "h2", "h3", "tr", "td", "pre", "blockquote", "figcaption", "button")
AROUND = (("nav", "header"), ("footer",), ("aside",), ("article",), ("main",), ("form",), ("ul", "ol"))
REACHES = (1, 3, 8, 20)
"""How many sentences on either side are looked at."""
FAR = 30
"""Sentences behind the headline from which distance says no more."""
EDGE = 0.003
"""Keeps logits of probabilities of zero and one finite."""
FRINGE = 0.03
"""Share of the main text behind which it has begun, and before whose like at the end it has not yet ended."""
SENTENCE_END = re.compile(r"[.!?…。؟][\"'”’»)\]]*$")
NUMBER = re.compile(r"\[\d+\]")

FEATURES = (
    *("boilerplate", "link_density", "length", "position", "behind_h1", "before_h1"),
    *("share_of_parent", "links_of_parent", "share_of_grandparent", "boilerplate_and_links"),
    *(f"{what}_within_{reach}" for reach in REACHES for what in ("boilerplate", "link_density", "prose")),
    *("repeated", "boilerplate_of_parent", "lower_case", "prose"),
    *(f"prose_of_{group}" for group in ("same_path", "parent", "grandparent")),
    *(f"in_{names[0]}" for names in AROUND),
    *(f"is_{tag}" for tag in TAGS),
)
"""Of the first look. Prose is what ends as a sentence does."""
FEATURES_AGAIN = (
    *(f"first_within_{reach}" for reach in REACHES),
    *(f"first_{how}_{group}" for group in ("parent", "grandparent") for how in ("of", "share_of")),
    *("begins", "has_ended"),
)
"""Of the second look, which has those of the first too."""


@dataclass(frozen=True)
class Regression:
    """A fitted logistic regression.

    Attributes:
        weights: Of each feature, as it comes.
        intercept: Is added.
    """

    weights: np.ndarray
    intercept: float

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Of each row of features."""
        found: np.ndarray = 1 / (1 + np.exp(-(features @ self.weights + self.intercept)))
        return found


@dataclass(frozen=True)
class PageStructure:
    """The two looks.

    Attributes:
        first: At ``FEATURES``.
        second: At these and ``FEATURES_AGAIN``.
    """

    first: Regression
    second: Regression

    def main_text(self, passages: Sequence[Passage], boilerplate: Sequence[float]) -> np.ndarray:
        """Probability of each sentence of one page that it is main text.

        Args:
            passages: All of the page, in its order.
            boilerplate: The model's probability of each.
        """
        features = structure_features(passages, boilerplate)
        again = features_again(passages, self.first.probabilities(features))
        return self.second.probabilities(np.hstack([features, again]))


@cache
def shipped_structure() -> PageStructure:
    """The numbers that come with the program."""
    numbers: Mapping[str, Any] = json.loads(NUMBERS.read_text(encoding="utf-8"))
    looks = {"first": FEATURES, "second": (*FEATURES, *FEATURES_AGAIN)}
    return PageStructure(
        **{
            look: Regression(np.array([numbers[look]["weights"][name] for name in names]), numbers[look]["intercept"])
            for look, names in looks.items()
        }
    )


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
    logit = _logit(np.asarray(boilerplate, dtype=np.float64))
    density = np.array([passage.fields["link_density"] for passage in passages], dtype=np.float64)
    texts = [passage.text for passage in passages]
    lengths = _lengths(passages)
    prose = np.array([SENTENCE_END.search(text) is not None for text in texts], dtype=np.float64)
    count = len(passages)
    paths = [str(passage.fields["xpath"]) for passage in passages]
    tags = [str(passage.fields["tag"]) for passage in passages]
    parents, grandparents = _around(passages)
    headline = tags.index("h1") if "h1" in tags else 0
    behind = np.arange(count) - headline
    first = {text: place for place, text in reversed(list(enumerate(texts)))}
    columns = [
        *(logit, density, np.log1p(lengths), np.arange(count) / count),
        *(np.minimum(behind, FAR) / FAR, behind < 0),
        _together(parents, lengths) / lengths.sum(),
        _mean_of(parents, density, lengths),
        _together(grandparents, lengths) / lengths.sum(),
        logit * density,
        *(_mean_near(what, lengths, reach) for reach in REACHES for what in (logit, density, prose)),
        [first[text] < place for place, text in enumerate(texts)],
        _mean_of(parents, logit, lengths),
        [_lower_case(text) for text in texts],
        prose,
        *(
            _together(names, lengths * prose) / lengths.sum()
            for names in ([NUMBER.sub("", path) for path in paths], parents, grandparents)
        ),
    ]
    steps = [set(re.findall(r"[a-z][a-z0-9-]*", path)) for path in paths]
    columns += [[not step.isdisjoint(names) for step in steps] for names in AROUND]
    columns += [[tag == name for tag in tags] for name in TAGS]
    return np.column_stack([np.asarray(column, dtype=np.float64) for column in columns])


def features_again(passages: Sequence[Passage], first: np.ndarray) -> np.ndarray:
    """What the first look said around each sentence, in the order of ``FEATURES_AGAIN``."""
    logit, lengths = _logit(first), _lengths(passages)
    weights = first * lengths + 1e-9
    passed = np.cumsum(weights) / weights.sum()
    columns = [_mean_near(logit, lengths, reach) for reach in REACHES]
    for names in _around(passages):
        columns += [_mean_of(names, logit, lengths), _together(names, weights) / weights.sum()]
    return np.column_stack([*columns, passed < FRINGE, passed > 1 - FRINGE])


def _logit(probabilities: np.ndarray) -> np.ndarray:
    found: np.ndarray = np.log((probabilities + EDGE) / (1 - probabilities + EDGE))
    return found


def _lengths(passages: Sequence[Passage]) -> np.ndarray:
    return np.array([len(passage.text) for passage in passages], dtype=np.float64)


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _around(passages: Sequence[Passage]) -> tuple[list[str], list[str]]:
    """The paths of the elements around those of the sentences, and of those around them."""
    parents = [_parent(str(passage.fields["xpath"])) for passage in passages]
    return parents, [_parent(path) for path in parents]


def _lower_case(text: str) -> float:
    """Share of the words that begin small: running text has many, menus and headlines few."""
    words = text.split()
    return sum(word[:1].islower() for word in words) / max(1, len(words))


def _mean_of(names: Sequence[str], values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The mean over all sentences of the same name, by length."""
    found: np.ndarray = _together(names, values * lengths) / _together(names, lengths)
    return found


def _mean_near(values: np.ndarray, lengths: np.ndarray, reach: int) -> np.ndarray:
    """The mean over the sentences that are no further away, by length."""
    found: np.ndarray = _near(values * lengths, reach) / _near(lengths, reach)
    return found


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
