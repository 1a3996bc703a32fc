"""What a model makes of behaviour tests."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sitrep.evaluation.behaviour.cases import BehaviourTest, Case, Kind

EXAMPLES_SHOWN = 3


@dataclass(frozen=True)
class Failure:
    """A case that a model failed.

    Attributes:
        original: What the text was changed from; ``None`` in a test of kind ``minimum``.
        original_given: The model's label of the original; ``None`` where there is none.
        text: The text.
        expected: The label that it should have had: the model's own of the original in a test of kind ``invariance``,
            else the codebook's.
        given: The label that the model gave it. In a test of kind ``direction`` it may be the expected one, where the
            original had that label already, so that nothing changed.
    """

    original: str | None
    original_given: str | None
    text: str
    expected: str
    given: str


@dataclass(frozen=True)
class Outcome:
    """How a model did in one test.

    Attributes:
        name: Of the test.
        kind: Of the test, by name.
        capability: Of the test.
        why: The rule or reason behind the test.
        cases: Number of cases that the model was asked.
        failures: Number that it failed.
        failure_rate: Share that it failed; ``None`` if it was asked none. CheckList's figure, but that every pair of
            original and changed text counts, where CheckList counts an original once, with all that was made of it.
        interval: 95 % interval of the failure rate (E. B. Wilson, "Probable Inference, the Law of Succession, and
            Statistical Inference", 1927); ``None`` if no case was asked. It takes the cases for independent draws.
            Those of one template are not, so that it is too narrow by as much as they are alike.
        left_out: Number of cases that were not asked, as their label is none of the model's.
        examples: At most three failures, spread evenly over all in the order of the cases.
    """

    name: str
    kind: str
    capability: str
    why: str
    cases: int
    failures: int
    failure_rate: float | None
    interval: tuple[float, float] | None
    left_out: int
    examples: tuple[Failure, ...]


def run(
    predict: Callable[[Sequence[str]], Sequence[str]],
    tests: Sequence[BehaviourTest],
    labels: Sequence[str],
) -> list[Outcome]:
    """Ask a model every case once.

    Args:
        predict: Gives each text its label, in order. It is called once, with every distinct text.
        tests: What to ask.
        labels: Those that the model can answer with. A case is left out if its text or its original has another.

    Returns:
        One outcome a test, in order.

    Raises:
        ValueError: If ``predict`` does not give one label a text.
    """
    asked = {test.name: [case for case in test.cases if _answerable(case, labels)] for test in tests}
    texts = list(
        dict.fromkeys(text for cases in asked.values() for case in cases for text in (case.original, case.text) if text)
    )
    given = dict(zip(texts, predict(texts), strict=True)) if texts else {}
    return [_outcome(test, asked[test.name], given) for test in tests]


def _answerable(case: Case, labels: Sequence[str]) -> bool:
    return case.label in labels and (case.original_label is None or case.original_label in labels)


def _outcome(test: BehaviourTest, cases: Sequence[Case], given: Mapping[str, str]) -> Outcome:
    failed = [failure for case in cases if (failure := _failure(test.kind, case, given)) is not None]
    step = max(1, -(-len(failed) // EXAMPLES_SHOWN))
    return Outcome(
        name=test.name,
        kind=test.kind.name,
        capability=test.capability,
        why=test.why,
        cases=len(cases),
        failures=len(failed),
        failure_rate=len(failed) / len(cases) if cases else None,
        interval=_interval(len(failed), len(cases)),
        left_out=len(test.cases) - len(cases),
        examples=tuple(failed[::step]),
    )


def _failure(kind: Kind, case: Case, given: Mapping[str, str]) -> Failure | None:
    """The failure that a case is, or ``None`` if the model passed it."""
    label = given[case.text]
    before = None if case.original is None else given[case.original]
    expected = before if kind is Kind.invariance and before is not None else case.label
    unchanged = kind is Kind.direction and before == expected
    if label == expected and not unchanged:
        return None
    return Failure(case.original, before, case.text, expected, label)


def _interval(failures: int, cases: int) -> tuple[float, float] | None:
    if not cases:
        return None
    from scipy.stats import binomtest

    found = binomtest(failures, cases).proportion_ci(confidence_level=0.95, method="wilson")
    return float(found.low), float(found.high)
