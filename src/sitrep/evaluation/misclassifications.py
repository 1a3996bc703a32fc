"""Every error of a labelling, with its context, the training units most like it, and whether its label is suspect."""

import warnings
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sitrep.sentences import LabelledSentence, Prediction
from sitrep.storage.spreadsheets import write_spreadsheet

CONTEXT_BEFORE = 2
CONTEXT_AFTER = 1
NEIGHBOURS = 3
ERRORS_SHOWN = 1000
"""Of which a report shows text and neighbours; ``errors.csv`` has all."""
CHUNK_SIMILARITIES = 2**24
"""Similarities held at a time: 64 MiB."""

COLUMNS = (
    "id",
    "article_id",
    "position",
    "text",
    "true_label",
    "predicted_label",
    "suspected",
    "before",
    "after",
)
"""Of ``errors.csv``; probabilities and neighbours follow."""


@dataclass(frozen=True)
class Neighbour:
    """A training unit whose text is like that of an error.

    Attributes:
        text: Of the training unit.
        label: Of the training unit.
        similarity: Cosine of the two embeddings, -1 to 1.
    """

    text: str
    label: str
    similarity: float


@dataclass(frozen=True)
class Misclassification:
    """One wrongly labelled unit.

    Attributes:
        sentence: The unit with its true label.
        prediction: What the model says of it.
        before: The units before it in its article, nearest last.
        after: Those behind it.
        suspected: Whether confident learning holds the true label, not the model, to be wrong; see :func:`suspects`.
        neighbours: The training units most like it, nearest first; empty where none were looked for.
    """

    sentence: LabelledSentence
    prediction: Prediction
    before: tuple[str, ...]
    after: tuple[str, ...]
    suspected: bool
    neighbours: tuple[Neighbour, ...] = ()

    @property
    def confidence(self) -> float:
        """The probability of the label that the model gave."""
        return self.prediction.probability_of(self.prediction.label)

    @property
    def true_probability(self) -> float:
        """The probability that the model left for the true label."""
        return self.prediction.probability_of(self.sentence.label)


def misclassifications(
    sentences: Sequence[LabelledSentence], predictions: Sequence[Prediction]
) -> list[Misclassification]:
    """Gather all errors, surest first.

    Args:
        sentences: Units with their true labels, in any order.
        predictions: One each, in the same order.

    Raises:
        ValueError: If the lengths differ.
    """
    pairs = list(zip(sentences, predictions, strict=True))
    wrong = [place for place, (sentence, prediction) in enumerate(pairs) if sentence.label != prediction.label]
    if not wrong:
        return []
    suspected = suspects(sentences, predictions)
    articles = _articles(sentences)
    found = []
    for place in wrong:
        members, rank = articles[place]
        texts = [sentences[member].text for member in members[max(0, rank - CONTEXT_BEFORE) : rank + CONTEXT_AFTER + 1]]
        own = min(rank, CONTEXT_BEFORE)
        before, after = tuple(texts[:own]), tuple(texts[own + 1 :])
        found.append(Misclassification(*pairs[place], before, after, bool(suspected[place])))
    return sorted(found, key=lambda error: -error.confidence)


def suspects(sentences: Sequence[LabelledSentence], predictions: Sequence[Prediction]) -> np.ndarray:
    """Flag true labels that are probably wrong themselves.

    Confident learning (Northcutt, Jiang and Chuang, "Confident learning: estimating uncertainty in dataset labels",
    JAIR 2021) as `cleanlab` does it: it estimates from the probabilities how many units of each label belong to
    another, and flags as many where the model believes most in the other. It wants probabilities of a model that was
    not trained on these units, such as those of a test split. It knows only what the model believes, so that it cannot
    tell a wrong label from an error that the model makes again and again: a flag is a reason to read the unit, never a
    correction. On units that the model was trained on it misses the wrong labels that the model has learnt.

    Args:
        sentences: All scored units, right ones too: what the model believes where it is right is the measure.
        predictions: One each, in the same order.

    Returns:
        Shape (units,), bool. A label is only ever flagged where the model gave another; none is where the units have
        one label in all, or where the model answers with every class that applies; few are flagged of a rare label.
    """
    from cleanlab.filter import find_label_issues

    if predictions[0].labels is not None or len({sentence.label for sentence in sentences}) < 2:
        return np.zeros(len(sentences), dtype=bool)
    labels = list(predictions[0].probabilities)
    number = {label: place for place, label in enumerate(labels)}
    given = np.array([number[sentence.label] for sentence in sentences])
    probabilities = np.array([[prediction.probabilities[label] for label in labels] for prediction in predictions])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "May not flag all label issues in class")  # rare labels: as documented
        flagged: np.ndarray = find_label_issues(given, probabilities, n_jobs=1)
    return flagged


