"""How often the intervals of `scripts/label.py audit` hold the true count, and how wide they are.

    python benchmarks/audit.py parts=FILE,FILE [checkpoint=RUN] [draws=500] [n=100,200,400] [per_page=1,2,3,5]
        [by=COLUMN]

A part is a file of labelled rows (`text,label,article_id`), all of whose labels are known. Its units are labelled by
the checkpoint; then labels are drawn from it again and again as `scripts/label.py select` draws them (pages
systematically with probability proportional to their size, `per_page` units of each), and the set is counted from
those alone. Three populations a part: the part itself, of which many labels are a large share; its pages drawn with
replacement to 40,000 units, which is the case of most users; and that with nine tenths of the rarest class taken out.

Cells of a class: share of the intervals that hold the true count, and in brackets how much narrower they are in the
mean than intervals of the labels alone. "labels alone": share of theirs that hold it, over all classes and for the
worst. "width": of an interval, in percent of the units, mean over classes. "bias": of the estimate, in percent of
the units, the largest of a class. With `by`, a second table holds the counts by that column of the part itself, drawn
with the first `per_page`: intervals of all classes together, by labelled pages of the group; "alone" is the width of
those of its labels alone.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from arguments import options

from sitrep.cli.commands import one_line_errors
from sitrep.data.reading import Columns, read_labelled
from sitrep.evaluation.results import passages_of
from sitrep.inference.predictor import Predictor
from sitrep.metrics.page_spread import RandomLabels
from sitrep.metrics.sampled_counts import count_group, count_set, fit_classes

LARGE = 40_000
LEFT_OF_THE_RAREST = 0.1
GROUP_HEADINGS = "| labels | a page | pages of the group | intervals | hold | width | alone |"
PAGES_OF_GROUPS = {10: "10 and more", 5: "5 to 9", 3: "3 to 4", 2: "2", 1: "1"}


@dataclass(frozen=True)
class Population:
    """Units whose true label is known.

    Attributes:
        has: Whether each has each class, shape (units, classes).
        probabilities: Of the model, shape (units, classes).
        pages: Number of the page of each, shape (units,).
        groups: Number of the value of the column that is counted by, shape (units,).
    """

    has: np.ndarray
    probabilities: np.ndarray
    pages: np.ndarray
    groups: np.ndarray

    def of(self, members: np.ndarray) -> "Population":
        """Some of its units, pages as they are."""
        return Population(self.has[members], self.probabilities[members], self.pages[members], self.groups[members])


class Design:
    """Draws labels as `scripts/label.py select` does (`draw_at_random`), fast enough for thousands of draws."""

    def __init__(self, pages: np.ndarray, count: int, per_page: int) -> None:
        self.order = np.argsort(pages, kind="stable")
        self.sizes = np.bincount(pages)
        self.starts = np.cumsum(self.sizes) - self.sizes
        self.probability = count / len(pages)
        self.taken = np.minimum(self.sizes, per_page)
        self.chances = self.probability * self.sizes / np.maximum(self.taken, 1)

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Places of the units."""
        certain = np.flatnonzero(self.chances >= 1)
        counts = np.floor(self.probability * self.sizes[certain] + rng.random(len(certain))).astype(int)
        others = rng.permutation(np.flatnonzero((self.chances < 1) & (self.chances > 0)))
        reached = np.floor(rng.random() + np.concatenate([[0.0], self.chances[others].cumsum()]))
        hit = others[np.diff(reached) > 0]
        wanted = [*zip(certain, counts, strict=True), *zip(hit, self.taken[hit], strict=True)]
        places = [self.starts[page] + rng.permutation(self.sizes[page])[:count] for page, count in wanted]
        return np.asarray(self.order[np.concatenate(places)])


def read_part(path: Path, predictor: Predictor, by: str) -> Population:
    """Label a part."""
    sentences = list(read_labelled(str(path), Columns(), predictor.taxonomy))
    classes = predictor.class_names
    found = [prediction.probabilities for prediction in predictor.predict(passages_of(sentences))]
    return Population(
        has=np.array([[sentence.label == name for name in classes] for sentence in sentences], dtype=float),
        probabilities=np.array([[each[name] for name in classes] for each in found]),
        pages=_numbered([sentence.article_id for sentence in sentences]),
        groups=_numbered([str(sentence.fields.get(by)) for sentence in sentences]),
    )


def _numbered(names: list[str]) -> np.ndarray:
    return np.unique(names, return_inverse=True)[1]


def populations(part: Population) -> Iterator[tuple[str, Population]]:
    """The part itself, a large set of pages like it, and one with a rare class."""
    yield "itself", part
    rng = np.random.default_rng(0)
    rows = [np.flatnonzero(part.pages == page) for page in range(part.pages.max() + 1)]
    drawn: list[np.ndarray] = []
    while sum(map(len, drawn)) < LARGE:
        drawn.append(rows[rng.integers(len(rows))])
    again = part.of(np.concatenate(drawn))
    large = replace(again, pages=np.repeat(np.arange(len(drawn)), [len(each) for each in drawn]))
    yield "large", large
    rarest = large.has[:, large.has.sum(axis=0).argmin()] == 1
    yield "large, one class rare", large.of(~rarest | (rng.random(len(rarest)) < LEFT_OF_THE_RAREST))


