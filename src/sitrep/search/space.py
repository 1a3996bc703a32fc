"""What a search may choose from: ranges of numbers, and lists of values."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sitrep.errors import UsageError
from sitrep.settings.rules import require

if TYPE_CHECKING:
    import optuna

NUMBER = r"[-+]?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?"
RANGE = re.compile(rf"({NUMBER})\.\.({NUMBER})(?::(.*))?")
GRAMMAR = "write a range as LOW..HIGH, LOW..HIGH:log or LOW..HIGH:STEP, and single values with commas between them"


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included.

    Attributes:
        low: The least.
        high: The greatest.
        whole: Whether only whole numbers are meant.
        log: Whether factors count, not differences.
        step: Between neighbours; ``None``: any number between.
    """

    low: float
    high: float
    whole: bool
    log: bool = False
    step: float | None = None

    def suggest(self, trial: "optuna.Trial", name: str) -> str:
        """A value for a trial, as it is written on the command line."""
        if self.whole:
            step = 1 if self.step is None else int(self.step)
            return str(trial.suggest_int(name, int(self.low), int(self.high), step=step, log=self.log))
        return self.written(trial.suggest_float(name, self.low, self.high, step=self.step, log=self.log))

    def written(self, value: float) -> str:
        """Four digits, unless they leave the range."""
        short = f"{value:.4g}"
        return short if self.low <= float(short) <= self.high else repr(value)

    def examples(self) -> list[str]:
        """The values that must be valid for all to be."""
        return [str(int(end)) if self.whole else repr(end) for end in (self.low, self.high)]


@dataclass(frozen=True)
class Choice:
    """One of a list.

    Attributes:
        values: As they are written on the command line.
    """

    values: tuple[str, ...]

    def suggest(self, trial: "optuna.Trial", name: str) -> str:
        """A value for a trial, as it is written on the command line."""
        return str(trial.suggest_categorical(name, self.values))

    def examples(self) -> list[str]:
        """The values that must be valid for all to be."""
        return list(self.values)


Dimension = Range | Choice


def is_range(value: str) -> bool:
    """Whether a value looks as if a range was meant, rightly written or not."""
    return bool(re.fullmatch(r"[^\s'\"/]*\.\.[^\s'\"/]*", value))


def read_space(space: Mapping[str, Any]) -> dict[str, Dimension]:
    """The dimensions of a search by the setting that each is of.

    Args:
        space: Lists of values, or ranges as text.

    Raises:
        UsageError: If there is none, or one cannot be read.
    """
    if not space:
        example = "trainer.learning_rate=1e-5..1e-3:log trainer.batch_size=16,32"
        raise UsageError(f"nothing is searched; give settings several values, such as {example}")
    return {name: _dimension(name, value) for name, value in space.items()}


def _dimension(name: str, value: Any) -> Dimension:
    if isinstance(value, str):
        return _range(name, value)
    values = tuple(map(str, value)) if isinstance(value, list | tuple) else ()
    require(len(set(values)) == len(values) > 1, name, value, f"name two values or more that differ; {GRAMMAR}")
    return Choice(values)


def _range(name: str, text: str) -> Range:
    found = RANGE.fullmatch(text)
    require(found is not None, name, text, GRAMMAR)
    low, high, how = found.groups()  # type: ignore[union-attr]
    log, step = how == "log", None
    if how is not None and not log:
        require(bool(re.fullmatch(NUMBER, how)), name, text, GRAMMAR)
        step = float(how)
        require(0 < step <= float(high) - float(low), name, text, "the step must lie above 0 and within the range")
    require(float(low) < float(high), name, text, "the first number must be the lower one")
    require(not log or float(low) > 0, name, text, "with log both numbers must lie above 0")
    whole = all(re.fullmatch(r"[-+]?\d+", part) for part in (low, high, *([how] if step else [])))
    top = float(high)
    if step:  # the last step may go beyond the end
        top = float(low) + math.floor((top - float(low)) / step + 1e-9) * step
    return Range(float(low), top, whole, log, step)
