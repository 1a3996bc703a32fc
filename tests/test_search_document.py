"""Commands of docs/training.md on the search, and on watching a run, do what it says of them."""

import json
import re
import shlex
import subprocess
import sys

import pytest
from conftest import PROJECT

from sitrep.cli.command_list import COMMANDS
from sitrep.cli.composition import combinations, compose_settings, compose_sweep

PAGE = (PROJECT / "docs" / "training.md").read_text(encoding="utf-8")
DOCUMENT = "".join(
    PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0] for heading in ("Search", "Watch a run")
)
BLOCKS = re.findall(r"^```\w*\n(.*?)^```", DOCUMENT, re.M | re.S)
SCRIPTS = [line for block in BLOCKS for line in block.splitlines() if "scripts/sweep.py" in line or "train.py" in line]
FAST = ["model=tiny", "trainer.precision=fp32", "trainer.epochs=1"]
"""Put behind the settings of a command: the last value counts."""


def words_of(line):
    """Name of the script, and its arguments."""
    words = [word for word in shlex.split(line.removesuffix("&").partition(" #")[0])]
    place = next(index for index, word in enumerate(words) if word.startswith("scripts/"))
    return words[place].removeprefix("scripts/").removesuffix(".py"), words[place + 1 :]


@pytest.mark.parametrize("line", SCRIPTS)
def test_commands_are_valid(line):
    name, arguments = words_of(line)
    if name == "sweep":
        assert compose_sweep(arguments).space
    else:
        options = [argument for argument in arguments if argument.startswith("--")]
        settings = [argument for argument in arguments if not argument.startswith("--")]
        runs = combinations(settings) if "--multirun" in options else [settings]
        assert all(compose_settings(name, COMMANDS[name].schema, run) for run in runs)


def run(block, toy_file, folder, *more):
    """Do a block of the document in a shell, with settings behind each command that make it fast."""
    extra = shlex.join([f"data={toy_file}", *FAST, *more])
    python = shlex.quote(sys.executable)
    lines = []
    for line in block.splitlines():
        command, ampersand = line.removesuffix("&"), "&" if line.endswith("&") else ""
        if "scripts/" in command:
            command = f"{command} {extra}".replace("python scripts/", f"{python} {PROJECT}/scripts/")
        lines.append(f"{command} {ampersand}")
    finished = subprocess.run(
        ["bash", "-ec", "\n".join(lines)], cwd=folder, capture_output=True, text=True, timeout=300
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stderr


def block_with(words):
    (found,) = [block for block in BLOCKS if words in block]
    return found


@pytest.mark.slow
def test_search_of_the_document_ends_with_a_command_to_train(toy_file, tmp_path):
    told = run(block_with("'seeds=[1,2]'"), toy_file, tmp_path, "trials=2")
    assert told.splitlines()[-1].startswith("python scripts/train.py ")
    assert (tmp_path / "outputs/sweep/latest/sweep.html").is_file()


@pytest.mark.slow
@pytest.mark.thorough
def test_processes_of_the_document_share_one_study(toy_file, tmp_path):
    told = run(block_with("CUDA_VISIBLE_DEVICES"), toy_file, tmp_path, "trials=4")
    assert told.count("to train with the best settings:") >= 1
    assert (tmp_path / "shared.journal").is_file()


@pytest.mark.slow
@pytest.mark.thorough
def test_multirun_of_the_document_writes_one_table(toy_file, tmp_path):
    run(block_with("--multirun"), toy_file, tmp_path)
    assert len((tmp_path / "outputs/train/multirun.csv").read_text().splitlines()) == 5


@pytest.mark.slow
def test_run_of_the_document_can_be_looked_at_with_tensorboard(toy_file, tmp_path):
    pytest.importorskip("tensorboard")
    run(block_with("tensorboard --logdir").partition("tensorboard --logdir")[0], toy_file, tmp_path)
    assert list((tmp_path / "outputs/train").glob("*/tensorboard/events*"))


def test_table_of_the_log_names_what_stands_in_it(run_directory):
    named = set(re.findall(r"`(\w+)`", DOCUMENT.partition("| `training.jsonl` |")[2].splitlines()[0]))
    lines = (run_directory / "training.jsonl").read_text().splitlines()
    assert named - {"gpu_peak_bytes"} == {name for line in lines for name in json.loads(line)}
