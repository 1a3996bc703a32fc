"""What a search has come to: its trials, which settings matter, the best ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from sitrep.search.study import EPOCHS, FIGURES, REASON, SECONDS, VALUES, SharedStudy

LEAST_FOR_IMPORTANCE = 4
"""Complete trials without which nothing can be said of what matters."""
STATES = {
    TrialState.COMPLETE: "complete",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
}


@dataclass(frozen=True)
class TrialOutcome:
    """One trial.

    Attributes:
        number: Of the study's, from 0.
        state: ``complete``, ``pruned``, ``failed`` or ``running``.
        value: Mean macro-F1 on validation; of a pruned trial that of its last epoch.
        figures: Of the single seeds.
        values: Of the settings that are searched, as they are written on the command line.
        epochs: Done, of all seeds together.
        seconds: That it took.
        reason: Why it failed.
    """

    number: int
    state: str
    value: float | None
    figures: Sequence[float]
    values: Mapping[str, str]
    epochs: int | None
    seconds: float | None
    reason: str

    @classmethod
    def of(cls, trial: FrozenTrial) -> "TrialOutcome":
        """As it stands in the study."""
        told = trial.user_attrs
        reported = trial.intermediate_values
        value = trial.value if trial.state == TrialState.COMPLETE else None
        if trial.state == TrialState.PRUNED and reported:
            value = reported[max(reported)]
        values = told.get(VALUES) or {name: str(value) for name, value in trial.params.items()}
        reason = told.get(REASON, "") if trial.state == TrialState.FAIL else ""
        return cls(
            number=trial.number,
            state=STATES.get(trial.state, trial.state.name.lower()),
            value=value,
            figures=told.get(FIGURES, []),
            values=values,
            epochs=told.get(EPOCHS),
            seconds=told.get(SECONDS),
            reason=reason,
        )


@dataclass(frozen=True)
class SearchResult:
    """What is told of a search.

    Attributes:
        trials: In the order of their numbers.
        importance: Share of each setting in how the figures differ, greatest first; empty where nothing can be said.
        command: That trains with the best settings.
        identity: What was searched, and on which data.
        study: File of the study.
    """

    trials: Sequence[TrialOutcome]
    importance: Mapping[str, float]
    command: str
    identity: Mapping[str, Any]
    study: str

    @property
    def ranked(self) -> list[TrialOutcome]:
        """Complete trials, the best first; then the others."""
        return sorted(self.trials, key=lambda trial: (trial.state != "complete", -(trial.value or 0), trial.number))

    @property
    def best(self) -> TrialOutcome:
        """The best complete trial; there is one."""
        return self.ranked[0]


def best_of(trials: Sequence[TrialOutcome]) -> TrialOutcome | None:
    """The complete trial with the highest figure; of equal ones the first."""
    complete = [trial for trial in trials if trial.state == "complete"]
    return max(complete, key=lambda trial: (trial.value or 0.0, -trial.number)) if complete else None


def importance_of(study: SharedStudy) -> dict[str, float]:
    """Share of the settings in the variance of the figure among complete trials.

    fANOVA: Hutter, Hoos & Leyton-Brown, "An efficient approach for assessing hyperparameter importance", ICML 2014.
    """
    complete = study.study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < LEAST_FOR_IMPORTANCE or len({trial.value for trial in complete}) < 2:
        return {}
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=1)
    return dict(optuna.importance.get_param_importances(study.study, evaluator=evaluator))
