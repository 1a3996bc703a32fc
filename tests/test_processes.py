"""Several processes that train one model together."""

import json
import os
import subprocess
import sys
import time

import pytest
from conftest import PROJECT, train_settings
from safetensors.torch import load_file
from test_parts_of_a_step import NOISE

from sitrep.errors import UserError
from sitrep.inference.predictor import Predictor
from sitrep.training.processes import Processes, lost_partners, refuse_idle_processes
from sitrep.training.run import train

RECIPE = ["trainer.learning_rate=0.002", "trainer.epochs=3", "trainer.batch_size=16"]
TEXTS = ["four were killed", "share this page", "the ministry denied it"]
BOUND = 120
"""Seconds after which a launch that should have ended counts as hanging."""

DYING = """
import os, signal, sys
sys.argv[0] = {script!r}
import transformers
from sitrep.training.trainer import SentenceTrainer
step = SentenceTrainer.training_step
def dying(self, *given, **named):
    if self.state.global_step == 3 and self.args.process_index == 1:
        {deed}
    return step(self, *given, **named)
SentenceTrainer.training_step = dying
from sitrep.cli.start import run_script
run_script("train")
"""


def launch(script, *arguments, processes=2):
    """Run under torchrun; the rest of what it prints besides our lines is its own report."""
    command = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={processes}", "--standalone"]
    return subprocess.Popen(
        [*command, str(script), "model=tiny", "trainer.precision=fp32", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


def finished(script, *arguments, processes=2):
    running = launch(script, *arguments, processes=processes)
    try:
        _, said = running.communicate(timeout=BOUND)
    finally:
        running.kill()
    return running.returncode, said


LORA = ["model.lora.rank=4", "trainer.accumulation_steps=2"]


def lines_of(said, program="train.py"):
    return [line for line in said.splitlines() if line.startswith(f"{program}: ")]


def test_lone_process_is_the_main_one_and_shares_with_itself():
    processes = Processes()
    assert (processes.count, processes.is_main, processes.share("x")) == (1, True, "x")


@pytest.mark.slow
@pytest.mark.parametrize(
    "extra", [pytest.param([], id="plain"), pytest.param(LORA, id="lora", marks=pytest.mark.thorough)]
)
def test_two_processes_end_with_the_weights_of_one_and_one_of_them_writes(extra, toy_file, tmp_path):
    alone = train(train_settings(toy_file, tmp_path / "alone", *RECIPE, *extra))
    pair = tmp_path / "out" / "pair"
    status, said = finished(PROJECT / "scripts" / "train.py", f"data={toy_file}", *RECIPE, *extra, f"output_dir={pair}")
    assert status == 0, said
    assert said.count("macro-F1 over the four classes") == 1
    assert said.count("epoch 1 of 3") == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["pair"]
    one, two = (json.loads((run / "metrics.json").read_text()) for run in (alone, pair))
    assert (one["training"]["processes"], two["training"]["processes"]) == (1, 2)
    for kind in ("loss", "macro_f1"):
        curves = [[entry[kind] for entry in metrics["training"]["history"]] for metrics in (one, two)]
        assert curves[1] == pytest.approx(curves[0], rel=1e-4)
    first, second = (load_file(run / "checkpoint" / "model.safetensors") for run in (alone, pair))
    assert first.keys() == second.keys()
    apart = {n: (first[n] - second[n]).abs().max().item() for n in first if not n.endswith("key.bias")}
    assert max(apart.values()) < NOISE
    answers = [Predictor.from_checkpoint(run, precision="fp32").predict_proba(TEXTS) for run in (alone, pair)]
    assert answers[0] == pytest.approx(answers[1], abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("deed", "told"),
    [
        pytest.param(
            "from sitrep.errors import UserError; raise UserError('no room')",
            "no room",
            id="error",
            marks=pytest.mark.thorough,
        ),
        pytest.param("os.kill(os.getpid(), signal.SIGKILL)", None, id="kill -9"),
    ],
)
def test_a_process_that_dies_ends_all_with_one_line_and_leaves_nothing(deed, told, toy_file, tmp_path):
    script = tmp_path / "dying.py"
    script.write_text(DYING.format(script=str(PROJECT / "scripts" / "train.py"), deed=deed))
    began = time.monotonic()
    status, said = finished(script, f"data={toy_file}", *RECIPE, f"output_dir={tmp_path / 'out' / 'run'}")
    assert time.monotonic() - began < BOUND
    assert status != 0
    assert len(lines_of(said)) == 1, said
    if told:
        assert told in lines_of(said)[0]
    ours, _, _ = said.partition("torch.distributed.elastic")
    assert "Traceback" not in ours.partition(lines_of(said)[0])[0], said
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.slow
@pytest.mark.thorough
def test_more_processes_than_sentences_a_step_are_refused_in_one_line(toy_file, tmp_path):
    status, said = finished(
        PROJECT / "scripts" / "train.py",
        f"data={toy_file}",
        "trainer.batch_size=1",
        f"output_dir={tmp_path / 'out' / 'run'}",
    )
    assert status != 0
    assert lines_of(said) == ["train.py: trainer.batch_size=1: fewer sentences a step than 2 processes; raise it"]
    assert list((tmp_path / "out").iterdir()) == []


def test_more_processes_than_rows_are_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "8")
    with pytest.raises(UserError, match=r"8 processes: there are only 7 training rows"):
        refuse_idle_processes(7, 32, 1)
    with pytest.raises(UserError, match=r"trainer.batch_size=32: fewer sentences a step than 8 processes of 5 parts"):
        refuse_idle_processes(100, 32, 5)
    refuse_idle_processes(8, 32, 4)


def test_only_a_broken_connection_is_taken_for_a_partner_that_has_ended():
    with pytest.raises(UserError, match="another of the 2 processes has ended"), lost_partners(2):
        raise RuntimeError("[../gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:2077")
    with pytest.raises(RuntimeError, match="shapes"), lost_partners(2):
        raise RuntimeError("shapes cannot be multiplied")
    with pytest.raises(RuntimeError, match="gloo"), lost_partners(1):
        raise RuntimeError("gloo")
