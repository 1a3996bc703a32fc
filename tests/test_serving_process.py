"""The command itself: how it begins, says what is wrong, and ends."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest
from conftest import PROJECT


@contextmanager
def started(*arguments, **environment):
    """A server in a process of its own, and the lines that it has said so far."""
    lines: list[str] = []
    process = subprocess.Popen(
        [sys.executable, PROJECT / "scripts" / "serve.py", "port=0", *arguments],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, cwd=PROJECT, env=os.environ | environment,
    )  # fmt: skip

    def read():
        for line in process.stderr:
            lines.append(line.rstrip("\n"))

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield process, lines
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(20)
        reader.join(10)
        process.stderr.close()


def wait_for(lines, process, words, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for line in list(lines):
            if words in line:
                return line
        assert process.poll() is None, lines
        time.sleep(0.02)
    raise AssertionError(lines)


def address(line):
    return re.search(r"http://\S+?:\d+", line)[0]


def ask(url, inputs):
    body = json.dumps({"inputs": inputs}).encode()
    request = urllib.request.Request(f"{url}/predict", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.loads(answer.read())


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_server_that_is_asked_to_end_under_load_loses_nothing_and_ends_with_status_0(run_directory, number):
    with started(f"checkpoint={run_directory}", "log_requests=false") as (process, lines):
        url = address(wait_for(lines, process, "ready after"))
        outcomes: list[str] = []

        def load():
            while True:
                try:
                    answer = ask(url, ["four were killed"] * 200)
                    outcomes.append("ok" if len(answer) == 200 else "short")
                except urllib.error.HTTPError as error:
                    outcomes.append(json.loads(error.read())["error"]["code"])
                    return
                except urllib.error.URLError as error:
                    outcomes.append("refused" if isinstance(error.reason, ConnectionRefusedError) else "lost")
                    return
                except OSError as error:
                    outcomes.append(f"lost: {error!r}")
                    return

        clients = [threading.Thread(target=load, daemon=True) for _ in range(8)]
        for client in clients:
            client.start()
        while outcomes.count("ok") < 8:
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait(30) == 0
        for client in clients:
            client.join(10)
        assert set(outcomes) <= {"ok", "draining", "refused"}
        assert lines[-1] == "ended"
        assert not any("Traceback" in line for line in lines)


@pytest.mark.slow
def test_port_that_is_in_use_is_told_in_one_line(run_directory):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, PROJECT / "scripts" / "serve.py", f"port={port}", f"checkpoint={run_directory}"],
            capture_output=True, text=True, timeout=60, cwd=PROJECT,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == f"serve.py: port={port}: another program listens there already; choose another port\n"


@pytest.mark.slow
def test_weights_that_cannot_be_loaded_are_told_in_one_line(run_directory, tmp_path):
    import shutil

    run = tmp_path / "run"
    shutil.copytree(run_directory, run)
    for name in ("model.safetensors", "sitrep.json"):
        (run / "checkpoint" / name).unlink()
    (run / "checkpoint" / "model.safetensors").write_bytes(b"no weights")
    with started(f"checkpoint={run}") as (process, lines):
        assert process.wait(60) == 1
    assert lines[-1].startswith("serve.py: ")
    assert "cannot be loaded" in lines[-1]
    assert not any("Traceback" in line for line in lines)


@pytest.mark.slow
def test_server_that_is_open_without_a_token_says_so(run_directory):
    for environment, warned in (({}, True), ({"SITREP_TOKEN": "secret"}, False)):
        with started(f"checkpoint={run_directory}", "host=0.0.0.0", **environment) as (process, lines):
            wait_for(lines, process, "ready after")
            assert any(line.startswith("warning: host=0.0.0.0") for line in lines) == warned
            if not warned:
                url = address(wait_for(lines, process, "listening")).replace("0.0.0.0", "127.0.0.1")
                with pytest.raises(urllib.error.HTTPError, match="401"):
                    ask(url, "a")
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
