"""Counts of a whole set and of its groups, out of its tallies and the labelled units that it holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sitrep.counting.labelled_units import DRAW, LabelledUnit
from sitrep.counting.tallies import ClassSums, MatchedUnit, SetTallies
from sitrep.errors import UserError
from sitrep.metrics.page_spread import RandomLabels
from sitrep.metrics.sampled_counts import FEWEST_PAGES, ClassCount, Fit, count_group, count_set, fit_classes
from sitrep.storage.complete import shown

FEW_PAGES = 20
"""Labelled pages below which the interval rests on little."""
ALL_OF_THEM = 0.95
"""Share of the units that labels stand for below which some that were drawn must lack one."""
TOO_MANY = 1.25
"""The same, above which the labels must be of a larger set."""


@dataclass(frozen=True)
class Counted:
    """What is known of one class in a set or a group.

    Attributes:
        naive: Units that the model gave the class.
        known: By labels; ``None`` for a group without a label.
    """

    naive: int
    known: ClassCount | None


@dataclass(frozen=True)
class Group:
    """A set, or the units of one value of the column.

    Attributes:
        value: Of the column; empty for the whole set.
        units: Number of them.
        labels: Of units drawn at random.
        pages: That these are from.
        borrowed: Whether its labelled pages are too few to tell how far they differ, so that all pages tell.
        classes: By name.
    """

    value: str
    units: int
    labels: int
    pages: int
    borrowed: bool
    classes: dict[str, Counted]


@dataclass(frozen=True)
class Audit:
    """Counts of a set.

    Attributes:
        whole: All of it.
        groups: By value of the column, in the order of the values; empty without a column.
        chosen: Labels of units that were not drawn at random, and so are not counted with.
        missing: Labels of units that the predictions do not hold.
        notes: What a reader has to know before believing the counts.
    """

    whole: Group
    groups: list[Group]
    chosen: int
    missing: int
    notes: list[str]


def audit_set(tallies: SetTallies, labelled: Mapping[str, LabelledUnit], path: Path) -> Audit:
    """Count.

    Args:
        tallies: Of the predictions.
        labelled: All labels, by the id of their unit.
        path: Of the labels, for messages.

    Raises:
        UserError: If the labels are of another set, are of too few pages, or name a class that the predictions lack.
    """
    if not tallies.matched:
        raise UserError(
            f"{shown(path)}: none of its {len(labelled)} units is among the {tallies.whole.units:,} predictions; "
            "take predictions of the set that the units were drawn from"
        )
    random = [unit for unit in tallies.matched if unit.unit.inclusion is not None]
    pages = len({unit.page for unit in random})
    if pages < 2:
        raise UserError(
            f"{shown(path)}: {len(random)} labels drawn at random, of {pages} of the pages that were predicted; two "
            f"pages are the least, some {FEW_PAGES} are wanted: {DRAW}"
        )
    labels = _random_labels(random, tallies)
    whole = tallies.whole
    fits = fit_classes(labels, whole.units)
    known = _possible(count_set(labels, whole.units, np.array(whole.sums), fits), whole, tallies.matched, tallies)
    groups = _groups(tallies, random, labels, fits)
    missing = sum(unit.inclusion is not None for unit in labelled.values()) - len(random)
    return Audit(
        whole=_group("", tallies, whole, len(random), pages, known),
        groups=groups,
        chosen=len(tallies.matched) - len(random),
        missing=missing,
        notes=_notes(labels, whole.units, pages, missing, groups),
    )


def _random_labels(units: Sequence[MatchedUnit], tallies: SetTallies) -> RandomLabels:
    return RandomLabels(
        has=_has(units, tallies),
        probabilities=np.array([unit.probabilities for unit in units]),
        pages=np.array([unit.page for unit in units]),
        inclusion=np.array([unit.unit.inclusion for unit in units], dtype=float),
    )


def _has(units: Sequence[MatchedUnit], tallies: SetTallies) -> np.ndarray:
    """Whether each unit has each class, as 0 and 1.

    Raises:
        UserError: If a label is of no class of the predictions.
    """
    has = np.zeros((len(units), len(tallies.classes)))
    for row, matched in enumerate(units):
        unit = matched.unit
        names = unit.classes if tallies.several or unit.label not in tallies.classes else {unit.label}
        for name in names:
            if name not in tallies.classes:
                raise UserError(
                    f"{unit.place}: {name!r} is none of the predictions' classes {', '.join(tallies.classes)}; take "
                    "labels by the taxonomy of the checkpoint (where none applies, labels is an empty list)"
                )
            has[row, tallies.classes.index(name)] = 1
    return has


def _possible(
    counts: Sequence[ClassCount], tally: ClassSums, matched: Sequence[MatchedUnit], tallies: SetTallies
) -> list[ClassCount]:
    """Counts kept between the units that are known to have the class and those that are not known to lack it."""
    found = _has(matched, tallies).sum(axis=0) if matched else np.zeros(len(counts))
    lacking = len(matched) - found
    return [count.within(least, tally.units - less) for count, least, less in zip(counts, found, lacking, strict=True)]


def _groups(
    tallies: SetTallies, random: Sequence[MatchedUnit], labels: RandomLabels, fits: Sequence[Fit]
) -> list[Group]:
    values = np.array([unit.group for unit in random], dtype=object)
    groups = []
    for value, tally in sorted(tallies.groups.items()):
        inside = labels.of(values == value)
        pages = len(set(inside.pages.tolist()))
        known = None
        if pages:
            matched = [unit for unit in tallies.matched if unit.group == value]
            counts = count_group(inside, tally.units, np.array(tally.sums), fits)
            known = _possible(counts, tally, matched, tallies)
        groups.append(_group(value, tallies, tally, len(inside.pages), pages, known))
    return groups


def _group(
    value: str, tallies: SetTallies, tally: ClassSums, labels: int, pages: int, known: Sequence[ClassCount] | None
) -> Group:
    naive = tally.given if tallies.several else tally.filed
    counts: Sequence[ClassCount | None] = known or [None] * len(naive)
    classes = {name: Counted(number, count) for name, number, count in zip(tallies.classes, naive, counts, strict=True)}
    return Group(value, tally.units, labels, pages, 0 < pages < FEWEST_PAGES, classes)


def _notes(labels: RandomLabels, units: int, pages: int, missing: int, groups: Sequence[Group]) -> list[str]:
    notes = []
    stand_for = float((1 / labels.inclusion).sum())
    if missing:
        notes.append(
            f"{missing} labelled units are not among the predictions and were left out; the counts are those of the "
            "units that were predicted"
        )
    elif stand_for < ALL_OF_THEM * units:
        notes.append(
            f"by their sampling probabilities the labels stand for {stand_for:,.0f} of {units:,} units: some that were "
            "drawn have no label, or the predictions hold more than they were drawn from; the counts are right only if "
            "what has no label is like the rest"
        )
    elif stand_for > TOO_MANY * units:
        notes.append(
            f"by their sampling probabilities the labels stand for {stand_for:,.0f} units, and {units:,} were "
            "predicted: they seem to be drawn from a larger set, or to be of several samples"
        )
    if pages < FEW_PAGES:
        notes.append(f"the labels are from {pages} pages alone; intervals hold more surely from {FEW_PAGES} on")
    without = sum(not group.pages for group in groups)
    if without:
        notes.append(f"{without} of {len(groups)} groups have no label drawn at random, and so no count of their own")
    if any(group.borrowed for group in groups):
        notes.append(
            f"groups with fewer than {FEWEST_PAGES} labelled pages take from all pages how far pages differ; their own "
            "labels say by how much the model is off there"
        )
    if groups:
        notes.append("each group is put right by its own labels, so that groups need not sum to the whole")
    return notes
