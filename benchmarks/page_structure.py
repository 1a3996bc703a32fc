"""Fits what the blocks of pages of HTML add to the model's word on boilerplate, and measures what it adds.

    python benchmarks/page_structure.py data=FOLDER [checkpoint=outputs/train/latest] [units=FILE] [output=FILE]

`data` is a clone of `Murrough-Foley/web-content-extraction-benchmark`, which is no part of this project; the article
pages of its `dev` part are learnt from. A sentence belongs to the main text if its words stand in the page's truth one
after another. Every figure is of pages that the regressions of its row have not seen (five parts, divided by page), and
the second look learns from what a first look said of pages that it had not seen. `units` keeps what the model said,
for another look; `output` takes the numbers, fitted on all pages (`src/sitrep/inference/page_structure.json`).
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
from arguments import options
from extraction import Example, read_examples, read_units, with_probabilities, word_scores
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from sitrep.inference.page_structure import (
    BOILERPLATE,
    FEATURES,
    FEATURES_AGAIN,
    Regression,
    features_again,
    structure_features,
)
from sitrep.sentences import Passage

PARTS = 5
STRENGTH = 0.3
"""Inverse strength of the L2 penalty on standardized features; 0.03 loses 0.002 of word F1."""

Unit = dict[str, Any]


def in_truth(page: list[Unit], truth: str) -> np.ndarray:
    """Whether the words of each sentence stand in the truth one after another."""
    whole = f" {joined(truth)} "
    found = [joined(unit["text"]) for unit in page]
    return np.array([bool(words) and f" {words} " in whole for words in found])


def joined(text: str) -> str:
    """The words of a text and nothing else."""
    return " ".join(re.findall(r"\w+", text.lower()))


def fit(features: np.ndarray, wanted: np.ndarray, weights: np.ndarray) -> Regression:
    """A regression whose weights hold for the features as they come."""
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    model = LogisticRegression(max_iter=3000, C=STRENGTH)
    model.fit((features - mean) / spread, wanted, sample_weight=weights)
    scaled = model.coef_[0] / spread
    return Regression(scaled, float(model.intercept_[0] - scaled @ mean))


def unseen(features: np.ndarray, wanted: np.ndarray, weights: np.ndarray, pages: np.ndarray) -> np.ndarray:
    """What a regression says of each sentence that has not seen its page."""
    said = np.empty(len(wanted))
    for learnt, rest in GroupKFold(PARTS).split(features, wanted, pages):
        said[rest] = fit(features[learnt], wanted[learnt], weights[learnt]).probabilities(features[rest])
    return said


def show(name: str, said: list[np.ndarray], pages: list[list[Unit]], examples: list[Example]) -> None:
    """Word scores of what is kept at a half."""
    texts = [
        "\n".join(u["text"] for u, q in zip(page, row, strict=True) if q >= 0.5)
        for page, row in zip(pages, said, strict=True)
    ]
    scores = [word_scores(text, example.truth) for text, example in zip(texts, examples, strict=True)]
    f1, precision, recall = np.mean(scores, axis=0)
    print(f"{name:<34} {f1:>7.3f} {precision:>7.3f} {recall:>7.3f}")


def named(regression: Regression, names: tuple[str, ...]) -> dict[str, Any]:
    """A regression as it is stored."""
    weights = dict(zip(names, regression.weights.round(6).tolist(), strict=True))
    return {"intercept": round(regression.intercept, 6), "weights": weights}


def main() -> None:
    """Read, cross-validate, and store the fit on all pages."""
    given = options("data", "checkpoint", "units", "output")
    if "data" not in given:
        sys.exit("data=FOLDER is missing: a clone of the set that `head -12 benchmarks/page_structure.py` names")
    everything = [e for e in read_examples(Path(given["data"]), "dev") if e.kind == "article"]
    read, _ = read_units(everything)
    read, _ = with_probabilities(read, given.get("checkpoint", "outputs/train/latest"), given.get("units"))
    examples = [example for example, page in zip(everything, read, strict=True) if page and example.truth]
    pages = [page for example, page in zip(everything, read, strict=True) if page and example.truth]
    passages = [[Passage("", "", 0, 0, 0, unit["text"], unit) for unit in page] for page in pages]
    bounds = np.cumsum([len(page) for page in pages])[:-1]
    said = [[unit[BOILERPLATE] for unit in page] for page in pages]
    features = np.vstack([structure_features(*both) for both in zip(passages, said, strict=True)])
    wanted = np.concatenate([in_truth(page, example.truth) for page, example in zip(pages, examples, strict=True)])
    lengths = [np.array([len(joined(unit["text"]).split()) for unit in page]) for page in pages]
    weights = np.concatenate([length / max(1, length.sum()) for length in lengths])
    weights /= weights.mean()
    number = np.repeat(np.arange(len(pages)), [len(page) for page in pages])

    first = unseen(features, wanted, weights, number)
    again = np.vstack([features_again(*both) for both in zip(passages, np.split(first, bounds), strict=True)])
    both = np.hstack([features, again])
    print(f"{len(pages)} article pages, {len(wanted)} sentences\n\n{'':<34} {'F1':>7} {'prec.':>7} {'recall':>7}")
    show("in the truth (the best there is)", np.split(wanted, bounds), pages, examples)
    show("not boilerplate", [1 - np.array(row) for row in said], pages, examples)
    show("first look", np.split(first, bounds), pages, examples)
    show("second look", np.split(unseen(both, wanted, weights, number), bounds), pages, examples)
    if "output" in given:
        numbers = {
            "fitted_on": f"{len(pages)} article pages of the dev part of "
            "Murrough-Foley/web-content-extraction-benchmark v1.0 (CC-BY-4.0), "
            f"{len(wanted)} sentences, weighted by words and page",
            "boilerplate_of": "the default model (minilm) trained on the shipped corpus",
            "regression": f"logistic, L2 with C={STRENGTH} on standardized features",
            "first": named(fit(features, wanted, weights), FEATURES),
            "second": named(fit(both, wanted, weights), (*FEATURES, *FEATURES_AGAIN)),
        }
        Path(given["output"]).write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
