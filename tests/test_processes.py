"""Several processes that train one model together."""

import json
import os
import subprocess
import sys

import pytest
from conftest import PROJECT, train_settings
from safetensors.torch import load_file

from sitrep.training.processes import Processes
from sitrep.training.run import train


def test_lone_process_is_the_main_one_and_shares_with_itself():
    processes = Processes()
    assert (processes.count, processes.is_main, processes.share("x")) == (1, True, "x")


@pytest.mark.slow
def test_two_processes_train_as_one_does_at_the_same_batch_and_one_of_them_writes(toy_file, tmp_path):
    recipe = ["trainer.learning_rate=0.005", "trainer.epochs=4"]
    alone = train(train_settings(toy_file, tmp_path / "alone", *recipe, "trainer.batch_size=16"))
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    command += [PROJECT / "scripts" / "train.py", f"data={toy_file}", "model=tiny", "trainer.precision=fp32", *recipe]
    command += ["trainer.batch_size=8", f"output_dir={tmp_path / 'out' / 'pair'}"]
    finished = subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr.count("macro-F1 over the four classes") == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["pair"]
    one, two = (json.loads((run / "metrics.json").read_text()) for run in (alone, tmp_path / "out" / "pair"))
    assert two["training"]["processes"] == 2
    losses = [[entry["loss"] for entry in metrics["training"]["history"]] for metrics in (one, two)]
    assert losses[1] == pytest.approx(losses[0], rel=0.1)
    first, second = (load_file(run / "checkpoint" / "model.safetensors") for run in (alone, tmp_path / "out" / "pair"))
    assert first.keys() == second.keys()
