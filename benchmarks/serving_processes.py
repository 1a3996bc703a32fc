"""Processes of `benchmarks/serving.py`: servers bound to cores of their own, and how they are watched."""

import os
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

NAMES = {
    "sitrep": "sitrep",
    "pipeline": "FastAPI and pipeline",
    "engine": "FastAPI and sitrep's engine",
    "litserve": "LitServe and sitrep's engine",
}
BESIDE = Path(__file__).parent
STARTED_WITHIN_SECONDS = 120
FIRST = b'{"inputs": "Four people were killed in the attack."}'


@dataclass(frozen=True)
class Cores:
    """Which cores the server and the client run on."""

    server: tuple[int, ...]
    client: tuple[int, ...]

    def __str__(self) -> str:
        return f"server on cores {','.join(map(str, self.server))}, client on {','.join(map(str, self.client))}"


def use_cores(given: str | None) -> Cores:
    """Bind this process to the cores of the client.

    Args:
        given: As on the command line, such as ``1:0`` or ``2,3:0,1``.
    """
    if given:
        server, client = (tuple(map(int, part.split(","))) for part in given.split(":"))
    else:
        there = sorted(os.sched_getaffinity(0))
        half = max(1, len(there) // 2)
        client, server = tuple(there[:half]), tuple(there[half:] or there)
    os.sched_setaffinity(0, client)
    return Cores(server, client)


class Server:
    """A server that was started and answers.

    Args:
        name: One of :data:`NAMES`.
        folder: Of the checkpoint.
        cores: That there are.
        settings: More of them, for this program's own.

    Attributes:
        port: That it listens on.
        ready_seconds: From the start of its process to when it says that it is ready, or to its first answer.
    """

    def __init__(self, name: str, folder: str, cores: Cores, settings: Sequence[str] = ()) -> None:
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = found.getsockname()[1]
        if name == "sitrep":
            script = BESIDE.parent / "scripts" / "serve.py"
            command = [str(script), f"checkpoint={folder}", f"port={self.port}", *settings]
        else:
            command = [str(BESIDE / "serving_peers.py"), name, folder, str(self.port)]
        threads = {"OMP_NUM_THREADS": str(len(cores.server))}
        began = time.perf_counter()
        self._process = subprocess.Popen(
            ["taskset", "-c", ",".join(map(str, cores.server)), sys.executable, *command],
            env=os.environ | threads, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        self._ready = f"http://127.0.0.1:{self.port}/readyz" if name == "sitrep" else None
        self._wait(name)
        self.ready_seconds = time.perf_counter() - began

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it, and the processes that it started."""
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            pass
        for again in range(2):  # some leave processes behind that answer to nothing else
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                break
            time.sleep(0.2 * (1 - again))
        self._process.wait()

    def cpu_seconds(self) -> float:
        """Time on a processor of all its processes so far, which others on the machine hardly change."""
        ticks = 0
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                # The name in brackets may hold anything; behind it: state, parent, group, ..., user and system time.
                values = path.read_text(encoding="utf-8").rpartition(")")[2].split()
            except OSError:
                continue
            if int(values[2]) == self._process.pid:
                ticks += int(values[11]) + int(values[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def watch_memory(self) -> Callable[[], list[float]]:
        """Begin to note its memory twice a second; returns what ends that, and gives the MiB of each time."""
        noted, ended = [self._resident()], threading.Event()

        def watch() -> None:
            while not ended.wait(0.5):
                noted.append(self._resident())

        thread = threading.Thread(target=watch)
        thread.start()

        def end() -> list[float]:
            ended.set()
            thread.join()
            return [*noted, self._resident()]

        return end

    def _resident(self) -> float:
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8")
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def _wait(self, name: str) -> None:
        end = time.perf_counter() + STARTED_WITHIN_SECONDS
        while time.perf_counter() < end:
            if self._process.poll() is not None:
                sys.exit(f"{name}: ended with status {self._process.returncode}")
            if self._answers():
                return
            time.sleep(0.02)
        self.close()
        sys.exit(f"{name}: does not answer")

    def _answers(self) -> bool:
        body = None if self._ready else FIRST
        request = urllib.request.Request(
            self._ready or f"http://127.0.0.1:{self.port}/predict", body, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False


def bare_call_ms(folder: str, texts: list[str], cores: Cores) -> float:
    """Median time of one call of the model with one sentence, in a process of its own."""
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=_bind, initargs=(cores.server,)) as process:
        return process.submit(_bare_call, folder, texts).result()


def _bind(cores: tuple[int, ...]) -> None:
    os.sched_setaffinity(0, cores)
    os.environ["OMP_NUM_THREADS"] = str(len(cores))


def _bare_call(folder: str, texts: list[str]) -> float:
    from sitrep.inference.predictor import Predictor

    predictor = Predictor.from_checkpoint(folder)
    taken = []
    for text in texts[:300]:
        began = time.perf_counter()
        predictor.predict_proba([text])
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[50:]) * 1000
