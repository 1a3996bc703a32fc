"""A job on a Ray cluster of this machine: against processes, its growth with workers, and killed at random moments.

    python benchmarks/cluster.py checkpoint=RUN [units=200000] [cores=2] [part=10000]
    python benchmarks/cluster.py checkpoint=RUN [simulated=10000] [seconds=1.6] [workers=1,2,4,8] [part=1000]
        [store=1000000000]
    python benchmarks/cluster.py checkpoint=RUN [kills=20]

`units`: so many sentences, each another, are labelled by `cores` processes that are shards, and by as many workers.
`simulated`: so many sentences for each worker, whose model sleeps `seconds` for each 1,000 of them: what is then lost
is lost by the cluster. Speed is that of the second half, when all have loaded; efficiency is against as many times the
first row's, and against sleep alone. Memory of the process that reads is its own, at the first tenth and at its most;
that of the object store, whose bound is `store`, is its most. `kills`: a job of small pages and such a model is killed
so often, the process of the command or one worker. Both use one cluster, which is started for them.
"""

import os
import random
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psutil
from arguments import options
from sleeping_model import do_job, sleep_instead

TEXT = "Shells hit the bridge in district {} on day {}, and the ministry denied it; four were killed near post {}."
SIMULATED_CPUS = 0.1
"""Cores of a worker that sleeps, so that eight find room anywhere."""
PATIENCE_SECONDS = 300
"""How long a job of a few seconds may take."""


