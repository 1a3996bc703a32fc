"""A fresh virtual environment with the extra ``onnx`` alone. Wants the package registry, so that it runs in CI only."""

import os
import subprocess
import venv

import pytest
from conftest import PROJECT

from sitrep.cli.composition import compose_settings
from sitrep.export.run import export
from sitrep.settings import ExportSettings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "SITREP_TEST_INSTALL" not in os.environ, reason="installs from the registry; .ci/run asks for it"
    ),
]
MOST_MEGABYTES = 300


def test_installation_without_torch_is_small_and_predicts_from_an_exported_folder(run_directory, tmp_path):
    given = [f"checkpoint={run_directory}", "training_data=named", f"output={tmp_path / 'onnx'}"]
    folder = export(compose_settings("export", ExportSettings, given))
    venv.create(tmp_path / "venv", with_pip=True)
    programs = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    pip = [programs / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--constraint", PROJECT / "constraints.txt", f"{PROJECT}[onnx]"], check=True)
    packages = next((tmp_path / "venv").rglob("site-packages"))
    assert not [name for name in ("torch", "transformers", "scipy") if (packages / name).exists()]
    megabytes = sum(path.stat().st_size for path in packages.rglob("*") if path.is_file()) / 2**20
    assert megabytes < MOST_MEGABYTES
    (tmp_path / "page.txt").write_text("four were killed in district 3 on day 2\n")
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    call = [programs / "sitrep", "predict", f"checkpoint={folder}", "input=page.txt", "output=-"]
    said = subprocess.run(call, capture_output=True, text=True, cwd=tmp_path, env=clean)
    assert '"label": "casualty_report"' in said.stdout, said.stderr
