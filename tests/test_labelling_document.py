"""The ten commands of docs/labelling.md run as they are printed, on pages of a toy corpus."""

import csv
import json
import re
import shlex
from collections import defaultdict

import pytest
from conftest import PROJECT, rows

from sitrep.cli.commands import run_command
from sitrep.data.own_labels import read_sample
from sitrep.storage.spreadsheets import write_spreadsheet

DOCS = (PROJECT / "docs" / "labelling.md").read_text(encoding="utf-8")
WALK = re.findall(r"^\.venv/bin/python scripts/(\w+)\.py (.*)$", DOCS, re.M)


def coder_reads(name, folder, truth):
    """What a coder saves who reads the page; ben takes every seventh statement for none."""
    units = read_sample(folder / "sample.jsonl")
    page = (folder / f"page-{name}.html").read_text(encoding="utf-8")
    lines = []
    for number, unit in enumerate(unit for unit in units if json.dumps(unit.id) in page):
        label = truth[unit.text]
        label = "none" if name == "ben" and number % 7 == 0 else label
        said = {"label": label, "labels": [] if label == "none" else [label], "coder": name}
        lines.append(json.dumps({"id": unit.id, "text_hash": unit.text_hash, **said}) + "\n")
    (folder / f"labels-{name}.jsonl").write_text("".join(lines), encoding="utf-8")


def third_reader_decides(file, truth):
    with file.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        content = [row | {"decision": truth[row["text"]]} for row in reader]
    assert content
    write_spreadsheet(file, list(reader.fieldnames), content)


def test_the_walk_has_ten_commands():
    assert len(WALK) == 10


@pytest.mark.slow
def test_the_ten_commands_of_the_page_run_as_printed(run_directory, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    corpus, pages = rows(70), defaultdict(list)
    for row in corpus:
        pages[row["article_id"]].append(row["text"])
    (tmp_path / "pages").mkdir()
    for page, lines in pages.items():
        (tmp_path / "pages" / f"{page}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "outputs" / "train").mkdir(parents=True)
    (tmp_path / "outputs" / "train" / "latest").symlink_to(run_directory)
    truth = {row["text"]: row["label"] for row in corpus}
    for script, rest in WALK:
        arguments = shlex.split(rest)
        if arguments[0] == "import":
            coder_reads(arguments[1].removeprefix("labels-").removesuffix(".jsonl"), tmp_path, truth)
        if any(argument.startswith("decided=") for argument in arguments):
            third_reader_decides(tmp_path / "agreed" / "disputed.csv", truth)
        run_command(script, arguments, f"{script}.py", script)
    capsys.readouterr()
    decided = [json.loads(line) for line in (tmp_path / "decided" / "labels.jsonl").read_text().splitlines()]
    assert len(decided) == len(read_sample(tmp_path / "sample.jsonl"))
    assert all(row["label"] == truth[row["text"]] for row in decided)
    assert "casualty_report" in (tmp_path / "counts.html").read_text(encoding="utf-8")
    assert (tmp_path / "adapted" / "checkpoint" / "validation.json").is_file()
    assert (tmp_path / "labels.parquet").is_file()
