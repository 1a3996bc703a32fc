"""Texts as token numbers, by the library ``tokenizers`` alone: prediction needs no more of transformers."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sitrep.errors import UserError
from sitrep.storage.complete import read_json

if TYPE_CHECKING:
    import tokenizers

TOKENIZER = "tokenizer.json"
CONFIG = "tokenizer_config.json"
OLDER_CONFIG = "special_tokens_map.json"


class TextTokenizer:
    """A tokenizer with the numbers of the tokens that rows are built with.

    Args:
        tokenizer: Of the library; its own padding and truncation are not used.
        padding: Name of the token that rows are filled up with; ``None``: number 0, as masked places are never read.
        begin: Name of the token that opens a sentence, such as ``[CLS]``; ``None`` if there is none.
        end: Name of the one that closes it.
    """

    def __init__(
        self, tokenizer: "tokenizers.Tokenizer", padding: str | None, begin: str | None, end: str | None
    ) -> None:
        self.tokenizer = tokenizer
        self.padding_id = self._number(padding) or 0
        self.begin_id = self._number(begin)
        self.end_id = self._number(end)
        self.unknown_id = self._number(getattr(tokenizer.model, "unk_token", None))
        self._calls = threading.Lock()

    @classmethod
    def from_transformers(cls, tokenizer: Any) -> "TextTokenizer":
        """From a tokenizer of transformers that rests on the library.

        Raises:
            UserError: If it does not.
        """
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if backend is None:
            raise UserError(f"{tokenizer.name_or_path}: its tokenizer has no fast form ({TOKENIZER})")
        return cls(backend, tokenizer.pad_token, tokenizer.cls_token, tokenizer.sep_token)

    @classmethod
    def from_folder(cls, folder: Path) -> "TextTokenizer":
        """From the files of a checkpoint.

        Raises:
            UserError: If they are damaged, or name no padding token.
        """
        import tokenizers

        try:
            tokenizer = tokenizers.Tokenizer.from_file(str(folder / TOKENIZER))
        except Exception as error:  # the library raises nothing more special
            raise UserError(f"{folder / TOKENIZER}: cannot be loaded: {error}") from None
        names: dict[str, str] = {}
        for file in (OLDER_CONFIG, CONFIG):
            if (folder / file).is_file():
                names |= _names_of(read_json(folder / file))
        if "pad_token" not in names:
            raise UserError(f"{folder}: the tokenizer has no padding token")
        return cls(tokenizer, names["pad_token"], names.get("cls_token"), names.get("sep_token"))

    def encode(self, texts: Sequence[str], max_tokens: int, special_tokens: bool) -> tuple[list[list[int]], np.ndarray]:
        """Token numbers of each text, and whether its end was cut off; threads may call it beside each other.

        Args:
            texts: Any number.
            max_tokens: Of the longest result, special tokens included.
            special_tokens: Whether to put in those that the tokenizer begins and ends a text with.
        """
        with self._calls:  # the library refuses to change its settings while another call is going on
            self.tokenizer.no_padding()
            self.tokenizer.enable_truncation(max_length=max_tokens)
            found = self.tokenizer.encode_batch_fast(list(texts), add_special_tokens=special_tokens)
        truncated = np.array([bool(encoding.overflowing) for encoding in found], dtype=bool)
        return [encoding.ids for encoding in found], truncated

    def _number(self, token: str | None) -> int | None:
        return None if token is None else self.tokenizer.token_to_id(token)


def _names_of(config: dict[str, Any]) -> dict[str, str]:
    """Special tokens by their role; older files hold an object for each."""
    names = {}
    for role, token in config.items():
        name = token.get("content") if isinstance(token, dict) else token
        if role.endswith("_token") and isinstance(name, str):
            names[role] = name
    return names
