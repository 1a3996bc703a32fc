"""The whole of ``scripts/sweep.py``: read the space, try settings, tell which train best."""

import gc
import hashlib
import json
import os
import shlex
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from sitrep.data.leakage import refuse_leaks
from sitrep.data.loading import load_data
from sitrep.data.split import Split
from sitrep.errors import UserError
from sitrep.labels import Taxonomy, find_taxonomy
from sitrep.model.backbone import check_backbone
from sitrep.report.search_page import print_result, print_trial, write_search
from sitrep.search.space import Dimension, read_space
from sitrep.search.workers import Worker
from sitrep.sentences import LabelledSentence
from sitrep.settings import SweepSettings, TrainSettings
from sitrep.settings.description import as_plain, flattened
from sitrep.storage.complete import TIME, complete_folder, point_latest
from sitrep.training.distillation import Teachers
from sitrep.training.fine_tuning import fine_tune
from sitrep.training.library_arguments import BEST_METRIC

if TYPE_CHECKING:
    import optuna

    from sitrep.search.study import SharedStudy

Compose = Callable[[Sequence[str]], TrainSettings]
"""Settings of a training from what would stand on its command line."""

MOST_FAILURES = 3
"""Trials that may fail before one is finished; they all will."""
WITHOUT_BEARING = {
    *("seed", "seeds", "output_dir", "keep", "resume", "repeat", "target_precision"),
    *("trainer.track", "trainer.tracking_uri", "trainer.save_minutes"),
    *(f"data.{part}_files" for part in ("train", "validation", "test", "calibration")),
}
"""Settings of training that change nothing in the figure that is searched for, or that the search sets itself.

Where files lie may differ between machines; what is in them may not."""


