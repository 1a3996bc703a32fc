"""WordPiece by word: the pieces of a word are looked up once and kept, as nearly all words of a page are known words.

That is BERT's own way: a text is cut at blanks, and what stands between two of them is cut further by itself. So what
the library makes of each such stretch is all that is needed, and a dictionary knows it in a fraction of the time.
"""

import json
import re
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tokenizers

PLAIN = re.compile("[ -~\t\n\r\u00a0-\u02ff\u2010-\u2027]*").fullmatch
"""Texts in Latin letters and the marks of edited prose. Of others, Python and the library take some characters for a
blank that are none, or the other way round."""

KEPT = 2**18
"""Words that are kept at most, some 50 MB."""


class WordPieces:
    """Token numbers of texts, equal to those of the library.

    Args:
        tokenizer: Of the library; :meth:`of` checks that it is of the kind.
        special: Names of tokens that it finds in the text itself.
    """

    def __init__(self, tokenizer: "tokenizers.Tokenizer", special: Sequence[str]) -> None:
        self._tokenizer = tokenizer
        self._special = re.compile("|".join(map(re.escape, special))).search if special else None
        self._pieces: dict[str, list[int]] = {}

    @classmethod
    def of(cls, tokenizer: "tokenizers.Tokenizer") -> "WordPieces | None":
        """For a tokenizer of the library, if it works as BERT's does."""
        said: Mapping[str, Any] = json.loads(tokenizer.to_str())
        parts = (said["model"], said["normalizer"] or {}, said["pre_tokenizer"] or {})
        kinds = tuple(part.get("type") for part in parts)
        if kinds != ("WordPiece", "BertNormalizer", "BertPreTokenizer"):
            return None
        # What is looked for in other ways than by its plain name may stand across words.
        ways = ("normalized", "single_word", "lstrip", "rstrip")
        if not parts[1]["clean_text"] or any(token[way] for token in said["added_tokens"] for way in ways):
            return None
        return cls(tokenizer, [token["content"] for token in said["added_tokens"]])

    def cut(self, text: str) -> list[str] | None:
        """What stands between the blanks of a text; ``None``: it is left to the library."""
        return None if not PLAIN(text) or (self._special and self._special(text)) else text.split()

    def numbers(self, texts: Sequence[list[str]]) -> list[list[int]]:
        """The numbers of the pieces of texts that were cut, special tokens left out.

        The tokenizer's truncation is to be off.
        """
        pieces = self._pieces
        new = list({word for words in texts for word in words if word not in pieces})
        if len(pieces) + len(new) > KEPT:
            pieces = self._pieces = {}
            new = list({word for words in texts for word in words})
        for word, found in zip(new, self._tokenizer.encode_batch_fast(new, add_special_tokens=False), strict=True):
            pieces[word] = found.ids
        return [list(chain.from_iterable(map(pieces.__getitem__, words))) for words in texts]
