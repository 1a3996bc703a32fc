"""From a classifier of PyTorch to a graph of ONNX, optimised for ONNX Runtime."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sitrep.errors import UserError, is_installed, not_installed
from sitrep.inference.onnx_engine import check_onnxruntime
from sitrep.model.checkpoint import Checkpoint
from sitrep.model.export_record import LOGITS, SOURCE_KEY, SPEAKERS
from sitrep.settings import Context

OPSET = 20
"""The first with GELU as one operator; the newer ones gain nothing here."""
INPUTS = ("input_ids", "attention_mask", "starts", "owners")
SAMPLE_ROWS, SAMPLE_TOKENS, SAMPLE_SENTENCES = 3, 16, 2
"""Of the batch that the model is traced with: none of them 1, which would be taken as fixed."""


def check_tools() -> None:
    """Raise a ``UserError`` if a package that an export needs is not installed."""
    for package in ("onnx", "onnxscript"):
        if not is_installed(package):
            raise not_installed(package)
    check_onnxruntime()


def write_graph(model: Any, checkpoint: Checkpoint, source: str, path: Path) -> None:
    """Export a classifier in fp32, with any number of rows, tokens and sentences.

    Args:
        model: A :class:`sitrep.model.classifier.SentenceClassifier`.
        checkpoint: That it is of.
        source: SHA-256 of its weights, which the file is to name.
        path: Of the file.

    Raises:
        UserError: If a model of this kind cannot be exported.
    """
    import torch

    class Answers(torch.nn.Module):  # type: ignore[misc]
        """What prediction reads."""

        def __init__(self) -> None:
            super().__init__()
            self.classifier = model

        def forward(self, input_ids: Any, attention_mask: Any, starts: Any, owners: Any) -> Any:
            if model.speakers is None:
                return self.classifier.answers(input_ids, attention_mask, starts, owners)
            logits, pooled = self.classifier.answers_and_pooled(input_ids, attention_mask, starts, owners)
            return logits, torch.cat(list(model.speakers(pooled).values()), dim=-1)

    try:
        with quiet():
            program = torch.onnx.export(
                Answers().eval(),
                _sample(checkpoint),
                dynamo=True,
                opset_version=OPSET,
                input_names=INPUTS,
                output_names=(LOGITS,) if model.speakers is None else (LOGITS, SPEAKERS),
                dynamic_shapes=_dynamic(checkpoint),
                verbose=False,
            )
            program.save(str(path), external_data=False)
            _optimise(path, model.config, source)
    except Exception as error:  # the exporter raises many types, by what it does not know
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        kind = model.config.model_type
        raise UserError(f"checkpoint={checkpoint.folder}: a {kind} model cannot be exported: {first}") from None


def _sample(checkpoint: Checkpoint) -> tuple[Any, ...]:
    """Rows of two sentences, one of them padded."""
    import torch

    ids = torch.full((SAMPLE_ROWS, SAMPLE_TOKENS), 5)
    mask = torch.ones_like(ids)
    mask[-1, SAMPLE_TOKENS // 2 :] = 0
    owners = (torch.arange(SAMPLE_TOKENS) // (SAMPLE_TOKENS // 2)).expand(SAMPLE_ROWS, -1).contiguous()
    starts = torch.tensor([[0, SAMPLE_TOKENS // 2]]).expand(SAMPLE_ROWS, -1).contiguous()
    return ids, mask, starts if checkpoint.context is Context.article else starts[:, :1].contiguous(), owners


def _dynamic(checkpoint: Checkpoint) -> dict[str, dict[int, Any]]:
    import torch

    free = torch.export.Dim.DYNAMIC
    sentences = {0: free, 1: free} if checkpoint.context is Context.article else {0: free}
    return {name: sentences if name == "starts" else {0: free, 1: free} for name in INPUTS}


def _optimise(path: Path, config: Any, source: str) -> None:
    """Fuse what ONNX Runtime has kernels for, and note in the file where it comes from."""
    from onnxruntime.transformers import optimizer
    from onnxruntime.transformers.fusion_options import FusionOptions

    options = FusionOptions("bert")
    options.enable_skip_layer_norm = False  # see WITHOUT in sitrep.inference.onnx_engine
    options.enable_bias_skip_layer_norm = False
    fused = optimizer.optimize_model(
        str(path),
        model_type="bert",  # of its families that of all encoders
        num_heads=config.num_attention_heads,
        hidden_size=config.hidden_size,
        optimization_options=options,
        opt_level=0,
    )
    for entry in list(fused.model.metadata_props):
        fused.model.metadata_props.remove(entry)
    fused.model.metadata_props.add(key=SOURCE_KEY, value=source)
    fused.save_model_to_file(str(path))


@contextmanager
def quiet() -> Iterator[None]:
    """Without the remarks of the libraries on their own insides."""
    before = logging.root.manager.disable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.ERROR)
        try:
            yield
        finally:
            logging.disable(before)
