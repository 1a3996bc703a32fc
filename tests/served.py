"""A server in a thread of the test's process, on a port of its own, that always ends."""

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2
import numpy as np

from sitrep.inference.predictor import Predictor
from sitrep.model.hardware import PrecisionChoice
from sitrep.serving.application import build_application
from sitrep.serving.http_server import DrainingServer, open_socket
from sitrep.serving.served_checkpoint import ServedCheckpoint
from sitrep.serving.service import LabellingService
from sitrep.settings import EngineName, Precision, ServeSettings, ServingLimits

POISON = "poison"


@dataclass
class Served:
    """A running server.

    Attributes:
        url: Where it listens.
        port: The same.
        service: What it answers with.
        server: uvicorn's.
        thread: That it runs in.
        client: Asks it.
    """

    url: str
    port: int
    service: LabellingService
    server: DrainingServer
    thread: threading.Thread
    client: httpx2.Client

    def figure(self, name: str, **labels: str) -> float:
        """Of `/metrics`; 0 where there is none yet."""
        return self.service.measurements.registry.get_sample_value(name, labels) or 0.0

    def kept(self) -> dict[str, float]:
        """What the conservation law is about."""
        reasons = ("client_gone", "out_of_time", "ended")
        return {
            "admitted": self.figure("sitrep_admitted_total"),
            "answered": self.figure("sitrep_answered_total"),
            "failed": self.figure("sitrep_failed_total"),
            "dropped": sum(self.figure("sitrep_dropped_total", reason=reason) for reason in reasons),
        }


class StubEngine:
    """Answers by what it is told to do with each batch, as fast as it likes.

    Args:
        classes: Outputs.
        act: Called with the token numbers of each row.
    """

    name = EngineName.torch
    device = "cpu"
    precision = PrecisionChoice(Precision.fp32, "a test")

    def __init__(self, classes, act=lambda rows: None):
        self.classes = classes
        self.act = act
        self.batches = []

    def logits(self, batch):
        rows = [
            ids[real.astype(bool)].tolist() for ids, real in zip(batch.input_ids, batch.attention_mask, strict=True)
        ]
        self.batches.append(len(rows))
        self.act(rows)
        answers = np.zeros((int((batch.starts >= 0).sum()), self.classes), dtype=np.float32)
        answers[:, 1] = 1
        return answers


def with_engine(predictor, engine, batch_tokens=None):
    """The predictor with another engine."""
    return Predictor(
        engine, predictor.encoder, predictor.taxonomy, predictor.task,
        batch_tokens=batch_tokens or predictor.batch_tokens,
    )  # fmt: skip


@contextmanager
def served(run_directory, predictor=None, token=None, load=None, **settings):
    """Serve a predictor; ``load`` stands for its loading."""
    limits = ServingLimits(**settings.pop("limits", {}))
    settings = {"log_requests": False, **settings}
    settings = ServeSettings(checkpoint=str(run_directory), port=0, limits=limits, **settings)
    service = LabellingService(settings, ServedCheckpoint(settings.checkpoint))
    listening = open_socket(settings.host, 0)
    port = listening.getsockname()[1]

    async def prepare():
        if load is not None:
            await load()
        if predictor is not None:
            service.start(predictor)

    server = DrainingServer(build_application(service, token), settings, service, prepare)
    thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{port}"
    with httpx2.Client(base_url=url, timeout=20, trust_env=False) as client:
        wait_until(lambda: server.started and (predictor is None or load or service.predictor is not None))
        try:
            yield Served(url, port, service, server, thread, client)
        finally:
            server.drain()
            thread.join(10)
            server.should_exit = server.force_exit = True
            service.stop()
            thread.join(10)
            assert not thread.is_alive()


def wait_until(condition, seconds=10.0):
    """Wait for something that another thread does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.005)
