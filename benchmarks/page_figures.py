"""Figures of checkpoints on labelled pages: scores, what is accepted, differences, sources, and kinds of error.

`benchmarks/real_pages.py` prints them. A row is one checkpoint, or the seeds of one training; its figures are means
over the seeds. Intervals are of these means, by a bootstrap over whole pages, as `sitrep.metrics.intervals` has them.
"""

import statistics
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from accuracy import DRAWS, TAXONOMY, Run, compare
from error_kinds import KINDS, LABELS, SECOND_GUESS, Place, places_of

from sitrep.metrics.calibration import calibration_figures
from sitrep.metrics.intervals import Interval, rate_interval
from sitrep.metrics.resampling import article_confusions, effective_articles, resample
from sitrep.metrics.scores import Rates, defined, rates, score
from sitrep.metrics.significance import Difference, holm
from sitrep.sentences import LabelledSentence, Prediction

LEFT_OUT = "left out"
NO_SOURCE = "(none named)"


@dataclass(frozen=True)
class Part:
    """Labelled pages that are scored together.

    Attributes:
        name: Of the part.
        units: In the order of the file.
    """

    name: str
    units: Sequence[LabelledSentence]

    @cached_property
    def true(self) -> list[str]:
        """The label of each unit."""
        return [unit.label for unit in self.units]

    @cached_property
    def pages(self) -> list[str]:
        """The page of each unit."""
        return [unit.article_id for unit in self.units]

    @cached_property
    def sources(self) -> list[str]:
        """The source of each unit, as its row names it."""
        return [str(unit.fields.get("source") or NO_SOURCE) for unit in self.units]

    @cached_property
    def places(self) -> list[Place]:
        """Each unit with its neighbours."""
        return places_of(self.units)


@dataclass(frozen=True)
class Reading:
    """What one checkpoint says of a part.

    Attributes:
        predictions: One a unit, in their order.
        promised: Precision that its thresholds of acceptance were chosen for; ``None`` without thresholds.
    """

    predictions: Sequence[Prediction]
    promised: float | None = None

    @cached_property
    def labels(self) -> list[str]:
        """The label of each unit."""
        return [said.label for said in self.predictions]

    @cached_property
    def seconds(self) -> list[str]:
        """The likeliest label of each unit but the one that was given."""
        return [
            max((name for name in LABELS if name != said.label), key=said.probability_of) for said in self.predictions
        ]

    @property
    def accepted(self) -> list[bool]:
        """Whether each unit is accepted unread."""
        return [said.decision == "accept" for said in self.predictions]


Row = Sequence[Reading]
"""The readings of a part by each seed."""


@dataclass(frozen=True)
class Estimate:
    """A figure over the seeds.

    Attributes:
        mean: ``None`` where it is undefined in a seed.
        deviation: Standard deviation over the seeds; ``None`` for one seed.
        interval: 95 % interval of the mean by whole pages; ``None`` where there is none or none was asked for.
    """

    mean: float | None
    deviation: float | None = None
    interval: Interval | None = None


@dataclass(frozen=True)
class Figures:
    """What a row does on a part.

    Attributes:
        macro_f1: Over the four classes.
        f1: By label, ``none`` among them; without intervals.
        accuracy: Share of all units that is right.
        accepted: Share of all units that is accepted unread; undefined without thresholds. It goes by the decisions
            that prediction gives, which never accepts what the model cannot read.
        right: Share of the accepted that is right.
        promised: What the thresholds were chosen for; ``None`` without thresholds.
        calibration_error: Expected calibration error; undefined where the model answers with every class that applies.
    """

    macro_f1: Estimate
    f1: dict[str, Estimate]
    accuracy: Estimate
    accepted: Estimate
    right: Estimate
    promised: float | None
    calibration_error: Estimate


@dataclass(frozen=True)
class SourceFigures:
    """The units of one source.

    Attributes:
        source: Its name.
        units: How many there are.
        pages: How many pages they come from.
        macro_f1: By row. A class that neither occurs nor is given in the source is left out of the mean.
        accuracy: By row.
    """

    source: str
    units: int
    pages: int
    macro_f1: dict[str, Estimate]
    accuracy: dict[str, Estimate]


@dataclass(frozen=True)
class KindFigures:
    """Errors of one kind.

    Attributes:
        kind: Its name.
        units: Units that could have such an error.
        errors: By row: how many do.
        rates: By row: their share; ``None`` without units.
        changes: By row: how many more there are than with the reference.
    """

    kind: str
    units: int
    errors: dict[str, Estimate]
    rates: dict[str, float | None]
    changes: dict[str, float]


