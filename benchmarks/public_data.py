"""Published data sets of documents labelled sentence by sentence, as files for `benchmarks/public.py`.

    python benchmarks/public_data.py csabstruct|piboso|newsdiscourse CHECKOUT OUTPUT_DIR

CHECKOUT is your own checkout of the repository that has the data: `allenai/sequential_sentence_classification`
(csabstruct), `jind11/HSLN-Joint-Sentence-Classification` (piboso) or `prafulla77/Discourse_Profiling` (newsdiscourse).
OUTPUT_DIR gets `train.jsonl`, `validation.jsonl` and `test.jsonl`, the splits as they were published, with `text`,
`label`, `article_id` and `position`. How many documents, sentences and labels there are is printed.
"""

import json
import sys
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from sitrep.errors import UserError
from sitrep.storage.complete import complete_folder
from sitrep.storage.tables import read_rows

Document = tuple[str, list[tuple[str, str]]]
"""A name, and sentences with their labels."""

PARTS = {"train": "train", "validation": "dev", "test": "test"}
"""Our name of a part of the data, and that of CSAbstruct and PIBOSO."""


def csabstruct(checkout: Path, part: str) -> Iterator[Document]:
    """Abstracts of CSAbstruct, named by their number: all have the same `abstract_id`.

    Raises:
        UserError: If the file is missing or not as it was published.
    """
    path = present(checkout, f"data/CSAbstruct/{PARTS[part]}.jsonl")
    for number, row in enumerate(read_rows(path)):
        sentences, labels = row.fields.get("sentences"), row.fields.get("labels")
        if not (isinstance(sentences, list) and isinstance(labels, list) and len(sentences) == len(labels)):
            raise UserError(f"{row.place}: two lists of one length are wanted, 'sentences' and 'labels'")
        yield str(number), list(zip(sentences, labels, strict=True))


def piboso(checkout: Path, part: str) -> Iterator[Document]:
    """Abstracts of NICTA-PIBOSO, as they were reduced to one label a sentence.

    Raises:
        UserError: If the file is missing or not as it was published.
    """
    path = present(checkout, f"data/nicta_piboso/{PARTS[part]}_clean.txt")
    documents: list[Document] = []
    for number, line in enumerate(decoded(path.read_bytes(), path).split("\n"), start=1):
        label, tab, text = line.partition("\t")
        if line.startswith("###"):
            documents.append((line.removeprefix("###").strip(), []))
        elif tab and documents:
            documents[-1][1].append((text.strip(), label.strip()))
        elif line.strip():
            raise UserError(f"{path}:{number}: neither '###' and an id nor label, tab and sentence: {line[:60]!r}")
    yield from documents


def newsdiscourse(checkout: Path, part: str) -> Iterator[Document]:
    """Articles of NewsDiscourse without their headlines, which have no label; what is speech is passed over.

    Raises:
        UserError: If the archive is missing or not as it was published.
    """
    path = present(checkout, f"data/{part}.zip")
    try:
        with zipfile.ZipFile(path) as archive:
            files = {name: archive.read(name) for name in sorted(archive.namelist()) if "__MACOSX" not in name}
    except zipfile.BadZipFile as error:
        raise UserError(f"{path}: {error}") from None
    for name, content in files.items():
        if not name.endswith(".txt"):
            continue
        place, notes = f"{path}: {name}", name.removesuffix("txt") + "ann"
        if notes not in files:
            raise UserError(f"{place}: no {notes} beside it")
        lines = [line.split() for line in decoded(content, place).split("\n")]
        sentences = {words[0]: " ".join(words[1:]) for words in lines if words and is_number(words[0])}
        labels = {}
        for line in decoded(files[notes], place).split("\n"):
            fields = line.strip().split("\t")
            if len(fields) == 3 and not fields[1].startswith("Speech"):
                labels[fields[2]] = fields[1].split()[0]
        if labels.keys() != sentences.keys():
            raise UserError(f"{place}: sentences and labels differ: {sorted(labels.keys() ^ sentences.keys())}")
        yield name.partition("/")[2].removesuffix(".txt"), [(text, labels[key]) for key, text in sentences.items()]


def is_number(word: str) -> bool:
    """Whether it numbers a sentence of NewsDiscourse, as `S12` does."""
    return word.startswith("S") and word[1:].isdecimal()


DATA: dict[str, Callable[[Path, str], Iterator[Document]]] = {
    "csabstruct": csabstruct,
    "piboso": piboso,
    "newsdiscourse": newsdiscourse,
}
"""How each data set is read, by name."""


def present(checkout: Path, name: str) -> Path:
    """The path of a file of a checkout.

    Raises:
        UserError: If it is not there.
    """
    path = checkout / name
    if not path.is_file():
        raise UserError(f"{path}: no such file; CHECKOUT must hold the files of the data set's repository")
    return path


def decoded(content: bytes, place: object) -> str:
    """Text of a file.

    Raises:
        UserError: If it is not UTF-8.
    """
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{place}: not UTF-8: {error}") from None


def convert(name: str, checkout: Path, output: str) -> dict[str, tuple[int, Counter[str]]]:
    """Write the three files.

    Returns:
        Of each part, how many documents it has and how many sentences of each label.

    Raises:
        UserError: If something is missing or wrong, or there is an output folder already; nothing is written then.
    """
    counts = {}
    with complete_folder(output) as (folder, _):
        for part in PARTS:
            documents, labels = list(DATA[name](checkout, part)), Counter[str]()
            with (folder / f"{part}.jsonl").open("w", encoding="utf-8") as file:
                for document, sentences in documents:
                    labels.update(label for _, label in sentences)
                    for position, (text, label) in enumerate(sentences):
                        row = {"text": text, "label": label, "article_id": f"{part}/{document}", "position": position}
                        file.write(json.dumps(row, ensure_ascii=False) + "\n")
            counts[part] = len(documents), labels
    return counts


def main() -> None:
    """Convert the data set that the command line names, and print the counts."""
    if len(sys.argv) != 4 or sys.argv[1] not in DATA:
        sys.exit(__doc__)
    name, checkout, output = sys.argv[1:]
    try:
        counts = convert(name, Path(checkout).expanduser(), output)
    except UserError as error:
        sys.exit(str(error))
    for part, (documents, labels) in counts.items():
        by_label = ", ".join(f"{number} {label}" for label, number in labels.most_common())
        print(f"{part}: {documents} documents, {labels.total()} sentences: {by_label}")


if __name__ == "__main__":
    main()
