"""Everything that is measured on a GPU, in one run of a few minutes; figures are printed as they come.

    python benchmarks/gpu.py checkpoint=RUN [units=1000000] [processes=14] [steps=300]

RUN is a run folder with its `predictions.jsonl`. Neither Hydra nor what only reports need is wanted. Measured are: a
large product in bf16, as the card's limit; the model alone, padded and not; answers on the test split against those of
the CPU in fp32; from Parquet to Parquet, in one process and as a job of several shards on the one card; training.
Every unit is another text, so that none is answered from memory.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import torch
from arguments import options
from padded_engine import PaddedEngine
from pyarrow import parquet
from stopwatch import stopwatch

from sitrep.inference.batching import batches_by_length
from sitrep.inference.predictor import Predictor
from sitrep.model.checkpoint import open_checkpoint
from sitrep.model.encoding import Batch
from sitrep.model.hardware import PrecisionChoice, choose_device, cpu_name
from sitrep.settings import Precision

BUDGETS = (16384, 32768, 65536, 131072)
"""Tokens a batch that are tried."""

PROCESS = """
import json, sys, time
import sitrep.inference.run as run
from sitrep.inference.predictor import Predictor
from sitrep.settings import PartFormat, PredictSettings
load, times = Predictor.from_checkpoint, {}
def loading(*given, **named):
    loaded = load(*given, **named)
    loaded.predict_proba(["warm up"])
    times["loaded"] = time.time()
    return loaded
Predictor.from_checkpoint = loading
run.predict(PredictSettings(**json.loads(sys.argv[1]), parts=PartFormat.parquet))
print(json.dumps(times | {"ended": time.time()}))
"""


def say(*words: object) -> None:
    """Print at once, so that what comes later cannot lose it."""
    print(*words, flush=True)


def corpus_texts() -> list[str]:
    """The texts of the shipped corpus, read without any library."""
    folder = Path(__file__).parents[1] / "src" / "sitrep" / "data" / "corpus"
    files = [path for kind in ("articles", "further", "foreign") for path in sorted(folder.glob(f"{kind}-*.jsonl"))]
    return [json.loads(line)["text"] for path in files for line in path.read_text(encoding="utf-8").splitlines()]


def synchronize() -> None:
    """Wait for the GPU, where there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def seconds_of(work: Callable[[], object], times: int) -> float:
    """Mean seconds of some calls, behind a first one that does not count."""
    work()
    synchronize()
    began = time.perf_counter()
    for _ in range(times):
        work()
    synchronize()
    return (time.perf_counter() - began) / times


def card_limit(device: torch.device) -> float:
    """FLOP a second of a large product in bf16."""
    size = 8192 if device.type == "cuda" else 512
    left, right = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    return 2 * size**3 / seconds_of(lambda: left @ right, 20)


def model_flops(config: Any, tokens: Sequence[list[int]]) -> float:
    """FLOPs of the products and of attention for real tokens, padding not counted."""
    lengths = np.array([len(item) for item in tokens], dtype=float)
    size, wide, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    return float(layers * (lengths * 2 * (4 * size * size + 2 * size * wide) + 4 * lengths**2 * size).sum())


def batches_of(predictor: Predictor, tokens: Sequence[list[int]], budget: int) -> list[Batch]:
    """Sorted batches, as prediction makes them."""
    rows = predictor.encoder.rows(tokens, [[number] for number in range(len(tokens))])
    groups = batches_by_length([len(item) for item in tokens], budget)
    return [predictor.encoder.batch([rows[n] for n in group], len(tokens[group[0]])) for group in groups]


