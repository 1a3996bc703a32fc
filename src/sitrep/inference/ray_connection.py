"""The way to a cluster of Ray, and back."""

import logging
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from typing import Any

from sitrep.errors import SIGNALS, UserError
from sitrep.settings import RaySettings

ANSWER_SECONDS = 10
"""How long the head of a cluster may take to answer at all."""


@contextmanager
def connected(settings: RaySettings) -> Iterator[int]:
    """Connect to a cluster, or start one on this machine, for as long as the block lasts.

    Yields:
        How many workers there should be.

    Raises:
        UserError: If there is no cluster at the address, one of other versions, or none can be started.
    """
    if settings.address is None:
        os.environ.setdefault("RAY_worker_niceness", "0")  # Ray's 15 is for machines that people sit at
    import ray  # reads it now

    if settings.address not in (None, "auto"):
        _check_answers(str(settings.address))
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    common: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    own = settings.address is None
    if own:
        cores = os.cpu_count() or 1
        common["address"] = "local"
        common["num_cpus"] = max(cores, ceil((settings.workers or 1) * settings.cpus))
        common["object_store_memory"] = settings.object_store_bytes
        common["include_dashboard"] = False
    else:
        common["address"] = settings.address
    try:
        ray.init(**common)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        if "Version mismatch" in str(error):
            both = " ".join(str(error).split())
            raise UserError(f"ray.address={settings.address}: {both}; install the same on every machine") from None
        where = "no cluster answers there, or it wants another RAY_AUTH_TOKEN"
        where = "a cluster on this machine could not be started" if own else where
        raise UserError(f"ray.address={settings.address or 'null'}: {where}: {_first_line(error)}") from None
    finally:
        for number, handler in handlers.items():  # Ray takes over some, and ends without a word
            signal.signal(number, handler)
    try:
        yield settings.workers or _room(settings, ray.cluster_resources())
    finally:
        ray.shutdown()


def _check_answers(address: str) -> None:
    """Raise a ``UserError`` unless something listens there; Ray itself tries for very long."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise UserError(f"ray.address={address}: write it as HOST:PORT, or auto")
    try:
        socket.create_connection((host, int(port)), ANSWER_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise UserError(f"ray.address={address}: no cluster answers there: {error}") from None


def _room(settings: RaySettings, resources: dict[str, float]) -> int:
    """How many workers find room."""
    room = int(resources.get("CPU", 0) / settings.cpus)
    if settings.gpus:
        room = min(room, int(resources.get("GPU", 0) / settings.gpus))
    if not room:
        there = f"{resources.get('CPU', 0):g} cores and {resources.get('GPU', 0):g} cards"
        wanted = f"ray.cpus={settings.cpus:g}, ray.gpus={settings.gpus:g}"
        raise UserError(f"{wanted}: no worker finds room in a cluster of {there}")
    return room


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
