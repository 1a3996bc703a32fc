import doctest
import subprocess
import sys

import pytest
from conftest import PROJECT

import sitrep
from sitrep.inference import predictor as predictor_module


def test_examples_of_the_predictor_are_true(run_directory):
    results = doctest.testmod(predictor_module, extraglobs={"CHECKPOINT": run_directory})
    assert results.attempted >= 6
    assert results.failed == 0


def test_predictor_is_the_public_name_and_costs_nothing_until_it_is_asked_for():
    code = "import sys, sitrep; assert 'numpy' not in sys.modules; print(sitrep.Predictor.__name__)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "Predictor\n"
    with pytest.raises(AttributeError, match="no attribute 'Predicter'"):
        sitrep.Predicter  # noqa: B018


def test_unknown_precision_is_named(run_directory):
    with pytest.raises(sitrep.errors.UsageError, match="precision=fp8: use one of auto, fp32, bf16"):
        sitrep.Predictor.from_checkpoint(run_directory, precision="fp8")


@pytest.mark.slow
def test_wheel_holds_all_that_prediction_needs(run_directory, tmp_path):
    """Unpacked into an empty folder, away from the project, the wheel answers `sitrep predict`."""
    pip = [sys.executable, "-m", "pip"]
    offline = ["--no-build-isolation", "--no-deps", "--no-index", "--quiet"]
    subprocess.run(
        [*pip, "wheel", *offline, "-w", tmp_path, str(PROJECT)], check=True, capture_output=True, cwd=tmp_path
    )
    (wheel,) = tmp_path.glob("*.whl")
    subprocess.run([*pip, "install", *offline, "--target", tmp_path / "site", wheel], check=True, capture_output=True)
    away = {"PYTHONPATH": str(tmp_path / "site")}
    command = [sys.executable, tmp_path / "site" / "bin" / "sitrep", "predict"]
    command += [f"checkpoint={run_directory}", "input=-", "inference.precision=fp32"]
    finished = subprocess.run(command, input=b"Four were killed.", capture_output=True, cwd=tmp_path, env=away)
    assert finished.returncode == 0, finished.stderr
    assert b'"text": "Four were killed."' in finished.stdout
    choices = subprocess.run([*command[:2], "train", "--help"], capture_output=True, env=away)
    assert b"model=  conflibert, custom" in choices.stdout