def with_neighbours(
    errors: Sequence[Misclassification],
    vectors: np.ndarray,
    training: Sequence[LabelledSentence],
    training_vectors: np.ndarray,
) -> list[Misclassification]:
    """Add to each error the three training units that are most like it.

    Args:
        errors: In any order, which is kept.
        vectors: Embeddings of their texts, shape (errors, d), of any length.
        training: What the model was trained on.
        training_vectors: Embeddings of the texts of ``training``, shape (training, d).

    Returns:
        The errors with up to three neighbours each, by cosine; a vector of zeros is at 0 to every other.

    Raises:
        ValueError: If the shapes do not fit.
    """
    if (len(vectors), len(training_vectors)) != (len(errors), len(training)):
        raise ValueError(
            f"{len(vectors)} and {len(training_vectors)} vectors for {len(errors)} errors and {len(training)} units"
        )
    queries, reference = _unit_length(vectors), _unit_length(training_vectors)
    if not len(training):
        return list(errors)
    count = min(NEIGHBOURS, len(training))
    step = max(1, CHUNK_SIMILARITIES // len(training))
    found: list[Misclassification] = []
    for start in range(0, len(errors), step):
        similarities = queries[start : start + step] @ reference.T
        nearest = np.argpartition(-similarities, count - 1, axis=1)[:, :count]
        for error, row, places in zip(errors[start : start + step], similarities, nearest, strict=True):
            ranked = sorted((-float(row[place]), int(place)) for place in places)
            like = (Neighbour(training[place].text, training[place].label, -minus) for minus, place in ranked)
            found.append(replace(error, neighbours=tuple(like)))
    return found


def write_errors(path: Path, errors: Sequence[Misclassification]) -> None:
    """Write all errors as CSV, one a row, for a spreadsheet.

    Text that a spreadsheet could take for a formula gets an apostrophe before it; the texts are otherwise whole. Units
    of the context stand one a line in their cell.

    Args:
        path: File to write; one that is there is replaced.
        errors: In the order of the rows. Where there are none, the names of the first columns are all that is written.
    """
    cells = [_cells(error) for error in errors]
    write_spreadsheet(path, list(cells[0]) if cells else COLUMNS, cells)


def _cells(error: Misclassification) -> dict[str, Any]:
    sentence, prediction = error.sentence, error.prediction
    about = (sentence.id, sentence.article_id, sentence.position, sentence.text, sentence.label, prediction.label)
    cells: dict[str, Any] = dict(
        zip(COLUMNS, (*about, error.suspected, "\n".join(error.before), "\n".join(error.after)), strict=True)
    )
    cells |= {f"probability_{label}": round(value, 6) for label, value in prediction.probabilities.items()}
    for rank, neighbour in enumerate(error.neighbours, 1):
        cells[f"neighbour_{rank}_text"] = neighbour.text
        cells[f"neighbour_{rank}_label"] = neighbour.label
        cells[f"neighbour_{rank}_similarity"] = round(neighbour.similarity, 4)
    return cells


def _unit_length(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: np.ndarray = vectors / np.where(lengths > 0, lengths, 1)
    return scaled


def _articles(sentences: Sequence[LabelledSentence]) -> list[tuple[list[int], int]]:
    """For each unit the indices of its article's units in the order of the page, and its own rank among them."""
    members: dict[str, list[int]] = defaultdict(list)
    for index, sentence in enumerate(sentences):
        members[sentence.article_id].append(index)
    found: list[tuple[list[int], int]] = [([], 0)] * len(sentences)
    for article in members.values():
        article.sort(key=lambda index: sentences[index].position)
        for rank, index in enumerate(article):
            found[index] = (article, rank)
    return found
