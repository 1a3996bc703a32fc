"""The whole of ``scripts/serve.py``: checkpoint, socket, server."""

import asyncio
import logging
import os
import sys
import time

from sitrep.settings import ServeSettings

TOKEN = "SITREP_TOKEN"
"""Variable of the environment with the token that requests must bring."""


def serve(settings: ServeSettings) -> None:
    """Answer requests until a signal asks for the end.

    Raises:
        UserError: If the checkpoint cannot be loaded or the port cannot be had.
    """
    from sitrep.inference.predictor import Predictor
    from sitrep.serving.application import build_application
    from sitrep.serving.guards import LOOPBACK
    from sitrep.serving.http_server import DrainingServer, open_socket
    from sitrep.serving.served_checkpoint import ServedCheckpoint
    from sitrep.serving.service import LabellingService

    began, token = time.monotonic(), os.environ.get(TOKEN) or None
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    served = ServedCheckpoint(settings.checkpoint)
    service = LabellingService(settings, served)
    listening = open_socket(settings.host, settings.port)
    host, port = listening.getsockname()[:2]
    shown = f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def load() -> Predictor:
        predictor = Predictor.from_checkpoint(
            served.checkpoint,
            engine=settings.engine,
            precision=settings.inference.precision,
            batch_tokens=settings.inference.batch_tokens,
            speaker=served.checkpoint.knows_speakers,
        )
        predictor.label(["Four were killed."])  # whatever the first call prepares is prepared before anybody waits
        return predictor

    async def prepare() -> None:
        service.start(await asyncio.to_thread(load))
        _say(f"ready after {time.monotonic() - began:.1f} s: {served.name} at {shown}")

    if settings.host not in LOOPBACK and token is None:
        _say(f"warning: host={settings.host}: whoever reaches this machine may use the server; set {TOKEN}")
    _say(f"listening at {shown}; loading {served.checkpoint.folder}")
    server = DrainingServer(build_application(service, token), settings, service, prepare)
    try:
        server.run([listening])
    finally:
        service.stop()
    if server.failure is not None:
        raise server.failure
    _say("ended")


def _say(line: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