def model_alone(predictor: Predictor, texts: Sequence[str], limit: float, padded: PaddedEngine) -> None:
    """Speed of the model over batches that are made, and where its time goes."""
    began = time.perf_counter()
    tokens, _ = predictor.encoder.tokenize(texts)
    say(f"tokenizer alone: {len(texts) / (time.perf_counter() - began):,.0f} units/s")
    flops = model_flops(predictor.engine.model.config, tokens)  # type: ignore[attr-defined]
    say(f"tokens a unit: {np.mean([len(t) for t in tokens]):.1f}; GFLOP a unit: {flops / len(texts) / 1e9:.3f}")
    for name, engine in (("packed", predictor.engine), ("padded", padded)):
        for budget in BUDGETS:
            batches = batches_of(predictor, tokens, budget)
            taken = seconds_of(lambda: [engine.logits(b) for b in batches], 2)  # noqa: B023
            say(f"model alone, {name}, {budget} tokens: {len(texts) / taken:,.0f} units/s, {flops / taken / limit:.1%}")
    if torch.cuda.is_available():
        from torch.profiler import ProfilerActivity, profile

        with profile(activities=[ProfilerActivity.CUDA, ProfilerActivity.CPU]) as profiled:
            predictor.engine.logits(batches_of(predictor, tokens[:20_000], 65536)[0])
        say(profiled.key_averages().table(sort_by="self_cuda_time_total", row_limit=16, max_name_column_width=60))


