"""How familiar the words of a page are to a model: a statistic of its training data that the checkpoint keeps.

A word piece is known if several training articles hold it. Pages of another kind (recipes, contracts, match reports)
hold far more pieces that are not, and the model is surer of them than it should be. Only token numbers are looked at,
so that it costs no pass of the encoder, and is the same for every backbone, task and context. Distances of sentence
vectors from those of training were measured too, and told less of errors (`docs/evaluation.md`).
"""

import base64
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np

from sitrep.model.encoding import InputEncoder
from sitrep.model.tokenizer import TextTokenizer
from sitrep.sentences import LabelledSentence
from sitrep.storage.complete import read_json, record_of

FAMILIARITY = "familiarity.json"
VERSION = 1

LEAST_ARTICLES = 5
"""Training articles that hold a known piece. Names that stand in one page are not kept, so that they tell nothing."""
LEAST_PIECES = 30
"""Shorter pages say nothing."""
LEAST_PAGES = 20
"""Training pages of that length from which the spread can be told."""
FALSE_ALARMS = 0.01
"""Share of the training pages themselves, each against the others, that lies beyond the limit."""
LONG_PIECES = 1000
"""Length of a long page; the excess of pages of one kind grows with their length, beyond this one hardly."""
LEAST_LIMIT = 2.0
"""Standard deviations; where training pages are all alike, a word more than usual says nothing."""


