"""What a comparison tells."""

from dataclasses import dataclass
from typing import Any

from sitrep.comparison.pairs import Flip, PairComparison
from sitrep.metrics.intervals import ScoreIntervals
from sitrep.metrics.scores import Scores


@dataclass(frozen=True)
class RunFigures:
    """One run's own figures.

    Attributes:
        name: What the comparison calls it.
        location: The folder as it was given.
        scores: Its figures.
        intervals: Their intervals.
        seed_figures: Macro-F1 of each seed, where it has several.
    """

    name: str
    location: str
    scores: Scores
    intervals: ScoreIntervals
    seed_figures: tuple[float, ...]


@dataclass(frozen=True)
class Comparison:
    """Everything that the files tell.

    Attributes:
        runs: In the order in which they were given.
        pairs: Every run against every later one.
        flips: Units that the runs do not label alike.
        units: Number of units.
        articles: Number of articles.
        settings: Of the comparison, as plain values.
    """

    runs: list[RunFigures]
    pairs: list[PairComparison]
    flips: list[Flip]
    units: int
    articles: int
    settings: dict[str, Any]
