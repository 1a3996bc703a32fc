"""What stands in more than one set, and what that is worth to the score."""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sitrep.data.split import Split
from sitrep.doctor.findings import EXAMPLES_SHOWN, Example, Finding, Severity, example
from sitrep.doctor.similarity import SHORT_WORDS, near_duplicates, normalised
from sitrep.errors import UserError
from sitrep.evaluation.baselines import tfidf_logistic_regression
from sitrep.evaluation.metrics import score
from sitrep.labels import LabelSet
from sitrep.sentences import LabelledSentence

Sets = Mapping[str, Sequence[LabelledSentence]]
SCORED_ON_AT_MOST = 50_000
"""Training units for the leak-free score."""

Placed = tuple[str, LabelledSentence]
"""A unit with the set that it stands in."""


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
            by_text[normalised(sentence.text)].append((name, sentence))
    return by_text


def find_duplicates(by_text: Mapping[str, list[Placed]], threshold: float | None) -> Duplicates:
    """Find duplicates within and across sets; texts of under six words are not looked at.

    Args:
        by_text: Units by normalised text.
        threshold: Least similarity of a near duplicate; ``None`` looks for exact ones only.
    """
    long = {text: group for text, group in by_text.items() if text.count(" ") >= SHORT_WORDS - 1}
    texts = list(long)
    pairs = near_duplicates(texts, threshold) if threshold is not None else ()
    return Duplicates(
        exact=[group for group in long.values() if len(group) > 1],
        near=[(long[texts[i]][0], long[texts[j]][0], similarity) for i, j, similarity in pairs],
    )


def duplicate_findings(duplicates: Duplicates) -> list[Finding]:
    """Tell duplicates within a set from those across sets, which are leaks."""
    across = [group for group in duplicates.exact if _across_sets(group)]
    within = [group for group in duplicates.exact if not _across_sets(group)]
    near_across = [pair for pair in duplicates.near if _across_sets(pair[:2])]
    near_within = [pair for pair in duplicates.near if not _across_sets(pair[:2])]
    findings = [
        Finding(
            "duplicates_across_sets",
            Severity.error,
            f"{len(across):,} texts stand in more than one set: the test measures memory; "
            "put their articles together or remove them",
            len(across),
            [_shown_group(group) for group in across[:EXAMPLES_SHOWN]],
        ),
        Finding(
            "near_duplicates_across_sets",
            Severity.warning,
            f"{len(near_across):,} pairs of nearly the same text stand in different sets; "
            "put their articles together or remove one",
            len(near_across),
            [_shown_pair(pair) for pair in near_across[:EXAMPLES_SHOWN]],
        ),
        Finding(
            "duplicates",
            Severity.warning,
            f"{len(within):,} texts stand more than once in a set; they count more than others",
            len(within),
            [_shown_group(group) for group in within[:EXAMPLES_SHOWN]],
        ),
        Finding(
            "near_duplicates",
            Severity.hint,
            f"{len(near_within):,} pairs of nearly the same text stand in one set",
            len(near_within),
            [_shown_pair(pair) for pair in near_within[:EXAMPLES_SHOWN]],
        ),
    ]
    return [finding for finding in findings if finding.count]


def shared_findings(sets: Sets) -> list[Finding]:
    """Find articles, and sources where rows name theirs, that stand in more than one set."""
    findings = []
    for field, severity, remedy in (
        ("article_id", Severity.error, "units of one article must stay together"),
        ("source", Severity.hint, "the score says little about outlets that the model has not seen"),
    ):
        homes: dict[str, set[str]] = defaultdict(set)
        for name, sentences in sets.items():
            for sentence in sentences:
                value = sentence.article_id if field == "article_id" else sentence.fields.get(field)
                if value not in (None, ""):
                    homes[str(value)].add(name)
        shared = sorted(value for value, names in homes.items() if len(names) > 1)
        if shared:
            what = "articles stand" if field == "article_id" else "sources stand"
            shown = [Example(value, f"in {' and '.join(sorted(homes[value]))}") for value in shared[:EXAMPLES_SHOWN]]
            kind = "articles_across_sets" if field == "article_id" else "sources_across_sets"
            message = f"{len(shared):,} {what} in more than one set; {remedy}"
            findings.append(Finding(kind, severity, message, len(shared), shown))
    return findings


def leak_score(split: Split, duplicates: Duplicates, label_set: LabelSet) -> dict[str, float | None]:
    """Macro-F1 of the TF-IDF baseline on the test set, and on the part of it that leaks nothing.

    Of a large training set a random part is taken: the question is the difference, not the height.

    Returns:
        ``all``, ``leak_free`` and ``leaked_units``; empty if the test set leaks nothing, or nothing else is in it.
    """
    elsewhere = {sentence.article_id for part in (split.train, split.validation) for sentence in part}
    leaked = {s.id for s in split.test if s.article_id in elsewhere}
    for group in [*duplicates.exact, *(pair[:2] for pair in duplicates.near)]:
        if _across_sets(group):
            leaked |= {sentence.id for name, sentence in group if name == "test"}
    free = [sentence for sentence in split.test if sentence.id not in leaked]
    if not leaked or not free or len({sentence.label for sentence in split.train}) < 2:
        return {}
    train: Sequence[LabelledSentence] = split.train
    if len(train) > SCORED_ON_AT_MOST:
        train = random.Random(0).sample(train, SCORED_ON_AT_MOST)
    predicted = tfidf_logistic_regression(train, split.test).predicted
    kept = [label for sentence, label in zip(split.test, predicted, strict=True) if sentence.id not in leaked]
    whole = score([sentence.label for sentence in split.test], predicted, label_set.names)
    part = score([sentence.label for sentence in free], kept, label_set.names)
    return {"all": whole.macro_f1_four, "leak_free": part.macro_f1_four, "leaked_units": len(leaked)}


def refuse_leaks(split: Split) -> None:
    """Stop a training run whose test or validation set holds texts of another set.

    Raises:
        UserError: With the first such text and their number.
    """
    groups = [group for group in find_duplicates(group_by_text(split.parts()), None).exact if _across_sets(group)]
    if groups:
        places = " and ".join(f"{sentence.id} ({name})" for name, sentence in groups[0][:2])
        raise UserError(
            f"{len(groups)} texts stand in more than one set, the first as {places}: the test would measure memory; "
            "remove them (scripts/check_data.py lists them), or train all the same with data.allow_leakage=true"
        )


def _across_sets(group: Sequence[Placed]) -> bool:
    return len({name for name, _ in group}) > 1


def _shown_group(group: Sequence[Placed]) -> Example:
    return example(", ".join(f"{sentence.id} ({name})" for name, sentence in group[:4]), group[0][1].text)


def _shown_pair(pair: tuple[Placed, Placed, float]) -> Example:
    (one_name, one), (other_name, other), similarity = pair
    where = f"{one.id} ({one_name}) and {other.id} ({other_name}), {similarity:.0%} alike"
    return example(where, f"{one.text} ⟷ {other.text}")
