"""Runs that are killed at random moments and gone on with: do they end in the weights of the undisturbed run?

    python benchmarks/resume.py [kills=50] [seed=1] [articles=12] [SETTING...]

Every run is one of two small ones on a part of the shipped corpus: one training, or two seeds with a warm-up by
contrast and whole pages. It is ended by `kill -9`: at a random moment of the time that the undisturbed run takes, while
a training checkpoint is being written, or when the line of an epoch has just appeared and its checkpoint has not. Then
it is gone on with by `resume=auto`, to the end. Each run is a process of its own, forked from this one, which has the
libraries loaded; the nearest training units of errors, which take most of the time, are left out.
"""

import hashlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import replace
from pathlib import Path

from arguments import part_arguments

from sitrep.cli.composition import compose_settings
from sitrep.data.loading import load_data
from sitrep.labels import find_taxonomy
from sitrep.settings import TrainSettings
from sitrep.training import run as training

RECIPES = {
    "one training": ["trainer.epochs=4"],
    "two seeds": ["seeds=[1,2]", "trainer.epochs=2", "trainer.contrastive_epochs=1", "model.context=article"],
}
COMMON = ["model=tiny", "trainer.precision=fp32", "trainer.learning_rate=0.002", "trainer.save_minutes=0.002"]
MOMENTS = ("any moment", "while a checkpoint is written", "at an epoch's end")
LONGEST = 600
"""Seconds that one process may take."""


class Runs:
    """Processes that train, all alike.

    Args:
        settings: Of the run; ``output_dir`` is set here.
        place: An empty folder for the run and its log.
    """

    def __init__(self, settings: TrainSettings, place: Path) -> None:
        place.mkdir(parents=True)
        self.run = place / "run"
        self.log = place / "log"
        self.settings = replace(settings, output_dir=str(self.run))

    def start(self, resume: str | None) -> int:
        """Start a process; its number."""
        number = os.fork()
        if number:
            return number
        try:
            handle = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            for stream in (1, 2):
                os.dup2(handle, stream)
            training.train(replace(self.settings, resume=resume))
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)

    def finish(self, resume: str | None = None) -> float:
        """Train to the end; the seconds that it took."""
        began = time.monotonic()
        number = self.start(resume)
        while (ended := os.waitpid(number, os.WNOHANG))[0] == 0:
            if time.monotonic() - began > LONGEST:
                os.kill(number, signal.SIGKILL)
            time.sleep(0.02)
        if ended[1]:
            raise RuntimeError(f"training failed:\n{self.log.read_text()}")
        return time.monotonic() - began

    def kill(self, moment: str, rng: random.Random, seconds: float) -> bool:
        """Start a process and kill it; whether it was killed before it had ended by itself.

        Args:
            moment: One of ``MOMENTS``.
            rng: Says when exactly.
            seconds: That the undisturbed run takes.
        """
        number = self.start(None)
        until = time.monotonic() + (rng.uniform(0, seconds) if moment == MOMENTS[0] else LONGEST)
        wanted = rng.randrange(1, 5)
        writing: set[str] = set()
        while time.monotonic() < until:
            if os.waitpid(number, os.WNOHANG)[0]:
                return False
            if moment == MOMENTS[1]:
                partial = self.run.with_name("run.partial")
                writing |= {str(path) for path in partial.glob(".training/*/*/step-*.partial")}
                if len(writing) >= wanted:
                    break
            elif moment == MOMENTS[2] and self.log.exists() and self.log.read_text().count("\nepoch") >= wanted:
                break
            time.sleep(0.0005)
        os.kill(number, signal.SIGKILL)
        os.waitpid(number, 0)
        return True

    def digest(self) -> str:
        """SHA-256 of all weights of the run, those of single seeds included."""
        total = hashlib.sha256()
        for path in sorted(self.run.rglob("*.safetensors")):
            total.update(path.relative_to(self.run).as_posix().encode() + path.read_bytes())
        return total.hexdigest()


def part_of_the_corpus(articles: int, path: Path) -> None:
    """Write the units of the first articles of the shipped corpus."""
    settings = TrainSettings()
    train_split = load_data(settings.data, find_taxonomy(settings.labels)).split.train
    names = list(dict.fromkeys(sentence.article_id for sentence in train_split))[:articles]
    with path.open("w", encoding="utf-8") as file:
        for unit in train_split:
            if unit.article_id in names:
                row = {
                    name: getattr(unit, name) for name in ("id", "article_id", "position", "text", "label", "labels")
                }
                file.write(json.dumps(row) + "\n")


def main() -> None:
    """Kill, go on, compare, and print the table; ends with 1 if any run ended otherwise."""
    given, changes = part_arguments({"kills", "seed", "articles"})
    setattr(training, "add_neighbours", lambda results, train: results)  # noqa: B010
    kills, rng = int(given.get("kills", "50")), random.Random(int(given.get("seed", "1")))
    counts: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        part_of_the_corpus(int(given.get("articles", "12")), scratch / "part.jsonl")
        wanted: dict[str, tuple[TrainSettings, str, float]] = {}
        for recipe, overrides in RECIPES.items():
            data = [f"data={scratch / 'part.jsonl'}", "data.allow_leakage=true"]
            settings = compose_settings("train", TrainSettings, [*data, *COMMON, *overrides, *changes])
            whole = Runs(settings, scratch / recipe)
            seconds = whole.finish()
            wanted[recipe] = (settings, whole.digest(), seconds)
            print(f"{recipe}: {seconds:.1f} s undisturbed", flush=True)
        done = 0
        while done < kills:
            recipe, moment = rng.choice([*RECIPES]), MOMENTS[done % len(MOMENTS)]
            settings, digest, seconds = wanted[recipe]
            runs = Runs(settings, scratch / "killed")
            if runs.kill(moment, rng, seconds):
                runs.finish("auto")
                is_same = runs.digest() == digest
                counts[moment, "killed"] += 1
                counts[moment, "same weights"] += is_same
                counts[moment, "gone on with"] += "after" in runs.log.read_text()
                done += 1
                words = "the same weights" if is_same else "other weights"
                print(f"{done} of {kills}: {recipe}, killed {moment}: {words}", file=sys.stderr, flush=True)
                if not is_same:
                    print(runs.log.read_text(), file=sys.stderr)
            shutil.rmtree(scratch / "killed")
    print("| killed | times | from a checkpoint | same weights to the bit |\n|---|---|---|---|")
    for moment in MOMENTS:
        figures = [counts[moment, what] for what in ("killed", "gone on with", "same weights")]
        print(f"| {moment} | {' | '.join(map(str, figures))} |")
    same = sum(counts[moment, "same weights"] for moment in MOMENTS)
    print(f"\n{same} of {done} runs ended in the weights of the undisturbed one")
    sys.exit(same < done)


if __name__ == "__main__":
    main()
