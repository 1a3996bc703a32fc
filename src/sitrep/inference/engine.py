"""What runs a model: engines that turn batches of tokens into logits, behind one interface."""

import copy
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from sitrep.errors import UserError
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
    """

    def __init__(self, model: Any, device: "torch.device", precision: PrecisionChoice) -> None:
        import torch

        self.precision = precision
        self.device = device.type
        self._device = device
        if precision.precision is Precision.bf16:
            model = copy.deepcopy(model).to(torch.bfloat16)
        self.model: Any = model.to(device).eval()

    @classmethod
    def load(cls, checkpoint: Checkpoint, precision: Precision = Precision.auto) -> "TorchEngine":
        """Load the weights of a checkpoint and check them against its configuration.

        Raises:
            UserError: If they cannot be loaded or do not fit.
        """
        device = choose_device()
        choice = choose_precision(precision, device, "inference.precision")
        return cls(_load(checkpoint), device, choice)

    def logits(self, batch: Batch) -> np.ndarray:
        """As :meth:`Engine.logits`."""
        import torch

        arrays = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
        arrays |= {"starts": batch.starts, "owners": batch.owners}
        with torch.inference_mode():
            try:
                answers = self.model(**{name: torch.from_numpy(a).to(self._device) for name, a in arrays.items()})
            except torch.OutOfMemoryError:
                size = batch.input_ids.size
                raise UserError(
                    f"inference.batch_tokens: the GPU's memory is too small for {size} tokens; lower it"
                ) from None
            found: np.ndarray = answers["logits"].float().cpu().numpy()
        return found[batch.starts >= 0]


def _load(checkpoint: Checkpoint) -> Any:
    """The model in fp32, its weights checked against its configuration."""
    import torch
    from transformers import AutoModelForSequenceClassification, logging

    from sitrep.model.classifier import wrap_classifier

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        model, report = AutoModelForSequenceClassification.from_pretrained(
            checkpoint.folder,
            local_files_only=True,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except Exception as error:  # what is wrong with a foreign folder decides the type
        raise UserError(f"{checkpoint.folder}: cannot be loaded: {type(error).__name__}: {error}") from None
    for problem in ("missing_keys", "mismatched_keys", "unexpected_keys"):
        if found := sorted(map(str, report[problem])):
            raise UserError(
                f"{checkpoint.folder}: the weights do not fit config.json: {problem.replace('_', ' ')}: {found[0]}"
                + (f" and {len(found) - 1} more" if len(found) > 1 else "")
            )
    return wrap_classifier(model, checkpoint.context)
