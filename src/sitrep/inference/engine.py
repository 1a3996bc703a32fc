"""What runs a model: engines that turn batches of tokens into logits, behind one interface."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from sitrep.decisions import pool_logits, speaker_heads
from sitrep.errors import UserError
from sitrep.inference.engine_choice import choose_engine
from sitrep.inference.onnx_engine import OnnxEngine
from sitrep.inference.torch_engine import ReferenceEngine, TorchEngine
from sitrep.labels import Task
from sitrep.model.checkpoint import SPEAKER, Checkpoint
from sitrep.model.encoding import Batch
from sitrep.model.hardware import PrecisionChoice
from sitrep.settings import EngineName, Precision
from sitrep.speakers import OUTPUTS


class Engine(Protocol):
    """A loaded model.

    Attributes:
        name: Of its kind.
        device: Kind of device that it runs on: ``cpu``, ``cuda`` or ``mps``.
        precision: Number format of its arithmetic, and why.
        with_speakers: Whether it answers who speaks too.
    """

    name: EngineName
    device: str
    precision: PrecisionChoice
    with_speakers: bool

    def logits(self, batch: Batch) -> np.ndarray:
        """Answer the sentences of a batch.

        Returns:
            Shape (sentences, outputs), float32: the sentences of the first row in the order of its ``starts``, then
            those of the second, and so on. Behind the outputs of the labels stand those of
            :data:`sitrep.speakers.NAMES` where it answers who speaks.

        Raises:
            UserError: If the batch does not fit into the device's memory.
        """


class EnsembleEngine:
    """Several models that answer as one, with the mean of their probabilities.

    That is a deep ensemble: Lakshminarayanan et al., "Simple and scalable predictive uncertainty estimation using deep
    ensembles", NeurIPS 2017. Its logits are those of the mean, so that a temperature scales the mean and not each
    member: the mean of calibrated members is less sure than it is right (Rahaman and Thiery, "Uncertainty
    quantification and deep ensembles", NeurIPS 2021).

    Args:
        members: At least one, of like device and precision.
        task: Whether the outputs of a member exclude each other.
    """

    def __init__(self, members: Sequence[Engine], task: Task) -> None:
        self.members = members
        self.task = task
        self.name = members[0].name
        self.device = members[0].device
        self.precision = members[0].precision
        self.with_speakers = members[0].with_speakers

    def logits(self, batch: Batch) -> np.ndarray:
        """As :meth:`Engine.logits`."""
        found = np.stack([member.logits(batch) for member in self.members])
        if not self.with_speakers:
            return pool_logits(found, self.task)
        pooled = [pool_logits(head, Task.single_label) for head in speaker_heads(found[..., -OUTPUTS:])]
        return np.concatenate([pool_logits(found[..., :-OUTPUTS], self.task), *pooled], axis=-1)


def load_engine(
    checkpoint: Checkpoint,
    precision: Precision = Precision.auto,
    engine: EngineName = EngineName.auto,
    with_speakers: bool = False,
) -> Engine:
    """Load what answers for a checkpoint: its one model, or all members of an ensemble.

    Args:
        checkpoint: An opened one.
        precision: Number format to run in.
        engine: What is to run it; ``auto``: see :func:`sitrep.inference.engine_choice.choose_engine`.
        with_speakers: Let it answer who speaks too.

    Raises:
        UserError: If weights cannot be loaded or do not fit, or what is needed is not installed; if it is to answer
            who speaks and has not learnt it.
    """
    if with_speakers and not checkpoint.knows_speakers:
        raise UserError(
            f"speaker=true: {checkpoint.folder} has not learnt who speaks (no {SPEAKER}); train on data with the "
            "columns speech and speaker, and with trainer.speaker_weight above 0"
        )
    chosen = choose_engine(checkpoint, precision) if engine is EngineName.auto else engine
    if chosen is EngineName.onnx:
        return OnnxEngine.load(checkpoint, precision, with_speakers)
    if not checkpoint.has_weights:
        raise UserError(
            f"engine={chosen.name}: {checkpoint.folder} was exported, and holds no weights; use engine=onnx"
        )
    kind = ReferenceEngine if chosen is EngineName.reference else TorchEngine
    if not checkpoint.members:
        return kind.load(checkpoint, precision, with_speakers=with_speakers)
    members = [kind.load(checkpoint, precision, member, with_speakers) for member in checkpoint.members]
    return EnsembleEngine(members, checkpoint.task)
