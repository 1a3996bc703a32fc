import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import PROJECT, TAXONOMY

from sitrep.data.split import Split
from sitrep.errors import UserError
from sitrep.inference.predictor import Predictor
from sitrep.model.checkpoint import open_checkpoint
from sitrep.settings import Context, TrainSettings
from sitrep.training.saving import CheckpointWriter


@pytest.fixture
def copy(run_directory, tmp_path):
    """A checkpoint folder that a test may spoil."""
    return shutil.copytree(run_directory / "checkpoint", tmp_path / "checkpoint")


def change_json(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_run_directory_and_the_folder_in_it_open_alike(run_directory):
    assert open_checkpoint(str(run_directory)) == open_checkpoint(str(run_directory / "checkpoint"))


def test_checkpoint_carries_what_prediction_needs(run_directory):
    checkpoint = open_checkpoint(str(run_directory))
    assert checkpoint.labels == TAXONOMY.labels
    assert checkpoint.max_tokens == 128


def test_folder_of_another_program_is_used_if_its_labels_are_ours(copy):
    (copy / "sitrep.json").unlink()
    checkpoint = open_checkpoint(str(copy))
    assert checkpoint.record is None
    assert checkpoint.labels == TAXONOMY.labels


def test_changed_weights_are_noticed(copy):
    weights = copy / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(UserError, match=r"model\.safetensors: its sha256 is .* the file was changed"):
        open_checkpoint(str(copy))


def test_missing_weights_are_named(copy):
    (copy / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"model\.safetensors: no such file"):
        open_checkpoint(str(copy))


def test_pickled_weights_are_refused(copy):
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(UserError, match="holds pickled weights only, which can run any code"):
        open_checkpoint(str(copy))


def test_other_labels_than_the_taxonomys_are_refused(copy):
    change_json(copy / "config.json", id2label={"0": "positive", "1": "negative"})
    with pytest.raises(UserError, match=r"config\.json holds the labels \['positive', 'negative'\], taxonomy\.yaml"):
        open_checkpoint(str(copy))


def test_labels_in_another_order_are_refused(copy):
    names = list(reversed(TAXONOMY.labels))
    change_json(copy / "config.json", id2label={str(i): name for i, name in enumerate(names)})
    with pytest.raises(UserError, match=r"config\.json holds the labels \['none', "):
        open_checkpoint(str(copy))


@pytest.fixture
def older(tmp_path):
    """A checkpoint that version 0.1 wrote, which a test may spoil."""
    return shutil.copytree(PROJECT / "tests" / "data" / "checkpoint-0.1", tmp_path / "older")


def test_checkpoint_of_version_0_1_still_answers_as_it_did(older):
    answers = PROJECT / "tests" / "data" / "checkpoint-0.1.predictions.jsonl"
    wanted = [json.loads(line) for line in answers.read_text().splitlines()]
    predictor = Predictor.from_checkpoint(older, precision="fp32")
    texts = [row["text"] for row in wanted]
    assert predictor.label(texts) == [row["label"] for row in wanted]
    found = [dict(zip(predictor.class_names, row, strict=True)) for row in predictor.predict_proba(texts)]
    for given, row in zip(found, wanted, strict=True):
        assert given == pytest.approx(row["probabilities"], abs=1e-5)
    assert open_checkpoint(str(older)).validation.target_precision == 0.95


def test_context_that_version_0_1_alone_reads_is_refused_by_name(older):
    change_json(older / "sitrep.json", pooling="mean", context="article")
    with pytest.raises(
        UserError, match=r"made with model\.context=article and model\.pooling=mean, which version 0\.1"
    ):
        open_checkpoint(str(older))


def test_folder_without_taxonomy_is_refused_if_its_labels_are_not_ours(copy):
    for name in ("sitrep.json", "taxonomy.yaml", "validation.json"):
        (copy / name).unlink()
    change_json(copy / "config.json", id2label={"0": "positive", "1": "negative"})
    with pytest.raises(
        UserError, match=r"its labels are \['positive', 'negative'\]; wanted are .* or a file taxonomy\.yaml"
    ):
        open_checkpoint(str(copy))
    (copy / "taxonomy.yaml").write_text("labels: [positive, negative]")
    assert open_checkpoint(str(copy)).labels == ("positive", "negative")


def test_record_of_version_0_1_that_contradicts_the_model_is_refused(older):
    change_json(older / "sitrep.json", label_set="four")
    with pytest.raises(UserError, match=r"labels=five, sitrep\.json those of labels=four"):
        open_checkpoint(str(older))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", "{", "not valid JSON"),
        ("config.json", "[]", "must hold a JSON object"),
        ("config.json", "{}", "has no id2label"),
        ("sitrep.json", '{"version": 99}', "version 99, this program reads 4"),
        ("sitrep.json", '{"version": 2, "surprise": 2}', "surprise"),
    ],
)
def test_damaged_files_are_named(copy, name, content, message):
    (copy / name).write_text(content)
    with pytest.raises(UserError, match=message):
        open_checkpoint(str(copy))


def test_missing_folder_and_folder_without_checkpoint_are_told_apart(tmp_path):
    with pytest.raises(UserError, match="nowhere: no such folder"):
        open_checkpoint(str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="no checkpoint there"):
        open_checkpoint(str(tmp_path))
    with pytest.raises(UserError, match="`make train` makes one"):
        open_checkpoint(str(tmp_path / "latest"))


def test_record_leads_back_to_the_folder_of_training_though_outputs_is_a_link(tmp_path, monkeypatch):
    project, disk = tmp_path / "home" / "project", tmp_path / "disk"
    project.mkdir(parents=True)
    disk.mkdir()
    (project / "outputs").symlink_to(disk)
    monkeypatch.chdir(project)
    folder, run = Path("outputs/run.partial"), Path("outputs/run")
    (folder / "checkpoint").mkdir(parents=True)
    encoder = SimpleNamespace(context=Context.none, window_tokens=256)
    writer = CheckpointWriter(TrainSettings(), TAXONOMY, Split((), (), ()))
    writer.write_record(SimpleNamespace(encoder=encoder), folder, run)
    folder.rename(run)
    base = json.loads((run / "checkpoint" / "sitrep.json").read_text())["base"]
    assert (run / "checkpoint" / base).resolve() == project.resolve()
