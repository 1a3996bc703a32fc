"""The commands of docs/training.md do what it says of them."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys

import pytest
from conftest import PROJECT

from sitrep.errors import CUT_OFF
from sitrep.settings import TrainerSettings

DOCS = (PROJECT / "docs" / "training.md").read_text(encoding="utf-8")


def commands(heading):
    part = DOCS.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for block in re.findall(r"^```\n(.*?)^```", part, re.M | re.S) for line in block.splitlines()]
    return [shlex.split(line.partition(" #")[0]) for line in lines]


def start(command, folder):
    assert command[0] == ".venv/bin/python"
    words = [sys.executable, PROJECT / command[1], *command[2:]]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROJECT / "src")}
    return subprocess.Popen(list(map(str, words)), cwd=folder, stderr=subprocess.PIPE, text=True, env=environment)


def test_exit_status_and_default_of_the_page_are_those_of_the_program():
    assert f"exit status {CUT_OFF}" in DOCS
    assert f"`trainer.save_minutes` ({TrainerSettings().save_minutes:g})" in DOCS


@pytest.mark.slow
@pytest.mark.thorough
def test_commands_of_the_page_go_on_and_repeat(toy_file, tmp_path):
    shutil.copy(toy_file, tmp_path / "mine.jsonl")
    begin, resume, automatic = commands("When a run is cut off")
    process = start(begin, tmp_path)
    while "epoch 1" not in (line := process.stderr.readline()):
        assert line, "ended before it was asked to"
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=300)
    assert process.returncode == CUT_OFF, said
    assert "the same command with resume=true goes on with it" in said
    (repeat,) = commands("The same run again")
    for command, words in (
        (resume, "training is "),
        (repeat, "weights: the same to the bit"),
        (automatic, "resume=auto: there is no unfinished run of these settings; one is begun"),
        (automatic, "outputs/train/mine: is finished"),
    ):
        process = start(command, tmp_path)
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said
        assert words in said
