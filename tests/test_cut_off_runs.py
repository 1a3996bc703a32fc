"""Runs that were cut off: what is kept, found again, refused, and made again."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from conftest import BENCHMARKS, PROJECT, train_settings, write_jsonl
from safetensors.torch import load_file, save_file

from sitrep.cli.composition import compose_settings
from sitrep.errors import UsageError, UserError
from sitrep.settings import TrainSettings
from sitrep.settings.description import as_plain, from_plain
from sitrep.storage import sealed
from sitrep.training import run as training
from sitrep.training import run_folder
from sitrep.training.repetition import repeated_settings
from sitrep.training.run import train
from sitrep.training.run_identity import plain_settings, refuse_changes

RECIPE = ["trainer.epochs=2", "trainer.batch_size=16", "trainer.learning_rate=0.005", "trainer.save_minutes=1e-9"]


class Killed(BaseException):
    """Stands for `kill -9`: nothing is tidied up behind it."""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(sealed, "sync", lambda path: None)
    monkeypatch.setattr(training, "add_neighbours", lambda results, train: results)


@pytest.fixture
def settings(toy_file, tmp_path):
    return lambda *overrides, output="out/run": train_settings(toy_file, tmp_path / output, *RECIPE, *overrides)


def kill(settings, name, call=1, module=training, owner=None):
    """Train until a function is called for the n-th time."""
    owner = owner or module
    original, calls = getattr(owner, name), []

    def strike(*arguments, **others):
        calls.append(name)
        if len(calls) == call:
            raise Killed
        return original(*arguments, **others)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, strike)
        patch.setattr(run_folder, "_leave", lambda *_: None)
        with pytest.raises(Killed):
            train(settings)


def weights(run):
    files = sorted(run.rglob("*.safetensors"))
    return {str(path.relative_to(run)): path.read_bytes() for path in files}


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def whole(toy_file, tmp_path_factory):
    return train(train_settings(toy_file, tmp_path_factory.mktemp("whole") / "run", *RECIPE))


@pytest.mark.slow
@pytest.mark.parametrize("place", ["_write_split", "evaluate_split", "fine_tune"])
def test_run_that_was_cut_off_ends_as_the_undisturbed_one(settings, whole, tmp_path, capsys, place):
    kill(settings(), place)
    assert names(tmp_path / "out") == ["run.partial"]
    run = train(settings("resume=true"))
    assert weights(run) == weights(whole)
    assert names(run) == names(whole)
    assert names(tmp_path / "out") == ["run"]
    one, two = (yaml.safe_load((folder / "config.yaml").read_text()) for folder in (run, whole))
    assert one | {"output_dir": ""} == two | {"output_dir": ""}
    said = capsys.readouterr().err
    began_anew = place == "fine_tune"
    assert ("was cut off before its first checkpoint; begins anew" in said) == began_anew
    assert ("training is done after 10 steps" in said) != began_anew
    assert json.loads((run / "metrics.json").read_text())["training"]["resumed_from"] == ([] if began_anew else [10])


@pytest.mark.slow
def test_run_that_was_cut_off_does_not_bar_its_name_and_is_not_lost(settings, whole, tmp_path, capsys):
    kill(settings(), "evaluate_split")
    assert weights(train(settings())) == weights(whole)
    assert names(tmp_path / "out") == ["run", "run-cut-off-1.partial"]
    aside = tmp_path / "out" / "run-cut-off-1"
    assert f"is put aside, and resume={aside} goes on with it" in capsys.readouterr().err
    assert weights(train(settings(f"resume={aside}"))) == weights(whole)
    assert names(tmp_path / "out") == ["run", "run-cut-off-1"]


@pytest.mark.slow
def test_seeds_that_were_done_are_not_trained_again(settings, tmp_path, capsys):
    undisturbed = train(settings("seeds=[1,2]", output="whole"))
    kill(settings("seeds=[1,2]"), "evaluate_split", call=2)
    assert names(tmp_path / "out" / "run.partial" / ".training" / "1") == ["done.json"]
    capsys.readouterr()
    run = train(settings("seeds=[1,2]", "resume=true"))
    assert weights(run) == weights(undisturbed)
    said = capsys.readouterr().err
    assert "seed 1: was done before" in said
    assert "epoch" not in said
    one, two = (json.loads((folder / "metrics.json").read_text()) for folder in (run, undisturbed))
    assert one["training"]["seeds"] == two["training"]["seeds"]
    assert one["macro_f1"] == two["macro_f1"]


@pytest.mark.slow
def test_newest_unfinished_run_of_the_same_settings_is_found_by_its_settings(settings, whole, tmp_path, capsys):
    output = f"output_dir={tmp_path}/train/{{time}}"
    other, ours = settings("seed=2", output), settings(output, "trainer.save_minutes=9")
    with pytest.raises(UserError, match=r"resume=true: there is no unfinished run at .*train; leave resume away"):
        train(settings(output, "resume=true"))
    kill(other, "evaluate_split")
    with pytest.raises(UserError, match=r"cannot be gone on with: it was begun with seed=2, now 1; give the settings"):
        train(settings(output, "resume=true"))
    kill(ours, "evaluate_split")
    kill(ours, "evaluate_split")
    newest = names(tmp_path / "train")[-1]
    assert newest.endswith("-2.partial") or len(names(tmp_path / "train")) == 3
    run = train(settings(output, "resume=true"))
    assert weights(run) == weights(whole)
    said = capsys.readouterr().err
    assert "resume=true: 2 unfinished runs are of these settings; the newest is taken" in said
    assert f"{run}.partial: is gone on with" in said


@pytest.mark.slow
def test_folder_that_is_named_is_gone_on_with_by_either_name(settings, whole, tmp_path):
    for name in ("run", "run.partial"):
        kill(settings(), "evaluate_split")
        run = train(settings(f"resume={tmp_path / 'out' / name}", f"output_dir={tmp_path}/elsewhere"))
        assert run == tmp_path / "out" / "run"
        assert weights(run) == weights(whole)
        run.rename(tmp_path / f"moved-{name}")


@pytest.mark.slow
def test_what_cannot_be_gone_on_with_is_refused_in_one_line_and_stays_as_it_was(settings, toy_file, tmp_path):
    own = write_jsonl(tmp_path / "own.jsonl", [json.loads(line) for line in toy_file.read_text().splitlines()])
    kill(settings(f"data={own}"), "evaluate_split")
    before = weights(tmp_path / "out" / "run.partial")
    refused = {
        "trainer.epochs=3": "begun with trainer.epochs=2.0, now 3.0; give the settings that it was begun with",
        "trainer.extra.optim=sgd": "begun with trainer.extra.optim=null, now sgd",
    }
    for override, words in refused.items():
        with pytest.raises(UserError, match=words):
            train(settings(f"data={own}", override, "resume=true"))
    rows = [json.loads(line) for line in own.read_text().splitlines()]
    write_jsonl(own, [*rows[:-1], rows[-1] | {"text": "something else"}])
    with pytest.raises(UserError, match=r"own.jsonl was changed since it began: its sha256 was \w{12}…, now it is \w"):
        train(settings(f"data={own}", "resume=true"))
    assert weights(tmp_path / "out" / "run.partial") == before
    write_jsonl(own, rows)
    assert train(settings(f"data={own}", "resume=true")) == tmp_path / "out" / "run"
    with pytest.raises(UserError, match=r"out/run: is finished; repeat=.*run makes it again"):
        train(settings(f"data={own}", "resume=true"))
    assert train(settings(f"data={own}", "resume=auto")) == tmp_path / "out" / "run"


def test_finished_run_is_done_by_its_own_settings_alone_where_resume_is_auto(settings, tmp_path):
    made = settings("resume=auto")
    run = tmp_path / "out" / "run"
    run.mkdir(parents=True)
    (run / "config.yaml").write_text(yaml.safe_dump(plain_settings(made)), encoding="utf-8")
    (run / "metrics.json").write_text("{}", encoding="utf-8")
    assert train(settings("resume=auto", "trainer.save_minutes=1")) == run
    words = r"out/run: is finished, but not with these settings: it was begun with trainer\.learning_rate=.*, now 0\.25"
    with pytest.raises(UserError, match=words):
        train(settings("resume=auto", "trainer.learning_rate=0.25"))
    assert names(run) == ["config.yaml", "metrics.json"]


def test_run_is_not_found_where_there_is_none(settings, tmp_path):
    with pytest.raises(UserError, match=r"resume=nowhere: there is no unfinished run at nowhere; leave resume away"):
        train(settings("resume=nowhere"))
    assert list(tmp_path.iterdir()) == []


def test_another_number_of_processes_is_refused_with_the_remedy():
    old = {"processes": 2, "sources": {}, "sets": {}, "backbone": {}}
    words = "was begun by 2 processes, this is 1; start it with torchrun --nproc-per-node=2"
    with pytest.raises(UserError, match=words):
        refuse_changes(old, old | {"processes": 1}, Path("run.partial"))


def test_run_that_another_process_works_in_is_left_alone(settings, tmp_path):
    fcntl = pytest.importorskip("fcntl")
    kill(settings(), "fine_tune")
    handle = os.open(tmp_path / "out" / "run.partial", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        with pytest.raises(UserError, match="another process works in it"):
            train(settings("resume=true"))
        with pytest.raises(UserError, match="a run is at work there"):
            train(settings())
    finally:
        os.close(handle)
    assert names(tmp_path / "out") == ["run.partial"]


@pytest.mark.slow
def test_training_that_fails_for_good_leaves_nothing_though_it_had_checkpoints(settings, tmp_path):
    with pytest.raises(UserError, match=r"training diverged, the loss is not finite at step \d of 10; lower it"):
        train(settings("trainer.learning_rate=1e38"))
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]
    assert names(tmp_path / "out") == []


@pytest.mark.slow
def test_full_disk_in_the_report_keeps_the_training(settings, whole, tmp_path, capsys, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(training, "_write_split", full)
        with pytest.raises(UserError, match="the disk is full"):
            train(settings())
    assert "run.partial was kept; the same command with resume=true goes on with it" in capsys.readouterr().err
    assert weights(train(settings("resume=true"))) == weights(whole)


@pytest.mark.slow
def test_repeated_run_has_the_same_weights_and_says_so(settings, whole, tmp_path, capsys):
    run = train(compose_settings("train", TrainSettings, [f"repeat={whole}", f"output_dir={tmp_path}/again"]))
    compared = json.loads((run / "repeat.json").read_text())
    assert compared["same_weights"]
    assert compared["settings"] is None
    assert compared["data"] == compared["versions"] == compared["circumstances"] == {}
    assert compared["macro_f1"][0] == compared["macro_f1"][1]
    assert "weights: the same to the bit" in capsys.readouterr().err
    assert names(run) == sorted([*names(whole), "repeat.json"])


@pytest.mark.parametrize(
    ("before", "given", "told"),
    [
        ([], ["trainer.track=[mlflow]", "trainer.tracking_uri=sqlite:///a.db"], (["mlflow"], "sqlite:///a.db")),
        (["trainer.track=[mlflow]", "trainer.tracking_uri=sqlite:///a.db"], [], (["mlflow"], "sqlite:///a.db")),
        (
            ["trainer.track=[mlflow]", "trainer.tracking_uri=sqlite:///a.db"],
            ["trainer.track=[tensorboard]"],
            (["tensorboard"], None),
        ),
    ],
)
def test_repetition_tells_the_trackers_that_are_named_else_those_of_the_run(settings, tmp_path, before, given, told):
    run = tmp_path / "first"
    run.mkdir()
    (run / "config.yaml").write_text(yaml.safe_dump(plain_settings(settings(*before))), encoding="utf-8")
    (run / "metrics.json").write_text("{}", encoding="utf-8")
    again = repeated_settings(compose_settings("train", TrainSettings, [f"repeat={run}", *given]))
    assert ([tracker.name for tracker in again.trainer.track], again.trainer.tracking_uri) == told
    assert again.trainer.epochs == 2


@pytest.mark.slow
def test_repetition_tells_what_differs(settings, toy_file, tmp_path, capsys):
    first = train(settings())
    environment = json.loads((first / "environment.json").read_text())
    environment["packages"]["torch"] = "1.0"
    (first / "environment.json").write_text(json.dumps(environment))
    config = yaml.safe_load((first / "config.yaml").read_text())
    config["seed"] = 2
    (first / "config.yaml").write_text(yaml.safe_dump(config))
    train(compose_settings("train", TrainSettings, [f"repeat={first}", f"output_dir={tmp_path}/again"]))
    said = capsys.readouterr().err
    assert re.search(r"versions: torch 1.0, now ", said)
    assert re.search(r"weights: they differ by \S+ at most", said)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["repeat=nowhere"], r"repeat=nowhere: no finished run is there"),
        (["repeat=nowhere", "seed=2"], r"repeat=nowhere: takes all settings from that run; leave seed=… away"),
    ],
)
def test_repetition_of_nothing_or_with_other_settings_is_refused(tmp_path, monkeypatch, overrides, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((UserError, UsageError), match=words):
        train(compose_settings("train", TrainSettings, overrides))
    assert list(tmp_path.iterdir()) == []


def test_settings_are_read_as_they_were_written(settings):
    chosen = settings("task=multi_label", "seeds=[1,2]", "keep=ensemble", "trainer.extra.optim=sgd")
    assert from_plain(TrainSettings, yaml.safe_load(yaml.safe_dump(as_plain(chosen)))) == chosen
    with pytest.raises(UsageError, match=r"there is no setting trainer\.speed"):
        from_plain(TrainSettings, {"trainer": {"speed": 1}})


def torchrun(toy_file, output, *more):
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    command += [PROJECT / "scripts" / "train.py", f"data={toy_file}", "model=tiny", "trainer.precision=fp32", *RECIPE]
    command += ["model.dropout=0.1", "trainer.epochs=12", "trainer.early_stopping_patience=0", f"output_dir={output}"]
    return subprocess.Popen(
        [*map(str, command), *more],
        stderr=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="the processes of a launcher are found as Linux has it"
)
@pytest.mark.thorough
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_two_processes_that_were_cut_off_go_on_together(toy_file, tmp_path, number):
    whole = torchrun(toy_file, tmp_path / "whole")
    whole.communicate(timeout=300)
    cut = torchrun(toy_file, tmp_path / "run")
    steps = tmp_path / "run.partial" / ".training" / "1" / "main"
    until = time.monotonic() + 300
    while not list(steps.glob("step-*[0-9]")) and time.monotonic() < until:
        time.sleep(0.01)
    if number == signal.SIGTERM:
        cut.send_signal(number)
    else:  # one dies, and the launcher ends the other
        os.kill(int(Path(f"/proc/{cut.pid}/task/{cut.pid}/children").read_text().split()[0]), number)
    _, said = cut.communicate(timeout=300)
    assert names(tmp_path / "run.partial")[0] == ".training", said
    assert number == signal.SIGKILL or "run.partial was kept; the same command with resume=true goes on with it" in said
    alone = train_settings(toy_file, tmp_path / "run", *RECIPE, "model.dropout=0.1", "resume=true")
    alone.trainer.epochs, alone.trainer.early_stopping_patience = 12, 0
    with pytest.raises(UserError, match="was begun by 2 processes, this is 1"):
        train(alone)
    resumed = torchrun(toy_file, tmp_path / "run", "resume=true")
    _, said = resumed.communicate(timeout=300)
    assert resumed.returncode == 0, said
    assert "training is gone on with after" in said
    assert weights(tmp_path / "run") == weights(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("kills", [1, pytest.param(5, marks=pytest.mark.thorough)])
def test_killed_processes_end_in_the_weights_of_the_undisturbed_one(tmp_path, kills):
    pytest.importorskip("fcntl")
    command = [sys.executable, str(BENCHMARKS / "resume.py"), f"kills={kills}", "articles=8"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{PROJECT / 'src'}"}
    finished = subprocess.run(command, capture_output=True, text=True, timeout=900, env=environment)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert f"{kills} of {kills} runs ended in the weights of the undisturbed one" in finished.stdout


def test_largest_difference_of_weights_is_told(tmp_path):
    import torch

    from sitrep.training import repetition

    for name, value in (("one", 1.0), ("two", 1.25)):
        (tmp_path / name / "checkpoint").mkdir(parents=True)
        save_file({"a": torch.tensor([0.0, value])}, tmp_path / name / "checkpoint" / "model.safetensors")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repetition, "_weights", lambda run: {"model.safetensors": ""})
        assert repetition._largest_difference(tmp_path / "one", tmp_path / "two") == 0.25
    assert load_file(tmp_path / "one" / "checkpoint" / "model.safetensors")["a"][1] == 1
