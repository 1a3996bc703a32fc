"""Search for settings: the space, the study that processes share, and its result."""

import csv
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from functools import partial
from types import SimpleNamespace

import pytest
from conftest import PROJECT

from sitrep.cli.composition import compose_settings, compose_sweep
from sitrep.errors import UsageError, UserError
from sitrep.search import run as search_run
from sitrep.search.run import sweep
from sitrep.search.space import Choice, Range, read_space
from sitrep.settings import SweepSettings, TrainSettings
from sitrep.training.run import train

optuna = pytest.importorskip("optuna")
compose = partial(compose_settings, "train", TrainSettings)


@pytest.fixture
def common(toy_file, tmp_path, monkeypatch):
    """Arguments of a search of a moment; what it writes lies in ``tmp_path``."""
    monkeypatch.chdir(tmp_path)
    return [f"data={toy_file}", "model=tiny", "trainer.precision=fp32", "trainer.epochs=2"]


@pytest.fixture
def taught(monkeypatch):
    """Training in no time: what it comes to is what the learning rate says; gives what was trained."""
    trained = []

    def fine_tune(settings, split, taxonomy, scratch, callbacks, first_seed, unlabelled):
        trained.append(settings)
        assert split.test == ()
        rate = settings.trainer.learning_rate
        if rate > 1:
            raise UserError(f"trainer.learning_rate={rate}: training diverged")
        (report,) = [each for each in callbacks if hasattr(each, "trial")]
        for epoch in range(int(settings.trainer.epochs)):
            report.on_evaluate(None, None, None, {"eval_macro_f1": rate * (epoch + 1) / settings.trainer.epochs})
        return SimpleNamespace(validation=rate)

    monkeypatch.setattr(search_run, "fine_tune", fine_tune)
    return trained


def result_of(folder):
    return json.loads((folder / "sweep.json").read_text(encoding="utf-8"))


def test_arguments_are_parted_into_own_shared_and_searched():
    settings = compose_sweep(
        [
            *("trials=7", "seeds=[3,4]", "model=tiny,minilm", "trainer.epochs=2", "data=../mine.csv"),
            *("trainer.learning_rate=1e-5..1e-3:log", "trainer.batch_size=16,32", "model.dropout=0.0..0.2"),
        ]
    )
    assert (settings.trials, settings.seeds) == (7, [3, 4])
    assert settings.train == ["trainer.epochs=2", "data=../mine.csv"]
    assert read_space(settings.space) == {
        "model": Choice(("tiny", "minilm")),
        "trainer.learning_rate": Range(1e-5, 1e-3, whole=False, log=True),
        "trainer.batch_size": Choice(("16", "32")),
        "model.dropout": Range(0, 0.2, whole=False),
    }


def test_file_names_are_taken_as_they_are_and_of_a_setting_given_twice_the_last_counts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a,b.csv").touch()
    given = ["data=a,b.csv", "data.test_files=[x (1).csv]", "trainer.epochs=1,2", "trainer.epochs=3"]
    settings = compose_sweep([*given, "model.dropout=0", "model.dropout=0.0..0.1"])
    assert settings.train == ["data=a,b.csv", "data.test_files=[x (1).csv]", "trainer.epochs=3"]
    assert settings.space == {"model.dropout": "0.0..0.1"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2..6", Range(2, 6, whole=True)),
        ("2.0..6", Range(2, 6, whole=False)),
        ("16..64:16", Range(16, 64, whole=True, step=16)),
        ("0.0..0.25:0.1", Range(0, 0.2, whole=False, step=0.1)),
        ("8..128:log", Range(8, 128, whole=True, log=True)),
        (".1...3", Range(0.1, 0.3, whole=False)),
    ],
)
def test_range_is_of_whole_numbers_where_both_ends_are_written_so(text, wanted):
    found = read_space({"x": text})["x"]
    assert found == wanted or (found.high == pytest.approx(wanted.high) and found.step == wanted.step)


