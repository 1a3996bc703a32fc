"""What makes a step of training faster on a CPU, and changes nothing but rounding."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sitrep.model.packed_training import PackedTraining
from sitrep.settings import Context, TrainSettings

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -3, -4
"""Names of glibc's ``malloc.h``."""
USUAL = {M_TRIM_THRESHOLD: 64 << 20, M_MMAP_THRESHOLD: 32 << 20, M_MMAP_MAX: 65536}
"""What glibc itself comes to where large blocks are freed."""
KEEPING = {M_TRIM_THRESHOLD: 2**31 - 1, M_MMAP_MAX: 0}


@contextmanager
def faster_steps(model: Any, device: str, settings: TrainSettings, compiled: bool = False) -> Iterator[None]:
    """While it is open, a CPU computes attention plainly, BERT without padding, and keeps what memory it freed.

    Args:
        model: A :class:`sitrep.model.classifier.SentenceClassifier`.
        device: That it is trained on.
        settings: Of the run.
        compiled: Whether the model is compiled, which does best on what the library itself computes.
    """
    if device != "cpu" or settings.model.dropout != 0:
        yield
        return
    inner = model.model
    plain = settings.model.context is Context.none and not compiled
    if plain and not settings.trainer.activation_checkpointing and PackedTraining.fits(inner):
        model.packed = PackedTraining(inner)
    try:
        with plain_attention(model, device), kept_memory():
            yield
    finally:
        model.packed = None


@contextmanager
def plain_attention(model: Any, device: str) -> Iterator[None]:
    """While it is open, a CPU computes attention plainly: the fused kernel's way back is slower at these lengths.

    Args:
        model: A :class:`sitrep.model.classifier.SentenceClassifier`.
        device: That it is trained on.
    """
    if device != "cpu":
        yield
        return
    usual = model.config._attn_implementation
    model.model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.model.set_attn_implementation(usual)


@contextmanager
def kept_memory() -> Iterator[None]:
    """While it is open, glibc gives no memory back to the system.

    The gradient of the word embeddings is larger than what glibc ever keeps: each step would ask the system for it
    anew, page by page. Other systems have an allocator of their own, and are left alone.
    """
    allocator = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if allocator is None:
        yield
        return
    for name, value in KEEPING.items():
        allocator(name, value)
    try:
        yield
    finally:
        for name, value in USUAL.items():
            allocator(name, value)
