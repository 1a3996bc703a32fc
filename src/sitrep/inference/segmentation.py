"""The name that version 0.1 had for :mod:`sitrep.pages.segmentation`, kept for programs that import it."""

from sitrep.pages.segmentation import sentence_spans

__all__ = ["sentence_spans"]
