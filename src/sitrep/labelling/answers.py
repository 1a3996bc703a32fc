"""What coders gave back, held against the sample and the taxonomy."""

import difflib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sitrep.data.own_labels import HASH_DIGITS, CoderLabel, SampledUnit
from sitrep.errors import UserError
from sitrep.labelling.exchange import UNSURE, Answer
from sitrep.labels import Taxonomy
from sitrep.normalization import identifier
from sitrep.storage.complete import shown
from sitrep.storage.sent_texts import reads_alike

HASH = re.compile(rf"[0-9a-f]{{{HASH_DIGITS}}}")
SHOWN_PLACES = 5


@dataclass(frozen=True)
class ImportedLabels:
    """What a file of answers holds.

    Attributes:
        labels: In the order of the sample.
        unlabelled: Units that stand in the file without a label.
        absent: Units of the sample that the file does not hold.
    """

    labels: Sequence[CoderLabel]
    unlabelled: int
    absent: int

    @property
    def coders(self) -> Counter[str]:
        """How many units each coder labelled."""
        return Counter(label.coder for label in self.labels)


def check_answers(
    answers: Iterable[Answer], sample: Sequence[SampledUnit], taxonomy: Taxonomy, path: Path, coder: str | None = None
) -> ImportedLabels:
    """Check answers one by one.

    Args:
        answers: That a file holds.
        sample: That it was made of.
        taxonomy: Of the labels.
        path: Of the file, for messages.
        coder: Name of the one coder that the file is of; ``None``: as the file says.

    Raises:
        UserError: For the first thing that is wrong, with the number of the others.
    """
    found, wrong = _matched(answers, sample, path)
    names = {answer.annotator for answer, _ in found if answer.annotator is not None}
    if coder is not None and len(names) > 1:
        listed = ", ".join(sorted(names))
        raise UserError(f"coder={coder}: {shown(path)} holds labels of {listed}; leave the setting out")
    labels: dict[tuple[str, str], tuple[CoderLabel, str]] = {}
    for answer, unit in found:
        try:
            made = _label(answer, unit, taxonomy, coder or _name_of(answer, names) or shown(path.stem))
        except ValueError as error:
            wrong.append((answer.place, str(error)))
            continue
        if made is None:
            continue
        key = (made.coder, unit.id)
        if key in labels:
            wrong.append((answer.place, f"{made.coder} labelled {unit.id} twice, also at {labels[key][1]}; keep one"))
        labels[key] = made, answer.place
    _raise_first(wrong)
    if not labels:
        raise UserError(f"{shown(path)}: none of its {len(found)} units has a label")
    order = {unit.id: place for place, unit in enumerate(sample)}
    in_file = {unit.id for _, unit in found}
    return ImportedLabels(
        labels=sorted((label for label, _ in labels.values()), key=lambda label: (label.coder, order[label.unit.id])),
        unlabelled=len(in_file - {unit for _, unit in labels}),
        absent=len(sample) - len(in_file),
    )


def _matched(
    answers: Iterable[Answer], sample: Sequence[SampledUnit], path: Path
) -> tuple[list[tuple[Answer, SampledUnit]], list[tuple[str, str]]]:
    """Answers with their units, and what is wrong where."""
    known = _Units(sample)
    found: list[tuple[Answer, SampledUnit]] = []
    wrong: list[tuple[str, str]] = []
    strangers = total = 0
    for answer in answers:
        total += 1
        unit = known.of(answer)
        if unit is None:
            strangers += 1
            wrong.append((answer.place, f"the unit {answer.id!r} is not in the sample; import it with its own"))
        elif difference := _difference(answer, unit):
            wrong.append((answer.place, difference))
        else:
            found.append((answer, unit))
    if not total:
        raise UserError(f"{shown(path)}: holds no units")
    if strangers == total:
        raise UserError(f"{shown(path)}: none of its {total} ids is in the sample; it was made of another one")
    return found, wrong


