"""Training that is broken off at any moment and gone on with ends as if nothing had happened."""

import hashlib
import shutil
import signal

import pytest
import torch
from conftest import TAXONOMY, train_settings
from transformers import TrainerCallback

from sitrep.data.loading import load_data
from sitrep.errors import Stopped, UserError
from sitrep.storage import sealed
from sitrep.training import fine_tuning, training_checkpoints
from sitrep.training.resumable_trainer import ResumableTrainer, TrainingFailed

pytestmark = pytest.mark.slow

EVERY_STEP = "trainer.save_minutes=1e-9"
RECIPE = ["trainer.epochs=3", "trainer.batch_size=16", "trainer.learning_rate=0.005", "model.dropout=0.1", EVERY_STEP]
STEPS = 5
"""An epoch of the toy corpus in batches of 16."""


class Killed(BaseException):
    """Stands for `kill -9`: nothing of ours catches it."""


class KillAt(TrainerCallback):
    def __init__(self, step, when="on_step_begin"):
        self.step = step
        setattr(self, when, self.strike)

    def strike(self, args, state, control, **rest):
        if state.global_step == self.step:
            raise Killed


def weights_of(trained):
    digest = hashlib.sha256()
    for name, weights in sorted(trained.model.state_dict().items()):
        digest.update(name.encode() + weights.numpy().tobytes())
    return digest.hexdigest()


@pytest.fixture(scope="module")
def split(toy_file, tmp_path_factory):
    return load_data(train_settings(toy_file, tmp_path_factory.mktemp("none")).data, TAXONOMY).split


@pytest.fixture(autouse=True)
def without_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(sealed, "sync", lambda path: None)


@pytest.fixture
def tune(toy_file, tmp_path, split):
    def run(scratch, *overrides, callbacks=(), lines=None):
        settings = train_settings(toy_file, tmp_path / "run", *RECIPE, *overrides)
        tell = (lambda line: None) if lines is None else lines.append
        return fine_tuning.fine_tune(settings, split, TAXONOMY, tmp_path / scratch, callbacks, tell=tell)

    return run


def broken_off(tune, callback, *overrides, scratch="scratch"):
    with pytest.raises(Killed):
        tune(scratch, *overrides, callbacks=[callback])


@pytest.mark.parametrize(
    ("step", "when"),
    [
        (1, "on_step_end"),
        (3, "on_step_begin"),
        (STEPS, "on_step_end"),  # the last step of an epoch is done, and it is not scored yet
        (STEPS, "on_evaluate"),
        (STEPS, "on_epoch_begin"),
        (STEPS + 1, "on_step_begin"),
        (2 * STEPS + 2, "on_step_begin"),
        (3 * STEPS, "on_evaluate"),
    ],
)
def test_training_that_is_broken_off_ends_with_the_same_weights_log_and_best_epoch(tune, step, when):
    whole = tune("whole")
    broken_off(tune, KillAt(step, when))
    resumed = tune("scratch")
    assert weights_of(resumed) == weights_of(whole)
    assert resumed.history == whole.history
    assert resumed.validation == whole.validation


def test_training_that_was_done_is_not_done_again(tune):
    whole = tune("scratch")
    lines = []
    again = tune("scratch", callbacks=[KillAt(0)], lines=lines)
    assert weights_of(again) == weights_of(whole)
    assert again.history == whole.history
    assert lines[0].endswith(f"training is done after {3 * STEPS} steps")
    assert again.resumed_from == [3 * STEPS]


def test_only_the_ends_of_epochs_are_kept_without_minutes_and_all_the_same_it_ends_alike(tune, tmp_path):
    whole = tune("whole", "trainer.save_minutes=0")
    broken_off(tune, KillAt(STEPS + 3), "trainer.save_minutes=0")
    assert [path.name for path in (tmp_path / "scratch" / "main").iterdir()] == [f"step-{STEPS:08}"]
    assert weights_of(tune("scratch", "trainer.save_minutes=0")) == weights_of(whole)


