"""The whole of ``scripts/train.py``: data, fine-tuning, checkpoint, evaluation, report."""

import json
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from sitrep import checkpoint as layout
from sitrep.checkpoint import open_checkpoint, read_record, record_of
from sitrep.config import InferenceSettings, TrainSettings
from sitrep.config_text import as_plain
from sitrep.data import LoadedData, load_data
from sitrep.doctor.leakage import refuse_leaks
from sitrep.evaluation import add_neighbours, evaluate_split, print_summary, write_results
from sitrep.evaluation.card import CardContent, model_card
from sitrep.evaluation.fitting import fit_on_validation
from sitrep.evaluation.metrics import score
from sitrep.evaluation.provenance import cost
from sitrep.evaluation.results import Results
from sitrep.files import complete_folder, point_latest
from sitrep.inference.predictor import Predictor
from sitrep.training.backbone import check_backbone
from sitrep.training.seeds import SEEDS, SeedRun, average_weights, compare_seeds, keep_checkpoint, median_run
from sitrep.validation import VALIDATION


def train(settings: TrainSettings) -> Path:
    """Run one training job and leave a complete run directory, or none.

    Returns:
        The run directory.

    Raises:
        UserError: For anything wrong with the data, the backbone or the place to write to.
    """
    console = Console(stderr=True)
    began = time.perf_counter()
    with complete_folder(settings.output_dir) as (folder, run):
        check_backbone(settings.model)
        data = load_data(settings.data, settings.labels.label_set)
        if not settings.data.allow_leakage:
            refuse_leaks(data.split)
        _announce(data, settings, console)
        if settings.seeds:
            results = _run_seeds(folder, run, settings, data, console)
        else:
            results = _run(folder, run, settings, data, console)
        results = add_neighbours(results, data.split.train)
        on_device = results.training.get("training_seconds", 0.0) + results.environment["scoring_seconds"]
        results.environment.update(cost(began, results.environment["device"], on_device))
        write_results(folder, results, settings)
        record = {"split_seed": settings.data.split_seed, "article_ids": data.split.article_ids()}
        (folder / layout.SPLIT).write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        _write_card(folder, results, settings)
    point_latest(run, "train")
    print_summary(results, run, console)
    return run


def _write_card(folder: Path, results: Results, settings: TrainSettings) -> None:
    place = folder / layout.CHECKPOINT
    record = read_record(place)
    assert record is not None
    card = model_card(
        CardContent(results.metrics(), record, as_plain(settings), results.environment, results.analysis.intervals)
    )
    (place / layout.CARD).write_text(card, encoding="utf-8")


def _run(
    folder: Path, run: Path, settings: TrainSettings, data: LoadedData, console: Console, first_seed: int | None = None
) -> Results:
    """Train with one seed and score the checkpoint that ``run`` will hold."""
    details = _train_into(folder, run, settings, data, console, first_seed)
    return evaluate_split(_settle(folder, settings, data), data, details)


def _run_seeds(folder: Path, run: Path, settings: TrainSettings, data: LoadedData, console: Console) -> Results:
    """Train with every seed; keep the median run, or the mean of the weights if that is better on validation."""
    runs: list[SeedRun] = []
    for seed in settings.seeds:
        console.print(f"seed {seed}", highlight=False)
        own = replace(settings, seed=seed, seeds=[])
        place = folder / SEEDS / str(seed)
        place.mkdir(parents=True)
        results = _run(place, run / SEEDS / str(seed), own, data, console, settings.seeds[0])
        write_results(place, results, own)
        runs.append(SeedRun(seed, place, results))
    base = _base(run)
    kept = median_run(runs)
    soup = folder / ".soup" / layout.CHECKPOINT
    soup.parent.mkdir()
    average_weights(runs, soup)
    (soup / VALIDATION).unlink()  # of the first run's weights
    keep_checkpoint(soup, soup, base)
    soup_validation = _validation_macro_f1(_settle(soup.parent, settings, data))
    if soup_validation > kept.validation:
        soup.rename(folder / layout.CHECKPOINT)
        compared = compare_seeds(runs, soup_validation, "soup")
        results = evaluate_split(_predictor(folder, settings), data, {"validation_macro_f1_four": soup_validation})
    else:
        keep_checkpoint(kept.folder / layout.CHECKPOINT, folder / layout.CHECKPOINT, base)
        compared = compare_seeds(runs, soup_validation, str(kept.seed))
        results = kept.results
    shutil.rmtree(soup.parent)
    return replace(results, training=results.training | {"seeds": compared})


