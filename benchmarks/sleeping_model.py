"""A model that sleeps for as long as a real one would compute, and jobs that are done with it.

    python benchmarks/sleeping_model.py SECONDS checkpoint=RUN input=FILE output=FOLDER/ [cluster=ray …]

does such a job; workers of a cluster find this module as they find any that lies beside the command.
"""

import sys
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sitrep.cli.composition import compose_settings
from sitrep.inference import ray_worker
from sitrep.inference.checkpoint_encoder import load_encoder
from sitrep.inference.labelled_parts import Loading
from sitrep.inference.predictor import Predictor
from sitrep.inference.run import predict
from sitrep.model.checkpoint import Checkpoint
from sitrep.model.hardware import PrecisionChoice
from sitrep.sentences import Passage, Prediction
from sitrep.settings import EngineName, Precision, PredictSettings


@dataclass
class NoEngine:
    """Stands where a model would, and is never asked."""

    name = EngineName.torch
    device = "cpu"
    precision = PrecisionChoice(Precision.fp32, "it sleeps")


class SleepingModel(Predictor):
    """Answers by a checksum of the text, after the time that a model would take, without PyTorch."""

    seconds = 0.001
    """For each sentence."""

    def predict(self, passages: Iterable[Passage]) -> Iterator[Prediction]:
        """Sleep for all at once, and answer."""
        held = list(passages)
        time.sleep(self.seconds * len(held))
        names = self.class_names
        by_class = dict.fromkeys(names, 1 / len(names))
        return (Prediction(each, names[zlib.crc32(each.text.encode()) % len(names)], by_class) for each in held)


def load_sleeping(seconds: float) -> ray_worker.Load:
    """How a model that sleeps is loaded."""

    def load(checkpoint: Checkpoint, loading: Loading) -> Predictor:
        model = SleepingModel(NoEngine(), load_encoder(checkpoint), checkpoint.taxonomy, checkpoint.task)  # type: ignore[arg-type]
        model.seconds = seconds
        return model

    return load


def sleep_instead(seconds: float) -> None:
    """From now on jobs of this process sleep, those by workers and those without."""
    load = load_sleeping(seconds)
    ray_worker.load_predictor = load  # type: ignore[assignment]
    Loading.load = lambda self, checkpoint: load(checkpoint, self)  # type: ignore[method-assign]


def do_job(arguments: list[str]) -> None:
    """Do one, by the arguments of `scripts/predict.py`."""
    predict(compose_settings("predict", PredictSettings, arguments))


if __name__ == "__main__":
    from sleeping_model import sleep_instead as sleep  # under its own name, which workers know

    sleep(float(sys.argv[1]))
    do_job(sys.argv[2:])
