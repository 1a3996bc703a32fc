"""The whole of ``scripts/label.py adapt``: labels of a user's pages, what they make better, the checkpoint."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from sitrep.adaptation.adapted_checkpoint import write_adapted
from sitrep.adaptation.candidates import AS_IS, Measurement, best_of
from sitrep.adaptation.cross_fitting import FEWEST_TO_LEARN, FurtherTraining, cross_fit
from sitrep.adaptation.own_units import read_own_units
from sitrep.data.recorded import training_data_of
from sitrep.errors import UserError
from sitrep.model.checkpoint import CHECKPOINT, CONFIG, Checkpoint, open_checkpoint
from sitrep.report.adaptation import Adaptation, print_adaptation, write_adaptation
from sitrep.sentences import LabelledSentence
from sitrep.settings import AdaptSettings, TrainingData
from sitrep.settings.description import as_plain
from sitrep.storage.complete import complete_folder, point_latest

TOO_FEW = f"nothing was learnt: that wants {FEWEST_TO_LEARN} units drawn at random; fewer measure and calibrate"
GENTLE = 0.25
"""Share of the learning rate of the training proper at which a checkpoint is trained on."""
REFERENCE_UNITS = 2000
"""Units that a curve of five coefficients is fitted to; more would take time and say little."""
UNKNOWN_RATE = 1e-5
"""Learning rate where nothing tells that of the training: it suits large backbones."""


def adapt(settings: AdaptSettings) -> Path:
    """Measure what labels of a user's pages make better, and write the best as a checkpoint.

    Returns:
        The result folder.

    Raises:
        UserError: If the labels are too few or not those of the checkpoint, or it cannot be trained on.
    """
    console = Console(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True)
    checkpoint = _checkpoint(settings)
    own = read_own_units(Path(settings.labels), checkpoint.taxonomy, settings.seed)
    with complete_folder(settings.output_dir) as (folder, place):
        pages = len(set(own.pages))
        console.print(f"{len(own.sentences)} labels of {pages} pages, {own.measuring.sum()} of units drawn at random")
        reference, note = reference_units(checkpoint, settings.training_data)
        few = "" if own.measuring.sum() >= FEWEST_TO_LEARN else TOO_FEW
        notes = [text for text in (own.note, few, note) if text]
        training = FurtherTraining(
            checkpoint, settings.learning_rate or gentle_rate(checkpoint), settings.inference.precision, settings.seed
        )
        answers, end = cross_fit(training, own, reference, console.print)
        measurement = Measurement(checkpoint, own, reference, settings.target_precision, settings.seed)
        candidates = measurement.candidates(answers)
        best = best_of(candidates)
        fitted = None if best.name == AS_IS else measurement.fit(answers[best.share])
        write_adapted(folder / CHECKPOINT, training, end, best, fitted, own, settings.target_precision)
        adapted = open_checkpoint(str(folder))  # as its user will
        found = Adaptation(
            candidates=candidates,
            best=best,
            acceptance_thresholds=adapted.validation.acceptance_thresholds if adapted.validation else {},
            units=len(own.sentences),
            measured=int(own.measuring.sum()),
            pages=pages,
            notes=notes,
            settings=as_plain(settings),
        )
        write_adaptation(folder, found)
    point_latest(place, "adapt")
    print_adaptation(found, place, console)
    return place


def _checkpoint(settings: AdaptSettings) -> Checkpoint:
    checkpoint = open_checkpoint(settings.checkpoint)
    if checkpoint.members:
        seeds = ", ".join(member.name for member in checkpoint.members)
        raise UserError(
            f"checkpoint={settings.checkpoint}: an ensemble cannot be trained on; name one of its runs, "
            f"such as {Path(settings.checkpoint) / 'seeds' / checkpoint.members[0].name} (seeds {seeds})"
        )
    if not checkpoint.has_weights:
        raise UserError(
            f"checkpoint={settings.checkpoint}: was exported and has no weights; name the run that it is of"
        )
    return checkpoint


def reference_units(checkpoint: Checkpoint, wanted: TrainingData) -> tuple[list[LabelledSentence], str]:
    """Units that training did not learn from: foreign pages if there are any, else the validation split."""
    data = training_data_of(checkpoint, wanted)
    if isinstance(data, str):
        return [], f"nothing will be accepted unread: {data}"
    return _thinned(data.calibration or data.split.validation), ""


def _thinned(sentences: Sequence[LabelledSentence]) -> list[LabelledSentence]:
    """Whole pages, evenly taken, that hold about as many units as the curve of confidence wants."""
    step = max(1, round(len(sentences) / REFERENCE_UNITS))
    pages = list(dict.fromkeys(sentence.article_id for sentence in sentences))[::step]
    kept = set(pages)
    return [sentence for sentence in sentences if sentence.article_id in kept]


def gentle_rate(checkpoint: Checkpoint) -> float:
    """A quarter of the learning rate that the run was trained with, if it tells."""
    import yaml

    config = checkpoint.folder.parent / CONFIG
    if not config.is_file():
        return UNKNOWN_RATE
    content = yaml.safe_load(config.read_text(encoding="utf-8"))
    trainer = content.get("trainer") if isinstance(content, dict) else None
    rate = trainer.get("learning_rate") if isinstance(trainer, dict) else None
    return GENTLE * float(rate) if rate else UNKNOWN_RATE