def figures(monkeypatch, values):
    """Let validation find what is wanted, one value an epoch, from wherever training is gone on with."""

    def compute(self, *arguments, **others):
        epoch = round(self.state.epoch)
        metrics = {"eval_macro_f1": values[epoch - 1], "epoch": epoch}
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    monkeypatch.setattr(ResumableTrainer, "evaluate", compute)


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(2 * STEPS + 1, marks=pytest.mark.thorough),
        3 * STEPS,
        pytest.param(3 * STEPS + 2, marks=pytest.mark.thorough),
        4 * STEPS - 1,
    ],
)
def test_best_epoch_and_early_stopping_outlive_the_break(tune, monkeypatch, step):
    figures(monkeypatch, [0.2, 0.9, 0.4, 0.3, 0.5, 0.6])
    recipe = ["trainer.epochs=6", "trainer.early_stopping_patience=2"]
    whole = tune("whole", *recipe)
    broken_off(tune, KillAt(step), *recipe)
    resumed = tune("scratch", *recipe)
    assert len(whole.history) == len(resumed.history) == 4
    assert weights_of(resumed) == weights_of(whole)


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(2, marks=pytest.mark.thorough),
        STEPS,
        STEPS + 2,
        pytest.param(2 * STEPS, marks=pytest.mark.thorough),
    ],
)
def test_break_in_the_warm_up_by_contrast_changes_nothing(tune, step):
    recipe = ["trainer.contrastive_epochs=2", "trainer.epochs=1"]
    whole = tune("whole", *recipe)
    original = ResumableTrainer.at_step_end

    def strike(self, control):
        original(self, control)
        if self.state.global_step == step and not self.row_batches.examples.encoder.__dict__.get("struck"):
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ResumableTrainer, "at_step_end", strike)
        with pytest.raises(Killed):
            tune("scratch", *recipe)
    assert weights_of(tune("scratch", *recipe)) == weights_of(whole)


def test_loss_that_is_logged_seldom_is_told_as_without_the_break(tune):
    recipe = ["trainer.extra.logging_steps=3", "trainer.accumulation_steps=2"]
    whole = tune("whole", *recipe)
    broken_off(tune, KillAt(4), *recipe)
    resumed = tune("scratch", *recipe)
    assert resumed.history == whole.history
    assert weights_of(resumed) == weights_of(whole)


@pytest.mark.parametrize(
    "optimizer",
    [
        pytest.param("sgd", marks=pytest.mark.thorough),
        "adafactor",
        pytest.param("adamw_torch", marks=pytest.mark.thorough),
    ],
)
def test_other_optimizers_and_schedules_are_gone_on_with_too(tune, optimizer):
    recipe = [f"trainer.extra.optim={optimizer}", "trainer.extra.lr_scheduler_type=cosine", "model.context=article"]
    whole = tune("whole", *recipe)
    broken_off(tune, KillAt(3), *recipe)
    assert weights_of(tune("scratch", *recipe)) == weights_of(whole)


def damage(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors", "best.safetensors", "progress.json"])
def test_damaged_checkpoint_is_passed_over_with_a_line(tune, tmp_path, name):
    whole = tune("whole")
    broken_off(tune, KillAt(STEPS + 3))
    newest = sorted((tmp_path / "scratch" / "main").iterdir())[-1]
    if name == "best.safetensors":
        (newest / name).unlink()  # it is shared with the one before
    else:
        damage(newest / name)
    lines = []
    assert weights_of(tune("scratch", lines=lines)) == weights_of(whole)
    assert f"its {name} is {'missing' if name == 'best.safetensors' else 'damaged'}; it is passed over" in lines[0]
    assert f"gone on with after {STEPS + 2} steps" in lines[1]


def test_checkpoint_that_was_cut_off_is_passed_over_with_a_line(tune, tmp_path, monkeypatch):
    whole = tune("whole")
    with monkeypatch.context() as patch:
        patch.setattr(training_checkpoints, "link_or_copy", lambda *_: (_ for _ in ()).throw(Killed))
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)  # a killed process tidies nothing up
        with pytest.raises(Killed):
            tune("scratch")
    lines = []
    assert weights_of(tune("scratch", lines=lines)) == weights_of(whole)
    assert lines[0].endswith(f"step-{STEPS:08}.partial: was cut off while it was written; it is passed over")
    assert f"gone on with after {STEPS - 1} steps" in lines[1]