def labels_of(drawn: Population, design: Design) -> RandomLabels:
    """As the estimate takes them."""
    inclusion = np.full(len(drawn.pages), design.probability)
    return RandomLabels(drawn.has, drawn.probabilities, drawn.pages, inclusion)


def row(population: Population, count: int, per_page: int, draws: int) -> str:
    """One line of the table."""
    units, truth = len(population.pages), population.has.sum(axis=0)
    sums = population.probabilities.sum(axis=0)
    design = Design(population.pages, count, per_page)
    rng = np.random.default_rng([count, per_page])
    pages, found = [], []
    for _ in range(draws):
        drawn = population.of(design.draw(rng))
        labels = labels_of(drawn, design)
        counts = count_set(labels, units, sums, fit_classes(labels, units))
        pages.append(len(np.unique(drawn.pages)))
        sure = drawn.has.sum(axis=0)
        kept = [c.within(least, units - len(drawn.pages) + least) for c, least in zip(counts, sure, strict=True)]
        found.append([[(e.estimate, e.low, e.high) for e in (c.count, c.labels_only)] for c in kept])
    estimate, low, high = np.moveaxis(np.array(found), -1, 0)  # each (draws, classes, 2)
    held = ((low <= truth[:, None] + 1e-6) & (high >= truth[:, None] - 1e-6)).mean(axis=0)
    width = (high - low).mean(axis=0)
    bias = (estimate.mean(axis=0)[:, 0] - truth) / units
    cells = [f"{held[c, 0]:.1%} (-{1 - width[c, 0] / width[c, 1]:.0%})" for c in range(len(truth))]
    alone = f"{held[:, 1].mean():.1%}, {held[:, 1].min():.1%}"
    figures = [f"{width[:, 0].mean() / units:.1%}", f"{bias[np.abs(bias).argmax()]:+.2%}"]
    return " | ".join([f"{count} | {per_page} | {np.mean(pages):.0f}", *cells, alone, *figures])


def by_groups(population: Population, count: int, per_page: int, draws: int) -> Iterator[str]:
    """Lines of the table of groups, by their labelled pages."""
    units = np.bincount(population.groups)
    design = Design(population.pages, count, per_page)
    rng = np.random.default_rng([count, per_page])
    members = [population.of(population.groups == group) for group in range(len(units))]
    found: dict[str, list[tuple[bool, float, float]]] = defaultdict(list)
    for _ in range(draws):
        drawn = population.of(design.draw(rng))
        labels = labels_of(drawn, design)
        fits = fit_classes(labels, len(population.pages))
        for group in np.unique(drawn.groups):
            own = labels.of(drawn.groups == group)
            pages = len(np.unique(own.pages))
            named = next(name for least, name in PAGES_OF_GROUPS.items() if pages >= least)
            counts = count_group(own, int(units[group]), members[group].probabilities.sum(axis=0), fits)
            for one, truth in zip(counts, members[group].has.sum(axis=0), strict=True):
                low, high, alone = one.count.low, one.count.high, one.labels_only
                held = low - 1e-6 <= truth <= high + 1e-6
                found[named].append((held, (high - low) / units[group], (alone.high - alone.low) / units[group]))
    for named in reversed(PAGES_OF_GROUPS.values()):
        if found[named]:
            held, width, alone_width = np.mean(found[named], axis=0)
            intervals = len(found[named])
            yield f"| {count} | {per_page} | {named} | {intervals:,} | {held:.1%} | {width:.0%} | {alone_width:.0%} |"


def numbers(given: dict[str, str], name: str, default: str) -> list[int]:
    """An option of several numbers."""
    return [int(value) for value in given.get(name, default).split(",")]


def main() -> None:
    """Print a table for each population of each part."""
    given = options("parts", "checkpoint", "draws", "n", "per_page", "by")
    if "parts" not in given:
        sys.exit("name files of labelled rows with parts=FILE,FILE,...")
    draws = int(given.get("draws", "500"))
    sizes, per_pages = numbers(given, "n", "100,200,400"), numbers(given, "per_page", "1,2,3,5")
    predictor = Predictor.from_checkpoint(given.get("checkpoint", "outputs/train/latest"))
    classes = predictor.class_names
    for file in map(Path, given["parts"].split(",")):
        for name, population in populations(read_part(file, predictor, given.get("by", ""))):
            units, pages = len(population.pages), len(np.unique(population.pages))
            shares = ", ".join(
                f"{c} {share:.1%}" for c, share in zip(classes, population.has.mean(axis=0), strict=True)
            )
            print(f"\n{file.stem}, {name}: {units:,} units of {pages:,} pages; {shares}\n")
            print(f"| labels | a page | pages | {' | '.join(classes)} | labels alone | width | bias |")
            print("|---" * (6 + len(classes)) + "|")
            for count in sizes:
                for per_page in per_pages:
                    if count < units:
                        print(f"| {row(population, count, per_page, draws)} |", flush=True)
            if "by" in given and name == "itself":
                print(f"\nBy {given['by']}:\n\n{GROUP_HEADINGS}\n{'|---' * 7}|")
                for count in sizes:
                    for line in by_groups(population, count, per_pages[0], draws):
                        print(line, flush=True)


if __name__ == "__main__":
    with one_line_errors("audit.py"):
        main()
