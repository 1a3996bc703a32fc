"""The whole of ``scripts/train.py``: data, fine-tuning, validation, checkpoint, evaluation, report."""

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from sitrep.data.leakage import refuse_leaks
from sitrep.data.loading import LoadedData, load_data
from sitrep.errors import UserError
from sitrep.evaluation.provenance import cost
from sitrep.evaluation.results import Results
from sitrep.evaluation.scoring import add_neighbours, evaluate_split
from sitrep.inference.predictor import Predictor
from sitrep.inference.torch_engine import TorchEngine
from sitrep.labels import Taxonomy, find_taxonomy
from sitrep.model import checkpoint as layout
from sitrep.model.backbone import check_backbone
from sitrep.model.checkpoint import open_checkpoint, write_taxonomy
from sitrep.model.checkpoint_record import CheckpointRecord
from sitrep.model.familiarity import fit_familiarity
from sitrep.model.validation_fit import ValidationFit
from sitrep.report.card import CardContent, model_card
from sitrep.report.evaluation import print_summary
from sitrep.report.result_folder import write_results
from sitrep.report.training_page import write_training_page
from sitrep.sentences import LabelledSentence
from sitrep.settings import KeptWeights, TrainSettings
from sitrep.settings.description import as_plain
from sitrep.storage.complete import complete_folder, point_latest, publish
from sitrep.training.distillation import Teachers
from sitrep.training.fine_tuning import FineTuned, fine_tune
from sitrep.training.processes import Processes
from sitrep.training.seeds import (
    SEEDS,
    SeedRun,
    compare_seeds,
    copy_checkpoint,
    make_ensemble,
    mean_weights,
    median_run,
)
from sitrep.training.validation_fitting import fit_on_validation, validation_macro_f1
from sitrep.training.watching import Watch


def train(settings: TrainSettings) -> Path:
    """Run one training job and leave a complete run directory, or none.

    Several processes may enter it together, such as those of ``torchrun``: all train, the first one writes.

    Returns:
        The run directory.

    Raises:
        UserError: For anything wrong with the data, the backbone or the place to write to.
    """
    began = time.perf_counter()
    processes = Processes()
    console = Console(stderr=True, quiet=not processes.is_main)
    with (
        _run_folder(settings.output_dir, processes) as (folder, run),
        Watch(settings, folder, run, console, processes.is_main, write_training_page) as watch,
    ):
        settings = replace(settings, output_dir=str(run))
        job = _Job(settings, folder, run, processes, console, watch)
        results = job.train_seeds() if settings.seeds else job.train_once()
        if results is None:
            return run
        results = add_neighbours(results, job.data.split.train)
        on_device = results.training.get("training_seconds", 0.0) + results.environment["scoring_seconds"]
        results.environment.update(cost(began, results.environment["device"], on_device))
        write_results(folder, results, settings)
        _write_split(folder, settings, job.data)
        _write_card(folder, results, settings)
    point_latest(run, "train")
    watch.publish(results.metrics())
    print_summary(results, run, console)
    return run


@contextmanager
def _run_folder(wanted: str, processes: Processes) -> Iterator[tuple[Path, Path]]:
    """The folder to fill and the one that it will become; the main process makes both, the others are told of them."""
    if not processes.is_main:
        yield processes.share(None)
        return
    with complete_folder(wanted) as (folder, run):
        yield processes.share((folder, run))


