"""Pages and sentences of a job that repeat, as syndicated copy does, by a name for each group of them."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import islice, pairwise

from rich.console import Console

from sitrep.errors import UserError
from sitrep.inference.inputs import InputSource
from sitrep.inference.prediction_progress import PredictionProgress
from sitrep.inference.stage_clock import DUPLICATES, StageClock
from sitrep.normalization import comparable
from sitrep.pages.similarity import SHORT_WORDS, ShingleSets, pairs_of
from sitrep.sentences import Passage

SHINGLE_WORDS, SENTENCES_ALIKE = 2, 0.45
"""Two sentences are one, re-edited, if of all their pairs of neighbouring words such a share is common."""

BANDS = 64
"""Finds 93 % of the pairs that are just alike enough, 98 % from 0.5, more than 99.9 % from 0.6."""

SHARED_OF_SHORTER = 0.5
"""Least share of the shorter page's words that stand in sentences of the longer one: copy is cut from its end."""

SHARED_SENTENCES, SHARED_WORDS = 2, 40
"""Fewest that two pages share before they are one."""

FURNITURE_PAGES, FURNITURE_SHARE = 3, 0.3
"""A sentence on so many pages that mostly have less than that in common besides is the site's and not a story's."""

LOOKED_AT = 20
"""Pairs of pages at most by which that is told."""


@dataclass(frozen=True)
class Repeats:
    """What repeats, by hashes of the texts.

    Attributes:
        sentences: Name of the group by the hash of a sentence; only of those that repeat.
        pages: Name of the group by the article's id; only of those that repeat.
        passages: How many sentences each group of them has.
    """

    sentences: Mapping[int, str] = field(default_factory=dict)
    pages: Mapping[str, str] = field(default_factory=dict)
    passages: Counter[str] = field(default_factory=Counter)

    def fields(self, passage: Passage) -> dict[str, str | None]:
        """The two columns of a passage: null where nothing repeats."""
        text = comparable(passage.text)
        sentence = self.sentences.get(_hash(text)) if _is_long(text) else None
        return {"page_group": self.pages.get(passage.article_id), "sentence_group": sentence}

    def summary(self) -> str:
        """One line: how many groups there are, and of how much."""
        return (
            f"duplicates: {len(set(self.pages.values()))} groups of {len(self.pages)} pages, "
            f"{len(self.passages)} groups of {self.passages.total()} sentences"
        )


def repeats_of(source: InputSource, clock: StageClock, console: Console) -> Repeats:
    """What repeats in an input, for which it is read once more than for its labels: who is first knows no second.

    Args:
        source: Pages or rows of it that cannot be read are told where it is read for their labels.
        clock: Told the time.
        console: Where it is shown how far that is.

    Raises:
        UserError: If it can be read once only.
    """
    if source.is_stream:
        raise UserError("duplicates=mark: reads the input twice, which a pipe does not allow; save it as a file first")
    source.expect(path for path, _ in source.named_files())
    with clock.measure(DUPLICATES), PredictionProgress(console, source.meter) as progress:
        repeats = find_repeats(progress.looking(source.passages(lambda error: None)))
    if not console.is_terminal:
        console.print(progress.looked(), highlight=False, soft_wrap=True)
    return repeats


def marked(passages: Iterable[Passage], repeats: Repeats | None) -> Iterator[Passage]:
    """Give passages their two columns, if repeats were looked for."""
    for passage in passages:
        yield replace(passage, fields={**passage.fields, **repeats.fields(passage)}) if repeats else passage


def find_repeats(passages: Iterable[Passage]) -> Repeats:
    """Read all passages of a job once and group what repeats.

    Only hashes are kept: eight bytes a sentence, and some 600 bytes for each different one. A group is named after
    the least hash of its members, so that names do not depend on the order of reading. Pairs that are alike are
    chained: of a group's members two may be less alike than the threshold.
    """
    numbers: dict[int, int] = {}
    counts, words = array("Q"), array("Q")
    shingles = ShingleSets(words=SHINGLE_WORDS)
    pages: dict[str, _Page] = {}
    for passage in passages:
        text = comparable(passage.text)
        page = None if passage.article_id == passage.id else pages.setdefault(passage.article_id, _Page())
        if page:
            page.all_of_it = _hash(f"{page.all_of_it} {text}")
        if not _is_long(text):
            continue
        number = numbers.setdefault(_hash(text), len(numbers))
        if number == len(counts):
            counts.append(0)
            words.append(text.count(" ") + 1)
            shingles.add(text)
        counts[number] += 1
        if page:
            page.sentences.append(number)
    hashes = array("Q", numbers)
    names = array("Q", hashes)
    sentences: dict[int, str] = {}
    repeated: Counter[str] = Counter()
    for members in _alike(shingles, hashes):
        least = min(hashes[number] for number in members)
        total = sum(counts[number] for number in members)
        for number in members:
            names[number] = least
        if total > 1:
            repeated[_name(least)] = total
            sentences |= {hashes[number]: _name(least) for number in members}
    weighed = {
        page: (kept.all_of_it, {names[number]: words[number] for number in reversed(kept.sentences)})
        for page, kept in pages.items()
        if kept.sentences
    }
    return Repeats(sentences, _page_groups(weighed), repeated)


