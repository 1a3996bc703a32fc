"""How workers of a cluster load a model in tests; they find this module as the tests themselves do."""

import os
from collections.abc import Iterator
from pathlib import Path

from sitrep.inference.labelled_parts import Loading
from sitrep.inference.predictor import Predictor
from sitrep.model.checkpoint import Checkpoint
from sitrep.sentences import Passage, Prediction


def harmed(checkpoint: Checkpoint, loading: Loading) -> Predictor:
    """A model that some sentences harm: ``DIE`` ends the process, ``RAISE`` is a bug, ``once=FILE`` ends it once."""
    predictor = loading.load(checkpoint)
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
