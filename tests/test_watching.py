"""What a run tells of its training: the log, the page, TensorBoard, MLflow, and the table of a multirun."""

import csv
import io
import json
import math
import re
import subprocess
import sys
from itertools import pairwise
from types import SimpleNamespace

import pytest
from conftest import PROJECT, train_settings
from rich.console import Console

from sitrep.cli.multirun import RunOutcome, tell_runs
from sitrep.errors import UsageError, UserError
from sitrep.report.training_page import read_curves, smoothed, write_training_page
from sitrep.settings import Tracker
from sitrep.storage.complete import TIME
from sitrep.training import tracking
from sitrep.training.run import train
from sitrep.training.speed import TrainingSpeed
from sitrep.training.step_log import StepLog
from sitrep.training.step_records import STEP_LOG, read_step_log
from sitrep.training.watching import Watch

STEP = {"step", "epoch", "seconds", "time", "loss", "learning_rate", "gradient_norm", "sentences_per_second"}


class Told:
    """A follower that keeps what it is told."""

    def __init__(self):
        self.records = []
        self.closed = False

    def follow(self, record):
        self.records.append(record)

    def close(self):
        self.closed = True


def take_steps(log, steps, first=0, loss=1.0, end=True):
    """Call a log as a trainer does, with ten steps an epoch."""
    loader = SimpleNamespace(dataset=SimpleNamespace(labels=range(320)))
    log.on_train_begin(None, SimpleNamespace(global_step=first, epoch=first / 10), None)
    for step in range(first + 1, steps + 1):
        state = SimpleNamespace(global_step=step, epoch=step / 10)
        logs = {"loss": loss / step, "grad_norm": 0.5, "learning_rate": 1e-3}
        log.on_log(None, state, None, logs=logs, train_dataloader=loader)
        if step % 10 == 0:
            log.on_evaluate(None, state, None, metrics={"eval_macro_f1": step / 100, "eval_loss": 0.7})
    if end:
        log.close()


def test_run_logs_every_step_and_every_validation(run_directory):
    records = read_step_log(run_directory / STEP_LOG)
    metrics = json.loads((run_directory / "metrics.json").read_text())
    steps = [record for record in records if "loss" in record]
    assert [record["step"] for record in steps] == list(range(1, len(steps) + 1))
    assert all(record.keys() >= STEP | {"memory_bytes"} for record in steps)
    assert all(record["memory_bytes"] > 10**7 and record["gradient_norm"] > 0 for record in steps)
    assert all(one["seconds"] <= two["seconds"] for one, two in pairwise(records))
    figures = [record["validation_macro_f1"] for record in records if "validation_macro_f1" in record]
    assert figures == [epoch["macro_f1"] for epoch in metrics["training"]["history"]]
    first_epoch = [record["loss"] for record in steps if record["epoch"] <= 1]
    assert sum(first_epoch) / len(first_epoch) == pytest.approx(metrics["training"]["history"][0]["loss"])


def test_line_is_in_the_file_as_soon_as_its_step_is_done(tmp_path):
    log = StepLog(tmp_path / "run" / STEP_LOG)
    take_steps(log, 3, end=False)
    assert [record["step"] for record in read_step_log(log.path)] == [1, 2, 3]
    log.close()


def test_run_that_goes_on_replaces_the_lines_of_the_steps_that_it_does_again(tmp_path):
    path = tmp_path / STEP_LOG
    take_steps(StepLog(path), 17)
    with path.open("a") as file:
        file.write('{"step": 18, "lo')
    log = StepLog(path)
    take_steps(log, 20, first=12, loss=2.0)
    steps = [record for record in read_step_log(path) if "loss" in record]
    assert [record["step"] for record in steps] == list(range(1, 21))
    assert steps[11]["loss"] == 1 / 12
    assert steps[12]["loss"] == 2 / 13
    assert steps[12]["seconds"] >= steps[11]["seconds"]
    take_steps(StepLog(path), 2)
    assert [record["step"] for record in read_step_log(path)] == [1, 2]


def test_loss_that_is_no_number_is_valid_json(tmp_path):
    log = StepLog(tmp_path / STEP_LOG)
    take_steps(log, 1, loss=math.nan)
    assert json.loads(log.path.read_text(), parse_constant=pytest.fail)["loss"] is None


def test_followers_are_told_what_is_written_and_that_it_is_over(tmp_path):
    told = Told()
    log = StepLog(tmp_path / STEP_LOG, [told])
    take_steps(log, 10)
    assert told.records == read_step_log(log.path)
    assert told.closed


def test_speed_counts_sentences_of_steps_and_not_the_time_between(monkeypatch):
    now = 0.0
    monkeypatch.setattr("sitrep.training.speed.time.perf_counter", lambda: now)
    speed = TrainingSpeed()
    speed.wait(0.0)
    now = 2.0
    speed.step(0.1, 1000)
    assert speed.last == pytest.approx(50)
    now = 100.0
    speed.wait(0.1)
    now = 101.0
    speed.step(0.2, 1000)
    assert speed.last == pytest.approx(100)
    assert speed.smoothed == pytest.approx(200 / 3)


