import json
import os
import shutil
import subprocess
import sys

import pytest
from conftest import PROJECT, write_jsonl

SCRIPTS = sorted(path.name for path in (PROJECT / "scripts").glob("*.py"))


def call(script, *arguments, cwd=PROJECT, **options):
    command = [sys.executable, str(PROJECT / "scripts" / script), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, timeout=120, **options)


def one_line(finished, status):
    """The single line on standard error of a command that ended with ``status``."""
    text = finished.stderr.decode()
    assert finished.returncode == status, text
    assert text.count("\n") == 1, text
    assert finished.stdout == b""
    return text.strip()


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_stay_thin(script):
    assert len((PROJECT / "scripts" / script).read_text().splitlines()) <= 40


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_and_wrong_settings_are_answered_without_heavy_imports(script):
    for argument in ("--help", "no.such.setting=1"):
        code = (
            "import runpy, sys\n"
            f"sys.argv = [{str(PROJECT / 'scripts' / script)!r}, {argument!r}]\n"
            "try:\n    runpy.run_path(sys.argv[0], run_name='__main__')\nexcept SystemExit:\n    pass\n"
            "print('HEAVY', sorted({'torch', 'transformers', 'datasets', 'sklearn', 'pyarrow'} & set(sys.modules)))"
        )
        finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        assert "HEAVY []" in finished.stdout, finished.stdout[-500:] + finished.stderr


@pytest.mark.slow
def test_wrong_usage_ends_with_2_and_wrong_files_with_1(tmp_path):
    assert one_line(call("train.py", "trainer.epoch=3"), 2) == (
        "train.py: there is no setting trainer.epoch; did you mean trainer.epochs?"
    )
    assert "there is no setting data; there are data.test_files, " in one_line(
        call("evaluate.py", "checkpoint=x", "data=x.jsonl"), 2
    )
    assert "input: no value given" in one_line(call("predict.py"), 2)
    assert "input=: name a file or a folder" in one_line(call("predict.py", "input="), 2)
    assert "there is no option --bogus" in one_line(call("predict.py", "--bogus"), 2)
    one_line(call("predict.py", "input=x", "inference=null"), 2)
    assert one_line(call("predict.py", f"input={tmp_path}/nope.txt"), 1).endswith("nope.txt: no such file")
    (tmp_path / "a.txt").write_text("Hello.")
    missing = one_line(call("predict.py", f"input={tmp_path}/a.txt", f"checkpoint={tmp_path}/run"), 1)
    assert missing.endswith("run: no such folder")
    assert "no such folder" in one_line(call("evaluate.py", f"checkpoint={tmp_path}/run"), 1)
    misspelt = one_line(call("compare.py", "a=x", "b=y", "drawz=3"), 2)
    assert misspelt == "compare.py: there is no setting drawz; did you mean draws?"
    assert "b: no value given" in one_line(call("compare.py", "a=x"), 2)
    assert one_line(call("compare.py", f"a={tmp_path}/my run", "b=y"), 1).endswith("my run: no such folder")


def test_unknown_label_stops_training_with_its_row(tmp_path, toy_file):
    content = [json.loads(line) for line in toy_file.read_text().splitlines()]
    content[16]["label"] = "weather"
    path = write_jsonl(tmp_path / "bad.jsonl", content)
    message = one_line(call("train.py", f"data={path}", "model=tiny", f"output_dir={tmp_path}/run"), 1)
    assert "bad.jsonl:17: unknown label 'weather'" in message
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_predict_is_a_filter_from_standard_input_to_standard_output(run_directory):
    page = "Shells hit the bridge.\nFour were killed."
    finished = call("predict.py", f"checkpoint={run_directory}", "input=-", input=page.encode())
    assert finished.returncode == 0, finished.stderr
    rows = [json.loads(line) for line in finished.stdout.splitlines()]
    assert [row["text"] for row in rows] == page.splitlines()
    piped = call(
        "predict.py", f"checkpoint={run_directory}", "input=-", input=b'{"text": "Four were killed.", "n": 7}\n'
    )
    assert [json.loads(line)["n"] for line in piped.stdout.splitlines()] == [7]
    assert piped.stderr == b""


