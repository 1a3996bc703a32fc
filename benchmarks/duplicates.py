"""Near duplicates: precision and recall on invented wire copy that was edited again, and time for many sentences.

    python benchmarks/duplicates.py [sentences=100000]

Pairs are those of `tests/data/wire_pairs.txt`. A sentence pair is found if both have one group; that of two
sentences of different stories, or of the mould pairs, is a false one. Of each story the second page is also cut to its
first sentences, as papers do. `datasketch` is timed on the same sentences where it is installed.
"""

import importlib.util
import itertools
import random
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

from arguments import options

from sitrep.inference.duplicates import BANDS, SENTENCES_ALIKE, SHINGLE_WORDS, find_repeats
from sitrep.normalization import comparable
from sitrep.pages.similarity import ShingleSets
from sitrep.sentences import Passage

TABLE = Path(__file__).parents[1] / "tests" / "data" / "wire_pairs.txt"
MOULDS = "different"

Pair = tuple[str, ...]


def read_pairs() -> tuple[list[list[Pair]], list[Pair]]:
    """The pairs of each story, and those of the same mould."""
    text = "\n".join(line for line in TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("# "))
    *stories, moulds = ([line for line in block.splitlines() if line] for block in text.strip().split("\n\n"))
    told = [[tuple(line.split(" ¦ ")) for line in story] for story in stories]
    return told, [tuple(line.split(" ¦ ")) for line in moulds if line != MOULDS]


def as_passages(pages: dict[str, list[str]]) -> Iterator[Passage]:
    """Pages as prediction reads them."""
    for name, sentences in pages.items():
        for place, text in enumerate(sentences):
            yield Passage(f"{name}:{place}", name, place, 0, len(text), text)


def alike(pairs: list[Pair], threshold: float) -> int:
    """How many pairs have one group."""
    texts = [comparable(text) for pair in pairs for text in pair]
    found = {(one, other) for one, other, _ in ShingleSets(texts, SHINGLE_WORDS).similar(threshold, bands=BANDS)}
    return sum(
        (2 * place, 2 * place + 1) in found or texts[2 * place] == texts[2 * place + 1] for place in range(len(pairs))
    )


def sentence_table() -> None:
    """Precision and recall by threshold."""
    stories, moulds = read_pairs()
    pairs = [pair for story in stories for pair in story]
    texts = [comparable(text) for pair in [*pairs, *moulds] for text in pair]
    print("| least similarity | pairs found | of the same mould | of different stories |\n|---|---|---|---|")
    for threshold in (0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.7):
        crossing = sum(
            one // 2 != other // 2
            for one, other, _ in ShingleSets(texts, SHINGLE_WORDS).similar(threshold, bands=BANDS)
        )
        mark = " (used)" if threshold == SENTENCES_ALIKE else ""
        print(
            f"| {threshold}{mark} | {alike(pairs, threshold)} of {len(pairs)} | "
            f"{alike(moulds, threshold)} of {len(moulds)} | {crossing} |"
        )


def page_table() -> None:
    """Stories whose two pages have one group, and pages of different stories that have."""
    stories, moulds = read_pairs()
    for what, kept in (("whole", 5), ("cut to three sentences", 3), ("cut to two", 2)):
        pages = {f"{place}a": [pair[0] for pair in story] for place, story in enumerate(stories)}
        pages |= {f"{place}b": [pair[1] for pair in story[:kept]] for place, story in enumerate(stories)}
        # Pages made of sentences of one mould: what the others have said, of another event.
        pages |= {f"m{side}": [pair[side] for pair in moulds] for side in (0, 1)}
        groups = find_repeats(as_passages(pages)).pages
        together = [
            (one, other)
            for one, other in itertools.combinations(pages, 2)
            if groups.get(one) is not None and groups.get(one) == groups.get(other)
        ]
        right = sum(one[:-1] == other[:-1] and one[0] != "m" for one, other in together)
        print(
            f"second page {what}: {right} of {len(stories)} stories found, {len(together) - right} false pairs of pages"
        )


def made_up(count: int) -> list[str]:
    """Different sentences of 12 to 30 words, a twentieth of which was edited from another."""
    rng = random.Random(0)
    vocabulary = [f"w{rank}" for rank in range(20_000)]
    often = list(itertools.accumulate(1 / (rank + 2.7) for rank in range(len(vocabulary))))  # Zipf and Mandelbrot's law
    texts = [
        " ".join(rng.choices(vocabulary, cum_weights=often, k=rng.randint(12, 30))) for _ in range(count * 19 // 20)
    ]
    for text in rng.sample(texts, count - len(texts)):
        words = text.split()
        words[rng.randrange(len(words))] = "edited"
        texts.append(" ".join(words))
    return texts


def timing(count: int) -> None:
    """Seconds and memory of grouping, and of an index of `datasketch`."""
    texts = made_up(count)
    passages = [Passage(f"{n}", f"page {n // 20}", n % 20, 0, len(text), text) for n, text in enumerate(texts)]
    began = time.perf_counter()
    repeats = find_repeats(passages)
    print(f"\nsitrep: {count:,} sentences in {time.perf_counter() - began:.1f} s; {repeats.summary()}")
    tracemalloc.start()
    find_repeats(passages)
    print(f"sitrep: peak of {tracemalloc.get_traced_memory()[1] / count:.0f} bytes a sentence")
    tracemalloc.stop()
    if importlib.util.find_spec("datasketch"):
        from datasketch import MinHash, MinHashLSH

        began = time.perf_counter()
        index = MinHashLSH(threshold=SENTENCES_ALIKE, num_perm=128)
        for number, text in enumerate(texts):
            words = comparable(text).split()
            sketch = MinHash(num_perm=128)
            sketch.update_batch([" ".join(words[i : i + 3]).encode() for i in range(max(1, len(words) - 2))])
            index.query(sketch)
            index.insert(number, sketch, check_duplication=False)
        print(f"datasketch's MinHashLSH, unverified candidates: {time.perf_counter() - began:.1f} s")


def main() -> None:
    """Print the tables."""
    given = options("sentences")
    sentence_table()
    print()
    page_table()
    timing(int(given.get("sentences", "100000")))


if __name__ == "__main__":
    main()
