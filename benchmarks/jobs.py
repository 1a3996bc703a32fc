"""Long predictions in parts: killed at random moments, and their memory.

    python benchmarks/jobs.py checkpoint=RUN [kills=20] [pages=100000] [seed=1] [html=zip] [precision=auto]

RUN is best a `model=tiny` run: the figures are about the job, not about the model. `html=zip`
measures the memory with pages of HTML in one archive, instead of text in a folder. Each kill is a SIGKILL. What the job
ends with is compared byte by byte with an undisturbed one.
"""

import multiprocessing
import os
import random
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from arguments import options

from sitrep.cli.composition import compose_settings
from sitrep.inference.left_out import PartlyRead
from sitrep.inference.run import predict
from sitrep.settings import PredictSettings

SENTENCES = (
    "Shells hit the bridge in district {}.",
    "The ministry denied it on day {}.",
    "Four were killed near post {}.",
    "Share this page {}",
    "Prices rose in spring {}.",
)
PRELOADED = ["torch", "transformers", "sitrep.inference.run", "sitrep.inference.engine", "sitrep.model.classifier"]
"""What each process of a job begins with, so that most kills do not hit the import of libraries."""


@dataclass
class Killed:
    """What came of a job that was killed again and again.

    Attributes:
        kills: How many hit the job at work.
        parts_done: Parts that were done at each kill; -1 before there was a manifest.
        of: Parts of the whole job.
        same_bytes: Whether every job ended with the bytes of the undisturbed one.
        seconds: Of the undisturbed job.
    """

    kills: int = 0
    parts_done: list[int] = field(default_factory=list)
    of: int = 0
    same_bytes: bool = True
    seconds: float = 0.0


def write_pages(folder: Path, count: int) -> Path:
    """Small pages, one in a hundred of them empty."""
    rng = random.Random(count)
    for number in range(count):
        if number % 1000 == 0:
            (folder / f"{number // 1000:03d}").mkdir(parents=True)
        lines = [rng.choice(SENTENCES).format(rng.randrange(1000)) for _ in range(rng.randrange(3, 9))]
        text = "\n".join(lines) + "\n" if number % 100 != 99 else ""
        (folder / f"{number // 1000:03d}" / f"{number:06d}.txt").write_text(text, encoding="utf-8")
    return folder


def write_archive(path: Path, count: int) -> Path:
    """Small pages of HTML in one ZIP archive."""
    rng = random.Random(count)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(count):
            lines = [rng.choice(SENTENCES).format(rng.randrange(1000)) for _ in range(rng.randrange(3, 9))]
            body = "".join(f"<p>{line}</p>" for line in lines)
            page = f"<!doctype html><title>Report {number}</title><nav><a href='/'>Home</a></nav>{body}"
            archive.writestr(f"{number // 1000:03d}/{number:06d}.html", page)
    return path


def job(arguments: list[str]) -> None:
    """One run of the job, in a process of its own."""
    sys.stderr = open(os.devnull, "w")
    try:
        predict(compose_settings("predict", PredictSettings, arguments))
    except PartlyRead:
        return


def killed(checkpoint: str, folder: Path, kills: int, pages: int, seed: int) -> Killed:
    """Kill a job until it was hit often enough, beginning anew where it ended before.

    Args:
        checkpoint: Run folder.
        folder: Empty, for pages and outputs.
        kills: How many.
        pages: Of the job.
        seed: Of the moments.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    source, result, rng = write_pages(folder / "pages", pages), Killed(), random.Random(seed)
    fixed = [f"checkpoint={checkpoint}", f"input={source}", "inference.precision=fp32"]
    fixed.append(f"part_sentences={max(pages // 4, 1)}")

    def start(name: str) -> multiprocessing.Process:
        process = context.Process(target=job, args=([*fixed, f"output={folder / name}/"],))
        process.start()
        return process  # type: ignore[return-value]

    def finish(name: str) -> dict[str, bytes]:
        process = start(name)
        process.join()
        assert process.exitcode == 0, f"{name} ended with {process.exitcode}"
        return contents(folder / name)

    finish("warm-up")
    began = time.perf_counter()
    wanted = finish("undisturbed")
    result.seconds = time.perf_counter() - began
    result.of = parts_of(folder / "undisturbed")
    attempt = 0
    while result.kills < kills:
        name = f"killed-{attempt}"
        process = start(name)
        process.join(rng.uniform(0.05, 0.8) * result.seconds)
        if process.is_alive():
            process.kill()
            process.join()
            result.kills += 1
            result.parts_done.append(parts_of(folder / name))
        else:
            attempt += 1
            result.same_bytes &= contents(folder / name) == wanted
    result.same_bytes &= finish(name) == wanted
    return result


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, hidden ones included."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def parts_of(folder: Path) -> int:
    """Parts that a job has done."""
    path = folder / "manifest.json"
    return path.read_text(encoding="utf-8").count('"sha256": "') - 1 if path.exists() else -1


def memory(checkpoint: str, folder: Path, pages: int, html: bool, precision: str) -> Iterator[tuple[float, int, float]]:
    """Seconds, parts done and resident MiB of a job of small pages, whenever a part was done."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    source = write_archive(folder / "many.zip", pages) if html else write_pages(folder / "many", pages)
    arguments = [f"checkpoint={checkpoint}", f"input={source}", f"output={folder / 'labels'}/"]
    arguments.append(f"inference.precision={precision}")
    process = context.Process(target=job, args=([*arguments, "part_sentences=20000"],))
    process.start()
    began, before = time.perf_counter(), 0
    while process.is_alive():
        time.sleep(0.5)
        done = parts_of(folder / "labels")
        if done > before:
            before, size = done, resident(process.pid or 0)
            if size:  # it has not ended meanwhile
                yield time.perf_counter() - began, done, size
    assert process.exitcode == 0, f"the job ended with {process.exitcode}"


def resident(pid: int) -> float:
    """Resident memory of a process in MiB; 0 where it has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except OSError:
        return 0.0


def main() -> None:
    """Measure both and print the tables."""
    given = options("checkpoint", "kills", "pages", "seed", "html", "precision")
    kills, pages, seed = (int(given.get(name, n)) for name, n in (("kills", 20), ("pages", 100_000), ("seed", 1)))
    with tempfile.TemporaryDirectory() as folder:
        if kills:
            found = killed(given["checkpoint"], Path(folder), kills, 2000, seed)
            done = ", ".join(map(str, found.parts_done))
            print(f"| kills | undisturbed (s) | parts | parts done at each kill | same bytes |\n|{'---|' * 5}")
            print(f"| {found.kills} | {found.seconds:.1f} | {found.of} | {done} | {found.same_bytes} |\n", flush=True)
        if pages:
            html, precision = given.get("html") == "zip", given.get("precision", "auto")
            measured = given["checkpoint"], Path(folder), pages, html, precision
            print("| parts done | seconds | resident (MiB) |\n|---|---|---|")
            for seconds, parts, size in memory(*measured):
                print(f"| {parts} | {seconds:.0f} | {size:.0f} |", flush=True)


if __name__ == "__main__":
    main()
