"""Counts of predictions by class and by page."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sitrep.inference.outputs import readable
from sitrep.sentences import UNFAMILIAR_VOCABULARY, Prediction

SHOWN_PAGES = 20
"""Pages of an input that are listed one by one on the terminal; more are many."""


@dataclass
class Tally:
    """What a job, or a part of one, has said so far.

    Attributes:
        sentences: How many.
        labels: Sentences by label.
        pages: Pages they stand on; a row that stands alone is none.
        pages_by_label: Pages that hold a sentence of each label.
        review: Sentences to be checked by hand.
        truncated: Sentences that were too long and read in part.
        odd: Sentences that the model cannot read, by kind.
        unfamiliar: Sentences on pages whose words are unlike those of training.
        unfamiliar_pages: How many such pages.
        left_out: Pages and rows that could not be read.
    """

    sentences: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    pages: int = 0
    pages_by_label: Counter[str] = field(default_factory=Counter)
    review: int = 0
    truncated: int = 0
    odd: Counter[str] = field(default_factory=Counter)
    unfamiliar: int = 0
    unfamiliar_pages: int = 0
    left_out: int = 0

    def add(self, prediction: Prediction) -> None:
        """Count one sentence."""
        self.sentences += 1
        self.labels[prediction.label] += 1
        self.truncated += prediction.truncated
        self.review += prediction.decision == "review"

    def add_page(self, page: "PageCounts") -> None:
        """Count a page, whose sentences are counted already."""
        self.pages += 1
        self.pages_by_label.update(page.labels.keys())

    def update(self, other: "Tally") -> None:
        """Add the counts of another part."""
        for name, value in vars(other).items():
            if isinstance(value, Counter):
                getattr(self, name).update(value)
            else:
                setattr(self, name, getattr(self, name) + value)

    def as_plain(self) -> dict[str, Any]:
        """What JSON can hold, in an order that does not hang on that of the counting."""
        return {name: dict(sorted(v.items())) if isinstance(v, Counter) else v for name, v in vars(self).items()}

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> "Tally":
        """What :meth:`as_plain` gave."""
        made = cls()
        for name, value in plain.items():
            setattr(made, name, Counter(value) if isinstance(value, dict) else value)
        return made


@dataclass
class PageCounts:
    """Sentences of one page by label."""

    article_id: str
    labels: Counter[str] = field(default_factory=Counter)

    def as_row(self, labels: Sequence[str]) -> dict[str, Any]:
        """One object of ``pages.jsonl``."""
        return {
            "article_id": readable(self.article_id),
            "sentences": self.labels.total(),
            **{label: self.labels[label] for label in labels},
        }

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "PageCounts":
        """What :meth:`as_row` gave."""
        counts = {name: value for name, value in row.items() if name not in ("article_id", "sentences")}
        return cls(row["article_id"], Counter(counts))


class Counting:
    """Counts predictions as they come, and pages as they end; sentences of a page stand together.

    Attributes:
        tally: Of everything.
    """

    def __init__(self) -> None:
        self.tally = Tally()
        self._ended: list[PageCounts] = []
        self._open: PageCounts | None = None
        self._unfamiliar: str | None = None

    def add(self, prediction: Prediction) -> None:
        """Count one."""
        self.tally.add(prediction)
        passage = prediction.passage
        if self._open is not None and self._open.article_id != passage.article_id:
            self.end_page()
        if prediction.unfamiliar == UNFAMILIAR_VOCABULARY:
            self.tally.unfamiliar += 1
            self.tally.unfamiliar_pages += passage.article_id != self._unfamiliar
            self._unfamiliar = passage.article_id
        if passage.article_id != passage.id:
            self._open = self._open or PageCounts(passage.article_id)
            self._open.labels[prediction.label] += 1

    def end_page(self) -> None:
        """End the page that is being counted."""
        if self._open is not None:
            self.tally.add_page(self._open)
            self._ended.append(self._open)
            self._open = None

    def take_pages(self) -> list[PageCounts]:
        """Pages that have ended since this was asked last."""
        taken, self._ended = self._ended, []
        return taken


def table_of_classes(tally: Tally, labels: Sequence[str]) -> str:
    """Sentences and pages by class, aligned for a terminal."""
    rows = [("class", "sentences", "share", "pages")]
    for label in labels:
        share = f"{tally.labels[label] / max(tally.sentences, 1):.1%}"
        rows.append((label, f"{tally.labels[label]:,}", share, f"{tally.pages_by_label[label]:,}"))
    rows.append(("all", f"{tally.sentences:,}", "", f"{tally.pages:,}"))
    return _aligned([row if tally.pages else row[:3] for row in rows])


def table_of_pages(pages: Sequence[PageCounts], labels: Sequence[str]) -> str:
    """A line a page, aligned for a terminal."""
    rows = [("page", "sentences", *labels)]
    for page in pages:
        rows.append((readable(page.article_id), *(f"{n:,}" for n in [*page.as_row(labels).values()][1:])))
    return _aligned(rows)


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [first.ljust(widths[0]), *(c.rjust(w) for c, w in zip(others, widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
