"""What docs/training.md shows of processes, machines and memory."""

import re
import shlex
import signal
import subprocess
import time

import pytest
from conftest import PROJECT

from sitrep.cli.composition import compose_settings
from sitrep.settings import TrainSettings

PAGE = (PROJECT / "docs" / "training.md").read_text(encoding="utf-8")
JOB = PROJECT / "docs" / "train.sbatch"
SRUN = """#!/bin/bash
echo "$@" >> "$LOG"
trap 'echo saved >> "$LOG"; exit $SAVED' TERM
for _ in $(seq "$TENTHS"); do sleep 0.1; done
exit "$STATUS"
"""
SCONTROL = """#!/bin/bash
if [[ $1 == requeue ]]; then echo "requeue $2" >> "$LOG"; else echo node1; echo node2; fi
"""


def calls():
    blocks = re.findall(r"^```\n(.*?)^```", PAGE, re.M | re.S)
    lines = [
        line
        for block in blocks
        for line in block.splitlines()
        if "scripts/train.py" in line and "--multirun" not in line
    ]
    return [*lines, *re.findall(r"`(sbatch docs/train\.sbatch[^`]*)`", PAGE)]


@pytest.mark.parametrize("line", calls())
def test_settings_of_every_command_exist(line):
    words = [word for word in shlex.split(line, comments=True) if word != "&"]
    behind = next(n for n, word in enumerate(words) if word.endswith(("scripts/train.py", "train.sbatch")))
    assert compose_settings("train", TrainSettings, words[behind + 1 :])


def test_settings_that_the_page_names_exist():
    for name in re.findall(r"`((?:model|trainer)\.[\w.]+)=", PAGE):
        group, _, rest = name.partition(".")
        owner = getattr(TrainSettings(), group)
        for part in rest.split("."):
            if isinstance(owner, dict):
                break
            owner = getattr(owner, part)


def test_job_of_slurm_is_valid_bash_and_asks_for_the_signal_and_the_queue():
    assert subprocess.run(["bash", "-n", JOB]).returncode == 0
    text = JOB.read_text()
    assert "#SBATCH --signal=B:TERM@120\n" in text
    assert "#SBATCH --requeue\n" in text


def run_job(tmp_path, tenths, status, stop=False, saved=75):
    """The job with other programs in the place of Slurm's; what these were asked, and its exit status."""
    for name, content in (("srun", SRUN), ("scontrol", SCONTROL)):
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o755)
    log = tmp_path / "log"
    told = {"SLURM_JOB_ID": "7", "SLURM_NNODES": "2", "SLURM_JOB_NODELIST": "node[1-2]", "LOG": str(log)}
    told |= {"TENTHS": str(tenths), "STATUS": str(status), "SAVED": str(saved)}
    running = subprocess.Popen(["bash", JOB, "seed=2"], env=told | {"PATH": f"{tmp_path}:/usr/bin:/bin"})
    deadline = time.monotonic() + 30
    while stop and not (log.exists() and log.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    if stop:
        time.sleep(0.5)  # srun has set its trap
        running.send_signal(signal.SIGTERM)
    return running.wait(timeout=60), log.read_text().splitlines()


def test_job_trains_on_all_machines_and_ends_as_training_does(tmp_path):
    status, asked = run_job(tmp_path, tenths=1, status=3)
    assert status == 3
    assert len(asked) == 1
    assert "--nnodes=2 --nproc-per-node=gpu" in asked[0]
    assert "--rdzv-endpoint=node1:29500" in asked[0]
    assert asked[0].endswith("scripts/train.py output_dir=outputs/train/7 resume=auto seed=2")


@pytest.mark.slow
def test_job_that_is_told_to_end_lets_training_save_and_queues_again(tmp_path):
    status, asked = run_job(tmp_path, tenths=300, status=0, stop=True)
    assert status == 0
    assert asked[1:] == ["saved", "requeue 7"]


@pytest.mark.slow
def test_job_that_is_done_when_it_is_told_to_end_is_not_queued_again(tmp_path):
    (tmp_path / "done").mkdir()
    status, asked = run_job(tmp_path / "done", tenths=300, status=0, stop=True, saved=0)
    assert status == 0
    assert asked[1:] == ["saved"]