def test_value_of_four_digits_never_leaves_its_range():
    span = Range(0.00012345, 0.00012349, whole=False)
    assert float(span.written(0.000123456)) == 0.000123456
    assert Range(0, 1, whole=False).written(0.123456) == "0.1235"


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("trails=3", "there is no setting trails; did you mean trials?"),
        ("trainer.lerning_rate=1..2", "there is no setting trainer.lerning_rate; did you mean trainer.learning_rate?"),
        ("trainer.learning_rate=1e-3..1e-5", "the first number must be the lower one"),
        ("trainer.learning_rate=0..1:log", "with log both numbers must lie above 0"),
        ("trainer.learning_rate=0.1..0.2:lin", "write a range as LOW..HIGH"),
        ("trainer.precision=fp32..bf16", "write a range as LOW..HIGH"),
        ("trainer.batch_size=8..16:32", "the step must lie above 0 and within the range"),
        ("trainer.batch_size=8,8", "name two values or more that differ"),
        ("model.dropout=0.0..1.5", "model.dropout=1.5: must lie in [0, 1)"),
        ("trainer.batch_size=1.5..3", "trainer.batch_size: Value '1.5'"),
        ("model=tny,tiny", "model=tny: no such choice"),
        ("trainer.epochs=3", "nothing is searched"),
        ("seed=1,2", "seed: name the seeds of each trial as seeds=[1,2,3]"),
        ("~trainer.epochs", "a setting cannot be taken away"),
    ],
)
def test_space_that_is_wrong_is_told_before_anything_is_tried(common, argument, words):
    with pytest.raises(UsageError) as error:
        sweep(compose_sweep(["model=tiny", argument]), compose)
    assert words in str(error.value)


