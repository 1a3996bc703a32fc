"""Division into train, validation and test by whole articles."""

import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sitrep.errors import UserError
from sitrep.sentences import LabelledSentence


@dataclass(frozen=True)
class Split:
    """Three sets of sentences that share no article."""

    train: tuple[LabelledSentence, ...]
    validation: tuple[LabelledSentence, ...]
    test: tuple[LabelledSentence, ...]

    def parts(self) -> dict[str, tuple[LabelledSentence, ...]]:
        """The three sets by name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    def article_ids(self) -> dict[str, list[str]]:
        """The articles of each set, in order of first appearance."""
        return {name: list(dict.fromkeys(s.article_id for s in part)) for name, part in self.parts().items()}

    def digests(self) -> dict[str, str]:
        """SHA-256 of each set's texts and labels: equal if and only if the same sentences were used."""
        return {name: digest(part) for name, part in self.parts().items()}


def hold_out(
    sentences: Sequence[LabelledSentence], fraction: float, seed: int
) -> tuple[list[LabelledSentence], list[LabelledSentence]]:
    """Part whole articles off at random until they hold ``fraction`` of the units.

    Args:
        sentences: All sentences; the order of articles in them plays no part, their ids do.
        fraction: Wanted share of the units, from 0 to 1; met to within one article.
        seed: Of the random order of the articles.

    Returns:
        What remains and what was held out, each in the given order.
    """
    units = Counter(sentence.article_id for sentence in sentences)
    articles = sorted(units)
    random.Random(seed).shuffle(articles)
    held: set[str] = set()
    count = 0
    for article in articles:
        # An article goes in if that brings the share closer to the wanted one.
        if count + units[article] / 2 > fraction * len(sentences):
            continue
        held.add(article)
        count += units[article]
    return (
        [sentence for sentence in sentences if sentence.article_id not in held],
        [sentence for sentence in sentences if sentence.article_id in held],
    )


@dataclass(frozen=True)
class SplitFault:
    """Why a division would make the figures wrong.

    Attributes:
        kind: ``articles_across_sets``, ``empty_set`` or ``missing_label``.
        message: What is wrong, where, and the remedy.
    """

    kind: str
    message: str


def check_split(split: Split, labels: Iterable[str], held_out: Collection[str] = ()) -> None:
    """Refuse a division that would make the figures wrong.

    Args:
        split: What to check.
        labels: Each set must hold all of them.
        held_out: Sets that were taken from ``data.train_files`` and not given as files, for the remedy.

    Raises:
        UserError: If an article stands in two sets, or a set lacks one of ``labels``.
    """
    for fault in split_faults(split, labels, held_out):
        raise UserError(fault.message)


def split_faults(split: Split, labels: Iterable[str], held_out: Collection[str] = ()) -> Iterator[SplitFault]:
    """Everything for which :func:`check_split` refuses a division, worst first."""
    homes: dict[str, set[str]] = defaultdict(set)
    for name, articles in split.article_ids().items():
        for article in articles:
            homes[article].add(name)
    shared = {article: names for article, names in homes.items() if len(names) > 1}
    if shared:
        article, names = next(iter(shared.items()))
        yield SplitFault(
            "articles_across_sets",
            f"article {article!r} stands in {' and '.join(sorted(names))}"
            + (f", and {len(shared) - 1} more such" if len(shared) > 1 else "")
            + "; units of one article must stay together, or the test measures memory",
        )
    for name, part in split.parts().items():
        present = {sentence.label for sentence in part}
        missing = [label for label in labels if label not in present]
        if not missing:
            continue
        remedy = "add data"
        if name in held_out and not part:
            remedy = f"whole articles are held out, of {len(homes)} in all; check data.article_id_field"
        if name in held_out:
            remedy += f", or choose another data.split_seed or data.{name}_fraction"
        extent = f"{len(part)} units of {len(split.article_ids()[name])} articles"
        kind = "missing_label" if part else "empty_set"
        yield SplitFault(kind, f"the {name} set ({extent}) has no {missing[0]}; {remedy}")


def digest(sentences: Iterable[LabelledSentence]) -> str:
    """SHA-256 over article, position, text and label of each sentence, in order."""
    total = hashlib.sha256()
    for sentence in sentences:
        record = (sentence.article_id, str(sentence.position), sentence.text, sentence.label)
        total.update("\0".join(record).encode() + b"\n")
    return total.hexdigest()


def describe_set(sentences: Sequence[LabelledSentence], labels: Sequence[str]) -> dict[str, Any]:
    """Units, articles, and units by label of one set."""
    counts = Counter(sentence.label for sentence in sentences)
    return {
        "units": len(sentences),
        "articles": len({sentence.article_id for sentence in sentences}),
        "labels": {label: counts[label] for label in labels},
    }