class _Job:
    """What the steps of a run share: settings, data, and the place to write to."""

    def __init__(
        self, settings: TrainSettings, folder: Path, run: Path, processes: Processes, console: Console, watch: Watch
    ) -> None:
        check_backbone(settings.model)
        self.settings = settings
        self.folder = folder
        self.run = run
        self.processes = processes
        self.console = console
        self.watch = watch
        self.taxonomy: Taxonomy = find_taxonomy(settings.labels)
        trainer = settings.trainer
        teachers = Teachers.open(trainer.teacher, self.taxonomy, settings.task, trainer.precision)
        self.data: LoadedData = load_data(settings.data, self.taxonomy)
        if not settings.data.allow_leakage:
            refuse_leaks(self.data.split)
        _announce(self.data, settings, console)
        self.unlabelled: tuple[LabelledSentence, ...] = ()
        if trainer.teacher:
            self._hear(teachers)

    def _hear(self, teachers: Teachers) -> None:
        """Ask the teachers for the probabilities of what is learnt from, and of pages without labels."""
        split = self.data.split
        for folder in teachers.strangers(split.digests()["test"]):
            told = f"trainer.teacher={folder}: was measured on other pages, and may have learnt from these test pages"
            self.console.print(told, highlight=False, markup=False, soft_wrap=True)
        split, self.unlabelled, passed = teachers.instruct(split, self.settings.data.unlabelled_files)
        self.data = replace(self.data, split=split)
        if self.unlabelled or passed:
            told = f"without labels: {len(self.unlabelled)} units"
            told += f"; {passed} more are left out, as they stand in the test or the validation set" if passed else ""
            self.console.print(told, highlight=False, soft_wrap=True)

    def train_once(self) -> Results | None:
        """Train with one seed and score the checkpoint; ``None`` in processes that only help to train."""
        trained, told = self._fine_tune(self.settings)
        self.processes.part()
        if not self.processes.is_main:
            return None
        predictor = _predictor_of(trained, self.taxonomy, self.settings)
        fit = self._fit(predictor)
        self._save(trained, fit, self.folder, self.run)
        return self._evaluate(self.folder, told)

    def train_seeds(self) -> Results | None:
        """Train with every seed; keep the median run, the mean of the weights if validation finds it better, or all."""
        runs: list[SeedRun] = []
        results: dict[int, Results] = {}
        for seed in self.settings.seeds:
            self.console.print(f"seed {seed}", highlight=False)
            settings = replace(self.settings, seed=seed, seeds=[], keep=KeptWeights.auto)
            trained, told = self._fine_tune(settings, self.settings.seeds[0])
            if not self.processes.is_main:
                continue
            place = self.folder / SEEDS / str(seed)
            place.mkdir(parents=True, exist_ok=True)
            predictor = _predictor_of(trained, self.taxonomy, settings)
            fit = self._fit(predictor)
            self._save(trained, fit, place, self.run / SEEDS / str(seed))
            results[seed] = self._evaluate(place, told)
            write_results(place, results[seed], settings)
            scores = results[seed].scores
            f1 = {label: scores.per_class[label].f1 for label in self.taxonomy.averaged}
            runs.append(SeedRun(seed, place, validation_macro_f1(predictor, fit), scores.macro_f1, f1))
        self.processes.part()
        return self._keep(runs, results, trained) if self.processes.is_main else None

    def _keep(self, runs: list[SeedRun], results: dict[int, Results], last: FineTuned) -> Results:
        """Put the weights that did best on validation into their place; ``last`` lends its shape to their mean."""
        median = median_run(runs)
        last.model.model.load_state_dict(mean_weights([run.folder / layout.CHECKPOINT for run in runs]))
        predictor = _predictor_of(last, self.taxonomy, self.settings)
        fit = self._fit(predictor)
        soup = validation_macro_f1(predictor, fit)
        if soup > median.validation:
            self._save(last, fit, self.folder, self.run)
        else:
            copy_checkpoint(median, self.folder / layout.CHECKPOINT)
            self._write_record(self.folder, self.run)
        ensemble = None
        if self.settings.keep is KeptWeights.ensemble:
            place = self.folder / layout.CHECKPOINT
            ensemble = make_ensemble(place, runs, self._fit, self.settings.trainer.precision)
        compared = compare_seeds(runs, soup, ensemble)
        if compared["kept"] == str(median.seed):
            kept = results[median.seed]
        else:
            kept = self._evaluate(self.folder, {"validation_macro_f1": soup if ensemble is None else ensemble})
        return replace(kept, training=kept.training | {"seeds": compared})

    def _fine_tune(self, settings: TrainSettings, first_seed: int | None = None) -> tuple[FineTuned, dict[str, Any]]:
        """Train, and say what ``metrics.json`` tells of it."""
        from sitrep.training.progress import ProgressBar

        began = time.perf_counter()
        bar = ProgressBar(self.console)
        scratch = self.folder / ".epochs"
        try:
            callbacks = [bar, *self.watch.callbacks(settings.seed)]
            trained = fine_tune(
                settings, self.data.split, self.taxonomy, scratch, callbacks, first_seed, self.unlabelled
            )
        finally:
            bar.close()
        if self.processes.is_main:
            shutil.rmtree(scratch)
        best = max(trained.history, key=lambda entry: entry["macro_f1"])
        return trained, {
            "history": trained.history,
            "best_epoch": best["epoch"],
            "validation_macro_f1": trained.validation,
            "precision": trained.precision.precision.name,
            "precision_reason": trained.precision.reason,
            "device": trained.device.type,
            "processes": self.processes.count,
            "training_seconds": trained.seconds,
            "sentences_per_second": trained.sentences / trained.seconds,
            "total_seconds": time.perf_counter() - began,
        }

    def _fit(self, predictor: Predictor) -> ValidationFit:
        target = self.settings.target_precision
        return fit_on_validation(predictor, self.data.split.validation, target, self.data.calibration)

    def _save(self, trained: FineTuned, fit: ValidationFit, folder: Path, run: Path) -> None:
        """Write the checkpoint that ``run`` will hold."""
        from safetensors import SafetensorError

        checkpoint = folder / layout.CHECKPOINT
        try:
            trained.model.model.save_pretrained(checkpoint)
            trained.tokenizer.save_pretrained(checkpoint)
        except SafetensorError as error:  # a full disk, which the weights' library reports in a type of its own
            raise UserError(f"the weights could not be written: {error}; nothing half-written was kept") from None
        for path in checkpoint.iterdir():
            publish(path)  # safetensors makes weights that nobody else may read
        write_taxonomy(checkpoint, self.taxonomy)
        fit.write(checkpoint)
        if familiarity := fit_familiarity(trained.encoder, self.data.split.train):
            familiarity.write(checkpoint)
        self._write_record(folder, run)

    def _write_record(self, folder: Path, run: Path) -> None:
        checkpoint = folder / layout.CHECKPOINT
        model = self.settings.model
        CheckpointRecord(
            max_tokens=model.max_tokens,
            files=layout.recorded_files(checkpoint),
            data=as_plain(self.settings.data),
            base=Path(os.path.relpath(Path.cwd(), run / layout.CHECKPOINT)).as_posix(),
            split=self.data.split.digests(),
            context=model.context.name,
            window_tokens=model.window_tokens,
        ).write(checkpoint)

    def _evaluate(self, folder: Path, told: dict[str, Any]) -> Results:
        """Score the checkpoint as a user of it would."""
        checkpoint = open_checkpoint(str(folder))
        predictor = Predictor.from_checkpoint(checkpoint, precision=self.settings.trainer.precision)
        return evaluate_split(checkpoint, predictor, self.data, told)


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