@dataclass(frozen=True)
class Familiarity:
    """Content of ``familiarity.json`` in a checkpoint folder.

    Attributes:
        known: One bit for each word piece, by its number: whether :data:`LEAST_ARTICLES` training articles hold it.
            Base64; pieces beyond the last bit are not known.
        share: Of pieces on training pages that are not known, each page left out in turn.
        correlation: How far such pieces come together on a page: their intraclass correlation.
        limit: Standard deviations above ``share`` from which a page is unfamiliar.
        version: Of this file's format.
    """

    known: str
    share: float
    correlation: float
    limit: float
    version: int = VERSION

    def __post_init__(self) -> None:
        for name in ("share", "correlation", "limit"):
            value = getattr(self, name)
            if not isinstance(value, float) or not math.isfinite(value):
                raise TypeError(f"{name} must be a number, not {value!r}")
        if not 0 < self.share < 1 or not 0 <= self.correlation < 1 or self.limit <= 0:
            raise TypeError("share and correlation must lie between 0 and 1, limit above 0")
        if not isinstance(self.known, str) or not len(self._known):
            raise TypeError("known must hold a bit for each word piece")

    @cached_property
    def _known(self) -> np.ndarray:
        try:
            packed = base64.b64decode(self.known, validate=True)
        except ValueError:
            raise TypeError("known must be Base64") from None
        return np.unpackbits(np.frombuffer(packed, dtype=np.uint8)).astype(bool)

    def excess(
        self, tokens: Sequence[Sequence[int]], article_ids: Sequence[str], tokenizer: TextTokenizer
    ) -> np.ndarray:
        """How far the article of each sentence, as far as it is given, holds more unknown pieces than usual.

        Args:
            tokens: Of each sentence, from :meth:`sitrep.model.encoding.InputEncoder.tokenize`.
            article_ids: Of each sentence.
            tokenizer: Of the model.

        Returns:
            Standard deviations, one a sentence, the same for all of an article; 0 for those too short to tell.
        """
        new, lengths, articles = self._counts(tokens, article_ids, tokenizer)
        excess = _excess(new, lengths, self.share, self.correlation)
        return np.asarray(np.where(lengths >= LEAST_PIECES, excess, 0)[articles])

    def _counts(
        self, tokens: Sequence[Sequence[int]], article_ids: Sequence[str], tokenizer: TextTokenizer
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Unknown pieces of each article, all of them, and the number of the article of each sentence."""
        pieces, owners, articles = _flat(tokens, article_ids, tokenizer)
        beyond = pieces >= len(self._known)
        new = beyond | ~self._known[np.where(beyond, 0, pieces)]
        count = int(articles.max(initial=-1)) + 1
        return np.bincount(owners, new, count), np.bincount(owners, minlength=count), articles

    def unfamiliar(
        self, tokens: Sequence[Sequence[int]], article_ids: Sequence[str], tokenizer: TextTokenizer
    ) -> list[bool]:
        """Whether the :meth:`excess` of each sentence's article lies above the limit."""
        far: list[bool] = (self.excess(tokens, article_ids, tokenizer) > self.limit).tolist()
        return far

    def accustomed_to(
        self, tokens: Sequence[Sequence[int]], article_ids: Sequence[str], tokenizer: TextTokenizer
    ) -> "Familiarity":
        """The same words known, and a limit that whole pages like these keep within.

        The sentences may be a few of each page, which alone would be too short to tell, or far less in excess than
        the whole page: the excess grows with the length. So they are pooled, and tell what share of unknown pieces
        pages of their kind hold, and how far it differs between pages; the limit is the excess of a long page that has
        a larger share than all but :data:`FALSE_ALARMS` of them (by a beta distribution).

        Args:
            tokens: Of sentences of these pages, each once, as in :meth:`excess`.
            article_ids: Of each sentence.
            tokenizer: Of the model.
        """
        from scipy.stats import beta

        new, lengths, _ = self._counts(tokens, article_ids, tokenizer)
        new, lengths = new[lengths > 0], lengths[lengths > 0]
        if lengths.sum() < LEAST_PIECES or not 0 < new.sum() < lengths.sum():
            return self
        share = float(new.sum() / lengths.sum())
        told = max(lengths) > 1 and len(lengths) > 1  # else nothing comes together
        together = max(self.correlation, _correlation(new, lengths, share) if told else 0.0)
        spread = (1 + (LONG_PIECES - 1) * together) / LONG_PIECES  # variance, where that of one piece is 1
        pieces = 1 / spread - 1  # as many independent ones would spread as far
        farthest = beta.ppf(1 - FALSE_ALARMS, share * pieces, (1 - share) * pieces)
        length = np.array([LONG_PIECES])
        limit = float(_excess(farthest * length, length, self.share, self.correlation)[0])
        return replace(self, limit=max(self.limit, limit))

    def write(self, folder: Path) -> None:
        """Write the file into a checkpoint folder."""
        (folder / FAMILIARITY).write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")


def read_familiarity(folder: Path) -> Familiarity | None:
    """What ``familiarity.json`` in a checkpoint folder says; ``None`` where there is none.

    Raises:
        UserError: If it is not what it should be.
    """
    path = folder / FAMILIARITY
    if not path.is_file():
        return None
    return record_of(Familiarity, VERSION, read_json(path), path)


def fit_familiarity(encoder: InputEncoder, sentences: Sequence[LabelledSentence]) -> Familiarity | None:
    """Which pieces the training data knows, and how many others its pages hold.

    A page would know all of its own pieces, so each is held against the other pages only.

    Args:
        encoder: Of the model.
        sentences: That it was trained on.

    Returns:
        ``None`` with fewer than :data:`LEAST_PAGES` pages of :data:`LEAST_PIECES` pieces, or where they hold no piece
        that is not known, or no other.
    """
    tokens, _ = encoder.tokenize([sentence.text for sentence in sentences])
    pieces, owners, articles = _flat(tokens, [sentence.article_id for sentence in sentences], encoder.tokenizer)
    count = int(articles.max(initial=-1)) + 1
    lengths = np.bincount(owners, minlength=count)
    if (lengths >= LEAST_PIECES).sum() < LEAST_PAGES:
        return None
    size = int(pieces.max()) + 1
    holders = np.bincount(np.unique(owners * size + pieces) % size, minlength=size)  # articles by piece
    unknown = encoder.tokenizer.unknown_id
    if unknown is not None and unknown < size:
        holders[unknown] = 0  # stands for many words
    new = np.bincount(owners, holders[pieces] <= LEAST_ARTICLES, count)  # one of the holders is the page itself
    long = lengths >= LEAST_PIECES
    share = float(new[long].sum() / lengths[long].sum())
    if share in (0.0, 1.0):
        return None
    correlation = _correlation(new[long], lengths[long], share)
    farthest = float(np.quantile(_excess(new[long], lengths[long], share, correlation), 1 - FALSE_ALARMS))
    known = base64.b64encode(np.packbits(holders >= LEAST_ARTICLES).tobytes()).decode("ascii")
    return Familiarity(known, share, correlation, max(farthest, LEAST_LIMIT))


def _flat(
    tokens: Sequence[Sequence[int]], article_ids: Sequence[str], tokenizer: TextTokenizer
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All pieces, the number of the article of each, and that of each sentence; marks of a sentence are left out."""
    numbers = {name: number for number, name in enumerate(dict.fromkeys(article_ids))}
    articles = np.array([numbers[name] for name in article_ids], dtype=np.int64)
    lengths = [len(item) for item in tokens]
    pieces = np.fromiter(chain.from_iterable(tokens), dtype=np.int64, count=sum(lengths))
    marks = [number for number in (tokenizer.begin_id, tokenizer.end_id) if number is not None]
    kept = ~np.isin(pieces, marks)
    return pieces[kept], np.repeat(articles, lengths)[kept], articles


def _excess(new: np.ndarray, lengths: np.ndarray, share: float, correlation: float) -> np.ndarray:
    """Standard deviations by which the share of new pieces lies above the usual one; the shorter a page, the fewer.

    The deviation is that of a beta-binomial share: pieces of a page are not independent.
    """
    lengths = np.maximum(lengths, 1)
    variance = share * (1 - share) * (1 + (lengths - 1) * correlation) / lengths
    return np.asarray((new / lengths - share) / np.sqrt(variance))


def _correlation(new: np.ndarray, lengths: np.ndarray, share: float) -> float:
    """Intraclass correlation by the method of moments (Kleinman, 1973, with the lengths as weights)."""
    one = share * (1 - share)
    pages, pieces = len(new), lengths.sum()
    between = (lengths * (new / lengths - share) ** 2).sum()
    free = pages - 1
    found = (between - free * one) / (one * (pieces - (lengths**2).sum() / pieces - free))
    return float(np.clip(found, 0.0, 0.99))
