"""Prediction: this program against `pipeline("text-classification")` as it comes, side by side in one run.

    python benchmarks/prediction.py [checkpoint=outputs/train/latest] [rounds=3]

Labels every unit of the shipped corpus with (a) the plain pipeline, sentence by sentence as its
documentation shows, (b) ours in fp32, (c) ours in the precision that the machine is best at. The
rounds go a, b, c, a, b, c, ...; speeds are medians. Agreement is against (b).
"""

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
from transformers import pipeline

from sitrep import corpus
from sitrep.checkpoint import open_checkpoint
from sitrep.config import InferenceSettings, Precision
from sitrep.inference import Predictor

UNITS = 1500  # every n-th unit of the corpus, so that one round takes about half a minute


def main() -> None:
    """Measure and print the table."""
    options = dict(argument.split("=", 1) for argument in sys.argv[1:])
    checkpoint = open_checkpoint(options.get("checkpoint", "outputs/train/latest"))
    texts = list(corpus.load()["text"])
    texts = texts[:: max(1, len(texts) // UNITS)]
    plain = pipeline("text-classification", model=str(checkpoint.folder))
    exact = Predictor(checkpoint, InferenceSettings(Precision.fp32, None, 8192))
    fast = Predictor(checkpoint, InferenceSettings(Precision.auto, None, 8192))
    methods: dict[str, Callable[[], object]] = {
        "pipeline as it comes": lambda: plain(texts),
        "sitrep fp32": lambda: exact.score(texts),
        f"sitrep {fast.precision.name} (auto)": lambda: fast.score(texts),
    }
    seconds: dict[str, list[float]] = {name: [] for name in methods}
    for _ in range(int(options.get("rounds", "3"))):
        for name, work in methods.items():
            began = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - began)
    speeds = {name: len(texts) / statistics.median(values) for name, values in seconds.items()}
    base = speeds["pipeline as it comes"]
    print(f"{len(texts)} units\n\n| method | sentences/s | ratio |\n|---|---|---|")
    for name, speed in speeds.items():
        print(f"| {name} | {speed:.0f} | {speed / base:.1f} |")
    reference, quick = exact.score(texts).probabilities, fast.score(texts).probabilities
    same = np.mean(reference.argmax(axis=1) == quick.argmax(axis=1))
    apart = np.abs(reference - quick).max(axis=1)
    print(f"\nsame label as fp32: {same:.2%}; every probability within 0.03 of fp32: {np.mean(apart <= 0.03):.2%}")
    print(f"largest difference of a probability: {apart.max():.4f}")


if __name__ == "__main__":
    main()
