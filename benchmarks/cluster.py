"""A job on a Ray cluster of this machine: against one process, its growth with workers, and killed at random moments.

    python benchmarks/cluster.py checkpoint=RUN [units=200000] [cores=2] [part=10000]
    python benchmarks/cluster.py checkpoint=RUN [simulated=10000000] [seconds=1] [workers=1,2,4,8] [part=10000]
    python benchmarks/cluster.py checkpoint=RUN [kills=20]

`units`: so many sentences, each another, are labelled by `cores` processes that are shards, and by as many workers.
`simulated`: so many sentences go to workers whose model sleeps `seconds` for each 1,000 of them: what is then lost is
lost by the cluster. Speed is that of the second half, when all have loaded. `kills`: a job of small pages is killed so
often, the whole of it or one worker.
"""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil
from arguments import options

from sitrep.cli.composition import compose_settings
from sitrep.inference import ray_worker
from sitrep.inference.labelled_parts import Loading
from sitrep.inference.predictor import Predictor
from sitrep.inference.run import predict
from sitrep.model.checkpoint import Checkpoint
from sitrep.sentences import Passage, Prediction
from sitrep.settings import PredictSettings

TEXT = "Shells hit the bridge in district {} on day {}, and the ministry denied it; four were killed near post {}."
SIMULATED_CPUS = 0.1
"""Cores of a worker that sleeps, so that eight find room anywhere."""


class SleepingModel(Predictor):
    """Says the same of every sentence, after the time that a model would take."""

    seconds = 0.001
    """For each sentence."""

    def predict(self, passages: Iterable[Passage]) -> Iterator[Prediction]:
        """Sleep for all at once, and answer."""
        held = list(passages)
        time.sleep(self.seconds * len(held))
        names = self.class_names
        by_class = dict.fromkeys(names, 1 / len(names))
        return (Prediction(passage, names[0], by_class) for passage in held)


def load_sleeping(seconds: float) -> ray_worker.Load:
    """How workers load a model that sleeps."""

    def load(checkpoint: Checkpoint, loading: Loading) -> Predictor:
        predictor = loading.load(checkpoint)
        predictor.__class__ = SleepingModel
        predictor.seconds = seconds  # type: ignore[attr-defined]
        return predictor

    return load


