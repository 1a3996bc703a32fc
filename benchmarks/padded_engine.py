"""The model as ``transformers`` computes it, sentences padded to the longest of their batch."""

from sitrep.inference.torch_engine import TorchEngine


class PaddedEngine(TorchEngine):
    """PyTorch without what is laid end to end."""

    packed = None