@pytest.mark.slow
def test_output_is_utf_8_whatever_the_locale(run_directory, tmp_path):
    environment = os.environ | {"PYTHONIOENCODING": "latin-1", "LC_ALL": "C"}
    page = "Снаряды “попали” 😀"
    finished = call("predict.py", f"checkpoint={run_directory}", "input=-", input=page.encode(), env=environment)
    assert json.loads(finished.stdout)["text"] == page


@pytest.mark.slow
def test_multirun_makes_a_run_of_each(toy_file, tmp_path):
    finished = call("train.py", "--multirun", "seed=1,2", "data=files", f"data.train_files=[{toy_file}]", "model=tiny",
                    "trainer.epochs=1", cwd=tmp_path)  # fmt: skip
    assert finished.returncode == 0, finished.stderr
    made = [path for path in (tmp_path / "outputs" / "train").iterdir() if not path.is_symlink()]
    runs = [path for path in made if path.is_dir()]
    assert len(runs) == 2
    assert [path.name for path in made if path not in runs] == ["multirun.csv"]
    assert b"2 runs, macro-F1" in finished.stderr
    commands = {json.loads((run / "environment.json").read_text())["command"] for run in runs}
    assert len(commands) == 1
    assert "'data.train_files=[" in commands.pop() or "[" in str(toy_file)


@pytest.mark.slow
def test_closed_pipe_ends_predict_quietly(run_directory, tmp_path):
    path = write_jsonl(tmp_path / "rows.jsonl", [{"text": f"row {n} " * 30} for n in range(3000)])
    command = f"{sys.executable} {PROJECT}/scripts/predict.py checkpoint={run_directory} input={path} | head -n 1"
    finished = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=120, cwd=PROJECT)
    assert finished.stdout.count("\n") == 1
    assert finished.stderr == ""


@pytest.mark.slow
def test_scripts_run_from_any_folder(run_directory, tmp_path):
    (tmp_path / "page one.txt").write_text("Shells hit the bridge.")
    finished = call("predict.py", f"checkpoint={run_directory}", "input=page one.txt", "output=out.csv", cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.csv", "page one.txt"]


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="mounting a small disk takes root")
def test_full_disk_leaves_nothing_half_written(run_directory, tmp_path):
    path = write_jsonl(tmp_path / "rows.jsonl", [{"text": f"row {n} " * 30} for n in range(3000)])
    disk = tmp_path / "disk"
    disk.mkdir()
    predict = (
        f"{sys.executable} {PROJECT}/scripts/predict.py checkpoint={run_directory} input={path} output={disk}/out.jsonl"
    )
    command = f"mount -t tmpfs -o size=64k none {disk} && {{ {predict}; echo status $?; ls -A {disk}; }}"
    finished = subprocess.run(["unshare", "--mount", "sh", "-c", command], capture_output=True, text=True, timeout=120)
    if "status" not in finished.stdout:
        pytest.skip(f"no mount here: {finished.stderr}")
    assert finished.stdout == "status 1\n"
    assert finished.stderr.strip().endswith("the disk is full; nothing half-written was kept")


@pytest.mark.slow
def test_read_only_folder_is_refused(run_directory, tmp_path):
    (tmp_path / "page.txt").write_text("Shells hit the bridge.")
    target = "/proc/out.jsonl" if os.geteuid() == 0 else tmp_path / "closed" / "out.jsonl"
    if os.geteuid() != 0:
        (tmp_path / "closed").mkdir(mode=0o500)
    message = one_line(
        call("predict.py", f"checkpoint={run_directory}", f"input={tmp_path}/page.txt", f"output={target}"), 1
    )
    assert "could not be written" in message or "No such file" in message


@pytest.mark.slow
def test_train_evaluate_predict_in_one_go(toy_file, tmp_path):
    trained = call("train.py", f"data={toy_file}", "experiment=quick", cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    assert b"macro-F1 over the four classes" in trained.stderr
    assert (tmp_path / "outputs/train/latest/report.html").is_file()
    evaluated = call("evaluate.py", cwd=tmp_path)
    assert evaluated.returncode == 0, evaluated.stderr
    first, second = (
        json.loads((tmp_path / f"outputs/{job}/latest/metrics.json").read_text()) for job in ("train", "evaluate")
    )
    assert first["confusion_rows_true"] == second["confusion_rows_true"]
    assert first["baselines"] == second["baselines"]