def test_mean_of_a_curve_passes_over_gaps():
    assert smoothed([1.0] * 40).tolist() == [1.0] * 40
    assert smoothed([0.0, None, *[4.0] * 38])[1] == 0.0
    assert smoothed([0.0, None, *[4.0] * 38])[2] == 4.0


def test_page_shows_loss_and_validation_without_anything_from_outside(run_directory):
    page = (run_directory / "training.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 4
    assert "Macro-F1 on validation by epoch" in page
    assert not re.search(r"<script|<link|<img|src=|@import", page)


def test_page_of_a_run_that_was_cut_off_shows_how_far_it_came(tmp_path):
    take_steps(StepLog(tmp_path / STEP_LOG), 7)
    write_training_page(tmp_path)
    page = (tmp_path / "training.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 3
    assert "on validation by epoch" not in page
    assert read_curves(tmp_path)[0].row()["steps"] == 7


def test_page_of_several_seeds_has_a_curve_of_each(tmp_path):
    for seed in (1, 2):
        take_steps(StepLog(tmp_path / "seeds" / str(seed) / STEP_LOG), 10)
    write_training_page(tmp_path)
    page = (tmp_path / "training.html").read_text(encoding="utf-8")
    assert "seed 1: 0.100 at epoch 1; seed 2: 0.100 at epoch 1" in page


def test_folder_without_a_step_gets_no_page(tmp_path):
    write_training_page(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_library_that_is_not_there_is_told_before_training_and_leaves_nothing(toy_file, tmp_path, monkeypatch):
    monkeypatch.setattr(tracking, "is_installed", lambda package: False)
    for tracker in Tracker:
        settings = train_settings(toy_file, tmp_path / "run", f"trainer.track=[{tracker.name}]")
        with pytest.raises(UserError, match=rf"pip install '\.\[{tracker.name}\]'"):
            train(settings)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["trainer.tracking_uri=sqlite:///a.db"], "is MLflow's; add trainer.track"),
        (["trainer.track=[mlflow]", "trainer.tracking_uri=runs"], "name a store of MLflow's"),
        (["trainer.track=[mlflow]", "trainer.tracking_uri=file:///runs"], "name a store of MLflow's"),
        (["trainer.track=[wandb]"], "trainer.track"),
    ],
)
def test_wrong_tracking_is_a_usage_error(toy_file, tmp_path, given, words):
    with pytest.raises(UsageError, match=words):
        train_settings(toy_file, tmp_path / "run", *given)


@pytest.mark.slow
def test_tensorboard_has_every_figure_of_the_log(toy_file, tmp_path):
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = train(train_settings(toy_file, tmp_path / "run", "trainer.epochs=2", "trainer.track=[tensorboard]"))
    events = accumulator.EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    steps = [record for record in read_step_log(run / STEP_LOG) if "loss" in record]
    found = {event.step: event.value for event in events.Scalars("loss")}
    assert found == pytest.approx({record["step"]: record["loss"] for record in steps})
    assert len(events.Scalars("validation_macro_f1")) == 2
    assert "settings/text_summary" in events.Tags()["tensors"]


READ_MLFLOW = """
import json, sys
from mlflow import MlflowClient
client = MlflowClient(sys.argv[1])
(experiment,) = [each for each in client.search_experiments() if each.name == "sitrep"]
for run in client.search_runs([experiment.experiment_id]):
    history = client.get_metric_history(run.info.run_id, "loss")
    files = [each.path for each in client.list_artifacts(run.info.run_id)]
    told = {"name": run.info.run_name, "status": run.info.status, "parameters": run.data.params, "files": files}
    print(json.dumps(told | {"metrics": run.data.metrics, "steps": [each.step for each in history]}))
"""


def mlflow_runs(uri):
    command = [sys.executable, "-c", READ_MLFLOW, uri]  # apart, as MLflow warns of its own libraries
    finished = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert finished.returncode == 0, finished.stderr
    return [json.loads(line) for line in finished.stdout.splitlines()]


@pytest.mark.slow
def test_mlflow_has_figures_settings_report_and_checkpoint(toy_file, tmp_path):
    pytest.importorskip("mlflow")
    command = [sys.executable, PROJECT / "scripts" / "train.py", f"data={toy_file}", "experiment=quick"]
    command += ["trainer.track=[mlflow]", f"output_dir={tmp_path / 'runs' / 'one'}"]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert finished.returncode == 0, finished.stderr
    (told,) = mlflow_runs(f"sqlite:///{tmp_path / 'runs' / 'mlflow.db'}")
    metrics = json.loads((tmp_path / "runs" / "one" / "metrics.json").read_text())
    assert (told["name"], told["status"]) == ("one", "FINISHED")
    assert told["metrics"]["test_macro_f1"] == pytest.approx(metrics["macro_f1"])
    assert told["steps"] == [1, 2, 3]
    assert told["parameters"]["model.name"] == "random:tiny"
    assert {"checkpoint", "report.html", "training.html", "config.yaml", "metrics.json"} <= set(told["files"])
    assert not (tmp_path / "mlruns").exists()


