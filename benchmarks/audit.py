"""How often the intervals of `scripts/label.py audit` hold the true count, and how wide they are.

    python benchmarks/audit.py parts=FILE,FILE [checkpoint=RUN] [draws=500] [n=100,200,400] [per_page=1,2,3,5]

A part is a file of labelled rows (`text,label,article_id`), all of whose labels are known. Its units are labelled by
the checkpoint; then labels are drawn from it again and again as `scripts/label.py select` draws them (pages
systematically with probability proportional to their size, `per_page` units of each), and the set is counted from
those alone. Three populations a part: the part itself, of which many labels are a large share; its pages drawn with
replacement to 40,000 units, which is the case of most users; and that with nine tenths of the rarest class taken out.

Cells of a class: share of the intervals that hold the true count, and in brackets how much narrower they are in the
mean than intervals of the labels alone. "labels alone": share of theirs that hold it, over all classes and for the
worst. "width": of an interval, in percent of the units, mean over classes. "bias": of the estimate, in percent of
the units, the largest of a class.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from arguments import options

from sitrep.cli.commands import one_line_errors
from sitrep.data.reading import Columns, read_labelled
from sitrep.evaluation.results import passages_of
from sitrep.inference.predictor import Predictor
from sitrep.metrics.page_spread import RandomLabels
from sitrep.metrics.sampled_counts import count_set, fit_classes

LARGE = 40_000
LEFT_OF_THE_RAREST = 0.1


@dataclass(frozen=True)
class Population:
    """Units whose true label is known.

    Attributes:
        has: Whether each has each class, shape (units, classes).
        probabilities: Of the model, shape (units, classes).
        pages: Number of the page of each, shape (units,).
    """

    has: np.ndarray
    probabilities: np.ndarray
    pages: np.ndarray

    def of(self, members: np.ndarray) -> "Population":
        """Some of its units, pages as they are."""
        return Population(self.has[members], self.probabilities[members], self.pages[members])


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


def read_part(path: Path, predictor: Predictor) -> Population:
    """Label a part."""
    sentences = list(read_labelled(str(path), Columns(), predictor.taxonomy))
    classes = predictor.class_names
    found = [prediction.probabilities for prediction in predictor.predict(passages_of(sentences))]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(s.article_id for s in sentences))}
    return Population(
        has=np.array([[sentence.label == name for name in classes] for sentence in sentences], dtype=float),
        probabilities=np.array([[each[name] for name in classes] for each in found]),
        pages=np.array([numbers[sentence.article_id] for sentence in sentences]),
    )


def populations(part: Population) -> Iterator[tuple[str, Population]]:
    """The part itself, a large set of pages like it, and one with a rare class."""
    yield "itself", part
    rng = np.random.default_rng(0)
    rows = [np.flatnonzero(part.pages == page) for page in range(part.pages.max() + 1)]
    drawn: list[np.ndarray] = []
    while sum(map(len, drawn)) < LARGE:
        drawn.append(rows[rng.integers(len(rows))])
    again = part.of(np.concatenate(drawn))
    large = Population(again.has, again.probabilities, np.repeat(np.arange(len(drawn)), [len(d) for d in drawn]))
    yield "large", large
    rarest = large.has[:, large.has.sum(axis=0).argmin()] == 1
    yield "large, one class rare", large.of(~rarest | (rng.random(len(rarest)) < LEFT_OF_THE_RAREST))


def row(population: Population, count: int, per_page: int, draws: int) -> str:
    """One line of the table."""
    units, truth = len(population.pages), population.has.sum(axis=0)
    sums = population.probabilities.sum(axis=0)
    design = Design(population.pages, count, per_page)
    rng = np.random.default_rng([count, per_page])
    pages, found = [], []
    for _ in range(draws):
        drawn = population.of(design.draw(rng))
        inclusion = np.full(len(drawn.pages), design.probability)
        labels = RandomLabels(drawn.has, drawn.probabilities, drawn.pages, inclusion)
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


def main() -> None:
    """Print a table for each population of each part."""
    given = options("parts", "checkpoint", "draws", "n", "per_page")
    if "parts" not in given:
        sys.exit("name files of labelled rows with parts=FILE,FILE,...")
    draws = int(given.get("draws", "500"))
    sizes, per_pages = (
        [int(value) for value in given.get(name, default).split(",")]
        for name, default in (("n", "100,200,400"), ("per_page", "1,2,3,5"))
    )
    predictor = Predictor.from_checkpoint(given.get("checkpoint", "outputs/train/latest"))
    for file in given["parts"].split(","):
        for name, population in populations(read_part(Path(file), predictor)):
            shares = [
                f"{label} {share:.1%}"
                for label, share in zip(predictor.class_names, population.has.mean(0), strict=True)
            ]
            about = (
                f"{len(population.pages):,} units of {len(np.unique(population.pages)):,} pages; {', '.join(shares)}"
            )
            print(f"\n{Path(file).stem}, {name}: {about}\n")
            print(f"| labels | a page | pages | {' | '.join(predictor.class_names)} | labels alone | width | bias |")
            print("|---" * (6 + len(predictor.class_names)) + "|")
            for count in sizes:
                for per_page in per_pages:
                    if count < len(population.pages):
                        print(f"| {row(population, count, per_page, draws)} |", flush=True)


if __name__ == "__main__":
    with one_line_errors("audit.py"):
        main()