@pytest.mark.slow
@pytest.mark.thorough
def test_search_ends_with_a_table_the_figures_and_the_command_of_the_best(common, taught, capsys):
    folder = sweep(compose_sweep([*common, "trainer.learning_rate=0.01..0.9", "seeds=[1,2]", "trials=6"]), compose)
    result = result_of(folder)
    assert len(result["trials"]) == 6
    done = [trial for trial in result["trials"] if trial["state"] == "complete"]
    best = max(done, key=lambda trial: trial["value"])
    rate = best["values"]["trainer.learning_rate"]
    assert result["best"]["validation_macro_f1"] == best["value"] == pytest.approx(float(rate))
    command = ["python", "scripts/train.py", *common, f"trainer.learning_rate={rate}", "seeds=[1,2]"]
    assert shlex.split(result["best"]["command"]) == command
    assert result["best"]["command"] in capsys.readouterr().err
    assert compose(command[2:]).trainer.learning_rate == float(rate)
    assert {settings.seed for settings in taught} == {1, 2}
    with (folder / "trials.csv").open(encoding="utf-8", newline="") as file:
        assert [row["state"] for row in csv.DictReader(file)] == [trial["state"] for trial in result["trials"]]
    page = (folder / "sweep.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 1 + bool(result["importance"])
    assert "<script" not in page
    assert (folder.parent / "latest").resolve() == folder.resolve()


@pytest.mark.slow
@pytest.mark.thorough
def test_setting_that_matters_has_the_greater_share(common, taught):
    space = ["trainer.learning_rate=0.01..0.9", "trainer.weight_decay=0.0..0.1"]
    importance = result_of(sweep(compose_sweep([*common, *space, "trials=12", "prune=false"]), compose))["importance"]
    assert importance["trainer.learning_rate"] > 0.7
    assert sum(importance.values()) == pytest.approx(1)


@pytest.mark.slow
def test_same_command_goes_on_with_the_study_and_tries_what_it_would_have_tried(common, taught):
    space = ["trainer.learning_rate=0.01..0.9", "prune=false"]
    whole = result_of(sweep(compose_sweep([*common, *space, "trials=4", "study=whole.journal"]), compose))
    taught.clear()
    sweep(compose_sweep([*common, *space, "trials=2"]), compose)
    parted = result_of(sweep(compose_sweep([*common, *space, "trials=4"]), compose))
    assert len(taught) == 4
    assert [trial["values"] for trial in parted["trials"]] == [trial["values"] for trial in whole["trials"]]
    sweep(compose_sweep([*common, *space, "trials=4"]), compose)
    assert len(taught) == 4


@pytest.mark.slow
@pytest.mark.thorough
def test_trial_below_the_median_is_given_up(common, taught):
    space = ["trainer.learning_rate=0.01..0.9", "trainer.epochs=4"]
    trials = result_of(sweep(compose_sweep([*common, *space, "trials=15"]), compose))["trials"]
    pruned = [trial for trial in trials if trial["state"] == "pruned"]
    assert pruned
    assert all(1 < trial["epochs"] < 4 for trial in pruned)
    assert max(trial["value"] for trial in pruned) < max(t["value"] for t in trials if t["state"] == "complete")


@pytest.mark.slow
def test_failed_trial_is_listed_with_its_reason_and_ends_nothing(common, taught, capsys):
    folder = sweep(compose_sweep([*common, "trainer.learning_rate=0.1,0.2,5.0", "trials=6"]), compose)
    trials = result_of(folder)["trials"]
    failed = [trial for trial in trials if trial["values"]["trainer.learning_rate"] == "5.0"]
    assert len(trials) == 6
    assert failed
    assert {(trial["state"], trial["reason"]) for trial in failed} == {
        ("failed", "trainer.learning_rate=5.0: training diverged")
    }
    assert (
        f"trial {failed[0]['number']} failed: trainer.learning_rate=5.0: training diverged" in capsys.readouterr().err
    )


@pytest.mark.slow
@pytest.mark.thorough
def test_bug_in_one_trial_ends_nothing_and_keeps_its_traceback(common, taught, monkeypatch, tmp_path):
    fine_tune = search_run.fine_tune

    def sometimes(settings, *others):
        if settings.trainer.batch_size == 8:
            raise RuntimeError("no memory")
        return fine_tune(settings, *others)

    monkeypatch.setattr(search_run, "fine_tune", sometimes)
    space = ["trainer.batch_size=8,16", "trainer.learning_rate=0.1,0.2", "study=s.journal", "trials=8"]
    trials = result_of(sweep(compose_sweep([*common, *space]), compose))["trials"]
    assert {trial["reason"] for trial in trials} == {"", "RuntimeError: no memory"}
    assert "in sometimes" in (tmp_path / "s.journal").read_text()


@pytest.mark.slow
def test_search_in_which_all_fail_ends_after_three(common, taught):
    with pytest.raises(UserError) as error:
        sweep(compose_sweep([*common, "trainer.learning_rate=5,6,7"]), compose)
    assert "all of the first 3 trials failed, the last with: trainer.learning_rate=" in str(error.value)
    assert len(taught) == 3


@pytest.mark.slow
def test_study_of_another_search_is_refused_and_the_difference_named(common, taught, toy_file, tmp_path):
    space = ["trainer.learning_rate=0.1,0.2", "trials=1", "study=s.journal"]
    sweep(compose_sweep([*common, *space]), compose)
    for given, words in [
        (["trainer.epochs=3"], "trainer.epochs is 2.0 there, 3.0 here"),
        (["seeds=[1,2]"], "seeds is [1] there, [1, 2] here"),
        (["trainer.learning_rate=0.1,0.3"], "space.trainer.learning_rate is ['0.1', '0.2'] there, ['0.1', '0.3'] here"),
        (["trainer.batch_size=8,16"], "space.trainer.batch_size is not given there, ['8', '16'] here"),
    ]:
        with pytest.raises(UserError) as error:
            sweep(compose_sweep([*common, *space, *given]), compose)
        assert str(error.value).startswith("study=s.journal: holds another search: ")
        assert words in str(error.value)
    fewer = tmp_path / "fewer.jsonl"
    fewer.write_text("".join(toy_file.read_text().splitlines(keepends=True)[10:]))
    with pytest.raises(UserError, match=r"data\.train is "):
        sweep(compose_sweep([*common, f"data={fewer}", *space]), compose)
    sweep(compose_sweep([*common, *space, "sampler_seed=2", "prune=false", "trials=2"]), compose)


def test_file_that_is_no_study_is_refused_and_kept(common, taught, tmp_path):
    for content in (b"text,label\n1,2\n", b'{"text": "a"}\n', b"\x00\xff\n"):
        (tmp_path / "mine").write_bytes(content)
        with pytest.raises(UserError, match="study=mine: is no study of sitrep's"):
            sweep(compose_sweep([*common, "trainer.batch_size=8,16", "study=mine"]), compose)
        assert (tmp_path / "mine").read_bytes() == content
    with pytest.raises(UserError, match="is a folder"):
        sweep(compose_sweep([*common, "trainer.batch_size=8,16", f"study={tmp_path}"]), compose)


@pytest.mark.slow
def test_line_of_the_study_that_was_cut_off_is_mended(common, taught, tmp_path):
    space = ["trainer.learning_rate=0.1,0.2", "study=s.journal"]
    sweep(compose_sweep([*common, *space, "trials=2"]), compose)
    with (tmp_path / "s.journal").open("ab") as file:
        file.write(b'{"op_code":4,"worker_id":"x","stu')
    trials = result_of(sweep(compose_sweep([*common, *space, "trials=4"]), compose))["trials"]
    assert [trial["state"] for trial in trials] == ["complete"] * 4
    assert len(result_of(sweep(compose_sweep([*common, *space, "trials=4"]), compose))["trials"]) == 4


@pytest.mark.slow
def test_interrupted_trial_is_begun_again_with_the_same_values(common, taught, monkeypatch, capsys):
    space = ["trainer.learning_rate=0.01..0.9", "trials=3"]
    fine_tune = search_run.fine_tune

    def interrupted(*arguments):
        if len(taught) == 1:
            raise KeyboardInterrupt
        return fine_tune(*arguments)

    monkeypatch.setattr(search_run, "fine_tune", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sweep(compose_sweep([*common, *space]), compose)
    assert "the same command goes on" in capsys.readouterr().err
    monkeypatch.setattr(search_run, "fine_tune", fine_tune)
    trials = result_of(sweep(compose_sweep([*common, *space]), compose))["trials"]
    assert [trial["state"] for trial in trials] == ["complete"] * 3
    assert [trial["number"] for trial in trials] == [0, 2, 3]


def test_processes_of_one_training_are_told_to_share_a_search_otherwise(common, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError, match="without torchrun"):
        sweep(compose_sweep([*common, "trainer.batch_size=8,16"]), compose)


def test_settings_from_python_are_checked_as_those_of_the_command_line():
    with pytest.raises(UsageError, match="trials=0"):
        SweepSettings(trials=0)
    with pytest.raises(UsageError, match="seeds="):
        SweepSettings(seeds=[])
    with pytest.raises(UsageError, match="name the seeds of each trial"):
        SweepSettings(train=["seed=1"])


def start(*arguments, cwd):
    return subprocess.Popen(
        [sys.executable, PROJECT / "scripts" / "sweep.py", *arguments],
        cwd=cwd,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )


@pytest.mark.slow
def test_command_of_the_best_trains_to_the_same_figure_on_validation(common, tmp_path):
    folder = sweep(compose_sweep([*common, "trainer.learning_rate=1e-3..1e-2:log", "trials=3"]), compose)
    result = result_of(folder)
    arguments = shlex.split(result["best"]["command"])[2:]
    run = train(compose([*arguments, f"output_dir={tmp_path / 'run'}"]))
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["training"]["validation_macro_f1"] == pytest.approx(result["best"]["validation_macro_f1"], abs=1e-9)


@pytest.mark.slow
@pytest.mark.thorough
def test_two_processes_share_a_study_and_the_last_writes_the_result(common, tmp_path):
    arguments = [*common, "trainer.learning_rate=1e-3..1e-2:log", "trials=8", "prune=false"]
    both = [start(*arguments, cwd=tmp_path) for _ in range(2)]
    told = [process.communicate(timeout=240)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    results = [path for path in (tmp_path / "outputs" / "sweep").glob("*/sweep.json") if path.parent.name != "latest"]
    assert results
    trials = json.loads(results[0].read_text())["trials"]
    assert [trial["state"] for trial in trials] == ["complete"] * 8
    assert len({trial["values"]["trainer.learning_rate"] for trial in trials}) == 8
    assert all(text.count("macro-F1") for text in told)


@pytest.mark.slow
def test_killed_search_goes_on_and_does_the_torn_trial_again(common, tmp_path):
    arguments = [*common, "trainer.epochs=3", "trainer.learning_rate=1e-3..1e-2:log", "trials=4"]
    process = start(*arguments, cwd=tmp_path)
    for line in process.stderr:
        if line.startswith("trial 1: trainer"):
            break
    time.sleep(0.3)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    again = start(*arguments, cwd=tmp_path)
    told = again.communicate(timeout=240)[1]
    assert again.returncode == 0, told
    trials = json.loads((tmp_path / "outputs/sweep/latest/sweep.json").read_text())["trials"]
    assert [trial["number"] for trial in trials] == [0, 2, 3, 4]
    assert "trial 0: trainer" not in told
    assert "Traceback" not in told
    assert not [*(tmp_path / "outputs/sweep").glob("*.lock"), *(tmp_path / "outputs/sweep").glob("*.workers")]
