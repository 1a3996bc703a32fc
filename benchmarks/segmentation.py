"""Sentences: this program against segmenters that need no model, on lines cut by hand and on very long ones.

    python benchmarks/segmentation.py [characters=1000000] [boundaries=FILE]

Lines are those of `tests/data/sentences.txt`; a line is right if every cut is where the hand made it. The rules of
this program were held against that table and mended, those of the others were not: it flatters this program. Long lines
have no line break: each repeats one stretch of text. A segmenter is given ever longer ones and left alone after the
first that takes it more than a second. The others come with `pip install '.[bench]'`.

With `boundaries`, a file of pages that were cut by hand, the cuts inside its lines are counted instead: `¦` marks one,
`‖` one that may be there or not, as between sentences of one quotation.
"""

import importlib.util
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate
from pathlib import Path

from sitrep.pages.segmentation import sentence_spans

TABLE = Path(__file__).parents[1] / "tests" / "data" / "sentences.txt"
PATIENCE = 1.0
"""Seconds for a line that is shorter than the whole; ten times the length may take a hundred times as long."""

LONG = {
    "full stops": "Two men died in Kharta on Monday. The army denied it. ",
    "no full stop": "two men died in Kharta on Monday and the army denied it, ",
    "abbreviations": "Gen. Karim of the U.S. met Lt. Col. Ali at 5 p.m. on Jan. 3, ",
    "unbalanced quotes": "He said “no. She said yes. They left at noon. ",
}

Segmenter = Callable[[str], list[str]]


def ours(text: str) -> list[str]:
    """Sentences as this program cuts them."""
    return [text[start:end] for start, end in sentence_spans(text)]


def bare_sentencex() -> Segmenter:
    """The segmenter of Wikimedia as it comes."""
    import sentencex

    return lambda text: list(sentencex.segment("en", text))


def pysbd() -> Segmenter:
    """The pragmatic segmenter as it comes."""
    import pysbd

    segmenter = pysbd.Segmenter(language="en", clean=False)
    return lambda text: list(segmenter.segment(text))


def sentencizer() -> Segmenter:
    """The rules of spaCy as they come."""
    import spacy

    rules = spacy.blank("en")
    rules.add_pipe("sentencizer")
    return lambda text: [sentence.text for sentence in rules(text).sents]


PEERS = {"sentencex": bare_sentencex, "pysbd": pysbd, "spacy": sentencizer}


def cuts(sentences: Iterable[str]) -> set[int]:
    """Where a line is cut, in characters that are not white space, so that it does not matter who keeps blanks."""
    ends = accumulate(len("".join(sentence.split())) for sentence in sentences)
    return set(ends)


def boundary_table(segmenters: Mapping[str, Segmenter], file: Path) -> None:
    """Cuts found, missed and invented inside the lines of a file that was cut by hand."""
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    print("| segmenter | cuts by hand | found | missed | invented | precision | recall | F1 |")
    print("|---|---|---|---|---|---|---|---|")
    for name, segmenter in segmenters.items():
        found = missed = invented = 0
        for line in lines:
            wanted, allowed = (
                cuts(re.split(signs, line.replace(spare, ""))) for signs, spare in (("¦", "‖"), ("[¦‖]", ""))
            )
            own = cuts(segmenter(" ".join(line.replace("¦", "").replace("‖", "").split()))) | {max(allowed)}
            found += len(wanted & own) - 1  # the end of the line is nobody's finding
            missed += len(wanted - own)
            invented += len(own - allowed)
        precision, recall = found / max(found + invented, 1), found / max(found + missed, 1)
        f1 = 2 * precision * recall / max(precision + recall, 1e-9)
        counts = f"{found + missed} | {found} | {missed} | {invented}"
        print(f"| {name} | {counts} | {precision:.3f} | {recall:.3f} | {f1:.3f} |")


def right_lines(segmenter: Segmenter) -> tuple[int, int]:
    """Lines of the table that are cut as by hand, and all lines; white space around a sentence does not count."""
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if line and not line.startswith("# ")]
    right = 0
    for line in lines:
        found = (sentence.strip() for sentence in segmenter(line.replace(" ¦ ", " ").replace("¦", "")))
        right += [sentence for sentence in found if sentence] == re.split(" ¦ |¦", line)
    return right, len(lines)


def seconds(segmenter: Segmenter, unit: str, characters: int) -> str:
    """Time for one line of so many characters, or for the longest that was tried."""
    for share in (1000, 100, 10, 1):
        text = (unit * (characters // len(unit) + 1))[: characters // share]
        began = time.perf_counter()
        segmenter(text)
        taken = time.perf_counter() - began
        if share > 1 and taken > PATIENCE:
            return f"{taken:.1f} for {len(text):,} characters"
    return f"{taken:.2f}"


def main() -> None:
    """Measure each segmenter and print the table."""
    options = dict(argument.split("=", 1) for argument in sys.argv[1:])
    characters = int(options.get("characters", "1000000"))
    segmenters: dict[str, Segmenter] = {"sitrep": ours}
    for name, load in PEERS.items():
        if importlib.util.find_spec(name):
            segmenters[name] = load()
        else:
            print(f"{name} is not installed and left out\n")
    if "boundaries" in options:
        boundary_table(segmenters, Path(options["boundaries"]))
        return
    print(f"Seconds are for one line of {characters:,} characters.\n")
    print(f"| segmenter | lines right | {' | '.join(f'{name} (s)' for name in LONG)} |\n|---|---|{'---|' * len(LONG)}")
    for name, segmenter in segmenters.items():
        right, lines = right_lines(segmenter)
        print(f"| {name} | {right} of {lines} ({right / lines:.1%}) |", end="", flush=True)
        for unit in LONG.values():
            print(f" {seconds(segmenter, unit, characters)} |", end="", flush=True)
        print()


if __name__ == "__main__":
    main()
