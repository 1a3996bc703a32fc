"""What is tried next."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

STARTUP_TRIALS = 10
"""Trials that are drawn at random before the others guide the choice."""


class NumberedSampler(BaseSampler):
    """The tree-structured Parzen estimator, seeded anew by the number of each trial.

    So that processes that begin together try different things, and one process alone always the same.

    Args:
        seed: Of the whole search.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._sampler: BaseSampler = self._of(0)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Begin the random numbers of a trial."""
        self._sampler = self._of(trial.number)
        self._sampler.before_trial(study, trial)

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """As Optuna's own."""
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """As Optuna's own."""
        return self._sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """As Optuna's own."""
        return self._sampler.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """As Optuna's own."""
        self._sampler.after_trial(study, trial, state, values)

    def _of(self, number: int) -> BaseSampler:
        seed = int(np.random.SeedSequence([self._seed, number]).generate_state(1)[0])
        return TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS, multivariate=True, constant_liar=True)