def _alike(shingles: ShingleSets, hashes: Sequence[int]) -> Iterator[list[int]]:
    groups = _Groups(len(hashes))
    order = sorted(range(len(hashes)), key=hashes.__getitem__)
    for one, other, _ in shingles.similar(SENTENCES_ALIKE, order, BANDS, groups.are_joined):
        groups.join(one, other)
    yield from groups.members()


Weighed = Mapping[int, int]
"""Words of each sentence of a page, by what its group is named after."""


class _Page:
    """What is kept of a page: a hash of all that stands on it, and its longer sentences by number."""

    def __init__(self) -> None:
        self.all_of_it = 0
        self.sentences = array("L")


def _page_groups(pages: Mapping[str, tuple[int, Weighed]]) -> dict[str, str]:
    """The name of the group of each page that is the same as another, or made of it."""
    ids = sorted(pages, key=lambda page: (pages[page][0], page))
    keys = [pages[page][0] for page in ids]
    weighed = [pages[page][1] for page in ids]
    found_on: dict[int, list[int]] = defaultdict(list)
    for place, sentences in enumerate(weighed):
        for sentence in sentences:
            found_on[sentence].append(place)
    furniture = {sentence for sentence, places in found_on.items() if _is_furniture(sentence, places, weighed)}
    bare = [{key: words for key, words in sentences.items() if key not in furniture} for sentences in weighed]
    groups = _Groups(len(ids))
    for before, after in pairwise(range(len(ids))):
        if keys[before] == keys[after]:
            groups.join(before, after)
    for sentence in found_on.keys() - furniture:
        for one, other in pairs_of(found_on[sentence]):
            if not groups.are_joined(one, other) and _same_story(bare[one], bare[other]):
                groups.join(one, other)
    return {
        ids[place]: _name(min(keys[member] for member in members))
        for members in groups.members()
        if len(members) > 1
        for place in members
    }


def _same_story(one: Weighed, other: Weighed) -> bool:
    shared = one.keys() & other.keys()
    if len(shared) < SHARED_SENTENCES or sum(one[sentence] for sentence in shared) < SHARED_WORDS:
        return False
    return _share(one, other) >= SHARED_OF_SHORTER


def _share(one: Weighed, other: Weighed, without: int | None = None) -> float:
    """Share of the words of the shorter page that stand in sentences of both."""
    shorter, longer = sorted((one, other), key=lambda page: sum(page.values()))
    words = sum(count for sentence, count in shorter.items() if sentence != without)
    shared = sum(count for sentence, count in shorter.items() if sentence != without and sentence in longer)
    return shared / words if words else 0.0


def _is_furniture(sentence: int, places: Sequence[int], pages: Sequence[Weighed]) -> bool:
    if len(places) < FURNITURE_PAGES:
        return False
    shares = sorted(_share(pages[one], pages[other], sentence) for one, other in islice(pairwise(places), LOOKED_AT))
    return shares[len(shares) // 2] < FURNITURE_SHARE


class _Groups:
    """Numbers that were joined, directly or by others (union-find)."""

    def __init__(self, count: int) -> None:
        self._above = array("Q", range(count))

    def first(self, number: int) -> int:
        while self._above[number] != number:
            self._above[number] = self._above[self._above[number]]
            number = self._above[number]
        return number

    def are_joined(self, one: int, other: int) -> bool:
        return self.first(one) == self.first(other)

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self.first(one), self.first(other)))
        self._above[high] = low

    def members(self) -> Iterator[list[int]]:
        found: dict[int, list[int]] = defaultdict(list)
        for number in range(len(self._above)):
            found[self.first(number)].append(number)
        yield from found.values()


def _is_long(normalised: str) -> bool:
    """Whether a text is long enough that it hardly stands in two places by chance."""
    return normalised.count(" ") >= SHORT_WORDS - 1


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def _name(least: int) -> str:
    return f"{least:016x}"
