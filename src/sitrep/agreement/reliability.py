"""How far coders agree with each other and with the model: all figures."""

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sitrep.agreement.coder_files import CodedUnits
from sitrep.data.own_labels import SampledUnit
from sitrep.labels import Taxonomy
from sitrep.metrics.agreement import Agreement, agreement, kappa_interval
from sitrep.metrics.intervals import Interval, ScoreIntervals, score_intervals
from sitrep.metrics.krippendorff import (
    RELIABLE,
    TENTATIVE,
    Alpha,
    alpha,
    coincidences,
    masi_distances,
    nominal_distances,
    one_against_the_rest,
)
from sitrep.metrics.resampling import article_confusions

UNUSED = "nobody used it"
CONSTANT = "everybody gave all units the same, so that nothing tells agreement from chance"


@dataclass(frozen=True)
class Reliability:
    """Krippendorff's alpha of all coders together.

    Attributes:
        overall: Of the label that units are filed under.
        per_label: Of each label against all others.
        classes: Of the sets of classes that apply, by MASI distance.
        per_class: Of each class: whether it applies.
    """

    overall: Alpha
    per_label: dict[str, Alpha]
    classes: Alpha
    per_class: dict[str, Alpha]


@dataclass(frozen=True)
class PairAgreement:
    """Two who labelled the same units.

    Attributes:
        first: Name of a coder.
        second: Name of another, or of the model.
        figures: Raw agreement, kappa and F1.
        intervals: Of raw agreement (there called accuracy) and of F1.
        kappa_interval: Of kappa.
        confusion: Counts; rows are labels of the first, columns those of the second.
    """

    first: str
    second: str
    figures: Agreement
    intervals: ScoreIntervals
    kappa_interval: Interval | None
    confusion: np.ndarray


def reliability(coded: CodedUnits, draws: int, seed: int) -> Reliability:
    """Alpha over all coders.

    Args:
        coded: Units, of which those with two labels or more count.
        draws: Of whole pages, for the intervals.
        seed: Of the draws.
    """
    known = coded.taxonomy.known
    shared = coded.shared
    pages = [one.unit.article_id for one in shared]
    numbers = {label: number for number, label in enumerate(known)}
    filed = coincidences([[numbers[label] for label in one.labels] for one in shared], pages, len(known))
    sets = [[frozenset(said.labels) for said in one.said.values()] for one in shared]
    different = list(dict.fromkeys(itertools.chain.from_iterable(sets)))
    places = {classes: number for number, classes in enumerate(different)}
    applying = coincidences([[places[classes] for classes in unit] for unit in sets], pages, len(different))

    def against_the_rest(table: np.ndarray, chosen: Sequence[bool]) -> Alpha:
        found = alpha(table, one_against_the_rest(chosen), draws, seed, chosen)
        return replace(found, undefined=_why(found, any(chosen) and table.sum(axis=0)[np.array(chosen)].sum() > 0))

    overall = alpha(filed, nominal_distances(len(known)), draws, seed)
    classes = alpha(applying, masi_distances(different), draws, seed)
    return Reliability(
        overall=replace(overall, undefined=_why(overall, used=True)),
        per_label={label: against_the_rest(filed, [label == other for other in known]) for label in known},
        classes=replace(classes, undefined=_why(classes, used=True)),
        per_class={
            name: against_the_rest(applying, [name in held for held in different]) for name in coded.taxonomy.classes
        },
    )


def _why(found: Alpha, used: bool) -> str:
    return "" if found.value is not None else CONSTANT if used else UNUSED


def worth(found: Alpha) -> str:
    """What labels of such an alpha are good for, in words."""
    if found.value is None:
        return f"undefined: {found.undefined}"
    levels = [f"reliable (from {RELIABLE:.3f} on)", f"good for tentative conclusions ({TENTATIVE} to {RELIABLE:.3f})"]
    levels.append(f"too low to conclude from (below {TENTATIVE})")
    names = ["the reliable", "the tentative", "what is too low"]
    level = _level(found.value)
    if found.interval is None:
        return f"{levels[level]}; the pages are too few for an interval"
    low, high = _level(found.interval.low), _level(found.interval.high)
    reach = [f"down to {names[low]}"] if low > level else []
    reach += [f"up to {names[high]}"] if high < level else []
    return levels[level] + (f"; the interval reaches {' and '.join(reach)}" if reach else "")


def _level(value: float) -> int:
    return 0 if value >= RELIABLE else 1 if value >= TENTATIVE else 2


def coder_pairs(coded: CodedUnits, draws: int, seed: int) -> list[PairAgreement]:
    """Every two coders who share units."""
    made = []
    for first, second in itertools.combinations(coded.coders, 2):
        shared = list(coded.pair(first, second))
        if shared:
            made.append(_pair(first, second, shared, coded.taxonomy, draws, seed))
    return made


def against_model(
    coded: CodedUnits, guesses: Mapping[str, str], name: str, draws: int, seed: int
) -> list[PairAgreement]:
    """Each coder against what the model says, by id of the unit; those who share no unit with it are left out."""
    made = []
    for coder in coded.coders:
        shared = [
            (one.unit, one.said[coder].label, guesses[one.unit.id])
            for one in coded.units
            if coder in one.said and one.unit.id in guesses
        ]
        if shared:
            made.append(_pair(coder, name, shared, coded.taxonomy, draws, seed))
    return made


def _pair(
    first: str, second: str, shared: Sequence[tuple[SampledUnit, str, str]], taxonomy: Taxonomy, draws: int, seed: int
) -> PairAgreement:
    units, ours, theirs = zip(*shared, strict=True)
    everything = whole(taxonomy)
    confusions = article_confusions(ours, theirs, everything.labels, [unit.article_id for unit in units])
    return PairAgreement(
        first=first,
        second=second,
        figures=agreement(ours, theirs, everything),
        intervals=score_intervals(confusions, everything, draws, seed),
        kappa_interval=kappa_interval(confusions, draws, seed),
        confusion=confusions.sum(axis=0),
    )


def whole(taxonomy: Taxonomy) -> Taxonomy:
    """A taxonomy in which labels that training leaves out stand beside the others, since coders give them."""
    meanings = {label: taxonomy.meanings.get(label, "") for label in taxonomy.known}
    return replace(taxonomy, meanings=meanings, averaged=taxonomy.classes, left_out=())


def label_counts(coded: CodedUnits) -> dict[str, Counter[str]]:
    """How many units each coder filed under each label."""
    return {coder: Counter(one.said[coder].label for one in coded.units if coder in one.said) for coder in coded.coders}
