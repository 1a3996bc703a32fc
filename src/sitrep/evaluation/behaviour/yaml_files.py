"""Behaviour tests out of YAML files, checked."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from sitrep.errors import UserError
from sitrep.evaluation.behaviour.cases import BehaviourTest, Case, Kind, Template, expand
from sitrep.evaluation.behaviour.perturbations import PERTURBATIONS
from sitrep.labels import Taxonomy, shipped_taxonomy
from sitrep.storage.tables import check_readable

WORDS = ("name", "kind", "capability", "why")
DEFAULTS = ("label", "changed", "changed_label")
TEST_KEYS = (*WORDS, *DEFAULTS, "slots", "cases")
CASE_KEYS = ("text", *DEFAULTS)


def shipped_files() -> list[Path]:
    """The files of the tests that come with the program, in the order of their names."""
    return sorted(Path(__file__).parent.glob("*.yaml"))


def load_tests(paths: Sequence[str | Path], taxonomy: Taxonomy | None = None) -> list[BehaviourTest]:
    """Read, check and expand the tests of all files, in order.

    Each file is a list of tests. A test has ``name``, ``kind``, ``capability``, ``why`` and ``cases``; a case is a
    text, or a mapping with ``text``, ``label``, ``changed`` (a text or a list) and, in tests of kind ``direction``,
    ``changed_label``. The last three may be given once for the whole test. ``slots`` maps a name to the values that
    stand in its place where a text holds the name in braces.

    Args:
        paths: Of the files.
        taxonomy: Of the labels; ``None``: the four classes and ``none``.

    Raises:
        UserError: At the first thing that is wrong, with its file and test.
    """
    known = (taxonomy or shipped_taxonomy("five")).known
    tests: list[BehaviourTest] = []
    places: dict[str, str] = {}
    for path in map(Path, paths):
        for number, entry in enumerate(_entries(path), 1):
            place = f"{path}: test {number}"
            _require(isinstance(entry, dict), place, f"must be a mapping, not {entry!r}")
            test = _test(entry, known, f"{place} ({entry.get('name', 'without a name')})")
            _require(test.name not in places, place, f"the name {test.name!r} is that of {places.get(test.name)} too")
            places[test.name] = place
            tests.append(test)
    return tests


def _entries(path: Path) -> list[Any]:
    check_readable(path)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    _require(isinstance(content, list) and bool(content), str(path), "must hold a list of behaviour tests")
    return list(content)


def _test(entry: Mapping[str, Any], known: Sequence[str], place: str) -> BehaviourTest:
    _known_keys(entry, TEST_KEYS, place)
    name, kind, capability, why = (_words(entry, key, place) for key in WORDS)
    _require(kind in Kind.__members__, place, f"kind {kind!r} is unknown; use one of {', '.join(Kind.__members__)}")
    slots = _slots(entry.get("slots", {}), place)
    _require(isinstance(entry.get("cases"), list), place, "cases must be a list of texts or mappings")
    defaults = {key: entry[key] for key in DEFAULTS if key in entry}
    cases: dict[Case, None] = {}
    for number, item in enumerate(entry["cases"], 1):
        for case in _cases(item, Kind[kind], defaults, slots, f"{place}, case {number}"):
            for label in (case.label, case.original_label):
                unknown = f"unknown label {label!r}; use one of {', '.join(known)}"
                _require(label is None or label in known, f"{place}, case {number}", unknown)
            _require(case not in cases, place, f"two cases give the text {case.text!r}")
            cases[case] = None
    _require(bool(cases), place, "has no cases")
    return BehaviourTest(name, Kind[kind], capability, why, tuple(cases))


def _cases(
    item: Any, kind: Kind, defaults: Mapping[str, Any], slots: Mapping[str, tuple[str, ...]], place: str
) -> Iterator[Case]:
    """The cases that one entry of ``cases`` expands to."""
    _require(isinstance(item, str | dict), place, f"must be a text or a mapping, not {item!r}; is a quote missing?")
    fields = {"text": item} if isinstance(item, str) else item
    _known_keys(fields, CASE_KEYS, place)
    template = _template({**defaults, **fields}, kind, place)
    for name in sorted(template.slots() - set(slots)):
        known = ", ".join((*slots, *PERTURBATIONS))
        raise UserError(f"{place}: there is no slot {{{name}}}; there are {known}")
    cases = list(expand(kind, template, slots))
    _require(bool(cases), place, "nothing is changed: give changed texts, or a slot of two values or more")
    for case in cases:
        _require(case.text != case.original, place, f"the changed text is its original: {case.text!r}")
    yield from cases


def _template(fields: Mapping[str, Any], kind: Kind, place: str) -> Template:
    text, label = (_words(fields, key, place) for key in ("text", "label"))
    given = fields.get("changed", [])
    changed = [given] if isinstance(given, str) else given
    valid = isinstance(changed, list) and all(isinstance(item, str) and item.strip() for item in changed)
    _require(valid, place, f"changed must be a text or a list of texts, not {given!r}")
    changed_label = _words(fields, "changed_label", place) if "changed_label" in fields else None
    directed = kind is Kind.direction
    _require(not (changed and kind is Kind.minimum), place, "kind minimum takes no changed texts")
    _require(bool(changed) or not directed, place, "kind direction needs changed texts")
    _require((changed_label is not None) == directed, place, "changed_label goes with kind direction alone")
    _require(label != changed_label, place, f"the label and the changed label are both {label}")
    return Template(text, label, tuple(changed), changed_label)


def _slots(given: Any, place: str) -> dict[str, tuple[str, ...]]:
    _require(isinstance(given, dict), place, f"slots must map names to lists of texts, not {given!r}")
    for name, values in given.items():
        _require(name not in PERTURBATIONS, place, f"slot {name!r}: the name is taken; choose another")
        valid = isinstance(values, list) and values and all(isinstance(value, str) for value in values)
        _require(bool(valid), place, f"slot {name!r} must be a list of texts, numbers in quotes, not {values!r}")
    return {name: tuple(values) for name, values in given.items()}


def _words(fields: Mapping[str, Any], key: str, place: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str) or not value.strip():
        raise UserError(f"{place}: {key} must be a text, not {value!r}")
    return value


def _known_keys(fields: Mapping[str, Any], known: Sequence[str], place: str) -> None:
    for key in fields:
        _require(key in known, place, f"unknown key {key!r}; use {', '.join(known)}")


def _require(condition: bool, place: str, problem: str) -> None:
    if not condition:
        raise UserError(f"{place}: {problem}")
