"""Labels of a user's own pages, made ready to learn from and to measure on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sitrep.data.own_labels import CoderLabel, Drawn, read_labels, surroundings
from sitrep.errors import UserError
from sitrep.labels import Taxonomy
from sitrep.sentences import LabelledSentence

FEWEST_UNITS = 50
"""Labels below which nothing is fitted: what is said of fewer holds for them alone."""
FOLDS = 5
"""Of pages, in cross-fitting."""


@dataclass(frozen=True)
class OwnUnits:
    """Labelled units of a user's pages.

    Attributes:
        sentences: The units.
        measuring: Whether a unit was drawn at random, so that it can measure, shape (units,).
        folds: Number of each unit's fold, shape (units,); units of one page are in one.
        note: What is to be said of them, such as how many were left out; empty if nothing.
    """

    sentences: tuple[LabelledSentence, ...]
    measuring: np.ndarray
    folds: np.ndarray
    note: str

    @property
    def pages(self) -> list[str]:
        """Page of each unit."""
        return [sentence.article_id for sentence in self.sentences]


def read_own_units(file: Path, taxonomy: Taxonomy, seed: int) -> OwnUnits:
    """Read labels and divide them by pages; units that the taxonomy leaves out are no part of them.

    Args:
        file: Rows with ``id``, ``article_id``, ``text`` and ``label``, such as ``scripts/label.py import`` writes.
        taxonomy: Of the checkpoint.
        seed: Of the folds.

    Raises:
        UserError: If they are too few, of too few pages, of other labels, or several of one unit.
    """
    given = read_labels(file, taxonomy)
    _refuse_two_coders(given, file)
    labels = [label for label in given if label.label in taxonomy.labels]
    left_out, named = len(given) - len(labels), " or ".join(taxonomy.left_out)
    notes = [f"{left_out} units labelled {named} were left out, as the checkpoint leaves them out"] if left_out else []
    if len(labels) < FEWEST_UNITS:
        besides = f" besides {left_out} of {named}" if left_out else ""
        raise UserError(
            f"labels={file}: holds {len(labels)} labels{besides}; {FEWEST_UNITS} are the fewest that say anything"
        )
    drawn = np.array([label.unit.drawn is Drawn.random for label in labels])
    if not drawn.any():
        drawn = np.ones(len(labels), dtype=bool)
        notes.append(
            "no unit is marked as drawn at random (drawn=random); the figures hold for units chosen like these"
        )
    elif drawn.sum() < FEWEST_UNITS:
        raise UserError(
            f"labels={file}: {drawn.sum()} of {len(labels)} labels are of units drawn at random; {FEWEST_UNITS} such "
            "ones are needed to measure with; select with a larger random_share"
        )
    sentences = tuple(_sentence(label) for label in labels)
    pages = {sentence.article_id for sentence, counts in zip(sentences, drawn, strict=True) if counts}
    if len(pages) < 2 * FOLDS:
        raise UserError(
            f"labels={file}: the labels are of {len(pages)} pages; {2 * FOLDS} are the fewest to measure with"
        )
    return OwnUnits(sentences, drawn, folds_of([s.article_id for s in sentences], seed), "; ".join(notes))


def folds_of(pages: Sequence[str], seed: int) -> np.ndarray:
    """A fold for each unit: pages in random order, each into the fold that holds the fewest units.

    Args:
        pages: Of each unit.
        seed: Of the order.
    """
    names, homes, units = np.unique(np.array(pages, dtype=object), return_inverse=True, return_counts=True)
    held = np.zeros(FOLDS, dtype=np.int64)
    fold = np.zeros(len(names), dtype=np.int64)
    for page in np.random.default_rng(seed).permutation(len(names)):
        fold[page] = held.argmin()
        held[fold[page]] += units[page]
    return np.asarray(fold[homes])


def _sentence(label: CoderLabel) -> LabelledSentence:
    unit = label.unit
    return LabelledSentence(
        text=unit.text,
        label=label.label,
        labels=label.labels,
        id=unit.id,
        article_id=unit.article_id,
        position=unit.position,
        fields={**unit.fields, **surroundings(unit)},
    )


def _refuse_two_coders(labels: Sequence[CoderLabel], file: Path) -> None:
    seen: dict[str, str] = {}
    for label in labels:
        if label.unit.id in seen:
            raise UserError(
                f"labels={file}: {seen[label.unit.id]} and {label.coder} both labelled the unit {label.unit.id}; "
                "scripts/label.py agree makes one label of several"
            )
        seen[label.unit.id] = label.coder
