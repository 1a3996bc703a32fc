"""Prediction: this program against `pipeline("text-classification")` as it comes, side by side in one run.

    python benchmarks/prediction.py [checkpoint=outputs/train/latest] [rounds=5] [every=6]

Labels every sixth unit of the shipped corpus with (a) the plain pipeline, sentence by sentence as its documentation
shows, (b) ours in fp32, (c) ours in the precision that the machine is best at. Each has a process of its own, as it
would have in use, and they take turns: a, b, c, a, b, c, ... Speeds are medians.
"""

import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
from arguments import options

from sitrep.data import corpus
from sitrep.inference.predictor import Predictor
from sitrep.model.checkpoint import open_checkpoint
from sitrep.model.hardware import choose_device, cpu_name

METHODS = {"pipeline as it comes": "", "sitrep fp32": "fp32", "sitrep auto": "auto"}
"""Precision of ours by method."""
worker: dict[str, Any] = {}
"""What a process has loaded."""


def load(method: str, folder: str, every: int) -> None:
    """Make a process ready for its method."""
    worker["texts"] = list(corpus.load()["text"])[::every]
    if precision := METHODS[method]:
        predictor = Predictor.from_checkpoint(folder, precision=precision)
        choice = predictor.engine.precision
        worker["work"], worker["precision"] = predictor.predict_proba, f"{choice.precision.name}: {choice.reason}"
    else:
        from transformers import pipeline

        plain: Any = pipeline("text-classification", model=folder)
        kind = str(plain.model.dtype).removeprefix("torch.")
        worker["work"], worker["precision"] = plain, f"{kind}: as the checkpoint is stored"


def work() -> tuple[float, str, Any]:
    """Seconds of one pass, what it computed in and why, and its answers."""
    began = time.perf_counter()
    answers = worker["work"](worker["texts"])
    return time.perf_counter() - began, worker["precision"], answers


def main() -> None:
    """Measure and print the table."""
    given = options("checkpoint", "rounds", "every")
    folder = str(open_checkpoint(given.get("checkpoint", "outputs/train/latest")).folder)
    every = int(given.get("every", "6"))
    processes = {
        method: ProcessPoolExecutor(1, get_context("spawn"), initializer=load, initargs=(method, folder, every))
        for method in METHODS
    }
    taken: dict[str, list[float]] = {method: [] for method in METHODS}
    precisions, answers = {}, {}
    for _ in range(int(given.get("rounds", "5"))):
        for method, process in processes.items():
            seconds, precisions[method], answers[method] = process.submit(work).result()
            taken[method].append(seconds)
    exact, quick = answers["sitrep fp32"], answers["sitrep auto"]
    for process in processes.values():
        process.shutdown()
    print(f"{len(exact)} units, {cpu_name()}, device: {choose_device().type}\n")
    print("| method | precision | sentences/s (lowest to highest) | ratio |\n|---|---|---|---|")
    base = statistics.median(next(iter(taken.values())))
    for method, times in taken.items():
        speeds = [len(exact) / value for value in times]
        figures = f"{statistics.median(speeds):.0f} ({min(speeds):.0f}–{max(speeds):.0f})"
        print(f"| {method} | {precisions[method]} | {figures} | {base / statistics.median(times):.1f} |")
    apart = np.abs(exact - quick).max(axis=1)
    same = np.mean(exact.argmax(axis=1) == quick.argmax(axis=1))
    print(f"\nsame label as fp32: {same:.2%}; every probability within 0.03 of fp32: {np.mean(apart <= 0.03):.2%}")
    print(f"largest difference of a probability: {apart.max():.4f}")


if __name__ == "__main__":
    main()
