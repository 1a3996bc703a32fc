"""The whole of ``scripts/export.py``: a checkpoint, its graph, whole numbers if wanted, the gate, a new folder."""

import os
import random
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from sitrep.data import corpus
from sitrep.data.loading import LoadedData, columns_of, load_test
from sitrep.data.recorded import training_data_of
from sitrep.errors import UserError
from sitrep.export.gate import Gate, UnitAnswers, answers_of, fastest_faithful
from sitrep.export.graph import OPSET, check_tools, write_graph
from sitrep.export.quantization import calibration_batches, quantize_all
from sitrep.inference.checkpoint_encoder import load_encoder
from sitrep.inference.engine import Engine
from sitrep.inference.engine_timing import least_seconds
from sitrep.inference.onnx_engine import OnnxEngine, open_session
from sitrep.inference.predictor import Predictor
from sitrep.inference.stored_answers import SENTENCES, StoredAnswers
from sitrep.inference.torch_engine import TorchEngine
from sitrep.model import checkpoint as layout
from sitrep.model.checkpoint import Checkpoint, open_checkpoint
from sitrep.model.checkpoint_record import RECORD
from sitrep.model.encoding import InputEncoder
from sitrep.model.export_record import ONNX, ExportRecord, source_digest
from sitrep.model.familiarity import FAMILIARITY
from sitrep.model.hardware import PrecisionChoice, cpu_name, version_of
from sitrep.model.validation_fit import VALIDATION
from sitrep.report.card import exported_card
from sitrep.sentences import LabelledSentence
from sitrep.settings import ExportFormat, ExportSettings, Precision
from sitrep.storage.complete import complete_folder
from sitrep.training.validation_fitting import fit_on_validation

COPIED = (
    "config.json",
    *layout.TOKENIZERS,
    "tokenizer_config.json",
    "special_tokens_map.json",
    layout.TAXONOMY,
    layout.SPEAKER,
    VALIDATION,
    FAMILIARITY,
)
CALIBRATION = 256
"""Training units that scales of activations are taken from."""
SECONDS_EACH = 1.5
"""Time for each model to show how fast it is."""


def export(settings: ExportSettings) -> Path:
    """Export a checkpoint, and leave a complete folder if it answers as it should, or none.

    Returns:
        The new checkpoint folder.

    Raises:
        UserError: For anything wrong with the checkpoint or its data, and if the exported model loses too much.
    """
    check_tools()
    console = Console(stderr=True)
    checkpoint = _exportable(settings.checkpoint)
    data = training_data_of(checkpoint, settings.training_data)
    units = _units(settings, checkpoint, data)
    wanted = settings.output or str(_default_output(checkpoint, settings.format))
    with complete_folder(wanted, "output") as (partial, folder):
        job = _Job(settings, checkpoint, data, units, partial)
        record = job.write(job.make(), folder)
        Predictor.from_checkpoint(str(partial))  # loads as it will for everybody, and gives the stored answers again
    console.print(f"{record.format}, {record.method}: {Gate(**record.gate).words()}", highlight=False, soft_wrap=True)
    for way, figures in record.tried.items():
        console.print(f"  {way}: {Gate(**figures).words()}", highlight=False, soft_wrap=True)
    console.print(f"{record.fitted}\nwritten to {folder}", highlight=False, soft_wrap=True)
    return folder


