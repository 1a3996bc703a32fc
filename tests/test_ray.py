"""Long predictions by workers of a cluster, which is a real one on this machine."""

import errno
import importlib
import io
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import ray_models
from conftest import PHRASES, PROJECT, write_jsonl

from sitrep.cli.composition import compose_settings
from sitrep.errors import UsageError, UserError
from sitrep.inference import ray_parts, ray_worker, ray_workers
from sitrep.inference.labelled_parts import Loading
from sitrep.inference.left_out import PartlyRead
from sitrep.inference.ray_connection import connected
from sitrep.inference.run import predict
from sitrep.model.checkpoint import open_checkpoint, recorded_files
from sitrep.settings import EngineName, Precision, PredictSettings, RaySettings

# Before Ray is imported, which reads them.
os.environ |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
TEXTS = [phrase for phrases in PHRASES.values() for phrase in phrases]
ANYWHERE = [pytest.mark.slow, pytest.mark.xdist_group("ray"), pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Address of a cluster of two cores."""
    folder = tmp_path_factory.mktemp("ray")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patched.setenv("RAY_worker_niceness", "0")
        patched.setenv("RAY_prestart_worker_first_driver", "0")
        pytest.importorskip("ray")
        patched.setenv("PYTHONPATH", os.pathsep.join([str(PROJECT / "src"), str(PROJECT / "tests")]))
        start = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", f"--port={port}"]
        start += ["--node-ip-address=127.0.0.1", "--num-cpus=2", "--num-gpus=0", "--include-dashboard=false"]
        start += ["--no-monitor", "--include-log-monitor=false"]
        with (folder / "log").open("w") as log:
            head = subprocess.Popen([*start, "--object-store-memory=100000000"], stdout=log, stderr=log)
        try:
            for _ in range(300):
                if "Ray runtime started" in (folder / "log").read_text():
                    break
                time.sleep(0.2)
            yield f"127.0.0.1:{port}"
        finally:
            head.terminate()
            head.wait(30)


def arguments(checkpoint, source, output, *more):
    given = [f"checkpoint={checkpoint}", f"input={source}", f"output={output}/", "inference.precision=fp32"]
    size = [] if any(each.startswith("part_sentences=") for each in more) else ["part_sentences=40"]
    return [*given, *size, *more]


@pytest.fixture
def run(run_directory, tmp_path):
    def call(source, output, *more):
        try:
            predict(compose_settings("predict", PredictSettings, arguments(run_directory, source, output, *more)))
        except PartlyRead as error:
            return str(error)
        return ""

    return call


@pytest.fixture
def light(monkeypatch):
    """A model that loads at once, in this process and in workers."""
    monkeypatch.setattr(Loading, "load", lambda self, checkpoint: ray_models.light(checkpoint, self))
    monkeypatch.setattr(ray_worker, "load_predictor", ray_models.light)


def pages(path, change=lambda row: row):
    made = [
        {"id": f"a{a}-{p}", "article_id": f"a{a}", "position": p, "text": f"{TEXTS[(a + p) % 15]} in {a} on {p}"}
        for a in range(60)
        for p in range(5)
    ]
    return write_jsonl(path, [change(row) for row in made])


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def by_ray(address, workers=2):
    return "cluster=ray", f"ray.address={address}", f"ray.workers={workers}"


class TestOnACluster:
    pytestmark = ANYWHERE

    def test_job_ends_with_the_bytes_of_one_machine(self, cluster, run, tmp_path):
        source = pages(tmp_path / "in.jsonl", lambda row: row | {"text": " "} if row["id"] == "a7-2" else row)
        told = run(source, tmp_path / "one")
        assert run(source, tmp_path / "two", *by_ray(cluster, workers=1)) == told.replace("/one/", "/two/")
        assert "1 page or row was left out" in told
        assert contents(tmp_path / "two") == contents(tmp_path / "one")

    @pytest.mark.parametrize("where", [pytest.param("a0-1", marks=pytest.mark.thorough), "a31-2"])
    def test_worker_that_is_lost_leaves_no_trace(self, cluster, run, tmp_path, light, monkeypatch, where):
        marker = tmp_path / "died"
        source = pages(tmp_path / "in.jsonl", lambda row: row | {"once": str(marker) if row["id"] == where else ""})
        run(source, tmp_path / "one")
        monkeypatch.setattr(ray_worker, "load_predictor", ray_models.harmed)
        assert run(source, tmp_path / "two", *by_ray(cluster)) == ""
        assert marker.exists()
        assert contents(tmp_path / "two") == contents(tmp_path / "one")

    @pytest.mark.parametrize("word", ["RAISE", pytest.param("DIE", marks=pytest.mark.thorough)])
    def test_poisoned_page_is_left_out_with_its_reason_and_the_others_are_labelled(
        self, cluster, run, tmp_path, light, monkeypatch, word
    ):
        words = {"a0-3": word, "a25-0": "RAISE"}
        alone = {"a1": {"article_id": "a0"}}  # ten sentences, which are a part; death costs time

        def change(row):
            return row | {"text": words.get(row["id"], row["text"])} | alone.get(row["article_id"], {})

        source = pages(tmp_path / "in.jsonl", change)
        monkeypatch.setattr(ray_worker, "load_predictor", ray_models.harmed)
        told = run(source, tmp_path / "job", "parts=jsonl", "part_sentences=10", *by_ray(cluster))
        assert "2 pages or rows were left out" in told
        errors = [json.loads(line) for line in (tmp_path / "job" / "errors.jsonl").read_text().splitlines()]
        assert [error["place"] for error in errors] == ["a0", "a25"]
        assert all("could not be labelled in two tries" in error["reason"] for error in errors)
        parts = sorted((tmp_path / "job").glob("part-*"))
        ids = [json.loads(line)["id"] for part in parts for line in part.read_text().splitlines()]
        assert ids == [f"a{a}-{p}" for a in range(60) if a not in (0, 1, 25) for p in range(5)]

    @pytest.mark.thorough
    def test_job_whose_process_is_killed_goes_on_with_the_same_command(self, cluster, run, run_directory, tmp_path):
        source = pages(tmp_path / "in.jsonl")
        run(source, tmp_path / "one")
        given = arguments(run_directory, source, tmp_path / "two", *by_ray(cluster))
        job = subprocess.Popen([sys.executable, PROJECT / "scripts" / "predict.py", *given], stderr=subprocess.DEVNULL)
        while job.poll() is None and not (tmp_path / "two" / "part-00001.parquet").exists():
            time.sleep(0.01)
        job.send_signal(signal.SIGKILL)
        job.wait()
        run(source, tmp_path / "two", *by_ray(cluster))
        assert contents(tmp_path / "two") == contents(tmp_path / "one")

    def test_job_that_one_machine_began_goes_on_by_a_cluster_that_has_not_the_checkpoint(
        self, cluster, run, tmp_path, light, monkeypatch
    ):
        source = pages(tmp_path / "in.jsonl")
        run(source, tmp_path / "one")
        run(source, tmp_path / "two")
        manifest = json.loads((tmp_path / "two" / "manifest.json").read_text())
        del manifest["parts"][2:]
        (tmp_path / "two" / "manifest.json").write_text(json.dumps(manifest | {"complete": False}))
        load = ray_workers.WorkerPool._load

        def elsewhere(self, actor):
            files = self._files
            self._folder, real = (Path("/nowhere") if files is None else self._folder), self._folder
            try:
                return load(self, actor)
            finally:
                self._folder = real

        monkeypatch.setattr(ray_workers.WorkerPool, "_load", elsewhere)
        run(source, tmp_path / "two", *by_ray(cluster, workers=1))
        assert contents(tmp_path / "two") == contents(tmp_path / "one")

    def test_parts_on_their_way_stay_below_the_bound_of_the_object_store(
        self, cluster, run, tmp_path, light, monkeypatch
    ):
        held, read = [], ray_parts._Run._read

        def watched(self):
            read(self)
            held.append(sum(task.bytes for task in (*self._out.values(), *(task for _, task in self._waiting))))

        monkeypatch.setattr(ray_parts._Run, "_read", watched)
        monkeypatch.setattr(ray_parts, "size_of_passages", lambda passages: 30_000_000)
        source = pages(tmp_path / "in.jsonl")
        run(source, tmp_path / "job", *by_ray(cluster, workers=1), "ray.object_store_bytes=80000000")
        assert max(held) == 60_000_000
        assert len(list((tmp_path / "job").glob("part-*"))) == 8

    def test_workers_of_other_versions_are_refused(self, cluster, run, tmp_path, light, monkeypatch):
        monkeypatch.setattr(ray_workers, "versions", lambda: {"numpy": "1.0"})
        with pytest.raises(UserError, match=r"a worker has numpy \S+, this process 1\.0; install the same"):
            run(pages(tmp_path / "in.jsonl"), tmp_path / "job", *by_ray(cluster, workers=1))

    def test_worker_without_the_program_is_one_line(self, cluster, run, tmp_path, light, monkeypatch):
        (tmp_path / "only_here.py").write_text(
            "from sitrep.inference import ray_worker\n\nclass PartWorker(ray_worker.PartWorker):\n    pass\n"
        )
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.setattr(ray_workers, "PartWorker", importlib.import_module("only_here").PartWorker)
        with pytest.raises(
            UserError, match=r"^cluster=ray: a worker cannot import .*: No module named 'only_here'; in"
        ):
            run(pages(tmp_path / "in.jsonl"), tmp_path / "job", *by_ray(cluster, workers=1))

    def test_cluster_of_another_ray_or_python_is_one_line_with_both(self, cluster, run, tmp_path, light, monkeypatch):
        monkeypatch.setattr("ray._private.utils.compute_version_info", lambda: ("9.9.9", "3.99.0"))
        with pytest.raises(
            UserError, match=r"cluster .* Ray: 2\S+ Python: 3.* Ray: 9\.9\.9 Python: 3\.99\.0; install"
        ) as it:
            run(pages(tmp_path / "in.jsonl"), tmp_path / "job", *by_ray(cluster, workers=1))
        assert "\n" not in str(it.value)

    def test_no_cluster_at_the_address_is_one_line(self, cluster, run, tmp_path, light):
        with pytest.raises(UserError, match=r"ray\.address=127\.0\.0\.1:1: no cluster answers there") as caught:
            run(pages(tmp_path / "in.jsonl"), tmp_path / "job", "cluster=ray", "ray.address=127.0.0.1:1")
        assert "\n" not in str(caught.value)

    def test_worker_that_finds_no_room_is_told_before_the_work(self, cluster, run, tmp_path):
        given = "cluster=ray", f"ray.address={cluster}", "ray.cpus=64"
        with pytest.raises(UserError, match=r"ray\.cpus=64, ray\.gpus=0: no worker finds room in a cluster of 2 cores"):
            run(pages(tmp_path / "in.jsonl"), tmp_path / "job", *given)


def test_cluster_without_a_job_in_parts_is_refused(run_directory, tmp_path):
    source = pages(tmp_path / "in.jsonl")
    given = [f"checkpoint={run_directory}", f"input={source}", f"output={tmp_path / 'out.jsonl'}", "cluster=ray"]
    with pytest.raises(
        UserError, match=r"cluster=ray: only a job in parts is spread over machines; end output=.* with /"
    ):
        predict(compose_settings("predict", PredictSettings, given))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("ray.address=ray://host:10001", "run the command on a machine of the cluster"),
        ("ray.workers=0", "must lie between 1 and 10,000"),
        ("ray.cpus=0", "must lie above 0"),
        ("ray.object_store_bytes=1000", "at least 80,000,000"),
        ("cluster=dask", "cluster"),
        ("output=az://bucket/labels/", r"output=az://bucket/labels/: is not on a file system .*; mount the bucket"),
        ("checkpoint=s3://bucket/run/", "mount the bucket"),
        ("pages_text=GS://bucket/", "mount the bucket"),
        ("input=https://news.example/page.html", "download it"),
    ],
)
def test_wrong_settings_are_told_by_name(setting, message):
    with pytest.raises(UsageError, match=message):
        compose_settings("predict", PredictSettings, ["input=x", setting])


def test_file_urls_are_paths():
    given = ["input=file:///pages/a%20b.jsonl", "output=file:///labels/"]
    settings = compose_settings("predict", PredictSettings, given)
    assert (settings.input, settings.output) == ("/pages/a b.jsonl", "/labels/")


@pytest.mark.parametrize("call", ["replace", "open"])
def test_folder_that_cannot_be_written_is_told_before_the_work(run, tmp_path, monkeypatch, call):
    def refuse(path, *more, **named):
        if call == "replace" or Path(path).name.startswith(".probe"):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return opened(path, *more, **named)

    def load(self, checkpoint):
        raise AssertionError("a model was loaded")

    source, opened = pages(tmp_path / "in.jsonl"), io.open
    monkeypatch.setattr(Loading, "load", load)
    monkeypatch.setattr(*((os, "replace") if call == "replace" else (io, "open")), refuse)
    with pytest.raises(UserError, match=r"job: files cannot be made, renamed and appended to there: Read-only"):
        run(source, tmp_path / "job")
    assert list((tmp_path / "job").iterdir()) == []


def test_own_cluster_gets_the_object_store_that_the_setting_names(monkeypatch):
    ray, given = pytest.importorskip("ray"), {}

    def init(**arguments):
        given.update(arguments)
        raise ConnectionError("enough")

    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(UserError, match="could not be started: enough"), connected(RaySettings(workers=3)):
        pass
    assert given["object_store_memory"] == RaySettings.object_store_bytes
    assert given["num_cpus"] >= 3


def test_worker_takes_a_checkpoint_that_is_sent_to_it(run_directory):
    checkpoint = open_checkpoint(str(run_directory))
    hashes, loading = recorded_files(checkpoint.folder), Loading(True, EngineName.auto, Precision.fp32, None)
    worker = ray_worker.PartWorker(1)
    assert worker.load("/nowhere", hashes, None, loading) is None
    assert worker.load(str(checkpoint.folder), hashes | {"config.json": "other"}, None, loading) is None
    files = ray_workers.files_of(checkpoint.folder)
    assert worker.load("/nowhere", hashes, files, loading).computing["precision"] == "fp32"
    worker.close()