class _Units:
    """Units of a sample by what is left of their identity."""

    def __init__(self, sample: Iterable[SampledUnit]) -> None:
        self._by_id: dict[str, SampledUnit] = {}
        self._by_hash: dict[str, list[SampledUnit]] = defaultdict(list)
        for unit in sample:
            self._by_id[unit.id] = unit
            self._by_hash[unit.text_hash].append(unit)

    def of(self, answer: Answer) -> SampledUnit | None:
        for name in (answer.id, answer.id.strip(), identifier(answer.id)):
            if name in self._by_id:
                return self._by_id[name]
        same = self._by_hash.get(answer.text_hash or "", [])
        # Spreadsheets make numbers, dates and times of what looks like one; the text then tells.
        if len(same) == 1 and not any(map(str.isalpha, same[0].id)):
            return same[0]
        return None


def _difference(answer: Answer, unit: SampledUnit) -> str | None:
    """What says that an answer is not of the text of the unit."""
    # A hash of digits alone may have become a number in a spreadsheet.
    if answer.text_hash and HASH.fullmatch(answer.text_hash) and answer.text_hash != unit.text_hash:
        return f"{unit.id} has another text in the sample; import it with the sample that it was made of"
    if answer.text is not None and not reads_alike(answer.text, unit.text):
        return f"the text of {unit.id} was changed; put back what the sample holds, or take the row out"
    return None


def _name_of(answer: Answer, names: set[str]) -> str | None:
    """Of one coder the file that was dealt to him knows better, as programs often have a number for a name."""
    return answer.dealt_to or answer.annotator if len(names) <= 1 else answer.annotator or answer.dealt_to


def _label(answer: Answer, unit: SampledUnit, taxonomy: Taxonomy, coder: str) -> CoderLabel | None:
    """The label of an answer; ``None`` if it has none.

    Raises:
        ValueError: If it contradicts the taxonomy.
    """
    names, unsure = list(answer.labels), answer.unsure
    if UNSURE not in taxonomy.known:
        unsure = unsure or UNSURE in names
        names = [name for name in names if name != UNSURE]
    spelt = _spellings(taxonomy)
    several = [_known(name, spelt, taxonomy) for name in names]
    if answer.label is None and not several:
        return None
    label = _filed_under(several, taxonomy) if answer.label is None else _known(answer.label, spelt, taxonomy)
    classes = {*several, label} & set(taxonomy.classes)
    labels = tuple(name for name in taxonomy.classes if name in classes)
    try:
        taxonomy.validate(label, labels)
    except ValueError as error:
        raise ValueError(f"{unit.id}: {error}") from None
    return CoderLabel(unit, label, labels, coder, unsure, answer.comment)


def _filed_under(names: Sequence[str], taxonomy: Taxonomy) -> str:
    """The one label of several that were chosen without saying which."""
    for name in names:
        if name not in taxonomy.classes and len(set(names)) > 1:
            raise ValueError(
                f"{name} stands beside {next(other for other in names if other != name)}; keep one of both"
            )
    return next((name for name in taxonomy.filing_order if name in names), names[0])


def _spellings(taxonomy: Taxonomy) -> Mapping[str, str]:
    """Labels by how they are written in small letters, where that tells them apart."""
    folded = Counter(name.casefold() for name in taxonomy.known)
    return {name.casefold(): name for name in taxonomy.known if folded[name.casefold()] == 1}


def _known(name: str, spelt: Mapping[str, str], taxonomy: Taxonomy) -> str:
    if name in taxonomy.known:
        return name
    wanted = name.strip().casefold()
    if wanted in spelt:
        return spelt[wanted]
    near = difflib.get_close_matches(wanted, spelt, n=1)
    meant = f"; {spelt[near[0]]!r} perhaps?" if near else "."
    raise ValueError(f"there is no label {name!r}{meant} There are {', '.join(taxonomy.known)}")


def _raise_first(wrong: Sequence[tuple[str, str]]) -> None:
    if not wrong:
        return
    (place, message), others = wrong[0], [place for place, _ in wrong[1:]]
    if others:
        listed = ", ".join(others[:SHOWN_PLACES]) + (", …" if len(others) > SHOWN_PLACES else "")
        message += f" ({len(others)} more: {listed})"
    raise UserError(f"{place}: {message}")