def sweep(settings: SweepSettings, compose: Compose) -> Path | None:
    """Search for settings and leave a complete result directory.

    Any number of processes may work at one study; the last one writes the result.

    Args:
        settings: Of the search.
        compose: Makes the settings of a trial, and applies all rules to them.

    Returns:
        The result directory; ``None`` if other processes are still at work.

    Raises:
        UserError: If the space holds a setting or a value that there is not, if the study is another search's, or if
            no trial could be finished.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UserError("several processes share a search without torchrun: start scripts/sweep.py in each")
    if TIME not in settings.output_dir and Path(settings.output_dir).exists():
        raise UserError(f"{settings.output_dir}: exists already and was kept; choose another output_dir or remove it")
    console = Console(stderr=True)
    search = _Search(settings, compose, console)
    path = Path(settings.study) if settings.study else search.own_study()
    with Worker(path) as worker:
        from sitrep.search.study import SharedStudy

        study = SharedStudy(path, search.identity, settings.trials, settings.sampler_seed, settings.prune, worker)
        search.work(study)
        running = study.running()
        if running:
            told = f"other processes are at {running} trials; the last one to end writes the result"
            console.print(told, highlight=False, soft_wrap=True)
            return None
        return search.tell(study)


@dataclass(frozen=True)
class _TrialData:
    """What the trials with the same data settings learn from; the test split is not among it."""

    split: Split
    taxonomy: Taxonomy
    unlabelled: tuple[LabelledSentence, ...]
    digests: dict[str, str]


class _Search:
    """What the steps of a search share."""

    def __init__(self, settings: SweepSettings, compose: Compose, console: Console) -> None:
        self.settings = settings
        self.compose = compose
        self.console = console
        self.space: dict[str, Dimension] = read_space(settings.space)
        self._data: dict[str, _TrialData] = {}
        first = {name: dimension.examples()[0] for name, dimension in self.space.items()}
        base = self._settings_of(first)
        for name, dimension in self.space.items():
            for value in dimension.examples()[1:]:
                self._settings_of(first | {name: value})  # refuses what no trial could be made with
        check_backbone(base.model)
        shared = {name: value for name, value in flattened(as_plain(base)).items() if name not in WITHOUT_BEARING}
        self.identity = {
            "space": {name: as_plain(value) for name, value in settings.space.items()},
            "train": {name: value for name, value in shared.items() if name not in self.space},
            "seeds": list(settings.seeds),
            "data": self._data_of(base).digests,
        }

    def own_study(self) -> Path:
        """The file of this search and of no other."""
        known = json.dumps(self.identity, sort_keys=True).encode()
        return Path("outputs/sweep") / f"study-{hashlib.sha256(known).hexdigest()[:8]}.journal"

    def work(self, study: "SharedStudy") -> None:
        """Do trials until there are as many as wanted."""
        from sitrep.search.trial_outcomes import TrialOutcome, best_of

        known = study.trials()
        state = f"{len(known)} of {self.settings.trials} trials are there" if known else "new"
        self.console.print(f"study {study.path}: {state}", highlight=False, markup=False, soft_wrap=True)
        while (trial := study.begin()) is not None:
            values = {name: dimension.suggest(trial, name) for name, dimension in self.space.items()}
            told = " ".join(f"{name}={value}" for name, value in values.items())
            self.console.print(f"trial {trial.number}: {told}", highlight=False, markup=False, soft_wrap=True)
            try:
                self._try(study, trial, values)
            except Exception as error:
                # Whatever ends one trial must not end the study; a bug keeps its traceback in the study's file.
                reason = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
                told_of = {"values": values, "reason": " ".join(reason.split()), "traceback": traceback.format_exc()}
                study.fail(trial, told_of)
            except BaseException:  # a signal
                study.cut_off(trial)
                kept = f"what is done of the study is kept in {study.path}; the same command goes on"
                self.console.print(kept, highlight=False, markup=False, soft_wrap=True)
                raise
            outcomes = [TrialOutcome.of(each) for each in study.trials()]
            print_trial(next(each for each in outcomes if each.number == trial.number), best_of(outcomes), self.console)
            _refuse_if_all_fail(outcomes)

    def tell(self, study: "SharedStudy") -> Path:
        """Write the result, and print the best settings."""
        from sitrep.search.trial_outcomes import SearchResult, TrialOutcome, best_of, importance_of

        outcomes = [TrialOutcome.of(trial) for trial in study.trials()]
        best = best_of(outcomes)
        if best is None:
            reasons = "; ".join(dict.fromkeys(each.reason for each in outcomes if each.reason)) or "all were pruned"
            raise UserError(f"no trial was finished: {reasons}")
        result = SearchResult(
            outcomes, importance_of(study), self._command(best.values), self.identity, str(study.path)
        )
        with complete_folder(self.settings.output_dir) as (partial, folder):
            write_search(partial, result)
        point_latest(folder, "sweep")
        print_result(result, folder, self.console)
        return folder

    def _try(self, study: "SharedStudy", trial: "optuna.Trial", values: dict[str, str]) -> None:
        """Train once for every seed, and keep what came of it."""
        import optuna

        from sitrep.search.pruning import EpochReport
        from sitrep.training.progress import ProgressBar

        began = time.perf_counter()
        figures: list[float] = []
        epochs = 0
        seeds = self.settings.seeds
        pruned = False
        chosen = self._settings_of(values)
        data = self._data_of(chosen)
        for seed in seeds:
            report = EpochReport(trial, f"eval_{BEST_METRIC}", tuple(figures))
            bar = ProgressBar(self.console)
            if len(seeds) > 1:
                self.console.print(f"seed {seed}", highlight=False)
            first = seeds[0] if len(seeds) > 1 else None  # as training with several seeds does
            try:
                with tempfile.TemporaryDirectory(prefix="sitrep-trial-") as scratch:
                    place = Path(scratch) / "epochs"
                    trained = fine_tune(
                        replace(chosen, seed=seed),
                        data.split,
                        data.taxonomy,
                        place,
                        [bar, report],
                        first,
                        data.unlabelled,
                    )
                figures.append(trained.validation)
                del trained
            except optuna.TrialPruned:
                pruned = True
            finally:
                bar.close()
                _free_memory()
            epochs += report.epochs
            if pruned:
                break
        told = {"values": values, "figures": figures, "epochs": epochs, "seconds": time.perf_counter() - began}
        kept = study.prune(trial, told) if pruned else study.complete(trial, sum(figures) / len(figures), told)
        if not kept:
            told_of = f"trial {trial.number}: another process took this one for dead and does it again"
            self.console.print(told_of, highlight=False, soft_wrap=True)

    def _settings_of(self, values: dict[str, str]) -> TrainSettings:
        return self.compose([*self.settings.train, *(f"{name}={value}" for name, value in values.items())])

    def _data_of(self, chosen: TrainSettings) -> _TrialData:
        """Read the data, unless the trial before had the same."""
        decides = [as_plain(chosen.data), chosen.labels, chosen.task.name, chosen.trainer.teacher]
        key = json.dumps(decides, sort_keys=True)
        if key not in self._data:
            taxonomy = find_taxonomy(chosen.labels)
            trainer = chosen.trainer
            teachers = Teachers.open(trainer.teacher, taxonomy, chosen.task, trainer.precision)
            split = load_data(chosen.data, taxonomy).split
            if not chosen.data.allow_leakage:
                refuse_leaks(split)
            digests = split.digests()
            unlabelled: tuple[LabelledSentence, ...] = ()
            if trainer.teacher:
                split, unlabelled, _ = teachers.instruct(split, chosen.data.unlabelled_files)
            self._data = {key: _TrialData(replace(split, test=()), taxonomy, unlabelled, digests)}
        return self._data[key]

    def _command(self, values: Any) -> str:
        """What trains with these settings, for the shell."""
        seeds = self.settings.seeds
        last = f"seed={seeds[0]}" if len(seeds) == 1 else f"seeds=[{','.join(map(str, seeds))}]"
        arguments = [*self.settings.train, *(f"{name}={value}" for name, value in values.items()), last]
        return " ".join(["python", "scripts/train.py", *map(shlex.quote, arguments)])


def _refuse_if_all_fail(outcomes: Sequence[Any]) -> None:
    """Every trial of a search that cannot work would fail for the same reason."""
    ended = [each for each in outcomes if each.state != "running"]
    if len(ended) >= MOST_FAILURES and all(each.state == "failed" for each in ended):
        raise UserError(f"all of the first {len(ended)} trials failed, the last with: {ended[-1].reason}")


def _free_memory() -> None:
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
