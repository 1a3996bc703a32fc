"""What a command does when it is asked to end."""

import signal
import subprocess
import sys
import time

import pytest
from conftest import PROJECT

from sitrep.cli.commands import one_line_errors
from sitrep.errors import CUT_OFF, Stopped

WORDS = {
    signal.SIGINT: "interrupted; nothing half-written was kept",
    signal.SIGTERM: "stopped by SIGTERM; nothing half-written was kept",
    signal.SIGHUP: "stopped by SIGHUP; nothing half-written was kept",
}


KEPT = [".training", "config.yaml", "training.html", "training.jsonl"]


def start(script, *arguments, **more):
    """Start a script as a terminal does: Ctrl-C is not ignored."""
    return subprocess.Popen(
        [sys.executable, PROJECT / "scripts" / script, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=PROJECT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        **more,
    )


def wait_for(process, words):
    while words not in (line := process.stderr.readline()):
        assert line, "ended before it was asked to"


def tiny(toy_file, output, *more):
    endless = ["trainer.epochs=100000", "trainer.early_stopping_patience=0"]
    return [f"data={toy_file}", "model=tiny", *endless, f"output_dir={output}", *more]


@pytest.mark.slow
@pytest.mark.parametrize(
    "number",
    [signal.SIGTERM, *(pytest.param(each, marks=pytest.mark.thorough) for each in WORDS if each != signal.SIGTERM)],
)
def test_training_that_is_stopped_says_in_one_line_how_to_go_on_and_keeps_what_that_needs(toy_file, tmp_path, number):
    process = start("train.py", *tiny(toy_file, tmp_path / "out" / "run"))
    wait_for(process, b"epoch")
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == CUT_OFF
    folder = tmp_path / "out" / "run.partial"
    words = f"{WORDS[number].partition(';')[0]}; {folder} was kept; the same command with resume=true goes on with it"
    assert errors.decode().splitlines()[-1] == f"train.py: {words}"
    assert b"Traceback" not in errors
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["run.partial"]
    assert sorted(path.name for path in folder.iterdir()) == KEPT


@pytest.mark.slow
def test_training_that_is_stopped_before_it_began_leaves_nothing(toy_file, tmp_path):
    process = start("train.py", *tiny(toy_file, tmp_path / "out" / "run"))
    wait_for(process, b"train:")
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    if process.returncode == 128 + signal.SIGTERM:  # else training was faster than the signal
        assert errors.decode().splitlines()[-1] == f"train.py: {WORDS[signal.SIGTERM]}"
        assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.thorough), signal.SIGTERM])
def test_stopped_multirun_begins_no_further_run(toy_file, tmp_path, number):
    process = start("train.py", "--multirun", *tiny(toy_file, tmp_path / "out" / "{time}", "seed=1,2,3"))
    wait_for(process, b"epoch")
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == CUT_OFF
    assert errors.decode().count("train:") == 0
    assert [path.suffix for path in (tmp_path / "out").iterdir()] == [".partial"]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGHUP, marks=pytest.mark.thorough)])
def test_prediction_that_is_stopped_leaves_no_output(run_directory, tmp_path, number):
    process = start(
        "predict.py", f"checkpoint={run_directory}", "input=-", "format=jsonl", f"output={tmp_path / 'out.csv'}",
        stdin=subprocess.PIPE,
    )  # fmt: skip
    process.stdin.write(b'{"text": "four were killed"}\n')
    process.stdin.flush()
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".out.*")) and time.monotonic() < deadline:  # the output is open
        time.sleep(0.05)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert errors.decode().splitlines()[-1] == f"predict.py: {WORDS[number]}"
    assert list(tmp_path.iterdir()) == []


def test_library_that_stumbles_over_a_signal_ends_in_the_words_of_the_signal(capsys):
    def stumble():
        try:
            raise Stopped(signal.SIGINT)
        finally:
            raise AttributeError("half built")

    with pytest.raises(SystemExit) as ended, one_line_errors("predict.py"):
        stumble()
    assert ended.value.code == 130
    assert capsys.readouterr().err == "predict.py: interrupted; nothing half-written was kept\n"


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0.1, 0.3, 0.6])
def test_ctrl_c_while_libraries_are_imported_shows_no_traceback(tmp_path, seconds):
    process = start("predict.py", "input=-", f"output={tmp_path / 'out.csv'}", stdin=subprocess.PIPE)
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert b"Traceback" not in errors
    assert process.returncode != 0


@pytest.mark.slow
def test_lost_terminal_does_not_end_what_was_started_with_nohup(run_directory, tmp_path):
    process = subprocess.Popen(
        [sys.executable, PROJECT / "scripts" / "predict.py", f"checkpoint={run_directory}", "input=-", "format=jsonl"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=PROJECT,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )  # fmt: skip
    time.sleep(0.5)
    process.send_signal(signal.SIGHUP)
    answer, _ = process.communicate(b'{"text": "four were killed"}\n', timeout=60)
    assert process.returncode == 0
    assert b"four were killed" in answer
