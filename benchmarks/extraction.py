"""Main text of pages: keeping what the model does not call boilerplate, against extractors made for it.

    python benchmarks/extraction.py data=FOLDER [part=dev] [checkpoint=outputs/train/latest] [pages=0] [units=FILE]
    python benchmarks/extraction.py data=FOLDER kilobytes=45-75      # only how fast pages of that size are read

`data` is a clone of one of two public sets, which are not part of this project: `Murrough-Foley/web-content-extraction-
benchmark` (its `dev` part is for tuning, its `test` part for one run at the end), or `adbar/trafilatura`, whose
`tests/evaldata.json` names for each page pieces that an extractor must give and pieces that it must not.

Word F1, precision and recall are those of the sets' own scripts: words as a multiset, the mean over pages. `pages` is a
sample of that many, evenly spread. `units` keeps what the model said, for another look. The others come with
`pip install '.[bench]'`; what is not installed is left out.
"""

import gzip
import importlib.util
import json
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from arguments import options

from sitrep.errors import UserError
from sitrep.inference.page_structure import BOILERPLATE, shipped_structure
from sitrep.inference.predictor import Predictor
from sitrep.pages.html import read_html
from sitrep.pages.passages import page_passages
from sitrep.sentences import Passage

THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Example:
    """A page and its truth: the text, or pieces that belong to it or not."""

    name: str
    kind: str
    html: bytes
    truth: str = ""
    wanted: tuple[str, ...] = ()
    unwanted: tuple[str, ...] = ()


def read_examples(data: Path, part: str) -> Iterator[Example]:
    """The pages of either set."""
    if (data / "tests" / "evaldata.json").is_file():
        for item in json.loads((data / "tests" / "evaldata.json").read_text(encoding="utf-8")).values():
            places = [data / "tests" / folder / item["file"] for folder in ("cache", "eval")]
            path = next((place for place in places if place.is_file()), None)
            if path:
                pieces = tuple(item["with"]), tuple(item["without"])
                yield Example(item["file"], "all", path.read_bytes(), "", *pieces)
        return
    for path in sorted((data / part / "ground-truth").glob("*.json")):
        item = json.loads(path.read_text(encoding="utf-8"))
        html = gzip.decompress((data / part / "html" / f"{path.stem}.html.gz").read_bytes())
        kind = item["_internal"]["page_type"]["primary"]
        yield Example(path.stem, kind, html, item["ground_truth"].get("main_content") or "")


def words(text: str) -> Counter[str]:
    """Words as the set's own script counts them."""
    return Counter(re.findall(r"\w+", text.lower()))


def word_scores(said: str, truth: str) -> tuple[float, float, float]:
    """F1, precision and recall of the words of a text."""
    given, wanted = words(said), words(truth)
    if not wanted or not given:
        return (float(not given and not wanted),) * 3
    common = (given & wanted).total()
    precision, recall = common / given.total(), common / wanted.total()
    return (2 * precision * recall / (precision + recall) if common else 0.0), precision, recall


def piece_scores(said: list[str], examples: list[Example]) -> tuple[float, float, float]:
    """F1, precision and recall of the pieces that are named, over all pages together."""
    right = wrong = missed = 0
    for text, example in zip(said, examples, strict=True):
        line = " ".join(text.split())
        found = sum(" ".join(piece.split()) in line for piece in example.wanted)
        right, missed = right + found, missed + len(example.wanted) - found
        wrong += sum(" ".join(piece.split()) in line for piece in example.unwanted)
    precision, recall = right / max(1, right + wrong), right / max(1, right + missed)
    return 2 * precision * recall / max(1e-9, precision + recall), precision, recall


def peers() -> dict[str, Callable[[bytes, str], str | None]]:
    """The extractors that are installed, each as its own documentation calls it."""

    def trafilatura(html: bytes, text: str) -> str | None:
        from trafilatura import extract

        return extract(html, include_comments=False)  # type: ignore[no-any-return]

    def resiliparse(html: bytes, text: str) -> str | None:
        from resiliparse.extract.html2text import extract_plain_text

        return extract_plain_text(text, main_content=True)  # type: ignore[no-any-return]

    def justext(html: bytes, text: str) -> str | None:
        import justext as library

        paragraphs = library.justext(html, library.get_stoplist("English"))
        return "\n".join(paragraph.text for paragraph in paragraphs if not paragraph.is_boilerplate)

    def readability(html: bytes, text: str) -> str | None:
        from lxml.html import fromstring
        from readability import Document

        tree: Any = fromstring(Document(text).summary())
        return str(tree.text_content())

    known = {"trafilatura": trafilatura, "resiliparse": resiliparse, "justext": justext, "readability": readability}
    return {name: call for name, call in known.items() if importlib.util.find_spec(name)}


def run_peer(call: Callable[[bytes, str], str | None], examples: list[Example]) -> tuple[list[str], float]:
    """What an extractor gives for each page, nothing where it fails, and its pages a second."""
    said = []
    began = time.process_time()
    for example in examples:
        try:
            said.append(call(example.html, example.html.decode("utf-8", "replace")) or "")
        except Exception as error:  # a failure is a miss, as it is for who uses it
            print(f"{example.name}: {type(error).__name__}: {error}", file=sys.stderr)
            said.append("")
    return said, len(examples) / (time.process_time() - began)