def test_server_that_is_lost_is_told_once_and_training_goes_on():
    def lost(*arguments, **options):
        raise ConnectionError("no route. Try later.")

    shown = io.StringIO()
    run = object.__new__(tracking.MlflowRun)
    run.uri, run.id = "http://mlflow.example", "1"
    run._client, run._errors = SimpleNamespace(log_batch=lost, set_terminated=lost), (OSError,)
    run._console, run._lost, run._waiting = Console(file=shown, width=200), False, [1, 2]
    run.pass_on()
    run.end("FINISHED", {})
    assert shown.getvalue() == ("MLflow at http://mlflow.example was lost, and the run goes on without it: no route\n")


class Store:
    """Stands for MLflow's: the parameters of each run, which may not change."""

    def __init__(self):
        self.parameters = {}

    def __call__(self, uri):
        return self

    def get_experiment_by_name(self, name):
        return SimpleNamespace(experiment_id="0")

    def create_run(self, experiment, run_name, tags):
        number = str(len(self.parameters))
        self.parameters[number] = {}
        return SimpleNamespace(info=SimpleNamespace(run_id=number))

    def update_run(self, run, status):
        if run not in self.parameters:
            raise OSError("no such run")

    def log_batch(self, run, params):
        for name, value in params:
            if self.parameters[run].setdefault(name, value) != value:
                raise OSError(f"changing param values is not allowed: {name}")


@pytest.fixture
def store(monkeypatch):
    kept = Store()
    mlflow = SimpleNamespace(MlflowClient=kept)
    entities = SimpleNamespace(Param=lambda name, value: (name, value))
    errors = SimpleNamespace(MlflowException=OSError)
    for name, module in {"mlflow": mlflow, "mlflow.entities": entities, "mlflow.exceptions": errors}.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(tracking, "is_installed", lambda package: True)
    return kept


def test_settings_are_told_to_mlflow_once_though_the_run_goes_on_with_others(store, toy_file, tmp_path):
    folder, run = tmp_path / "run.partial", tmp_path / "run"
    for given in ("resume=false", "resume=true"):
        settings = train_settings(toy_file, tmp_path / "run", "trainer.track=[mlflow]", given)
        settings.output_dir = str(tmp_path / TIME)
        watch = Watch(settings, folder, run, Console(file=io.StringIO()), True, lambda place: None)
        assert watch._runs[0].id == "0"
    (told,) = store.parameters.values()
    assert (told["output_dir"], told["resume"]) == (str(run), "None")
    (folder / "mlflow.json").write_text(json.dumps({"run_id": "of another store"}), encoding="utf-8")
    Watch(settings, folder, run, Console(file=io.StringIO()), True, lambda place: None)
    assert store.parameters["1"]["resume"] == "true"


@pytest.mark.slow
def test_server_that_is_not_there_is_told_in_one_line_before_training(toy_file, tmp_path):
    pytest.importorskip("mlflow")
    command = [sys.executable, PROJECT / "scripts" / "train.py", f"data={toy_file}", "experiment=quick"]
    command += ["trainer.track=[mlflow]", "trainer.tracking_uri=http://127.0.0.1:9", f"output_dir={tmp_path / 'run'}"]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert finished.returncode == 1
    assert finished.stderr.startswith("train.py: trainer.tracking_uri=http://127.0.0.1:9: ")
    assert finished.stderr.count("\n") == 1
    assert "epoch" not in finished.stderr
    assert list(tmp_path.iterdir()) == []


def outcome(folder, validation, test, *arguments):
    folder.mkdir(parents=True)
    metrics = {"macro_f1": test, "training": {"validation_macro_f1": validation}}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    return RunOutcome(arguments, folder, "", 12.34)


def test_table_of_a_multirun_has_what_varies_the_figures_and_the_failures(tmp_path):
    common = ["model=tiny", "data=x.csv"]
    outcomes = [
        outcome(tmp_path / "runs" / "a", 0.8, 0.7, *common, "seed=1"),
        RunOutcome([*common, "seed=2"], None, "x.csv: no such file", 0.5),
    ]
    shown = io.StringIO()
    path = tell_runs(outcomes, Console(file=shown, width=120))
    assert path == tmp_path / "runs" / "multirun.csv"
    with path.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [
            ["run", "seed", "validation_macro_f1", "test_macro_f1", "seconds", "reason"],
            ["a", "1", "0.8", "0.7", "12.3", ""],
            ["failed", "2", "", "", "0.5", "x.csv: no such file"],
        ]
    assert "0.700" in shown.getvalue()
    assert "x.csv: no such file" in shown.getvalue()
    assert tell_runs(outcomes, Console(file=shown)) == tmp_path / "runs" / "multirun-2.csv"


def test_multirun_of_jobs_without_figures_has_no_table(tmp_path):
    assert tell_runs([RunOutcome(["input=a"], None, "", 1.0)], Console(file=io.StringIO())) is None
