"""Prediction: this program against `pipeline("text-classification")` as it comes, side by side in one run.

    python benchmarks/prediction.py [checkpoint=outputs/train/latest] [rounds=5]

Labels every sixth unit of the shipped corpus with (a) the plain pipeline, sentence by sentence as its
documentation shows, (b) ours in fp32, (c) ours in the precision that the machine is best at. Each has a
process of its own, as it would have in use, and they take turns: a, b, c, a, b, c, ... Speeds are medians.
"""

import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np

from sitrep.data import corpus
from sitrep.model.checkpoint import open_checkpoint
from sitrep.settings import InferenceSettings, Precision
from sitrep.inference.predictor import Predictor

METHODS = ("pipeline as it comes", "sitrep fp32", "sitrep auto")
worker: dict[str, Any] = {}
"""What a process has loaded."""


def load(method: str, folder: str) -> None:
    """Make a process ready for its method."""
    worker["texts"] = list(corpus.load()["text"])[::6]
    if method == METHODS[0]:
        from transformers import pipeline

        plain = pipeline("text-classification", model=folder)
        worker["work"] = lambda: plain(worker["texts"])
        worker["probabilities"] = lambda: None
    else:
        precision = Precision.fp32 if method == METHODS[1] else Precision.auto
        predictor = Predictor(open_checkpoint(folder), InferenceSettings(precision, None, 8192))
        worker["work"] = lambda: predictor.score(worker["texts"])
        worker["probabilities"] = lambda: predictor.score(worker["texts"]).probabilities


def seconds() -> tuple[float, int]:
    """Time one pass; also the number of units."""
    began = time.perf_counter()
    worker["work"]()
    return time.perf_counter() - began, len(worker["texts"])


def probabilities() -> np.ndarray:
    """Figures of one pass."""
    result: np.ndarray = worker["probabilities"]()
    return result


def main() -> None:
    """Measure and print the table."""
    options = dict(argument.split("=", 1) for argument in sys.argv[1:])
    folder = str(open_checkpoint(options.get("checkpoint", "outputs/train/latest")).folder)
    processes = {
        method: ProcessPoolExecutor(1, get_context("spawn"), initializer=load, initargs=(method, folder))
        for method in METHODS
    }
    speeds: dict[str, list[float]] = {method: [] for method in METHODS}
    for _ in range(int(options.get("rounds", "5"))):
        for method, process in processes.items():
            taken, units = process.submit(seconds).result()
            speeds[method].append(units / taken)
    exact, quick = (processes[method].submit(probabilities).result() for method in METHODS[1:])
    for process in processes.values():
        process.shutdown()
    base = statistics.median(speeds[METHODS[0]])
    print(f"{len(exact)} units\n\n| method | sentences/s (lowest to highest) | ratio |\n|---|---|---|")
    for method, values in speeds.items():
        middle = statistics.median(values)
        print(f"| {method} | {middle:.0f} ({min(values):.0f}–{max(values):.0f}) | {middle / base:.1f} |")
    apart = np.abs(exact - quick).max(axis=1)
    same = np.mean(exact.argmax(axis=1) == quick.argmax(axis=1))
    print(f"\nsame label as fp32: {same:.2%}; every probability within 0.03 of fp32: {np.mean(apart <= 0.03):.2%}")
    print(f"largest difference of a probability: {apart.max():.4f}")


if __name__ == "__main__":
    main()
