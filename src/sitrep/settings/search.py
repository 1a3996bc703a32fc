"""Settings of a search for settings."""

from dataclasses import dataclass, field
from typing import Any

from sitrep.settings.rules import expand_home, require

NOT_SEARCHED = {"seed": "name the seeds of each trial as seeds=[1,2,3]", "keep": "a trial keeps no weights"}
"""Settings of training that a search decides itself, and what to do instead."""


@dataclass
class SweepSettings:
    """Settings of `scripts/sweep.py`."""

    train: list[str] = field(default_factory=list)
    """Settings of `scripts/train.py` that all trials share: whatever else is written with one value."""
    space: dict[str, Any] = field(default_factory=dict)
    """What is searched: whatever else is written with values parted by commas, or as `LOW..HIGH` (`:log`, `:STEP`)."""
    trials: int = 20
    """Trials of the study at most, those of all processes and of earlier calls together."""
    seeds: list[int] = field(default_factory=lambda: [1])
    """Seeds of each trial; what counts is the mean of their macro-F1 on validation."""
    prune: bool = True
    """Give a trial up that lies below the median of the others at the end of the same epoch, from the second on."""
    study: str | None = None
    """File that keeps the trials, for any number of processes and machines; `null`: one in `outputs/sweep` by the
    search."""
    sampler_seed: int = 1
    """Seed of what is tried."""
    output_dir: str = "outputs/sweep/{time}"
    """Folder of the result, which must not exist yet; `{time}` becomes the time of the end."""

    def __post_init__(self) -> None:
        expand_home(self, "study", "output_dir")
        require(self.study != "", "study", self.study, "name a file")
        require(1 <= self.trials <= 100_000, "trials", self.trials, "must lie between 1 and 100,000")
        require(0 <= self.sampler_seed < 2**32, "sampler_seed", self.sampler_seed, "must lie between 0 and 4294967295")
        distinct = len(set(self.seeds)) == len(self.seeds) > 0 and all(0 <= seed < 2**32 for seed in self.seeds)
        require(distinct, "seeds", self.seeds, "name one or more that differ, each between 0 and 4294967295")
        for name in [argument.partition("=")[0] for argument in self.train] + list(self.space):
            require(name not in NOT_SEARCHED, name, "…", NOT_SEARCHED.get(name, ""))
