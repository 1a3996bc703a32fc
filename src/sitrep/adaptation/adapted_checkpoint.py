"""The checkpoint that a user's labels made."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sitrep.adaptation.candidates import Candidate, Fitted
from sitrep.adaptation.cross_fitting import FurtherTraining
from sitrep.adaptation.own_units import OwnUnits
from sitrep.data.leakage import text_digests
from sitrep.labels import Task
from sitrep.model.checkpoint import SPEAKER, Checkpoint, recorded_files, weight_files, write_taxonomy
from sitrep.model.checkpoint_record import CheckpointRecord
from sitrep.model.encoding import InputEncoder
from sitrep.model.familiarity import Familiarity
from sitrep.model.surroundings import reading_of
from sitrep.model.validation_fit import ValidationFit, number_articles
from sitrep.sentences import LabelledSentence
from sitrep.storage.complete import publish
from sitrep.training.further_training import put_between

FITTED = ("temperature", "temperature_note", "thresholds", "target_precision", "acceptance_thresholds")
"""Of a :class:`sitrep.model.validation_fit.ValidationFit`: what belongs to the answers, and stays where they do."""
NOTHING_FITTED = "the checkpoint is as it was, and had none"


def write_adapted(
    folder: Path,
    training: FurtherTraining,
    end: dict[str, Any],
    best: Candidate,
    fitted: Fitted | None,
    own: OwnUnits,
    target_precision: float,
) -> None:
    """Write the checkpoint folder.

    Args:
        folder: That it becomes; not there yet.
        training: Holds the model.
        end: Weights that learnt from all units.
        best: What is kept.
        fitted: On all units that measure; ``None``: what was fitted before stays.
        own: The user's units.
        target_precision: Wanted share of right labels among those accepted.
    """
    checkpoint = training.checkpoint
    put_between(training.classifier, training.start, end, best.share)
    folder.mkdir(parents=True)
    training.classifier.model.save_pretrained(folder)
    for path in weight_files(folder):
        publish(path)  # safetensors makes weights that nobody else may read
    for path in checkpoint.folder.iterdir():
        copied = path.suffix in (".json", ".txt", ".model") or path.name == SPEAKER  # the encoder moved but little
        if path.is_file() and copied and not (folder / path.name).exists():
            shutil.copyfile(path, folder / path.name)
    write_taxonomy(folder, checkpoint.taxonomy)
    validation_of(best, fitted, own, training, target_precision).write(folder)
    if checkpoint.familiarity:
        accustomed(checkpoint.familiarity, training.encoder, own.sentences).write(folder)
    _record_of(checkpoint, folder, own).write(folder)


def validation_of(
    best: Candidate, fitted: Fitted | None, own: OwnUnits, training: FurtherTraining, target_precision: float
) -> ValidationFit:
    """What the checkpoint tells of the user's pages: labels given without having learnt from the page."""
    checkpoint = training.checkpoint
    labels = list(checkpoint.labels)
    counted = [s for s, counts in zip(own.sentences, own.measuring, strict=True) if counts]
    single = checkpoint.task is Task.single_label
    found = ValidationFit(
        labels=labels,
        true=[labels.index(sentence.label) for sentence in counted],
        predicted=[labels.index(label) for label in best.predicted],
        articles=number_articles([sentence.article_id for sentence in counted]),
        temperature=None,
        temperature_note=NOTHING_FITTED,
        thresholds={},
        target_precision=target_precision,
        acceptance_thresholds={},
    )
    if fitted is None:
        kept = checkpoint.validation
        return replace(found, **{name: getattr(kept, name) for name in FITTED}) if kept else found
    return replace(
        found,
        temperature=fitted.temperature * training.temperature,
        temperature_note="",
        thresholds=fitted.thresholds,
        acceptance_thresholds=dict.fromkeys(labels, fitted.least) if single else {},
    )


def accustomed(familiarity: Familiarity, encoder: InputEncoder, sentences: Sequence[LabelledSentence]) -> Familiarity:
    """The same words known, but pages like the labelled ones are no longer unfamiliar: they were measured on.

    The lines around a unit, as far as they are known, tell of its page too; units near each other share some.
    """
    reading = reading_of(sentences)
    lines = list(dict.fromkeys(zip(reading.pages, reading.texts, strict=True)))
    tokens, _ = encoder.tokenize([text for _, text in lines])
    return familiarity.accustomed_to(tokens, [page for page, _ in lines], encoder.tokenizer)


def _record_of(checkpoint: Checkpoint, folder: Path, own: OwnUnits) -> CheckpointRecord:
    """What the old record says, as its test split was not learnt from, and the user's units, which were."""
    old = checkpoint.record or CheckpointRecord(checkpoint.max_tokens, window_tokens=checkpoint.window_tokens)
    base = os.path.relpath((checkpoint.folder / old.base).resolve(), folder.resolve())
    return replace(
        old,
        files=recorded_files(folder),
        base=Path(base).as_posix(),
        context=checkpoint.context.name,
        adapted_to=sorted({*old.adapted_to, *text_digests(own.sentences)}),
    )
