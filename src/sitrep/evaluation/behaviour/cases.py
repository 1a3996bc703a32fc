"""What a behaviour test consists of, and how its templates become cases."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from sitrep.evaluation.behaviour.perturbations import PERTURBATIONS

SLOT = re.compile(r"\{(\w+)\}")


class Kind(Enum):
    """What a case asks of the model; the three kinds of CheckList."""

    invariance = "invariance"
    """The changed text gets the label that the model gave its original, right or wrong."""
    minimum = "minimum"
    """The text gets the label that the codebook gives it (CheckList: minimum functionality)."""
    direction = "direction"
    """The changed text gets the label that the codebook gives it, and the original did not have it."""


@dataclass(frozen=True)
class Case:
    """One text to be labelled, alone or beside its original.

    Attributes:
        text: What the model reads.
        label: Of the text, by the codebook.
        original: What the text was before it was changed; ``None`` in a test of kind ``minimum``.
        original_label: Of the original, by the codebook; ``None`` where there is none.
    """

    text: str
    label: str
    original: str | None = None
    original_label: str | None = None


@dataclass(frozen=True)
class BehaviourTest:
    """Cases that try one thing.

    Attributes:
        name: Unique among the tests that run together.
        kind: What its cases ask for.
        capability: The field that the test belongs to, such as ``negation``.
        why: The rule or reason behind its expectation, in a sentence.
        cases: At least one; no text and original stand in it twice.
    """

    name: str
    kind: Kind
    capability: str
    why: str
    cases: tuple[Case, ...]


@dataclass(frozen=True)
class Template:
    """A case before its slots are filled.

    Attributes:
        text: Text with slots, as in ``Shells hit {place}.``
        label: Of the text, whatever fills the slots.
        changed: Templates of what the text is changed to. They may hold the slots, ``{text}`` for the filled text, and
            the names of perturbations for the text so damaged. Empty: the text stands alone, or its slots are swapped.
        changed_label: Of the changed texts; ``None`` if it is ``label``.
    """

    text: str
    label: str
    changed: tuple[str, ...] = ()
    changed_label: str | None = None

    def slots(self) -> set[str]:
        """Names in braces, those of perturbations in the changed texts left out."""
        return set(SLOT.findall(self.text)) | {name for text in self.changed for name in SLOT.findall(text)} - set(
            PERTURBATIONS
        )


def expand(kind: Kind, template: Template, slots: Mapping[str, Sequence[str]]) -> Iterator[Case]:
    """Fill a template, once for each value of its longest slot; shorter slots start again from their first value.

    Where a test of kind ``invariance`` says nothing of changed texts, the text with the first value of every slot is
    the original, and the text with each of the others a changed one.

    Raises:
        KeyError: If the template names a slot that is not among ``slots``.
    """
    fillings = list(_fillings(template, slots))
    texts = [_fill(template.text, values) for values in fillings]
    if kind is Kind.minimum:
        yield from (Case(text, template.label) for text in texts)
    elif not template.changed:
        yield from (Case(text, template.label, texts[0], template.label) for text in texts[1:])
    else:
        label = template.changed_label or template.label
        for original, values in zip(texts, fillings, strict=True):
            for changed in template.changed:
                damaged = {name: PERTURBATIONS[name](original) for name in SLOT.findall(changed) if name not in values}
                yield Case(_fill(changed, {**values, **damaged}), label, original, template.label)


def _fillings(template: Template, slots: Mapping[str, Sequence[str]]) -> Iterator[dict[str, str]]:
    used = {name: slots[name] for name in sorted(template.slots())}
    for number in range(max((len(values) for values in used.values()), default=1)):
        yield {name: values[number % len(values)] for name, values in used.items()}


def _fill(text: str, values: Mapping[str, str]) -> str:
    return SLOT.sub(lambda slot: values[slot[1]], text)
