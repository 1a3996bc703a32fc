"""Settings of comparing runs."""

import string
from dataclasses import dataclass

from sitrep.config.rules import MISSING, require


@dataclass
class CompareSettings:
    """Settings of `scripts/compare.py`."""

    a: str = MISSING
    """First run: a folder that `scripts/train.py` or `scripts/evaluate.py` made, or a `latest` link to one."""
    b: str = MISSING
    """Second run, scored on the same units."""
    others: list[str] = MISSING
    """Further runs, each compared with each other; the p-values are then adjusted for the number of pairs."""
    names: list[str] = MISSING
    """What the report calls the runs, in their order; empty: `a`, `b`, `c` and so on."""
    draws: int = MISSING
    """Draws of whole articles for intervals and tests."""
    seed: int = MISSING
    """Seed of the draws."""
    output_dir: str = MISSING
    """Folder of the result; it must not exist yet."""

    def __post_init__(self) -> None:
        for name in ("a", "b"):
            require(bool(getattr(self, name)), name, getattr(self, name), "name the folder of a run")
        runs = 2 + len(self.others)
        require(runs <= len(string.ascii_lowercase), "others", self.others, "26 runs can be compared at most")
        rule = f"name all {runs} runs, each by a name of its own, or none"
        require(not self.names or len(set(self.names) - {""}) == len(self.names) == runs, "names", self.names, rule)
        require(100 <= self.draws <= 10**6, "draws", self.draws, "must lie between 100 and 1,000,000")
        require(0 <= self.seed < 2**32, "seed", self.seed, "must lie between 0 and 4294967295")

    def runs(self) -> dict[str, str]:
        """The folder of each run by its name."""
        locations = [self.a, self.b, *self.others]
        names = self.names or list(string.ascii_lowercase[: len(locations)])
        return dict(zip(names, locations, strict=True))