def _settle(folder: Path, settings: TrainSettings, data: LoadedData) -> Predictor:
    """Load the checkpoint of a run, with what is fitted on validation written into it."""
    predictor = _predictor(folder, settings, calibrated=False)
    place, record = predictor.checkpoint.folder, predictor.checkpoint.record
    assert record is not None
    fit_on_validation(predictor, data.split.validation, settings.target_precision).write(place)
    replace(record, files=layout.recorded_files(place)).write(place)
    return _predictor(folder, settings)


def _predictor(folder: Path, settings: TrainSettings, calibrated: bool = True) -> Predictor:
    inference = InferenceSettings(precision=settings.trainer.precision, batch_tokens=None, window=8192)
    return Predictor(open_checkpoint(str(folder)), inference, calibrated=calibrated)


def _validation_macro_f1(predictor: Predictor) -> float:
    """From the labels that :func:`_settle` has kept of the validation split."""
    fit = predictor.checkpoint.validation
    assert fit is not None
    true, predicted = ([fit.labels[number] for number in numbers] for numbers in (fit.true, fit.predicted))
    return score(true, predicted, fit.labels).macro_f1_four or 0.0


def _base(run: Path) -> str:
    """Where relative paths of the settings start from, as seen from the checkpoint of ``run``."""
    return Path(os.path.relpath(Path.cwd(), run / layout.CHECKPOINT)).as_posix()


def _train_into(
    folder: Path, run: Path, settings: TrainSettings, data: LoadedData, console: Console, first_seed: int | None
) -> dict[str, Any]:
    """Fine-tune, save the checkpoint that ``run`` will hold, and say what ``metrics.json`` tells of the training."""
    from sitrep.training.fine_tuning import fine_tune, save_model
    from sitrep.training.progress import ProgressBar

    began = time.perf_counter()
    bar = ProgressBar(console)
    scratch = folder / ".epochs"
    try:
        trained = fine_tune(settings, data.split, scratch, [bar], first_seed)
    finally:
        bar.close()
    save_model(trained, folder / layout.CHECKPOINT)
    shutil.rmtree(scratch)
    checkpoint = folder / layout.CHECKPOINT
    record = record_of(checkpoint, settings.model, settings.labels.label_set)
    told = {"data": as_plain(settings.data), "base": _base(run), "split": data.split.digests()}
    replace(record, **told).write(checkpoint)
    best = max(trained.history, key=lambda entry: entry["macro_f1_four"])
    return {
        "history": trained.history,
        "best_epoch": best["epoch"],
        "validation_macro_f1_four": trained.validation,
        "precision": trained.precision.name,
        "device": trained.device,
        "training_seconds": trained.seconds,
        "sentences_per_second": trained.sentences / trained.seconds,
        "total_seconds": time.perf_counter() - began,
    }


def _announce(data: LoadedData, settings: TrainSettings, console: Console) -> None:
    articles = data.split.article_ids()
    for name, part in data.split.parts().items():
        console.print(f"{name}: {len(part)} units of {len(articles[name])} articles", highlight=False, soft_wrap=True)
    if data.left_out:
        console.print(
            f"labels={settings.labels.label_set.name}: {data.left_out} units labelled none are left out",
            highlight=False,
        )