def read_units(examples: list[Example]) -> tuple[list[list[dict[str, Any]]], float]:
    """The sentences of each page with their blocks, and pages a second."""
    pages = []
    began = time.process_time()
    for example in examples:
        try:
            passages = list(page_passages(read_html(example.html, place=example.name), example.name))
        except UserError as error:
            print(error, file=sys.stderr)
            passages = []
        fields = ("tag", "xpath", "link_density")
        pages.append([{"text": p.text, "start": p.start} | {f: p.fields[f] for f in fields} for p in passages])
    return pages, len(examples) / (time.process_time() - began)


def add_probabilities(pages: list[list[dict[str, Any]]], checkpoint: str) -> float:
    """Put the probability of boilerplate to every sentence; pages a second."""
    predictor = Predictor.from_checkpoint(checkpoint)
    column = predictor.class_names.index(BOILERPLATE)
    began = time.process_time()
    texts = list(dict.fromkeys(str(unit["text"]) for page in pages for unit in page))
    known = dict(zip(texts, predictor.predict_proba(texts)[:, column].tolist(), strict=True))
    for unit in (unit for page in pages for unit in page):
        unit[BOILERPLATE] = round(known[str(unit["text"])], 5)
    return len(pages) / (time.process_time() - began)


def with_probabilities(
    pages: list[list[dict[str, Any]]], checkpoint: str, units: str | None
) -> tuple[list[list[dict[str, Any]]], float]:
    """The pages with the probability of boilerplate of every sentence, and pages a second.

    Args:
        pages: As read.
        checkpoint: Says it.
        units: File that what it said is kept in; if it is there, these pages are given instead.
    """
    store = Path(units) if units else None
    if store and store.is_file():
        return [json.loads(line) for line in store.read_text(encoding="utf-8").splitlines()], 0.0
    speed = add_probabilities(pages, checkpoint)
    if store:
        store.write_text("".join(json.dumps(page) + "\n" for page in pages), encoding="utf-8")
    return pages, speed


def kept(page: list[dict[str, Any]], threshold: float) -> str:
    """The text of a page without what is boilerplate at least at a probability."""
    return "\n".join(str(unit["text"]) for unit in page if float(str(unit[BOILERPLATE])) < threshold)


def main_text(page: list[dict[str, Any]]) -> str:
    """The text of a page as the blocks and the model together see it."""
    if not page:
        return ""
    passages = [Passage("", "", 0, 0, 0, unit["text"], unit) for unit in page]
    values = shipped_structure().main_text(passages, [unit[BOILERPLATE] for unit in page])
    return "\n".join(unit["text"] for unit, value in zip(page, values, strict=True) if value >= 0.5)


def show(name: str, said: list[str], examples: list[Example], speed: str) -> None:
    """One line of the table for each kind of page."""
    if examples[0].wanted:
        rows = {"all": piece_scores(said, examples)}
    else:
        by_kind = defaultdict(list)
        for text, example in zip(said, examples, strict=True):
            by_kind["all"].append(word_scores(text, example.truth))
            by_kind[example.kind].append(by_kind["all"][-1])
        rows = {kind: tuple(map(fmean, zip(*scores, strict=True))) for kind, scores in by_kind.items()}  # type: ignore[misc]
    counts = Counter(example.kind for example in examples) | Counter(all=len(examples))
    for kind, (f1, precision, recall) in sorted(rows.items()):
        print(f"{name:<28} {kind:<14} {counts[kind]:>5} {f1:>7.3f} {precision:>7.3f} {recall:>7.3f}  {speed}")


def main() -> None:
    """Read, run all, and print the table."""
    given = options("data", "part", "checkpoint", "pages", "units", "kilobytes")
    if "data" not in given:
        sys.exit("data=FOLDER is missing: a clone of one of the sets that `head -12 benchmarks/extraction.py` names")
    examples = list(read_examples(Path(given["data"]), given.get("part", "dev")))
    if "kilobytes" in given:
        least, most = (1000 * float(bound) for bound in given["kilobytes"].split("-"))
        sized = [example for example in examples if least <= len(example.html) <= most]
        mean = fmean(len(example.html) for example in sized) / 1000
        speeds = ", ".join(f"{read_units(sized)[1]:.0f}" for _ in range(3))
        print(f"{len(sized)} pages of {mean:.0f} kB on average, read and cut: {speeds} pages/s of one core")
        return
    wanted = int(given.get("pages", 0)) or len(examples)
    examples = examples[:: max(1, len(examples) // wanted)][:wanted]
    print(f"{'':<28} {'pages':<14} {'':>5} {'F1':>7} {'prec.':>7} {'recall':>7}  pages/s")
    for name, call in peers().items():
        said, speed = run_peer(call, examples)
        show(name, said, examples, f"{speed:.0f}")
    pages, reading = read_units(examples)
    show("all visible text", ["\n".join(str(u["text"]) for u in page) for page in pages], examples, f"{reading:.0f}")
    pages, labelling = with_probabilities(pages, given.get("checkpoint", "outputs/train/latest"), given.get("units"))
    for threshold in THRESHOLDS:
        said = [kept(page, threshold) for page in pages]
        show(f"boilerplate < {threshold}", said, examples, f"{reading:.0f} read, {labelling:.1f} labelled")
    show("main_text >= 0.5", [main_text(page) for page in pages], examples, "")


if __name__ == "__main__":
    main()
