"""What stands in more than one set, as findings, and what that is worth to the score."""

import random
from collections import defaultdict
from collections.abc import Sequence

from sitrep.data.leakage import Duplicates, Placed, Sets, across_sets
from sitrep.data.split import Split
from sitrep.labels import Taxonomy
from sitrep.metrics.scores import score
from sitrep.model.baselines import tfidf_logistic_regression
from sitrep.quality.findings import EXAMPLES_SHOWN, Example, Finding, Severity, example
from sitrep.sentences import LabelledSentence

SCORED_ON_AT_MOST = 50_000
"""Training units for the leak-free score."""


def duplicate_findings(duplicates: Duplicates) -> list[Finding]:
    """Tell duplicates within a set from those across sets, which are leaks."""
    across = [group for group in duplicates.exact if across_sets(group)]
    within = [group for group in duplicates.exact if not across_sets(group)]
    near_across = [pair for pair in duplicates.near if across_sets(pair[:2])]
    near_within = [pair for pair in duplicates.near if not across_sets(pair[:2])]
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


def leak_score(split: Split, duplicates: Duplicates, taxonomy: Taxonomy) -> dict[str, float | None]:
    """Macro-F1 of the TF-IDF baseline on the test set, and on the part of it that leaks nothing.

    Of a large training set a random part is taken: the question is the difference, not the height.

    Returns:
        ``all``, ``leak_free`` and ``leaked_units``; empty if the test set leaks nothing, or nothing else is in it.
    """
    elsewhere = {sentence.article_id for part in (split.train, split.validation) for sentence in part}
    leaked = {s.id for s in split.test if s.article_id in elsewhere}
    for group in [*duplicates.exact, *(pair[:2] for pair in duplicates.near)]:
        if across_sets(group):
            leaked |= {sentence.id for name, sentence in group if name == "test"}
    free = [sentence for sentence in split.test if sentence.id not in leaked]
    if not leaked or not free or len({sentence.label for sentence in split.train}) < 2:
        return {}
    train: Sequence[LabelledSentence] = split.train
    if len(train) > SCORED_ON_AT_MOST:
        train = random.Random(0).sample(train, SCORED_ON_AT_MOST)
    predicted = tfidf_logistic_regression(train, split.test).predicted
    kept = [label for sentence, label in zip(split.test, predicted, strict=True) if sentence.id not in leaked]
    whole = score([sentence.label for sentence in split.test], predicted, taxonomy)
    part = score([sentence.label for sentence in free], kept, taxonomy)
    return {"all": whole.macro_f1, "leak_free": part.macro_f1, "leaked_units": len(leaked)}


def _shown_group(group: Sequence[Placed]) -> Example:
    return example(", ".join(f"{sentence.id} ({name})" for name, sentence in group[:4]), group[0][1].text)


def _shown_pair(pair: tuple[Placed, Placed, float]) -> Example:
    (one_name, one), (other_name, other), similarity = pair
    where = f"{one.id} ({one_name}) and {other.id} ({other_name}), {similarity:.0%} alike"
    return example(where, f"{one.text} ⟷ {other.text}")
