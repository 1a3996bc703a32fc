"""Whatever the user named is checked before anything slow begins: before a heavy library is imported, where that can be
told, and before training data or weights are read in any case."""

import subprocess
import sys

import pytest
from conftest import PROJECT

pytestmark = pytest.mark.slow  # a process of its own each

CHECK = """
import sys
from sitrep.cli.commands import run_command
try:
    run_command(sys.argv[1], sys.argv[2:], "program", "program")
finally:
    print([name for name in ("torch", "transformers", "datasets") if name in sys.modules])
"""


def call(name, *arguments):
    """What a command prints, and which heavy libraries it had imported by its end."""
    finished = subprocess.run(
        [sys.executable, "-c", CHECK, name, *arguments], capture_output=True, text=True, cwd=PROJECT, check=False
    )
    return finished.returncode, finished.stderr.strip(), finished.stdout.strip().splitlines()[-1]


@pytest.fixture
def page(tmp_path):
    (tmp_path / "page.txt").write_text("Two died.\n", encoding="utf-8")
    return tmp_path / "page.txt"


@pytest.mark.parametrize("setting", ["train_files", "validation_files", "test_files"])
@pytest.mark.parametrize("command", ["train", "check_data"])
def test_data_files(command, setting, page, tmp_path):
    status, said, imported = call(command, f"data.{setting}=[{page}]", f"output_dir={tmp_path / 'out'}")
    assert (status, imported) == (1, "[]")
    assert f"{page}: cannot read rows from .txt" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("setting", "message"),
    [("data.test_files", "cannot read rows from .txt"), ("behaviour_files", "page.txt")],
)
def test_files_to_evaluate_on(run_directory, setting, message, page, tmp_path):
    status, said, imported = call(
        "evaluate", f"checkpoint={run_directory}", f"{setting}=[{page}]", f"output_dir={tmp_path / 'out'}"
    )
    assert (status, imported) == (1, "[]")
    assert message in said


@pytest.mark.parametrize("wrong", ["input=gone.txt", "output=out.docx", "checkpoint=gone"])
def test_files_to_predict(run_directory, wrong, page, tmp_path):
    named = {"checkpoint": run_directory, "input": page, "output": tmp_path / "out.csv"}
    name, _, value = wrong.partition("=")
    named[name] = value
    status, said, imported = call("predict", *(f"{name}={value}" for name, value in named.items()))
    assert (status, imported) == (1, "[]")
    assert value in said


def test_runs_to_compare(tmp_path):
    status, said, imported = call("compare", f"a={tmp_path}", f"b={tmp_path / 'gone'}")
    assert (status, imported) == (1, "[]")
    assert str(tmp_path) in said


def test_table_of_corrections(toy_file, tmp_path):
    status, said, imported = call("check_data", f"data={toy_file}", f"apply={tmp_path / 'gone.csv'}")
    assert (status, imported) == (1, "[]")
    assert "gone.csv: no such file" in said
