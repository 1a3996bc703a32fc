"""The whole of ``scripts/train.py``: data, fine-tuning, validation, checkpoint, evaluation, report."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from sitrep.data.leakage import refuse_leaks
from sitrep.data.loading import LoadedData, load_data
from sitrep.errors import Stopped
from sitrep.evaluation.provenance import cost
from sitrep.evaluation.results import Results
from sitrep.evaluation.scoring import add_neighbours, evaluate_split
from sitrep.inference.predictor import Predictor
from sitrep.inference.torch_engine import TorchEngine
from sitrep.labels import Taxonomy, find_taxonomy
from sitrep.model import checkpoint as layout
from sitrep.model.backbone import check_backbone
from sitrep.model.checkpoint import open_checkpoint
from sitrep.model.validation_fit import ValidationFit
from sitrep.report.card import CardContent, model_card
from sitrep.report.evaluation import print_summary
from sitrep.report.result_folder import write_results
from sitrep.report.training_page import write_training_page
from sitrep.sentences import LabelledSentence
from sitrep.settings import KeptWeights, TrainSettings
from sitrep.settings.description import as_plain
from sitrep.storage.complete import point_latest
from sitrep.training.distillation import Teachers
from sitrep.training.fine_tuning import FineTuned, fine_tune
from sitrep.training.processes import Processes
from sitrep.training.repetition import compare_runs, comparison_in_words, repeated_settings, write_comparison
from sitrep.training.run_folder import RunFolder, finished_run, how_to_go_on, run_folder, tidy
from sitrep.training.run_identity import run_identity
from sitrep.training.saving import CheckpointWriter
from sitrep.training.seeds import (
    SEEDS,
    SeedRun,
    compare_seeds,
    copy_checkpoint,
    make_ensemble,
    mean_speakers,
    mean_weights,
    median_run,
    read_done,
    write_done,
)
from sitrep.training.validation_fitting import fit_on_validation, validation_macro_f1
from sitrep.training.watching import Watch


def train(settings: TrainSettings) -> Path:
    """Run one training job, or go on with one, and leave a complete run directory, or one to go on with, or none.

    Several processes may enter it together, such as those of ``torchrun``: all train, the first one writes.

    Returns:
        The run directory.

    Raises:
        UserError: For anything wrong with the data, the backbone or the place to write to.
        Stopped: If a signal came.
    """
    began = time.perf_counter()
    processes = Processes()
    console = Console(stderr=True, quiet=not processes.is_main)
    if settings.repeat:
        settings = repeated_settings(settings)
    if done := finished_run(settings):
        _tell(console, f"{done}: is finished")
        return done
    with (
        _run_folder(settings, processes, console) as place,
        Watch(settings, place.folder, place.run, console, processes.is_main, write_training_page) as watch,
    ):
        folder, run = place.folder, place.run
        repeats, settings = settings.repeat, replace(settings, output_dir=str(run), resume=None, repeat=None)
        job = _Job(settings, place, processes, console, watch)
        results = job.train_seeds() if settings.seeds else job.train_once()
        if results is None:
            return run
        results = add_neighbours(results, job.data.split.train)
        on_device = results.training.get("training_seconds", 0.0) + results.environment["scoring_seconds"]
        results.environment.update(cost(began, results.environment["device"], on_device))
        write_results(folder, results, settings)
        _write_split(folder, settings, job.data)
        _write_card(folder, results, settings)
        compared = compare_runs(Path(repeats), folder, settings) if repeats else None
        if compared:
            write_comparison(folder, compared)
    point_latest(run, "train")
    watch.publish(results.metrics())
    print_summary(results, run, console)
    for line in comparison_in_words(compared) if compared else ():
        _tell(console, line)
    return run


@contextmanager
def _run_folder(settings: TrainSettings, processes: Processes, console: Console) -> Iterator[RunFolder]:
    """The folder to fill and the one that it will become; the main process makes both, the others are told of them."""
    if processes.is_main:
        with run_folder(settings, partial(_tell, console)) as place:
            yield processes.share(place)
        return
    place = processes.share(None)
    try:
        yield place
    except Stopped as stopped:
        stopped.kept = how_to_go_on(place)
        raise


class _Job:
    """What the steps of a run share: settings, data, and the place to write to."""

    def __init__(
        self, settings: TrainSettings, place: RunFolder, processes: Processes, console: Console, watch: Watch
    ) -> None:
        check_backbone(settings.model)
        self.settings = settings
        self.folder, self.run, self.training = place.folder, place.run, place.training
        self.processes = processes
        self.console = console
        self.watch = watch
        self.taxonomy: Taxonomy = find_taxonomy(settings.labels)
        trainer = settings.trainer
        teachers = Teachers.open(trainer.teacher, self.taxonomy, settings.task, trainer.precision)
        self.data: LoadedData = load_data(settings.data, self.taxonomy)
        if not settings.data.allow_leakage:
            refuse_leaks(self.data.split, self.data.calibration)
        _announce(self.data, settings, console)
        self.unlabelled: tuple[LabelledSentence, ...] = ()
        if trainer.teacher:
            self._hear(teachers)
        self.writer = CheckpointWriter(settings, self.taxonomy, self.data.split)
        if processes.is_main:
            place.begin(run_identity(settings, self.data, self.unlabelled, processes.count), partial(_tell, console))

    def _hear(self, teachers: Teachers) -> None:
        """Ask the teachers for the probabilities of what is learnt from, and of pages without labels."""
        split = self.data.split
        for folder in teachers.strangers(split.digests()["test"]):
            told = f"trainer.teacher={folder}: was measured on other pages, and may have learnt from these test pages"
            _tell(self.console, told)
        split, self.unlabelled, passed = teachers.instruct(split, self.settings.data.unlabelled_files)
        self.data = replace(self.data, split=split)
        if self.unlabelled or passed:
            told = f"without labels: {len(self.unlabelled)} units"
            told += f"; {passed} more are left out, as they stand in the labelled data" if passed else ""
            _tell(self.console, told)

    def train_once(self) -> Results | None:
        """Train with one seed and score the checkpoint; ``None`` in processes that only help to train."""
        trained, told = self._fine_tune(self.settings, self.training / str(self.settings.seed))
        self.processes.part()
        if not self.processes.is_main:
            return None
        predictor = _predictor_of(trained, self.taxonomy, self.settings)
        fit = self._fit(predictor)
        self.writer.write(trained, fit, self.folder, self.run)
        return self._evaluate(self.folder, told)

    def train_seeds(self) -> Results | None:
        """Train with every seed; keep the median run, the mean of the weights if validation finds it better, or all."""
        runs: list[SeedRun] = []
        results: dict[int, Callable[[], Results]] = {}
        for seed in self.settings.seeds:
            place, scratch = self.folder / SEEDS / str(seed), self.training / str(seed)
            is_last = seed == self.settings.seeds[-1]  # its model is wanted below, and so made again
            done = read_done(scratch, seed, place) if self.processes.is_main and not is_last else None
            if self.processes.share(done is not None):
                _tell(self.console, f"seed {seed}: was done before")
                if done:
                    runs.append(done[0])
                    results[seed] = partial(self._evaluate, place, done[1])
                continue
            self.console.print(f"seed {seed}", highlight=False)
            settings = replace(self.settings, seed=seed, seeds=[], keep=KeptWeights.auto)
            trained, told = self._fine_tune(settings, scratch, self.settings.seeds[0])
            if not self.processes.is_main:
                continue
            tidy(place)
            place.mkdir(parents=True, exist_ok=True)
            predictor = _predictor_of(trained, self.taxonomy, settings)
            fit = self._fit(predictor)
            self.writer.write(trained, fit, place, self.run / SEEDS / str(seed))
            found = self._evaluate(place, told)
            write_results(place, found, settings)
            scores = found.scores
            f1 = {label: scores.per_class[label].f1 for label in self.taxonomy.averaged}
            runs.append(SeedRun(seed, place, validation_macro_f1(predictor, fit), scores.macro_f1, f1))
            results[seed] = partial(_given, found)
            if not is_last:
                write_done(scratch, runs[-1], told)
        self.processes.part()
        return self._keep(runs, results, trained) if self.processes.is_main else None

    def _keep(self, runs: list[SeedRun], results: dict[int, Callable[[], Results]], last: FineTuned) -> Results:
        """Put the weights that did best on validation into their place; ``last`` lends its shape to their mean."""
        median = median_run(runs)
        folders = [run.folder / layout.CHECKPOINT for run in runs]
        last.model.model.load_state_dict(mean_weights(folders))
        if last.model.speakers is not None:
            last.model.speakers.load_state_dict(mean_speakers(folders))
        predictor = _predictor_of(last, self.taxonomy, self.settings)
        fit = self._fit(predictor)
        soup = validation_macro_f1(predictor, fit)
        if soup > median.validation:
            self.writer.write(last, fit, self.folder, self.run)
        else:
            copy_checkpoint(median, self.folder / layout.CHECKPOINT)
            self.writer.write_record(last, self.folder, self.run)
        ensemble = None
        if self.settings.keep is KeptWeights.ensemble:
            place = self.folder / layout.CHECKPOINT
            ensemble = make_ensemble(place, runs, self._fit, self.settings.trainer.precision)
        compared = compare_seeds(runs, soup, ensemble)
        if compared["kept"] == str(median.seed):
            kept = results[median.seed]()
        else:
            kept = self._evaluate(self.folder, {"validation_macro_f1": soup if ensemble is None else ensemble})
        return replace(kept, training=kept.training | {"seeds": compared})

    def _fine_tune(
        self, settings: TrainSettings, scratch: Path, first_seed: int | None = None
    ) -> tuple[FineTuned, dict[str, Any]]:
        """Train, and say what ``metrics.json`` tells of it."""
        from sitrep.training.progress import ProgressBar

        began = time.perf_counter()
        bar = ProgressBar(self.console)
        tell = partial(_tell, self.console)
        try:
            split, unlabelled = self.data.split, self.unlabelled
            callbacks = [bar, *self.watch.callbacks(settings.seed)]
            trained = fine_tune(settings, split, self.taxonomy, scratch, callbacks, first_seed, unlabelled, tell)
        finally:
            bar.close()
        return trained, trained.told(self.processes.count) | {"total_seconds": time.perf_counter() - began}

    def _fit(self, predictor: Predictor) -> ValidationFit:
        target = self.settings.target_precision
        return fit_on_validation(predictor, self.data.split.validation, target, self.data.calibration)

    def _evaluate(self, folder: Path, told: dict[str, Any]) -> Results:
        """Score the checkpoint as a user of it would."""
        checkpoint = open_checkpoint(str(folder))
        precision, speaker = self.settings.trainer.precision, checkpoint.knows_speakers
        predictor = Predictor.from_checkpoint(checkpoint, precision=precision, speaker=speaker)
        return evaluate_split(checkpoint, predictor, self.data, told)


def _tell(console: Console, line: str) -> None:
    console.print(line, highlight=False, markup=False, soft_wrap=True)


def _given(results: Results) -> Results:
    return results


def _predictor_of(trained: FineTuned, taxonomy: Taxonomy, settings: TrainSettings) -> Predictor:
    """A predictor of weights that are not saved yet, without calibration."""
    engine = TorchEngine(trained.model, trained.device, trained.precision)
    return Predictor(engine, trained.encoder, taxonomy, settings.task)


def _write_split(folder: Path, settings: TrainSettings, data: LoadedData) -> None:
    record = {"split_seed": settings.data.split_seed, "article_ids": data.split.article_ids()}
    (folder / layout.SPLIT).write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_card(folder: Path, results: Results, settings: TrainSettings) -> None:
    checkpoint = open_checkpoint(str(folder))
    card = model_card(
        CardContent(results.metrics(), checkpoint, as_plain(settings), results.environment, results.analysis.intervals)
    )
    (checkpoint.folder / layout.CARD).write_text(card, encoding="utf-8")


def _announce(data: LoadedData, settings: TrainSettings, console: Console) -> None:
    articles = data.split.article_ids()
    for name, part in data.split.parts().items():
        console.print(f"{name}: {len(part)} units of {len(articles[name])} articles", highlight=False, soft_wrap=True)
    if data.left_out:
        console.print(f"labels={settings.labels}: {data.left_out} units of other labels are left out", highlight=False)
