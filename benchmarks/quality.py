"""The examination of labelled data: time, memory, and how many planted faults it finds.

python benchmarks/quality.py rows=1000000     # made-up rows, without the label-error part
python benchmarks/quality.py flips=0.05       # label flips planted in the shipped corpus, three draws
"""

import json
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from arguments import options

from sitrep.data import corpus
from sitrep.data.reading import SHIPPED, Columns, read_labelled
from sitrep.labels import shipped_taxonomy
from sitrep.quality.corrections import corrected
from sitrep.quality.label_checks import suspected_errors

SCRIPT = Path(__file__).parents[1] / "scripts" / "check_data.py"
TAXONOMY = shipped_taxonomy("five")
LABELS = TAXONOMY.labels
UNITS_AN_ARTICLE = 20
PLANTED = 1000


def large(rows: int) -> None:
    """Examine made-up rows with planted duplicates, in a process of its own."""
    words = sorted({word for text in corpus.load()["text"] for word in re.findall(r"\w+", text)})
    rng = random.Random(0)
    texts = [" ".join(rng.choices(words, k=rng.randint(8, 30))) for _ in range(rows)]
    for number in range(PLANTED):  # the last rows repeat the first: half to the letter, half but for one word more
        texts[-1 - number] = texts[number] + (" again" if number % 2 else "")
    with tempfile.TemporaryDirectory() as folder:
        source, result = Path(folder) / "rows.jsonl", Path(folder) / "result"
        with source.open("w", encoding="utf-8") as file:
            for number, text in enumerate(texts):
                row = {"id": number, "article_id": number // UNITS_AN_ARTICLE, "text": text}
                file.write(json.dumps(row | {"label": rng.choice(LABELS)}) + "\n")
        began = time.perf_counter()
        command = [sys.executable, str(SCRIPT), f"data={source}", "label_errors=false", f"output_dir={result}"]
        subprocess.run(command, check=True, capture_output=True)
        seconds = time.perf_counter() - began
        found = {item["kind"]: item["count"] for item in json.loads((result / "check.json").read_text())["findings"]}
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024**2
    exact = found.get("duplicates", 0) + found.get("duplicates_across_sets", 0)
    near = found.get("near_duplicates", 0) + found.get("near_duplicates_across_sets", 0)
    print(f"{rows:,} rows: {seconds:.0f} s, {peak:.1f} GiB")
    print(f"planted duplicates found: {exact} of {PLANTED // 2} exact, {near} of {PLANTED // 2} near")


def flips(share: float) -> None:
    """Flip labels of the shipped corpus and look for them among the first tenth of the suggestions."""
    sentences = read_labelled(SHIPPED, Columns())
    for seed in range(3):
        rng = random.Random(seed)
        flipped = set(rng.sample(range(len(sentences)), round(share * len(sentences))))
        spoilt = [
            corrected(sentence, rng.choice([label for label in LABELS if label != sentence.label]), TAXONOMY)
            if index in flipped
            else sentence
            for index, sentence in enumerate(sentences)
        ]
        began = time.perf_counter()
        top = {suggestion.id for suggestion in suspected_errors(spoilt, LABELS)[: len(sentences) // 10]}
        seconds = time.perf_counter() - began
        found = sum(spoilt[index].id in top for index in flipped)
        print(f"draw {seed}: {found / len(flipped):.1%} of {len(flipped)} flips in the first tenth, {seconds:.0f} s")


def main() -> None:
    """Run what the command line asks for."""
    given = options("rows", "flips") or sys.exit(__doc__)
    if "rows" in given:
        large(int(given["rows"]))
    if "flips" in given:
        flips(float(given["flips"]))


if __name__ == "__main__":
    main()