def over_seeds(values: Sequence[float | None], interval: Interval | None = None) -> Estimate:
    """The mean of a figure over the seeds, and its standard deviation."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return Estimate(None)
    return Estimate(statistics.mean(known), statistics.stdev(known) if len(known) > 1 else None, interval)


def figures_of(part: Part, row: Row) -> Figures:
    """All figures of a row on a part."""
    tables = _tables(part, row)
    by_seed = [score(part.true, reading.labels, TAXONOMY) for reading in row]
    promises = [reading.promised for reading in row]
    decided = None not in promises
    shares = [float(np.mean(reading.accepted)) if decided else None for reading in row]
    accepted = _tables(part, row, accepted_only=True)
    return Figures(
        macro_f1=_with_interval(tables, lambda found: found.macro_f1),
        f1={label: over_seeds([scores.per_class[label].f1 for scores in by_seed]) for label in LABELS},
        accuracy=_with_interval(tables, lambda found: found.accuracy),
        accepted=over_seeds(shares),
        right=_with_interval(accepted, lambda found: found.accuracy) if decided else Estimate(None),
        promised=promises[0] if decided else None,
        calibration_error=over_seeds([_calibration_error(part, reading) for reading in row]),
    )


def differences(part: Part, rows: Mapping[str, Row], reference: str) -> dict[str, Difference]:
    """Macro-F1 of each other row less that of the reference, as `scripts/compare.py` tests it.

    Where there are several, their p-values are adjusted for the number of them.
    """
    runs = {name: [Run({}, {part.name: reading.labels}) for reading in row] for name, row in rows.items()}
    found = {name: compare(part.units, part.name, runs[name], runs[reference]) for name in rows if name != reference}
    adjusted = holm([item.p for item in found.values()])
    return {name: replace(item, p_adjusted=p) for (name, item), p in zip(found.items(), adjusted, strict=True)}


def source_figures(part: Part, rows: Mapping[str, Row], reference: str) -> list[SourceFigures]:
    """Figures by source, the one that the reference reads worst first.

    The order goes by accuracy, which has the same sense in every source, whichever classes it holds.
    """
    members: dict[str, list[int]] = {}
    for number, source in enumerate(part.sources):
        members.setdefault(source, []).append(number)
    found = []
    for source, numbers in members.items():
        true = [part.true[number] for number in numbers]
        macro_f1, accuracy = {}, {}
        for name, row in rows.items():
            scores = [score(true, [reading.labels[number] for number in numbers], TAXONOMY) for reading in row]
            macro_f1[name] = over_seeds([item.macro_f1 for item in scores])
            accuracy[name] = over_seeds([item.accuracy for item in scores])
        pages = len({part.pages[number] for number in numbers})
        found.append(SourceFigures(source, len(numbers), pages, macro_f1, accuracy))
    return sorted(found, key=lambda item: (item.accuracy[reference].mean or 0.0, -item.units))


def kind_figures(part: Part, rows: Mapping[str, Row], reference: str) -> list[KindFigures]:
    """Units and errors of every kind."""
    found = []
    for name, kind in KINDS.items():
        mistakes = [kind(place) for place in part.places]
        counts = {row: [_errors(mistakes, reading) for reading in rows[row]] for row in rows}
        found.append(_kind_figures(name, sum(map(bool, mistakes)), counts, reference))
    counts = {row: [_second_guesses(part, reading) for reading in rows[row]] for row in rows}
    return [*found, _kind_figures(SECOND_GUESS, len(part.units), counts, reference)]


def _errors(mistakes: Sequence[Collection[str]], reading: Reading) -> int:
    return sum(label in wrong for label, wrong in zip(reading.labels, mistakes, strict=True))


def _second_guesses(part: Part, reading: Reading) -> int:
    return sum(second == true for second, true in zip(reading.seconds, part.true, strict=True))


def _kind_figures(kind: str, units: int, counts: Mapping[str, Sequence[int]], reference: str) -> KindFigures:
    """Figures of one kind out of its errors by row and seed."""
    means = {row: statistics.mean(errors) for row, errors in counts.items()}
    return KindFigures(
        kind=kind,
        units=units,
        errors={row: over_seeds(errors) for row, errors in counts.items()},
        rates={row: mean / units if units else None for row, mean in means.items()},
        changes={row: mean - means[reference] for row, mean in means.items()},
    )


def _tables(part: Part, row: Row, accepted_only: bool = False) -> np.ndarray:
    """Counts by page, seed, true and given label; pages of which nothing is counted are there with zeros."""
    tables = []
    for reading in row:
        counted = reading.accepted if accepted_only else [True] * len(part.units)
        true, given = (
            [label if kept else LEFT_OUT for label, kept in zip(labels, counted, strict=True)]
            for labels in (part.true, reading.labels)
        )
        tables.append(article_confusions(true, given, (*LABELS, LEFT_OUT), part.pages)[:, :-1, :-1])
    return np.stack(tables, axis=1)


def _with_interval(tables: np.ndarray, figure: Callable[[Rates], np.ndarray]) -> Estimate:
    """A figure of such counts, with the interval of its mean over the seeds."""
    values = figure(rates(tables.sum(axis=0), TAXONOMY))
    drawn = figure(rates(resample(tables, DRAWS, seed=0), TAXONOMY)).mean(axis=-1)
    pages = float(figure(effective_articles(tables.sum(axis=1), TAXONOMY)))
    interval = rate_interval(float(values.mean()), drawn, pages) if len(tables) > 1 else None
    return over_seeds([defined(value) for value in values], interval)


def _calibration_error(part: Part, reading: Reading) -> float | None:
    if reading.predictions[0].labels is not None:
        return None
    probabilities = np.array([[said.probabilities[label] for label in LABELS] for said in reading.predictions])
    true = np.array([LABELS.index(label) for label in part.true])
    return calibration_figures(probabilities, true, LABELS).expected_calibration_error