@dataclass(frozen=True)
class _Job:
    settings: ExportSettings
    checkpoint: Checkpoint
    data: LoadedData | str
    """The training data of the checkpoint, or why they cannot be had."""
    units: Sequence[LabelledSentence]
    """What the answers are checked on."""
    folder: Path
    """To be filled."""

    def make(self) -> ExportRecord:
        """Write the model, and see how it answers.

        Raises:
            UserError: If it cannot be made, or loses too much.
        """
        source = source_digest(layout.weight_files(self.checkpoint.folder))
        from sitrep.model.speaker_heads import read_heads

        engine = TorchEngine.load(self.checkpoint, Precision.fp32)
        if self.checkpoint.knows_speakers:
            engine.model.speakers = read_heads(self.checkpoint.folder)
        fp32 = answers_of(self._predictor(engine), self.units)
        path = self.folder / ONNX
        write_graph(engine.model, self.checkpoint, source, path)
        gates: dict[str, Gate] = {}
        method = "fp32"
        if self.settings.format is ExportFormat["onnx-int8"]:
            method, gates = self._quantize(path, engine, fp32)
        gate = gates.get(method) or self._gates({method: path}, engine, fp32)[method]
        if why := gate.refusal(self.settings.most_f1_loss, self.settings.most_changed_labels):
            raise UserError(
                f"checkpoint={self.checkpoint.folder}: the exported model ({method}) {why}; nothing was kept"
            )
        return ExportRecord(
            format=self.settings.format.name,
            method=method,
            source=source,
            opset=OPSET,
            onnxruntime=version_of("onnxruntime") or "",
            processor=cpu_name(),
            gate=gate.as_plain(),
            tried={way: tried.as_plain() for way, tried in gates.items() if way != method},
        )

    def write(self, record: ExportRecord, folder: Path) -> ExportRecord:
        """Write everything beside the model that makes it a checkpoint, which will be called ``folder``."""
        for name in COPIED:
            if (self.checkpoint.folder / name).is_file():
                shutil.copyfile(self.checkpoint.folder / name, self.folder / name)
        engine = self._onnx(self.folder / ONNX)
        record = replace(record, fitted=self._fit(engine))
        record.write(self.folder)
        StoredAnswers.of(engine, self._encoder(), _known_sentences()).write(self.folder)
        kept = self.checkpoint.record
        assert kept is not None
        base = (self.checkpoint.folder / kept.base).resolve()
        files = layout.recorded_files(self.folder)
        replace(kept, files=files, base=Path(os.path.relpath(base, folder.resolve())).as_posix()).write(self.folder)
        card = self.checkpoint.folder / layout.CARD
        if card.is_file():
            text = exported_card(card.read_text(encoding="utf-8"), record, Gate(**record.gate).words())
            (self.folder / layout.CARD).write_text(text, encoding="utf-8")
        return record

    def _quantize(self, path: Path, torch_engine: Engine, fp32: UnitAnswers) -> tuple[str, dict[str, Gate]]:
        """Put the best model in int8 in the place of the one in fp32."""
        batches = []
        if isinstance(self.data, LoadedData):
            train = self.data.split.train
            chosen = random.Random(0).sample(train, min(CALIBRATION, len(train)))
            batches = calibration_batches(self._encoder(), [sentence.text for sentence in chosen])
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            made = dict(quantize_all(path, Path(scratch), batches))
            gates = self._gates(made, torch_engine, fp32)
            limits = self.settings
            best = fastest_faithful(gates, limits.most_f1_loss, limits.most_changed_labels, limits.least_near)
            os.replace(made[best], path)
        return best, gates

    def _fit(self, engine: Engine) -> str:
        """Fit temperature and thresholds to what int8 answers; say what became of them."""
        if self.settings.format is ExportFormat.onnx:
            return "temperature and thresholds are those of the checkpoint, as the answers are"
        known = self.checkpoint.validation
        if known is None:
            return "the checkpoint has no temperature and no thresholds"
        if isinstance(self.data, str):
            return f"temperature and thresholds are still those of fp32, as {self.data}"
        if not known.is_of(self.data.split.validation):
            return "temperature and thresholds are still those of fp32, as they were fitted on other pages (adapt)"
        plain = Predictor(engine, self._encoder(), self.checkpoint.taxonomy, self.checkpoint.task)
        fit = fit_on_validation(plain, self.data.split.validation, known.target_precision, self.data.calibration)
        fit.write(self.folder)
        return "temperature and thresholds were fitted anew, to the answers in int8"

    def _gates(self, models: Mapping[str, Path], torch_engine: Engine, fp32: UnitAnswers) -> dict[str, Gate]:
        """How each of several models answers beside the one in fp32."""
        engines = {way: self._onnx(path) for way, path in models.items()}
        timed = {"": torch_engine, **engines}
        seconds = least_seconds(timed, self.checkpoint, SECONDS_EACH * len(timed))
        return {
            way: Gate.between(answers_of(self._predictor(engine), self.units), fp32, seconds[""] / seconds[way])
            for way, engine in engines.items()
        }

    def _onnx(self, path: Path) -> OnnxEngine:
        return OnnxEngine(open_session(path), PrecisionChoice(Precision.fp32, "being made"))

    def _predictor(self, engine: Engine) -> Predictor:
        """With the temperature and the thresholds of the checkpoint."""
        known = self.checkpoint
        return Predictor(engine, self._encoder(), known.taxonomy, known.task, known.validation, known.thresholds)

    def _encoder(self) -> InputEncoder:
        known = self.checkpoint
        return load_encoder(known)


def _exportable(location: str) -> Checkpoint:
    """A checkpoint that can be exported.

    Raises:
        UserError: Which it is and why, if it cannot.
    """
    checkpoint = open_checkpoint(location)
    if checkpoint.members:
        raise UserError(
            f"checkpoint={location}: an ensemble of {len(checkpoint.members)} models cannot be exported; export one of "
            "its runs (RUN/seeds/N), or train one model from it with trainer.teacher=[RUN]"
        )
    if not checkpoint.has_weights:
        raise UserError(f"checkpoint={location}: was exported already; name the checkpoint that it was made from")
    if checkpoint.record is None:
        raise UserError(f"checkpoint={location}: has no {RECORD}; only what sitrep trained is exported")
    if not (checkpoint.folder / "tokenizer.json").is_file():
        raise UserError(
            f"checkpoint={location}: its tokenizer has no fast form (tokenizer.json), which prediction without "
            "transformers needs"
        )
    return checkpoint


def _units(settings: ExportSettings, checkpoint: Checkpoint, data: LoadedData | str) -> Sequence[LabelledSentence]:
    """Labelled units to check the answers on."""
    if settings.validation_files:
        assert checkpoint.record is not None
        return load_test(settings.validation_files, columns_of(checkpoint.record.data), checkpoint.taxonomy)[0]
    if isinstance(data, str):
        remedy = "name labelled data to check the answers on with validation_files=[FILE]"
        raise UserError(f"checkpoint={settings.checkpoint}: {data}; {remedy}")
    return data.split.validation


def _default_output(checkpoint: Checkpoint, wanted: ExportFormat) -> Path:
    folder = checkpoint.folder
    return folder.with_name(wanted.name if folder.name == layout.CHECKPOINT else f"{folder.name}-{wanted.name}")


def _known_sentences() -> list[str]:
    """Sentences of the shipped corpus: those of a user's own data do not belong into a checkpoint."""
    return random.Random(0).sample(sorted(set(corpus.load_texts())), SENTENCES)
