"""What runs a model: engines that turn batches of tokens into logits, behind one interface."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from sitrep.decisions import pool_logits
from sitrep.errors import UserError
from sitrep.labels import Task
from sitrep.model.checkpoint import Checkpoint
from sitrep.model.encoding import Batch
from sitrep.model.hardware import PrecisionChoice, choose_device, choose_precision
from sitrep.settings import Precision

if TYPE_CHECKING:
    import torch


class Engine(Protocol):
    """A loaded model.

    Attributes:
        device: Kind of device that it runs on: ``cpu``, ``cuda`` or ``mps``.
        precision: Number format of its arithmetic, and why.
    """

    device: str
    precision: PrecisionChoice

    def logits(self, batch: Batch) -> np.ndarray:
        """Answer the sentences of a batch.

        Returns:
            Shape (sentences, outputs), float32: the sentences of the first row in the order of its ``starts``, then
            those of the second, and so on.

        Raises:
            UserError: If the batch does not fit into the device's memory.
        """


class TorchEngine:
    """An engine by PyTorch.

    Args:
        model: A :class:`sitrep.model.classifier.SentenceClassifier` in fp32; it is not changed.
        device: Where to run.
        precision: Number format of the weights and the arithmetic.
        packed: Whether sentences are computed without padding where the model is of a kind that can be; else as
            ``transformers`` does it.
    """

    def __init__(self, model: Any, device: "torch.device", precision: PrecisionChoice, packed: bool = True) -> None:
        import torch

        from sitrep.model.classifier import SentenceClassifier
        from sitrep.model.packed import PackedBert

        self.precision = precision
        self.device = device.type
        self._device = device
        if precision.precision is Precision.bf16:
            model = copy.deepcopy(model).to(torch.bfloat16)
        self.model: Any = model.to(device).eval()
        self._packed: PackedBert | None = None
        if packed and type(self.model) is SentenceClassifier and PackedBert.fits(self.model.model):
            self._packed = PackedBert(self.model.model)

    @classmethod
    def load(
        cls, checkpoint: Checkpoint, precision: Precision = Precision.auto, member: Path | None = None
    ) -> "TorchEngine":
        """Load the weights of a checkpoint and check them against its configuration.

        Args:
            checkpoint: An opened one.
            precision: Number format to run in.
            member: Folder of other weights of the same shape; ``None``: those of the checkpoint's own folder.

        Raises:
            UserError: If they cannot be loaded or do not fit.
        """
        device = choose_device()
        choice = choose_precision(precision, device, "inference.precision")
        return cls(_load(checkpoint, member or checkpoint.folder), device, choice)

    def logits(self, batch: Batch) -> np.ndarray:
        """As :meth:`Engine.logits`."""
        import torch

        arrays = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
        arrays |= {"starts": batch.starts, "owners": batch.owners}
        with torch.inference_mode():
            try:
                if self._packed is not None:
                    real = batch.attention_mask.astype(bool)
                    packed = self._packed(batch.input_ids[real], real.sum(axis=1))
                    return np.asarray(packed.float().cpu().numpy())
                answers = self.model(**{name: torch.from_numpy(a).to(self._device) for name, a in arrays.items()})
            except torch.OutOfMemoryError:
                size = batch.input_ids.size
                raise UserError(
                    f"inference.batch_tokens: the GPU's memory is too small for {size} tokens; lower it"
                ) from None
            found: np.ndarray = answers["logits"].float().cpu().numpy()
        return found[batch.starts >= 0]


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
        self.device = members[0].device
        self.precision = members[0].precision

    def logits(self, batch: Batch) -> np.ndarray:
        """As :meth:`Engine.logits`."""
        return pool_logits(np.stack([member.logits(batch) for member in self.members]), self.task)


def load_engine(checkpoint: Checkpoint, precision: Precision = Precision.auto) -> Engine:
    """Load what answers for a checkpoint: its one model, or all members of an ensemble.

    Raises:
        UserError: If weights cannot be loaded or do not fit.
    """
    if not checkpoint.members:
        return TorchEngine.load(checkpoint, precision)
    members = [TorchEngine.load(checkpoint, precision, member) for member in checkpoint.members]
    return EnsembleEngine(members, checkpoint.task)


def _load(checkpoint: Checkpoint, folder: Path) -> Any:
    """The model in fp32, its weights checked against the checkpoint's configuration.

    Args:
        checkpoint: Has the configuration.
        folder: Holds the weights.
    """
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification, logging

    from sitrep.model.classifier import wrap_classifier

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        model, report = AutoModelForSequenceClassification.from_pretrained(
            folder,
            config=AutoConfig.from_pretrained(checkpoint.folder, local_files_only=True),
            local_files_only=True,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except Exception as error:  # what is wrong with a foreign folder decides the type
        raise UserError(f"{folder}: cannot be loaded: {type(error).__name__}: {error}") from None
    for problem in ("missing_keys", "mismatched_keys", "unexpected_keys"):
        if found := sorted(map(str, report[problem])):
            raise UserError(
                f"{folder}: the weights do not fit config.json: {problem.replace('_', ' ')}: {found[0]}"
                + (f" and {len(found) - 1} more" if len(found) > 1 else "")
            )
    _copy_from_files(model)
    return wrap_classifier(model, checkpoint.context)


def _copy_from_files(model: Any) -> None:
    """Weights are mapped from their file at first: one that is written over would change them, or end the process."""
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.data = tensor.data.clone()