def write_rows(path: Path, count: int) -> Path:
    """Pages of ten sentences, each another."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            text = TEXT.format(number % 997, number // 997, number)
            row = {"id": str(number), "article_id": f"p{number // 10}", "position": number % 10, "text": text}
            file.write(json.dumps(row) + "\n")
    return path


def job(checkpoint: str, source: Path, output: Path, part: int, *more: str) -> list[str]:
    """Arguments of a prediction in parts."""
    given = [f"checkpoint={checkpoint}", f"input={source}", f"output={output}/", "inference.precision=fp32"]
    return [*given, f"part_sentences={part}", *more]


def timed(*commands: list[str]) -> float:
    """Seconds until all of these predictions, which run beside each other, have ended."""
    script = Path(__file__).parents[1] / "scripts" / "predict.py"
    began = time.perf_counter()
    running = [subprocess.Popen([sys.executable, script, *each], stderr=subprocess.DEVNULL) for each in commands]
    ended = [process.wait() for process in running]
    assert not any(ended), f"ended with {ended}"
    return time.perf_counter() - began


def against_shards(checkpoint: str, folder: Path, units: int, cores: int, part: int) -> None:
    """Print the speed of shards, and of workers."""
    source = write_rows(folder / "rows.jsonl", units)
    shards = [job(checkpoint, source, folder / "shards", part, f"shard={n + 1}/{cores}") for n in range(cores)]
    one = timed(*shards)
    print(f"| {cores} processes by shard=i/{cores} | {one:.1f} | {units / one:,.0f} | 1.00 |", flush=True)
    two = timed(job(checkpoint, source, folder / "ray", part, "cluster=ray", f"ray.workers={cores}"))
    print(f"| {cores} workers of Ray | {two:.1f} | {units / two:,.0f} | {one / two:.2f} |", flush=True)


def growth(checkpoint: str, folder: Path, units: int, seconds: float, part: int, counts: list[int]) -> None:
    """Print how workers that sleep share the work, and the memory of the process that reads for them."""
    source = write_rows(folder / "many.jsonl", units)
    ray_worker.load_predictor = load_sleeping(seconds / 1000)  # type: ignore[assignment]
    for workers in counts:
        given = job(checkpoint, source, folder / f"growth-{workers}", part, "cluster=ray", f"ray.workers={workers}")
        began = time.perf_counter()
        predict(compose_settings("predict", PredictSettings, [*given, f"ray.cpus={SIMULATED_CPUS}"]))
        took = time.perf_counter() - began
        moments = sorted(path.stat().st_mtime for path in (folder / f"growth-{workers}").glob("part-*"))
        first, last = len(moments) // 2, len(moments) * 9 // 10  # when all work and none has run out
        spent = moments[last] - moments[first]
        ideal = (last - first) * part * seconds / 1000 / workers
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        speed = (last - first) * part / spent
        print(f"| {workers} | {took:.1f} | {speed:,.0f} | {ideal / spent:.2f} | {memory:.0f} |", flush=True)


def killed(checkpoint: str, folder: Path, kills: int) -> None:
    """Kill the job, or a worker of it, at random moments, and compare with the undisturbed one."""
    rng, source = random.Random(1), write_rows(folder / "small.jsonl", 3000)
    small = ["part_sentences=100", "cluster=ray", "ray.workers=2"]
    given = [f"checkpoint={checkpoint}", f"input={source}", "inference.precision=fp32", *small]
    timed([*given[:-2], f"output={folder / 'whole'}/"])
    script = Path(__file__).parents[1] / "scripts" / "predict.py"
    hits, same, jobs = {"job": 0, "worker": 0}, True, 0
    while sum(hits.values()) < kills:
        output = folder / f"killed-{jobs}"
        command = [sys.executable, str(script), *given, f"output={output}/"]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        while process.poll() is None and not list(output.glob("part-*")):
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 1))
        what = rng.choice(["job", "worker"])
        if process.poll() is None:
            children = psutil.Process(process.pid).children(recursive=True)
            workers = [child for child in children if "PartWorker" in " ".join(child.cmdline())]
            victim = process.pid if what == "job" else rng.choice(workers).pid if workers else 0
            if victim:
                os.kill(victim, signal.SIGKILL)
                hits[what] += 1
        if process.wait() == 0:
            same &= contents(output) == contents(folder / "whole")
            jobs += 1
    timed([*given, f"output={folder / f'killed-{jobs}'}/"])
    same &= contents(folder / f"killed-{jobs}") == contents(folder / "whole")
    print(f"| {hits['job']} | {hits['worker']} | {jobs + 1} | {same} |", flush=True)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, hidden ones included."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def main() -> None:
    """Measure what is asked for, and print the tables."""
    given = options("checkpoint", "units", "cores", "simulated", "seconds", "kills", "part", "workers")
    units, simulated, kills = (int(given.get(name, 0)) for name in ("units", "simulated", "kills"))
    part = int(given.get("part", 10_000))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if units:
            print("| | seconds | units/s | ratio |\n|---|---|---|---|", flush=True)
            against_shards(given["checkpoint"], folder, units, int(given.get("cores", 2)), part)
        if simulated:
            counts = [int(number) for number in given.get("workers", "1,2,4,8").split(",")]
            print("\n| workers | seconds | units/s | efficiency | driver (MiB) |\n|---|---|---|---|---|")
            growth(given["checkpoint"], folder, simulated, float(given.get("seconds", 1)), part, counts)
        if kills:
            print("\n| kills of the job | of a worker | jobs | same bytes |\n|---|---|---|---|", flush=True)
            killed(given["checkpoint"], folder, kills)


if __name__ == "__main__":
    main()
