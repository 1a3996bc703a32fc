"""What stands in more than one set."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sitrep.data.own_labels import text_hash
from sitrep.data.split import Split
from sitrep.errors import UserError
from sitrep.normalization import comparable
from sitrep.pages.similarity import SHORT_WORDS, near_duplicates
from sitrep.sentences import LabelledSentence

Sets = Mapping[str, Sequence[LabelledSentence]]
Placed = tuple[str, LabelledSentence]
"""A unit with the set that it stands in."""
CALIBRATION = "calibration"
"""Name of the pages that probabilities are fitted on, beside those of the three sets."""


@dataclass(frozen=True)
class Duplicates:
    """Pairs of units with the same or nearly the same text.

    Attributes:
        exact: Groups of units whose normalised text is the same.
        near: Pairs of units with their similarity.
    """

    exact: list[list[Placed]]
    near: list[tuple[Placed, Placed, float]]


def group_by_text(sets: Sets) -> dict[str, list[Placed]]:
    """Units by normalised text, in the order of the sets."""
    by_text: dict[str, list[Placed]] = defaultdict(list)
    for name, sentences in sets.items():
        for sentence in sentences:
            by_text[comparable(sentence.text)].append((name, sentence))
    return by_text


def find_duplicates(by_text: Mapping[str, list[Placed]], threshold: float | None) -> Duplicates:
    """Find duplicates within and across sets; texts of under six words are not looked at.

    Args:
        by_text: Units by normalised text.
        threshold: Least similarity of a near duplicate; ``None`` looks for exact ones only.
    """
    long = {text: group for text, group in by_text.items() if _is_long(text)}
    texts = list(long)
    pairs = near_duplicates(texts, threshold) if threshold is not None else ()
    return Duplicates(
        exact=[group for group in long.values() if len(group) > 1],
        near=[(long[texts[i]][0], long[texts[j]][0], similarity) for i, j, similarity in pairs],
    )


def seen_units(
    known: Iterable[LabelledSentence], sentences: Sequence[LabelledSentence], digests: Iterable[str] = ()
) -> int:
    """Number of units whose text stands elsewhere too; texts of under six words are not looked at.

    Args:
        known: Units that a model was trained or chosen on, or anything of it was fitted on.
        sentences: To be counted.
        digests: Of further texts, as :func:`text_digests` gives them.
    """
    seen = {*text_digests(known), *digests}
    return sum(not seen.isdisjoint(text_digests([sentence])) for sentence in sentences)


def text_digests(sentences: Iterable[LabelledSentence]) -> list[str]:
    """By which texts of six words and more are known again without being kept, sorted."""
    texts = {comparable(sentence.text) for sentence in sentences}
    return sorted(text_hash(text) for text in texts if _is_long(text))


def _is_long(text: str) -> bool:
    """Whether a normalised text is long enough that it hardly stands in two places by chance."""
    return text.count(" ") >= SHORT_WORDS - 1


def refuse_leaks(split: Split, calibration: Sequence[LabelledSentence] = ()) -> None:
    """Stop a training run whose test or validation set holds texts of another set, or whose calibration pages do.

    Args:
        split: The three sets.
        calibration: Pages that probabilities are fitted on; they share no article with the sets either.

    Raises:
        UserError: With the first such text or article and their number.
    """
    remedy = "remove them (scripts/check_data.py lists them), or train all the same with data.allow_leakage=true"
    sets = split.parts() | {CALIBRATION: calibration}
    groups = [group for group in find_duplicates(group_by_text(sets), None).exact if across_sets(group)]
    if groups:
        places = " and ".join(f"{sentence.id} ({name})" for name, sentence in groups[0][:2])
        measured = "what is fitted on them" if all(_with_calibration(group) for group in groups) else "the test"
        raise UserError(
            f"{len(groups)} texts stand in more than one set, the first as {places}: {measured} would measure memory; "
            f"{remedy}"
        )
    own = {sentence.article_id for sentence in calibration}
    shared = [
        (article, name) for name, articles in split.article_ids().items() for article in articles if article in own
    ]
    if shared:
        article, name = shared[0]
        raise UserError(
            f"{len(shared)} articles of data.calibration_files stand in other sets, the first, {article!r}, in {name}: "
            f"what is fitted on them would measure memory; {remedy}"
        )


def _with_calibration(group: Sequence[Placed]) -> bool:
    return any(name == CALIBRATION for name, _ in group)


def across_sets(group: Sequence[Placed]) -> bool:
    """Whether the units of a group stand in more than one set."""
    return len({name for name, _ in group}) > 1
