"""Labels of several coders put together by unit, and checked against each other."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sitrep.data.own_labels import CoderLabel, SampledUnit, read_labels
from sitrep.errors import UserError
from sitrep.labels import Taxonomy
from sitrep.storage.complete import shown


@dataclass(frozen=True)
class CodedUnit:
    """A unit with what each coder said of it.

    Attributes:
        unit: The unit.
        said: By coder, in the order of all coders.
    """

    unit: SampledUnit
    said: dict[str, CoderLabel]

    @property
    def labels(self) -> list[str]:
        """The label that each coder filed it under."""
        return [one.label for one in self.said.values()]


@dataclass(frozen=True)
class CodedUnits:
    """What coders said of all units.

    Attributes:
        coders: Their names, in the order of the files.
        units: Sorted by page and place in it; pages in the order of the files.
        taxonomy: Of the labels.
    """

    coders: tuple[str, ...]
    units: tuple[CodedUnit, ...]
    taxonomy: Taxonomy

    @property
    def shared(self) -> list[CodedUnit]:
        """The units that two coders or more labelled."""
        return [one for one in self.units if len(one.said) > 1]

    def pair(self, first: str, second: str) -> Iterator[tuple[SampledUnit, str, str]]:
        """The units that both labelled, each with both labels."""
        for one in self.units:
            if first in one.said and second in one.said:
                yield one.unit, one.said[first].label, one.said[second].label


def read_coders(paths: Sequence[Path], taxonomy: Taxonomy) -> CodedUnits:
    """Read files of labels, of one coder each or of several.

    Raises:
        UserError: If they are not of two coders who share units, a coder labelled a unit twice, or the files are of
            different texts.
    """
    found: dict[str, CodedUnit] = {}
    files: dict[tuple[str, str], Path] = {}
    coders: dict[str, None] = {}
    for path in paths:
        for label in read_labels(path, taxonomy):
            coders[label.coder] = None
            one = found.setdefault(label.unit.id, CodedUnit(label.unit, {}))
            if label.coder in one.said:
                _refuse_second(label, files[label.coder, label.unit.id], path)
            files[label.coder, label.unit.id] = path
            found[label.unit.id] = CodedUnit(_one_unit(one, label.unit, files, path), one.said | {label.coder: label})
    names = tuple(coders)
    if len(names) < 2:
        raise UserError(
            f"inputs: all labels are of one coder, {shown(names[0])}; agreement wants those of two, in files of their "
            "own or told apart by a column coder"
        )
    units = CodedUnits(names, tuple(_in_order(found.values(), names)), taxonomy)
    if not units.shared:
        raise UserError(
            f"inputs: no unit was labelled by two of {shown(', '.join(names))}; export the sample for them with "
            "overlap=0.2 or more"
        )
    return units


def _in_order(units: Iterable[CodedUnit], coders: Sequence[str]) -> list[CodedUnit]:
    kept = [replace(one, said={name: one.said[name] for name in coders if name in one.said}) for one in units]
    pages = {one.unit.article_id: None for one in kept}
    rank = {page: number for number, page in enumerate(pages)}
    return sorted(kept, key=lambda one: (rank[one.unit.article_id], one.unit.position))


def _refuse_second(label: CoderLabel, before: Path, path: Path) -> None:
    twice = f"inputs: the coder {shown(label.coder)} labelled the unit {shown(label.unit.id)} in {shown(before)} and"
    if before == path:
        raise UserError(f"{twice} in the same file, which is named twice; name each file once")
    raise UserError(f"{twice} in {shown(path)}; are these two people? Then give each a name of their own with coder=")


def _one_unit(one: CodedUnit, unit: SampledUnit, files: dict[tuple[str, str], Path], path: Path) -> SampledUnit:
    """The unit as both files know it."""
    known = one.unit
    for coder in one.said:
        both = f"in {shown(files[coder, unit.id])} and in {shown(path)}"
        if (known.text, known.article_id) != (unit.text, unit.article_id):
            what = "text" if known.text != unit.text else "article_id"
            raise UserError(
                f"inputs: the unit {shown(unit.id)} does not have the same {what} {both}; agreement wants labels of "
                "one sample"
            )
        if None not in (odds := (known.sampling_probability, unit.sampling_probability)) and odds[0] != odds[1]:
            raise UserError(
                f"inputs: the unit {shown(unit.id)} does not have the same sampling_probability {both}; agreement "
                "wants labels of one sample"
            )
    # The file of one coder may have come without what that of another still holds.
    richer = max(
        (known, unit), key=lambda each: (each.sampling_probability is not None, bool(each.before or each.after))
    )
    return replace(
        richer,
        before=known.before or unit.before,
        after=known.after or unit.after,
        fields={**unit.fields, **known.fields},
    )
