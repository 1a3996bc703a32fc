"""Runs that were scored on the same units, each against each other: figures, tests, flipped units, verdicts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from sitrep.comparison.scored_runs import ScoredRun, ScoredUnit
from sitrep.metrics.intervals import CONFIDENCE
from sitrep.metrics.resampling import ROUNDING, article_confusions, effective_articles, resample
from sitrep.metrics.scores import rates
from sitrep.metrics.significance import (
    Difference,
    Disagreement,
    SeedNoise,
    difference,
    disagreement,
    holm,
    seed_noise,
)

SIGNIFICANCE = 1 - CONFIDENCE
"""A p below it is called beyond chance: the interval leaves out 0."""


@dataclass(frozen=True)
class PairComparison:
    """Two runs against each other.

    Attributes:
        first: Name of the first run.
        second: Name of the second run.
        macro_f1: Difference of macro-F1.
        f1: Difference of F1, by label.
        disagreement: On single units.
        seeds: Beside the noise of seeds.
        verdict: On macro-F1, in words.
        seed_verdict: Whether it lies beyond the noise of seeds, in words.
    """

    first: str
    second: str
    macro_f1: Difference
    f1: dict[str, Difference]
    disagreement: Disagreement
    seeds: SeedNoise
    verdict: str
    seed_verdict: str


@dataclass(frozen=True)
class Flip:
    """A unit that the runs do not label alike.

    Attributes:
        units: What each run said of it, in the order of the runs.
        right: Names of the runs that have it right; empty where all are wrong.
    """

    units: tuple[ScoredUnit, ...]
    right: tuple[str, ...]

    @property
    def span(self) -> float:
        """How far the runs lie apart: the largest difference of a label's probability between two of them."""
        shared = set.intersection(*(set(unit.probabilities) for unit in self.units))
        said = [[unit.probabilities[label] for label in shared] for unit in self.units]
        return float(np.ptp(said, axis=0).max())


def compare_runs(runs: Sequence[ScoredRun], draws: int, seed: int) -> list[PairComparison]:
    """Compare every run with every later one; p-values are adjusted for the number of pairs.

    Args:
        runs: At least two, their units in one order, as of :func:`sitrep.comparison.scored_runs.align`.
        draws: Number of draws of the bootstrap.
        seed: Of the draws.
    """
    counts = np.stack([confusions_of(run) for run in runs], axis=1)
    drawn = rates(resample(counts, draws, seed), runs[0].taxonomy)
    pairs = [_pair(runs, counts, drawn.macro_f1, drawn.f1, both) for both in combinations(range(len(runs)), 2)]
    return [replace(pair, verdict=macro_verdict(pair), seed_verdict=seed_verdict(pair)) for pair in _adjusted(pairs)]


def flips(runs: Sequence[ScoredRun]) -> list[Flip]:
    """Units that the runs do not label alike, in the order of the first run."""
    found = []
    for units in zip(*(run.units for run in runs), strict=True):
        if len({unit.predicted for unit in units}) > 1:
            right = tuple(run.name for run, unit in zip(runs, units, strict=True) if unit.predicted == unit.true)
            found.append(Flip(units, right))
    return found


def confusions_of(run: ScoredRun) -> np.ndarray:
    """Confusion counts by article, shape (articles, labels, labels)."""
    true, predicted, articles = zip(*((unit.true, unit.predicted, unit.article_id) for unit in run.units), strict=True)
    return article_confusions(true, predicted, run.labels, articles)


def macro_verdict(pair: PairComparison) -> str:
    """What the paired bootstrap says of macro-F1, after Holm's correction."""
    found = pair.macro_f1
    if found.value is None:
        return "macro-F1 is undefined in these data"
    if found.p_adjusted is None:
        return "chance cannot be judged: the units are of too few articles, or every article shows the same difference"
    if found.p_adjusted >= SIGNIFICANCE:
        return "no difference beyond chance"
    return f"{pair.first if found.value > 0 else pair.second} is better beyond chance"


def seed_verdict(pair: PairComparison) -> str:
    """What the seeds of training say of macro-F1, after Holm's correction."""
    noise, apart = pair.seeds, pair.macro_f1.value
    spreads = dict(zip((pair.first, pair.second), noise.standard_deviations, strict=True))
    known = {name: spread for name, spread in spreads.items() if spread is not None}
    if not known:
        return "the noise of seeds is not known from one seed each"
    if len(known) == 1 or noise.mean_difference is None:
        (name, spread), single = next(iter(known.items())), next(name for name in spreads if name not in known)
        times = f", the difference is {abs(apart) / spread:.1f} times that" if apart is not None and spread else ""
        alone = f"the noise of seeds is known of {name} alone (standard deviation {spread:.3f}{times})"
        return f"{alone}; {single} has one seed"
    beyond = abs(noise.mean_difference) > ROUNDING if noise.p_adjusted is None else noise.p_adjusted < SIGNIFICANCE
    better = pair.first if noise.mean_difference > 0 else pair.second
    mean = f"the means over the seeds differ by {abs(noise.mean_difference):.3f}"
    return f"{mean}, {f'{better} is better beyond' if beyond else 'within'} the noise of seeds"


def _pair(
    runs: Sequence[ScoredRun], counts: np.ndarray, macro: np.ndarray, f1: np.ndarray, both: tuple[int, int]
) -> PairComparison:
    first, second = (runs[index] for index in both)
    labels, columns = first.labels, list(both)
    found = rates(counts[:, columns].sum(axis=0), first.taxonomy)
    articles = effective_articles(counts[:, columns].sum(axis=1), first.taxonomy)
    right = [[unit.predicted == unit.true for unit in run.units] for run in (first, second)]
    return PairComparison(
        first=first.name,
        second=second.name,
        macro_f1=difference(found.macro_f1, macro[:, columns], float(articles.macro_f1)),
        f1={
            label: difference(found.f1[:, index], f1[:, columns, index], float(articles.f1[index]))
            for index, label in enumerate(labels)
        },
        disagreement=disagreement(*right),
        seeds=seed_noise(first.seed_figures, second.seed_figures),
        verdict="",
        seed_verdict="",
    )


def _adjusted(pairs: Sequence[PairComparison]) -> list[PairComparison]:
    """Fill in Holm's p-values: each figure is a family of its own, of as many tests as there are pairs."""
    macro = holm([pair.macro_f1.p for pair in pairs])
    units = holm([pair.disagreement.p for pair in pairs])
    seeds = holm([pair.seeds.p for pair in pairs])
    by_label = {label: holm([pair.f1[label].p for pair in pairs]) for label in pairs[0].f1}
    return [
        replace(
            pair,
            macro_f1=replace(pair.macro_f1, p_adjusted=macro[index]),
            f1={label: replace(found, p_adjusted=by_label[label][index]) for label, found in pair.f1.items()},
            disagreement=replace(pair.disagreement, p_adjusted=units[index]),
            seeds=replace(pair.seeds, p_adjusted=seeds[index]),
        )
        for index, pair in enumerate(pairs)
    ]
