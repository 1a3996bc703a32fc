"""How workers of a cluster load a model in tests; they find this module as the tests themselves do."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sitrep.inference.checkpoint_encoder import load_encoder
from sitrep.inference.labelled_parts import Loading
from sitrep.inference.predictor import Predictor
from sitrep.model.checkpoint import Checkpoint
from sitrep.model.encoding import Batch
from sitrep.model.hardware import PrecisionChoice
from sitrep.sentences import Passage, Prediction
from sitrep.settings import EngineName, Precision


class LightEngine:
    """Answers by the numbers of the tokens, without PyTorch, whose import is most of what a worker costs."""

    name = EngineName.torch
    device = "cpu"
    precision = PrecisionChoice(Precision.fp32, "a test")

    def __init__(self, classes: int) -> None:
        self.classes = classes

    def logits(self, batch: Batch) -> np.ndarray:
        """Others for other tokens, and the same in any batch."""
        sums = (batch.input_ids * batch.attention_mask).sum(axis=1)
        return np.sin(np.outer(sums, 1 + np.arange(self.classes))).astype(np.float32)


def light(checkpoint: Checkpoint, loading: Loading) -> Predictor:
    """A model that loads at once."""
    taxonomy, task = checkpoint.taxonomy, checkpoint.task
    engine = LightEngine(len(taxonomy.class_names(task)))
    return Predictor(engine, load_encoder(checkpoint), taxonomy, task, checkpoint.validation, checkpoint.thresholds)


def harmed(checkpoint: Checkpoint, loading: Loading) -> Predictor:
    """A model that some sentences harm: ``DIE`` ends the process, ``RAISE`` is a bug, ``once=FILE`` ends it once."""
    predictor = light(checkpoint, loading)
    whole = predictor.predict

    def predict(passages: list[Passage]) -> Iterator[Prediction]:
        for passage in passages:
            marker = passage.fields.get("once")
            if "DIE" in passage.text or (marker and not Path(marker).exists()):
                Path(marker or os.devnull).touch()
                os._exit(1)
            if "RAISE" in passage.text:
                raise RuntimeError("a bug")
        return whole(passages)

    predictor.predict = predict
    return predictor