def against_cpu(predictor: Predictor, run: Path) -> None:
    """Labels of the test split on the GPU and, in fp32 with padding, on the CPU."""
    from sklearn.metrics import f1_score

    lines = (run / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    units = [json.loads(line) for line in lines]
    texts, truth = [unit["text"] for unit in units], [unit["true_label"] for unit in units]
    cpu = PaddedEngine(_fp32_model(run), torch.device("cpu"), PrecisionChoice(Precision.fp32, "reference"))
    other = Predictor(cpu, predictor.encoder, predictor.taxonomy, predictor.task)
    other.temperature = predictor.temperature
    exact, quick = other.predict_proba(texts), predictor.predict_proba(texts)
    classes = [name for name in predictor.taxonomy.labels if name != predictor.taxonomy.negative]
    for name, found in (("CPU fp32", exact), (f"{predictor.engine.device}", quick)):
        said = [predictor.class_names[index] for index in found.argmax(axis=1)]
        say(f"macro-F1 on {len(texts)} units, {name}: {f1_score(truth, said, labels=classes, average='macro'):.4f}")
    apart = np.abs(exact - quick).max(axis=1)
    same = (exact.argmax(axis=1) == quick.argmax(axis=1)).mean()
    say(f"same label: {same:.2%}; within 0.03: {(apart <= 0.03).mean():.2%}; largest change: {apart.max():.4f}")


def _fp32_model(run: Path) -> Any:
    from transformers import AutoModelForSequenceClassification

    from sitrep.model.classifier import wrap_classifier

    opened = open_checkpoint(str(run))
    found = AutoModelForSequenceClassification.from_pretrained(opened.folder, dtype=torch.float32)
    return wrap_classifier(found, opened.context)


def write_input(path: Path, texts: Sequence[str], first: int, count: int) -> None:
    """A Parquet file of units that are all different, with a column that is carried through."""
    numbers = range(first, first + count)
    columns = {
        "id": [f"r{number}" for number in numbers],
        "text": [f"{texts[number % len(texts)]} {number}" for number in numbers],
        "region": [f"district {number % 40}" for number in numbers],
    }
    parquet.write_table(pyarrow.table(columns), path)


def from_file_to_file(run: Path, units: int, processes: int, texts: Sequence[str], scratch: Path) -> None:
    """One process, then a job of several shards; each reads, tokenizes, labels and writes."""
    alone = max(units // 4, 1)
    write_input(scratch / "one.parquet", texts, 0, alone)
    one = {"checkpoint": str(run), "input": str(scratch / "one.parquet"), "output": str(scratch / "out.parquet")}
    _timed("one process", [one], alone)
    folder, share = scratch / "many", units // processes
    folder.mkdir()
    for number in range(processes):
        write_input(folder / f"{number:02d}.parquet", texts, number * share, share)
    job = {"checkpoint": str(run), "input": str(folder), "output": f"{scratch}/job/", "part_sentences": 50_000}
    shards = [job | {"shard": f"{number + 1}/{processes}"} for number in range(processes)]
    _timed(f"{processes} shards", shards, share * processes)


def _timed(name: str, jobs: Sequence[dict[str, Any]], units: int) -> None:
    cores = os.cpu_count() or 1
    threads = {"RAYON_NUM_THREADS": str(max(cores // len(jobs), 1)), "OMP_NUM_THREADS": str(max(cores // len(jobs), 1))}
    began = time.time()
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PROCESS, json.dumps(job)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | threads,
        )
        for job in jobs
    ]
    told = [process.communicate() for process in running]
    if broken := next((err for process, (_, err) in zip(running, told, strict=True) if process.returncode), None):
        say(f"{name}: failed: {broken[-1500:]}")
        return
    times = [json.loads(out.splitlines()[-1]) for out, _ in told]
    ended = max(given["ended"] for given in times)
    loaded = max(given["loaded"] for given in times)
    first = min(given["loaded"] for given in times)
    say(
        f"{name}, {units:,} units from Parquet to Parquet: {units / (ended - began):,.0f} units/s with start-up "
        f"({ended - began:.1f} s), {units / (ended - first):,.0f} behind the loading of the first process "
        f"({first - began:.1f} s), {units / (ended - loaded):,.0f} behind that of the last ({loaded - began:.1f} s)"
    )
    say("   " + next((line for line in told[0][1].splitlines() if line.startswith("time:")), ""))


def training(run: Path, steps: int, scratch: Path) -> None:
    """Speed of training steps; the backbone's place is taken by the checkpoint's weights, which costs the same."""
    from sitrep.data.loading import load_data
    from sitrep.data.split import Split
    from sitrep.labels import find_taxonomy
    from sitrep.settings import TrainSettings
    from sitrep.training.fine_tuning import fine_tune

    base = scratch / "base"
    _fp32_model(run).model.save_pretrained(base)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (base / name).write_bytes((open_checkpoint(str(run)).folder / name).read_bytes())
    for batch_size in (32, 256):
        settings = TrainSettings()
        settings.model.name = str(base)
        settings.trainer.batch_size = batch_size
        settings.trainer.extra = {"max_steps": steps}
        taxonomy = find_taxonomy(settings.labels)
        split = load_data(settings.data, taxonomy).split
        watch = stopwatch()
        fine_tune(
            settings, Split(split.train, split.validation[:100], ()), taxonomy, scratch / f"t{batch_size}", [watch]
        )
        say(
            f"training, batches of {batch_size}: {watch.speed(batch_size):,.0f} units/s over {len(watch.seconds)} steps"
        )


def main() -> None:
    """Measure one thing after the other; one that fails does not take the others with it."""
    given = options("checkpoint", "units", "processes", "steps")
    run = Path(given["checkpoint"])
    units, processes = int(given.get("units", "1000000")), int(given.get("processes", "14"))
    device = choose_device()
    card = torch.cuda.get_device_name() if device.type == "cuda" else "no GPU"
    say(f"{card}; {cpu_name()}, {os.cpu_count()} cores; torch {torch.__version__}; Python {sys.version.split()[0]}")
    limit = card_limit(device)
    say(f"a large product in bf16: {limit / 1e12:.1f} TFLOP/s")
    texts = corpus_texts()
    predictor = Predictor.from_checkpoint(run, precision=Precision.bf16)
    engine = predictor.engine
    padded = PaddedEngine(_fp32_model(run), device, engine.precision)
    sample = [f"{texts[number % len(texts)]} {number}" for number in range(min(units // 4, 200_000))]
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        parts: list[Callable[[], None]] = [
            lambda: model_alone(predictor, sample, limit, padded),
            lambda: against_cpu(predictor, run),
            lambda: from_file_to_file(run, units, processes, texts, scratch),
            lambda: training(run, int(given.get("steps", "300")), scratch),
        ]
        for part in parts:
            began = time.perf_counter()
            try:
                part()
            except Exception:  # the machine is lent for minutes: the next figure is wanted all the same
                say(traceback.format_exc())
            say(f"   ({time.perf_counter() - began:.0f} s)\n")


if __name__ == "__main__":
    main()
