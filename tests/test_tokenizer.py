import json
import shutil

import pytest
from transformers import AutoTokenizer

from sitrep.data import corpus
from sitrep.errors import UserError
from sitrep.model.packaged import packaged_minilm
from sitrep.model.tokenizer import TextTokenizer

TEXTS = [
    *corpus.load()["text"][::97], "", "İstanbul’da patlama 😀", "Снаряды попали", "shell\u00adfire", "word " * 400
]  # fmt: skip


@pytest.mark.parametrize("max_tokens", [16, 128])
@pytest.mark.parametrize("special_tokens", [True, False])
def test_tokens_are_those_of_transformers(run_directory, max_tokens, special_tokens):
    for folder in (packaged_minilm(), run_directory / "checkpoint"):
        theirs = AutoTokenizer.from_pretrained(folder)
        options = {"truncation": True, "max_length": max_tokens, "add_special_tokens": special_tokens}
        whole = AutoTokenizer.from_pretrained(folder)(TEXTS, add_special_tokens=special_tokens, verbose=False)
        for ours in (TextTokenizer.from_folder(folder), TextTokenizer.from_transformers(theirs)):
            ids, truncated = ours.encode(TEXTS, max_tokens, special_tokens)
            assert ids == theirs(TEXTS, **options)["input_ids"]
            assert truncated.tolist() == [len(item) > max_tokens for item in whole["input_ids"]]
            special = (theirs.pad_token_id, theirs.cls_token_id, theirs.sep_token_id)
            assert (ours.padding_id, ours.begin_id, ours.end_id) == special


def test_special_tokens_written_as_objects_are_read_too(run_directory, tmp_path):
    folder = shutil.copytree(run_directory / "checkpoint", tmp_path / "older")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    names = {name: {"content": config.pop(name)} for name in ("pad_token", "cls_token", "sep_token")}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    (folder / "special_tokens_map.json").write_text(json.dumps(names))
    assert TextTokenizer.from_folder(folder).end_id == TextTokenizer.from_folder(run_directory / "checkpoint").end_id


def test_damaged_tokenizer_and_one_without_padding_are_refused(run_directory, tmp_path):
    folder = shutil.copytree(run_directory / "checkpoint", tmp_path / "broken")
    (folder / "tokenizer_config.json").write_text("{}")
    with pytest.raises(UserError, match="the tokenizer has no padding token"):
        TextTokenizer.from_folder(folder)
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(UserError, match=r"tokenizer\.json: cannot be loaded"):
        TextTokenizer.from_folder(folder)


def test_slow_tokenizers_are_refused_by_name():
    class Slow:
        name_or_path = "some/model"

    with pytest.raises(UserError, match=r"some/model: its tokenizer has no fast form"):
        TextTokenizer.from_transformers(Slow())
