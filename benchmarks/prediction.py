"""Prediction: this program against others that run the same model, side by side in one run.

    python benchmarks/prediction.py [checkpoint=RUN] [units=20000] [rounds=3] [onnx=FOLDER] [int8=FOLDER] [only=A,B]

Labels units of the shipped corpus, and a copy of them of which 30 % repeat others. `onnx` and `int8` are folders that
`scripts/export.py` made. Each method has a process of its own, as it would have in use, and they take turns. The slow
ones label the first 1,000 units only, and not the repeats. The limit is a large product in the same number format,
measured in the same process; the products and attention of real tokens count alone.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib.util import find_spec
from multiprocessing import get_context
from typing import Any

import numpy as np
from arguments import options
from hand_tuned import compiled, openvino
from padded_engine import PaddedEngine

from sitrep.data import corpus
from sitrep.inference.predictor import Predictor
from sitrep.model.checkpoint import open_checkpoint
from sitrep.model.hardware import choose_device, cpu_name

FEW = 1000
"""Units that the slow methods label."""
SLOW = ("pipeline as it comes", "pipeline, sorted, batches of 32", "reference fp32")
REPEATED = 0.3
"""Share of the second data set that repeats others of it."""

Answer = Callable[[list[str]], np.ndarray | None]
worker: dict[str, Any] = {}
"""What a process has loaded."""


def data(units: int, repeats: bool) -> list[str]:
    """Units of the corpus in an order drawn once, and the same with some of them replaced by others."""
    rng = np.random.default_rng(0)
    texts = list(dict.fromkeys(corpus.load()["text"]))
    chosen = [texts[number] for number in rng.permutation(len(texts))[:units]]
    if repeats:
        for number in rng.choice(len(chosen), int(REPEATED * len(chosen)), replace=False):
            chosen[number] = chosen[rng.integers(len(chosen))]
    return chosen


def limit(precision: str) -> float | None:
    """FLOP a second of a large product in that format."""
    import torch

    kind = {"fp32": torch.float32, "bf16": torch.bfloat16}.get(precision)
    if kind is None:
        return None
    left, right = torch.randn(2048, 2048).to(kind), torch.randn(2048, 2048).to(kind)
    best = float("inf")
    for _ in range(8):
        began = time.perf_counter()
        torch.nn.functional.linear(left, right)
        best = min(best, time.perf_counter() - began)
    return float(2 * 2048**3 / best)


def pipeline(folder: str, tuned: bool) -> Answer:
    """The pipeline of transformers; tuned: sorted by length, in batches."""
    import transformers

    plain: Any = transformers.pipeline("text-classification", model=folder)

    def answer(texts: list[str]) -> None:
        if tuned:
            plain(sorted(texts, key=len), batch_size=32)
        else:
            plain(texts)

    return answer


def ours(folder: str, precision: str) -> Answer:
    """This program as it comes."""
    return Predictor.from_checkpoint(folder, precision=precision).predict_proba


def reference(folder: str) -> Answer:
    """The same tokens, in fp32 and with padding, as transformers computes them."""
    predictor = Predictor.from_checkpoint(folder, precision="fp32")
    engine: Any = predictor.engine
    predictor.engine = PaddedEngine(engine.model, engine._device, engine.precision)
    return predictor.predict_proba


def methods(folder: str, exported: dict[str, str]) -> dict[str, tuple[str, Callable[[], Answer]]]:
    """What is compared: number format and how a process gets ready."""
    found: dict[str, tuple[str, Callable[[], Answer]]] = {
        "pipeline as it comes": ("fp32", lambda: pipeline(folder, False)),
        "pipeline, sorted, batches of 32": ("fp32", lambda: pipeline(folder, True)),
        "reference fp32": ("fp32", lambda: reference(folder)),
        "sitrep torch fp32": ("fp32", lambda: ours(folder, "fp32")),
        "sitrep torch bf16": ("bf16", lambda: ours(folder, "bf16")),
        "torch.compile bf16": ("bf16", lambda: compiled(folder)),
    }
    for name, key, kind in (("sitrep ONNX fp32", "onnx", "fp32"), ("sitrep ONNX int8", "int8", "int8")):
        if key in exported:
            found[name] = (kind, partial(ours, exported[key], "auto"))
    if find_spec("openvino"):
        found["OpenVINO fp32"] = ("fp32", lambda: openvino(folder, "f32"))
        found["OpenVINO bf16"] = ("bf16", lambda: openvino(folder, "bf16"))
    return found


def load(name: str, folder: str, exported: dict[str, str], units: int) -> None:
    """Make a process ready for its method."""
    count = min(units, FEW) if name in SLOW else units
    worker["data"] = {repeats: data(units, repeats)[:count] for repeats in (False, True)}
    worker["precision"], ready = methods(folder, exported)[name]
    worker["answer"] = ready()
    worker["answer"](worker["data"][False][:512])


def work(repeats: bool) -> tuple[float, np.ndarray | None, float | None]:
    """Seconds a unit of one pass, its answers, and the limit."""
    texts = worker["data"][repeats]
    reached = limit(worker["precision"])
    began = time.perf_counter()
    answers = worker["answer"](texts)
    return (time.perf_counter() - began) / len(texts), answers, reached


def flops_a_unit(folder: str, texts: Sequence[str]) -> float:
    """FLOPs of products and attention for the real tokens of a unit."""
    import json

    predictor_tokens, _ = Predictor.from_checkpoint(folder).encoder.tokenize(texts)
    config = json.loads((open_checkpoint(folder).folder / "config.json").read_text(encoding="utf-8"))
    size, wide, layers = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    lengths = np.array([len(item) for item in predictor_tokens], dtype=float)
    return float((layers * (lengths * 2 * (4 * size**2 + 2 * size * wide) + 4 * lengths**2 * size)).mean())


def main() -> None:
    """Measure in turns and print the table."""
    given = options("checkpoint", "units", "rounds", "onnx", "int8", "only")
    folder = str(open_checkpoint(given.get("checkpoint", "outputs/train/latest")).folder)
    units, rounds = int(given.get("units", "20000")), int(given.get("rounds", "3"))
    exported = {key: value for key, value in given.items() if key in ("onnx", "int8")}
    names = [*methods(folder, exported)]
    if "only" in given:
        names = [name for name in names if any(part in name for part in given["only"].split(","))]
    context = get_context("spawn")
    processes = {
        name: ProcessPoolExecutor(1, context, initializer=load, initargs=(name, folder, exported, units))
        for name in names
    }
    taken: dict[tuple[str, bool], list[float]] = {(name, repeats): [] for name in names for repeats in (False, True)}
    limits: dict[str, list[float]] = {name: [] for name in names}
    answers: dict[str, np.ndarray | None] = {}
    for _ in range(rounds):
        for name, process in processes.items():
            for repeats in (False,) if name in SLOW else (False, True):
                seconds, found, reached = process.submit(work, repeats).result()
                taken[name, repeats].append(seconds)
                limits[name] += [reached] if reached else []
                if not repeats:
                    answers[name] = found
    for process in processes.values():
        process.shutdown()
    texts = data(units, False)
    print(f"{len(texts)} units, {cpu_name()}, device: {choose_device().type}\n")
    _print_table(names, taken, limits, answers, flops_a_unit(folder, texts))


def _print_table(
    names: Sequence[str],
    taken: dict[tuple[str, bool], list[float]],
    limits: dict[str, list[float]],
    answers: dict[str, np.ndarray | None],
    flops: float,
) -> None:
    print("| method | units/s (lowest to highest) | ratio | 30 % repeats | of the limit | same label | within 0.03 |")
    print("|---|---|---|---|---|---|---|")
    base = statistics.median(taken[names[0], False])
    exact = answers.get("reference fp32")
    for name in names:
        times = taken[name, False]
        middle = statistics.median(times)
        figures = f"{1 / middle:.0f} ({1 / max(times):.0f}–{1 / min(times):.0f})"
        share = f"{flops / middle / statistics.median(limits[name]):.0%}" if limits[name] else "–"
        again = f"{1 / statistics.median(taken[name, True]):.0f}" if taken[name, True] else "–"
        same = within = "–"
        found = answers.get(name)
        if found is not None and exact is not None:
            count = min(len(found), len(exact))
            found = found[:count]
            same = f"{np.mean(exact[:count].argmax(axis=1) == found.argmax(axis=1)):.2%}"
            apart = np.abs(exact[:count] - found).max(axis=1)
            within = f"{np.mean(apart <= 0.03):.2%}, most {apart.max():.4f}"
        print(f"| {name} | {figures} | {base / middle:.1f} | {again} | {share} | {same} | {within} |")


if __name__ == "__main__":
    main()