def write_rows(path: Path, count: int) -> Path:
    """Pages of ten sentences, each another."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            text = TEXT.format(number % 997, number // 997, number)
            place = f'"id": "{number}", "article_id": "p{number // 10}", "position": {number % 10}'
            file.write(f'{{{place}, "text": "{text}"}}\n')
    return path


@contextmanager
def cluster(folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """A cluster of this machine: its address, and the process that holds it."""
    os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32), "RAY_worker_niceness": "0"}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--num-cpus=4"]
    command += [f"--port={address.rpartition(':')[2]}", "--node-ip-address=127.0.0.1", "--include-dashboard=false"]
    with (folder / "head.log").open("w") as log:
        head = subprocess.Popen([*command, "--object-store-memory=1000000000"], stdout=log, stderr=log)
    try:
        began = time.monotonic()
        while "Ray runtime started" not in (folder / "head.log").read_text():
            assert head.poll() is None, "no cluster starts here"
            assert time.monotonic() - began < PATIENCE_SECONDS, "the cluster does not start"
            time.sleep(0.1)
        yield address, psutil.Process(head.pid)
    finally:
        head.terminate()
        head.wait(60)


def job(checkpoint: str, source: Path, output: Path, part: int, *more: str) -> list[str]:
    """Arguments of a prediction in parts."""
    return [f"checkpoint={checkpoint}", f"input={source}", f"output={output}/", f"part_sentences={part}", *more]


def timed(*commands: list[str]) -> float:
    """Seconds until all of these predictions of one thread, which run beside each other, have ended."""
    script, alone = Path(__file__).parents[1] / "scripts" / "predict.py", {"OMP_NUM_THREADS": "1"}
    began = time.perf_counter()
    with Path(commands[0][1].removeprefix("input=")).with_suffix(".log").open("w+") as log:
        start = partial(subprocess.Popen, stderr=log, env=os.environ | alone)
        running = [start([sys.executable, script, *each]) for each in commands]
        ended = [process.wait() for process in running]
        log.seek(0)
        assert not any(ended), log.read()[-3000:]
    return time.perf_counter() - began


def against_shards(checkpoint: str, folder: Path, units: int, cores: int, part: int) -> None:
    """Print the speed of shards, and of workers."""
    source = write_rows(folder / "rows.jsonl", units)
    shards = [job(checkpoint, source, folder / "shards", part, f"shard={n + 1}/{cores}") for n in range(cores)]
    one = timed(*shards)
    print(f"| {cores} processes by shard=i/{cores} | {one:.1f} | {units / one:,.0f} | 1.00 |", flush=True)
    two = timed(job(checkpoint, source, folder / "ray", part, "cluster=ray", f"ray.workers={cores}"))
    print(f"| {cores} workers of Ray | {two:.1f} | {units / two:,.0f} | {one / two:.2f} |", flush=True)


def growth(checkpoint: str, folder: Path, each: int, seconds: float, part: int, counts: list[int], store: int) -> None:
    """Print how workers that sleep share the work, and the memory of the process that reads for them."""
    sleep_instead(seconds / 1000)
    print("\n| workers | sentences | seconds | units/s | efficiency | of sleep | driver (MiB) | object store (MiB) |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    one = 0.0
    with cluster(folder) as (address, _):
        for workers in counts:
            units = each * workers
            source = write_rows(folder / f"many-{workers}.jsonl", units)
            given = job(checkpoint, source, folder / f"growth-{workers}", part, *by_ray(address, workers, store))
            began = time.perf_counter()
            with Memory() as memory:
                do_job(given)
            took = time.perf_counter() - began
            moments = sorted(path.stat().st_mtime for path in (folder / f"growth-{workers}").glob("part-*"))
            first, last = len(moments) // 2, len(moments) * 9 // 10  # when all work and none has run out
            spent = moments[last] - moments[first]
            ideal = (last - first) * part * seconds / 1000 / workers
            speed = (last - first) * part / spent
            one = one or speed / workers
            line = f"| {workers} | {units:,} | {took:.1f} | {speed:,.0f} | {speed / workers / one:.2f}"
            print(f"{line} | {ideal / spent:.2f} | {memory} |", flush=True)
            source.unlink()


class Memory:
    """What this process and the object store take while a block lasts, each second, in MiB."""

    def __enter__(self) -> "Memory":
        self._own, self._store, self._ended = list[float](), [0.0], threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def __str__(self) -> str:
        own = self._own or [0.0]
        return f"{own[len(own) // 10]:.0f}, {max(own):.0f} | {max(self._store):.0f}"

    def _watch(self) -> None:
        import ray

        process = psutil.Process()
        while not self._ended.wait(1):
            memory = process.memory_info()
            if ray.is_initialized():
                self._own.append((memory.rss - memory.shared) / 2**20)
                name = "object_store_memory"
                used = ray.cluster_resources().get(name, 0) - ray.available_resources().get(name, 0)
                self._store.append(used / 2**20)


def by_ray(address: str, workers: int, store: int = 10**9) -> list[str]:
    """Arguments of a job by workers that sleep."""
    given = ["cluster=ray", f"ray.address={address}", f"ray.workers={workers}", f"ray.cpus={SIMULATED_CPUS}"]
    return [*given, f"ray.object_store_bytes={store}"]


def killed(checkpoint: str, folder: Path, kills: int) -> None:
    """Kill the job, or a worker of it, at random moments, and compare with the undisturbed one."""
    rng, source = random.Random(1), write_rows(folder / "small.jsonl", 3000)
    done(folder, start(folder, job(checkpoint, source, folder / "whole", 100)))
    hits, jobs, same = {"job": 0, "worker": 0}, 0, True
    with cluster(folder) as (address, head):
        while True:
            output = folder / f"killed-{jobs}"
            process = start(folder, job(checkpoint, source, output, 100, *by_ray(address, 2)))
            if sum(hits.values()) < kills:
                what = rng.choice(list(hits))
                hits[what] += hit(process, head, what, output, rng)
            if done(folder, process):
                same &= contents(output) == contents(folder / "whole")
                jobs += 1
                if sum(hits.values()) == kills:
                    break
    print("\n| kills of the job | of a worker | jobs | same bytes |\n|---|---|---|---|")
    print(f"| {hits['job']} | {hits['worker']} | {jobs} | {same} |", flush=True)


def hit(process: subprocess.Popen[bytes], head: psutil.Process, what: str, output: Path, rng: random.Random) -> bool:
    """Kill a job or one of its workers, a while after its start or, as often, its next part; give whether it was."""
    there = set(output.glob("part-*"))
    by_part = rng.random() < 0.5
    while by_part and process.poll() is None and set(output.glob("part-*")) <= there:
        time.sleep(0.01)
    time.sleep(rng.uniform(0, 1 if by_part else 6))
    while process.poll() is None:
        children = head.children(recursive=True) if what == "worker" else []
        workers = [child.pid for child in children if child.is_running() and "PartWorker" in " ".join(command(child))]
        victim = process.pid if what == "job" else rng.choice(workers or [0])
        if victim:
            os.kill(victim, signal.SIGKILL)
            print(f"killed a {what}; {len(list(output.glob('part-*')))} parts are there", file=sys.stderr, flush=True)
            return True
        time.sleep(0.01)
    return False


def command(process: psutil.Process) -> list[str]:
    """Of a process; empty if it has ended."""
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def start(folder: Path, given: list[str]) -> subprocess.Popen[bytes]:
    """Start a job whose model sleeps for two milliseconds a sentence."""
    with (folder / "job.log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, Path(__file__).with_name("sleeping_model.py"), "0.002", *given], stderr=log
        )


def done(folder: Path, process: subprocess.Popen[bytes]) -> bool:
    """Wait for a job; give whether it was not killed."""
    ended = process.wait(PATIENCE_SECONDS)
    assert ended in (0, -signal.SIGKILL), (folder / "job.log").read_text()[-3000:]
    return ended == 0


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, hidden ones included."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def main() -> None:
    """Measure what is asked for, and print the tables."""
    given = options("checkpoint", "units", "cores", "simulated", "seconds", "kills", "part", "workers", "store")
    units, simulated, kills = (int(given.get(name, 0)) for name in ("units", "simulated", "kills"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if units:
            print("| | seconds | units/s | ratio |\n|---|---|---|---|", flush=True)
            against_shards(
                given["checkpoint"], folder, units, int(given.get("cores", 2)), int(given.get("part", 10_000))
            )
        if simulated:
            counts = [int(number) for number in given.get("workers", "1,2,4,8").split(",")]
            seconds, part = float(given.get("seconds", 1.6)), int(given.get("part", 1000))
            growth(given["checkpoint"], folder, simulated, seconds, part, counts, int(given.get("store", 10**9)))
        if kills:
            killed(given["checkpoint"], folder, kills)


if __name__ == "__main__":
    main()
