"""Engines by PyTorch: the fast one, and the plain one that all others are measured against."""

import copy
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sitrep.errors import UsageError, UserError
from sitrep.model.checkpoint import Checkpoint
from sitrep.model.encoding import Batch
from sitrep.model.hardware import DEFAULT_SIZES, PrecisionChoice, Sizes, choose_device, choose_precision
from sitrep.settings import EngineName, Precision
from sitrep.storage.complete import read_json

if TYPE_CHECKING:
    import torch

    from sitrep.model.packed import PackedClassifier


class TorchEngine:
    """An engine by PyTorch.

    Args:
        model: A :class:`sitrep.model.classifier.SentenceClassifier` in fp32; it is not changed.
        device: Where to run.
        precision: Number format of the weights and the arithmetic.
        with_speakers: Answer who speaks too, by the heads of the model.
    """

    name = EngineName.torch

    def __init__(
        self, model: Any, device: "torch.device", precision: PrecisionChoice, with_speakers: bool = False
    ) -> None:
        import torch

        self.precision = precision
        self.with_speakers = with_speakers
        self.device = device.type
        self._device = device
        if precision.precision is Precision.bf16:
            model = copy.deepcopy(model).to(torch.bfloat16)
        self.model: Any = model.to(device).eval()

    @classmethod
    def load(
        cls,
        checkpoint: Checkpoint,
        precision: Precision = Precision.auto,
        member: Path | None = None,
        with_speakers: bool = False,
    ) -> "TorchEngine":
        """Load the weights of a checkpoint and check them against its configuration.

        Args:
            checkpoint: An opened one.
            precision: Number format to run in.
            member: Folder of other weights of the same shape; ``None``: those of the checkpoint's own folder.
            with_speakers: Load the heads that say who speaks, and let them answer.

        Raises:
            UserError: If they cannot be loaded or do not fit.
        """
        device = choose_device()
        choice = choose_precision(precision, device, "inference.precision", _sizes(checkpoint))
        return cls(_loaded(checkpoint, member, with_speakers), device, choice, with_speakers)

    @cached_property
    def packed(self) -> "PackedClassifier | None":
        """The model without padding; ``None`` where it is of a kind that only ``transformers`` computes."""
        from sitrep.model.classifier import SentenceClassifier
        from sitrep.model.packed import PackedClassifier

        lone = type(self.model) is SentenceClassifier
        if not PackedClassifier.fits(self.model.model) or (not lone and self.device != "cpu"):
            return None  # windows of a page want a mask each: on a GPU that is a kernel each, and slower than padding
        return PackedClassifier(self.model.model, self.model.speakers if self.with_speakers else None)

    def logits(self, batch: Batch) -> np.ndarray:
        """As :meth:`sitrep.inference.engine.Engine.logits`."""
        import torch

        arrays = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask}
        arrays |= {"starts": batch.starts, "owners": batch.owners}
        with torch.inference_mode():
            try:
                if self.packed is not None:
                    return np.asarray(self._without_padding(self.packed, batch).float().cpu().numpy())
                tensors = {name: torch.from_numpy(array).to(self._device) for name, array in arrays.items()}
                answers = self.model(**tensors, with_speakers=self.with_speakers)
            except torch.OutOfMemoryError:
                size = batch.input_ids.size
                raise UserError(
                    f"inference.batch_tokens: the GPU's memory is too small for {size} tokens; lower it"
                ) from None
            found: np.ndarray = torch.cat(list(answers.values()), dim=-1).float().cpu().numpy()
        return found[batch.starts >= 0]

    @staticmethod
    def _without_padding(packed: "PackedClassifier", batch: Batch) -> "torch.Tensor":
        real = batch.attention_mask.astype(bool)
        lengths = real.sum(axis=1)
        begins = (np.cumsum(lengths) - lengths)[:, None] + batch.starts
        windows = bool((batch.owners > batch.owners[:, :1]).any())
        owners = batch.owners[real] if windows else None
        return packed(batch.input_ids[real], lengths, begins[batch.starts >= 0], owners)


class ReferenceEngine(TorchEngine):
    """PyTorch in fp32, one row at a time and without padding, so that no answer hangs on what else is in the batch."""

    name = EngineName.reference
    packed = None  # as transformers computes it

    @classmethod
    def load(
        cls,
        checkpoint: Checkpoint,
        precision: Precision = Precision.auto,
        member: Path | None = None,
        with_speakers: bool = False,
    ) -> "ReferenceEngine":
        """As :meth:`TorchEngine.load`.

        Raises:
            UsageError: If another number format than fp32 is asked for.
        """
        if precision not in (Precision.auto, Precision.fp32):
            raise UsageError(f"inference.precision={precision.name}: engine=reference computes in fp32")
        choice = PrecisionChoice(Precision.fp32, "engine=reference")
        return cls(_loaded(checkpoint, member, with_speakers), choose_device(), choice, with_speakers)

    def logits(self, batch: Batch) -> np.ndarray:
        """As :meth:`TorchEngine.logits`."""
        return np.concatenate([super(ReferenceEngine, self).logits(row) for row in _single_rows(batch)])


def _single_rows(batch: Batch) -> list[Batch]:
    """Each row of a batch by itself, without what it was filled up with."""
    lengths, sentences = batch.attention_mask.sum(axis=1), (batch.starts >= 0).sum(axis=1)
    return [
        Batch(
            batch.input_ids[[row], :length],
            batch.attention_mask[[row], :length],
            batch.starts[[row], :count],
            batch.owners[[row], :length],
        )
        for row, (length, count) in enumerate(zip(lengths, sentences, strict=True))
    ]


def _loaded(checkpoint: Checkpoint, member: Path | None, with_speakers: bool) -> Any:
    """The model of a checkpoint or of one of its members, its heads for who speaks only where they are wanted."""
    from sitrep.model.speaker_heads import read_heads

    folder = member or checkpoint.folder
    model = load_classifier(checkpoint, folder)
    if with_speakers:
        model.speakers = read_heads(folder)
    return model


def load_classifier(checkpoint: Checkpoint, folder: Path) -> Any:
    """The model in fp32, its weights checked against the checkpoint's configuration.

    Args:
        checkpoint: Has the configuration.
        folder: Holds the weights.

    Raises:
        UserError: If they cannot be loaded or do not fit.
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


def _sizes(checkpoint: Checkpoint) -> Sizes:
    """Of the model's matrix products, as its configuration names them."""
    config = read_json(checkpoint.folder / "config.json")
    outer, inner = config.get("hidden_size"), config.get("intermediate_size")
    return (outer, inner) if isinstance(outer, int) and isinstance(inner, int) else DEFAULT_SIZES
