"""How far two readers of the same units agree: what a model can at best be expected to reach on these data."""

from collections.abc import Sequence
from dataclasses import dataclass

from sitrep import corpus
from sitrep.evaluation.metrics import score
from sitrep.sentences import KNOWN_LABELS, LabelledSentence

FIRST, SECOND = "first_label", "second_label"
"""Columns of the two readings, in the data as in the shipped corpus."""


@dataclass(frozen=True)
class Agreement:
    """One labelling against another of the same units; no figure depends on which is called the first.

    Attributes:
        units: How many have both labels.
        raw: Share of them with the same label twice.
        kappa: Cohen's kappa, the agreement beyond what the readers' label counts give by chance; ``None`` where both
            gave all units one and the same label.
        macro_f1_four: Macro-F1 over the four classes of either reader against the other; ``None`` if neither used any.
        f1: By label; ``None`` for one that neither used.
    """

    units: int
    raw: float
    kappa: float | None
    macro_f1_four: float | None
    f1: dict[str, float | None]


def agreement(first: Sequence[str], second: Sequence[str]) -> Agreement:
    """Compare two labellings.

    Kappa is that of Cohen, "A coefficient of agreement for nominal scales" (Educational and Psychological
    Measurement, 1960), as scikit-learn has it. F1 between readers as a measure of agreement: Hripcsak and Rothschild,
    "Agreement, the F-measure, and reliability in information retrieval" (JAMIA, 2005).

    Args:
        first: A label a unit.
        second: Another for each, in the same order.

    Raises:
        ValueError: If the lengths differ, there are no units, or a label is unknown.
    """
    from sklearn.metrics import cohen_kappa_score

    scores = score(first, second, KNOWN_LABELS)
    constant = len({*first, *second}) == 1  # chance alone agrees fully: zero divided by zero
    return Agreement(
        units=len(first),
        raw=scores.accuracy,
        kappa=None if constant else float(cohen_kappa_score(first, second)),
        macro_f1_four=scores.macro_f1_four,
        f1={label: figures.f1 for label, figures in scores.per_class.items()},
    )


def ceiling_of(sentences: Sequence[LabelledSentence]) -> Agreement | None:
    """Agreement of the two readings of these units, where there are two.

    The readings are the columns ``first_label`` and ``second_label`` of the rows where these have them, else those of
    the unit with the same id in the shipped corpus.

    Args:
        sentences: Units; those without two readings are passed over.

    Returns:
        ``None`` if no unit has two readings, or if any reading is not one of our labels: leaving such units out would
        make the readers agree better than they did.
    """
    pairs = [(str(s.fields[FIRST]), str(s.fields[SECOND])) for s in sentences if _is_read_twice(s)]
    if not pairs:
        shipped = {row["id"]: (row[FIRST], row[SECOND]) for row in corpus.load_readings()}
        pairs = [shipped[sentence.id] for sentence in sentences if sentence.id in shipped]
    if not pairs or any(label not in KNOWN_LABELS for pair in pairs for label in pair):
        return None
    return agreement(*zip(*pairs, strict=True))


def _is_read_twice(sentence: LabelledSentence) -> bool:
    return all(sentence.fields.get(column) not in (None, "") for column in (FIRST, SECOND))
