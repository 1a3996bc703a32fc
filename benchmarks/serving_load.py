"""Load for servers: clients that wait for their answer, and requests that come whether answers come or not.

It speaks HTTP over bare streams, so that it costs the machine little beside the server that is measured.
"""

import asyncio
import itertools
import json
import random
import resource
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

GIVEN_UP_SECONDS = 45.0
"""After which nobody waits for an answer any more."""

MOST_CONNECTIONS = 4000
"""At a time; what would need more is not sent, and counts as unanswered."""


@dataclass(frozen=True)
class Exchange:
    """A request that was made.

    Attributes:
        began: When it was to be sent, in seconds of :func:`time.perf_counter`.
        seconds: Until the last byte of its answer.
        status: Of the answer; 0 where none came.
        retry_after: Whether the answer says when to come again.
    """

    began: float
    seconds: float
    status: int
    retry_after: bool = False


@dataclass
class Load:
    """What became of requests that were sent together.

    Attributes:
        seconds: From the first request to the end of sending.
        exchanges: All of them.
    """

    seconds: float
    exchanges: list[Exchange] = field(default_factory=list)

    @property
    def answered(self) -> list[Exchange]:
        """Those that got labels."""
        return [exchange for exchange in self.exchanges if exchange.status == 200]

    @property
    def throughput(self) -> float:
        """Answers a second, counted where they came while requests were sent."""
        if not self.exchanges:
            return 0.0
        end = min(exchange.began for exchange in self.exchanges) + self.seconds
        return sum(exchange.began + exchange.seconds <= end for exchange in self.answered) / self.seconds

    def percentile(self, share: float) -> float:
        """Milliseconds within which this share (percent) of the answered came."""
        times = [exchange.seconds for exchange in self.answered]
        return float(np.percentile(times, share)) * 1000 if times else float("nan")


def bodies_of(texts: Sequence[str]) -> Iterator[bytes]:
    """Bodies of requests with one sentence each, over and over."""
    return itertools.cycle([json.dumps({"inputs": text}).encode() for text in texts])


class Connection:
    """One kept open to a server on this machine.

    Args:
        port: Of the server.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, body: bytes, began: float | None = None) -> Exchange:
        """Send a request and read its answer."""
        began = time.perf_counter() if began is None else began
        try:
            async with asyncio.timeout(GIVEN_UP_SECONDS):
                status, retry_after = await self._ask(body)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            self.close()
            status, retry_after = 0, False
        return Exchange(began, time.perf_counter() - began, status, retry_after)

    async def _ask(self, body: bytes) -> tuple[int, bool]:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().rstrip().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        await reader.readexactly(int(headers["content-length"]))
        if headers.get("connection") == "close":
            self.close()
        return int(first.split()[1]), "retry-after" in headers

    def close(self) -> None:
        """Hang up; the next request connects anew."""
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None


async def closed_loop(port: int, texts: Sequence[str], clients: int, seconds: float) -> Load:
    """Clients that each send a request when they have the answer to the one before."""
    load, bodies = Load(seconds), bodies_of(texts)
    end = time.perf_counter() + seconds

    async def client() -> None:
        connection = Connection(port)
        while time.perf_counter() < end:
            load.exchanges.append(await connection.ask(next(bodies)))
        connection.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return load


async def open_loop(port: int, texts: Sequence[str], rate: float, seconds: float, seed: int = 1) -> Load:
    """Requests that come at random times, ``rate`` a second, however long answers take.

    A request's time counts from when it was to be sent, so that a client that is late hides no delay.
    """
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    load, bodies, rng = Load(seconds), bodies_of(texts), random.Random(seed)
    idle: list[Connection] = []
    running: set[asyncio.Task[None]] = set()

    async def send(began: float) -> None:
        connection = idle.pop() if idle else Connection(port)
        load.exchanges.append(await connection.ask(next(bodies), began))
        idle.append(connection)

    due = first = time.perf_counter()
    while due < first + seconds:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        if len(running) < MOST_CONNECTIONS:
            task = asyncio.create_task(send(due))
            running.add(task)
            task.add_done_callback(running.discard)
        else:
            load.exchanges.append(Exchange(due, 0.0, 0))
        due += rng.expovariate(rate)
    while running:
        await asyncio.wait(running)
    for connection in idle:
        connection.close()
    return load