def test_old_checkpoints_are_removed_and_no_file_is_pickled(tune, tmp_path):
    tune("scratch")
    left = sorted((tmp_path / "scratch" / "main").iterdir())
    assert [path.name for path in left] == [f"step-{step:08}" for step in (3 * STEPS - 1, 3 * STEPS)]
    assert {path.suffix for path in (tmp_path / "scratch").rglob("*") if path.is_file()} == {".json", ".safetensors"}


def test_best_weights_are_stored_once(tune, tmp_path):
    broken_off(tune, KillAt(STEPS + 3))
    first, second = sorted((tmp_path / "scratch" / "main").iterdir())
    assert (first / "best.safetensors").samefile(second / "best.safetensors")


class SignalAt(TrainerCallback):
    def __init__(self, step, number, when="on_step_begin"):
        self.step, self.number = step, number
        setattr(self, when, self.strike)

    def strike(self, args, state, control, **rest):
        if state.global_step == self.step:
            signal.raise_signal(self.number)


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        pytest.param(signal.SIGHUP, marks=pytest.mark.thorough),
        pytest.param(signal.SIGINT, marks=pytest.mark.thorough),
    ],
)
@pytest.mark.parametrize(("step", "when", "kept"), [(2, "on_step_begin", 3), (STEPS, "on_evaluate", STEPS + 1)])
def test_signal_lets_the_step_end_and_keeps_it(tune, tmp_path, number, step, when, kept):
    recipe = ["trainer.save_minutes=0"]
    whole = tune("whole", *recipe)
    with pytest.raises(Stopped) as stopped:
        tune("scratch", *recipe, callbacks=[SignalAt(step, number, when)])
    assert stopped.value.signal == number
    newest = sorted((tmp_path / "scratch" / "main").iterdir())[-1]
    assert newest.name == f"step-{kept:08}"
    assert weights_of(tune("scratch", *recipe)) == weights_of(whole)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_signal_at_the_last_step_of_an_epoch_waits_until_it_is_scored(tune, tmp_path):
    with pytest.raises(Stopped):
        tune("scratch", "trainer.save_minutes=0", callbacks=[SignalAt(STEPS - 1, signal.SIGTERM)])
    assert len(tune("scratch", "trainer.save_minutes=0").history) == 3


def test_interrupt_that_comes_twice_ends_at_once(tune, tmp_path):
    twice = [SignalAt(2, signal.SIGINT), SignalAt(2, signal.SIGINT)]
    with pytest.raises(Stopped):
        tune("scratch", "trainer.save_minutes=0", callbacks=twice)
    assert not (tmp_path / "scratch" / "main").exists()


def test_loss_that_is_not_finite_stops_training_at_its_step(tune, monkeypatch):
    original = ResumableTrainer.training_step

    def step(self, *arguments, **others):
        loss = original(self, *arguments, **others)
        if self.state.global_step == 6:
            self._loss_is_finite = False
        return loss

    monkeypatch.setattr(ResumableTrainer, "training_step", step)
    with pytest.raises(TrainingFailed, match=r"trainer.learning_rate=0.005: .* not finite at step 7 of 15; lower it"):
        tune("scratch")


def test_training_that_ends_before_its_time_is_refused(tune):
    class Leave(TrainerCallback):
        def on_step_end(self, args, state, control, **rest):
            control.should_training_stop = state.global_step >= 7

    with pytest.raises(TrainingFailed, match=r"training ended after 7 of 15 steps, and not by trainer.early_stopping"):
        tune("scratch", callbacks=[Leave()])


def test_full_disk_stops_training_in_one_line_and_leaves_the_last_checkpoint(tune, tmp_path, monkeypatch):
    whole = tune("whole")
    original = torch.Tensor.clone
    with monkeypatch.context() as patch:
        written = []

        def save(tensors, path, *rest, **others):
            written.append(path)
            if len(written) == 4:
                raise OSError(28, "No space left on device")
            return original_save(tensors, path, *rest, **others)

        import safetensors.torch

        original_save = safetensors.torch.save_file
        patch.setattr(safetensors.torch, "save_file", save)
        with pytest.raises(UserError, match=r"step-0.*: could not be written: the disk is full"):
            tune("scratch")
    assert original is torch.Tensor.clone
    left = sorted(path.name for path in (tmp_path / "scratch" / "main").iterdir())
    assert left
    assert not [name for name in left if name.endswith(".partial")]
    assert weights_of(tune("scratch")) == weights_of(whole)
