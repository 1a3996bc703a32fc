"""How far two readings of the scored units agree: what a model can at best be expected to reach on these data."""

from collections.abc import Sequence

from sitrep.data import corpus
from sitrep.labels import Taxonomy
from sitrep.metrics.agreement import Agreement, agreement
from sitrep.sentences import LabelledSentence

FIRST, SECOND = "first_label", "second_label"
"""Columns of the two readings, in the data as in the shipped corpus."""


def ceiling_of(sentences: Sequence[LabelledSentence], taxonomy: Taxonomy) -> Agreement | None:
    """Agreement of the two readings of these units, where there are two.

    The readings are the columns ``first_label`` and ``second_label`` of the rows where these have them, else those of
    the unit with the same id in the shipped corpus.

    Args:
        sentences: Units; those without two readings are passed over.
        taxonomy: Of their labels.

    Returns:
        ``None`` if no unit has two readings, or if any reading is not one of the labels: leaving such units out would
        make the readers agree better than they did.
    """
    pairs = [(str(s.fields[FIRST]), str(s.fields[SECOND])) for s in sentences if _is_read_twice(s)]
    if not pairs:
        shipped = {row["id"]: (row[FIRST], row[SECOND]) for row in corpus.load_readings()}
        pairs = [shipped[sentence.id] for sentence in sentences if sentence.id in shipped]
    if not pairs or any(label not in taxonomy.labels for pair in pairs for label in pair):
        return None
    first, second = zip(*pairs, strict=True)
    return agreement(first, second, taxonomy)


def _is_read_twice(sentence: LabelledSentence) -> bool:
    return all(sentence.fields.get(column) not in (None, "") for column in (FIRST, SECOND))
