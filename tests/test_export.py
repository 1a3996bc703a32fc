"""What is exported, how it is refused, and what runs it."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from conftest import PROJECT, TAXONOMY, rows, train_settings

from sitrep.cli.composition import compose_settings
from sitrep.errors import UsageError, UserError
from sitrep.evaluation.run import evaluate
from sitrep.export import run as export_run
from sitrep.export.gate import Gate, UnitAnswers, fastest_faithful
from sitrep.export.run import export
from sitrep.inference import engine_choice, onnx_engine, stored_answers
from sitrep.inference.predictor import Predictor
from sitrep.inference.run import predict
from sitrep.model.checkpoint import open_checkpoint
from sitrep.model.validation_fit import read_validation
from sitrep.settings import EvaluateSettings, ExportSettings, PredictSettings
from sitrep.storage.complete import sha256_of
from sitrep.training.run import train

pytestmark = pytest.mark.slow

TEXTS = [row["text"] for row in rows(3)]


def exported(run, *overrides):
    return export(compose_settings("export", ExportSettings, [f"checkpoint={run}", "training_data=named", *overrides]))


@pytest.fixture(scope="module")
def fp32(run_directory, tmp_path_factory):
    return exported(run_directory, f"output={tmp_path_factory.mktemp('export') / 'onnx'}")


@pytest.fixture(scope="module")
def int8(run_directory, tmp_path_factory):
    return exported(run_directory, "format=onnx-int8", f"output={tmp_path_factory.mktemp('export') / 'int8'}")


@pytest.fixture
def copy(fp32, tmp_path):
    """An exported folder that a test may spoil."""
    return shutil.copytree(fp32, tmp_path / "copy")


def change_json(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def sign(folder):
    """Let the record agree with the files as they are now."""
    record = json.loads((folder / "sitrep.json").read_text())
    files = {name: sha256_of(folder / name) for name in record["files"] if (folder / name).is_file()}
    change_json(folder / "sitrep.json", files=files)


def label(folder, **options):
    return Predictor.from_checkpoint(folder, **options).label(TEXTS)


def test_exported_model_gives_the_probabilities_of_the_checkpoint(run_directory, fp32):
    wanted = Predictor.from_checkpoint(run_directory, engine="reference").predict_proba(TEXTS)
    assert np.abs(Predictor.from_checkpoint(fp32).predict_proba(TEXTS) - wanted).max() < 1e-5
    assert not list(fp32.glob("*.safetensors"))


def test_windows_of_a_page_are_exported_too(toy_file, tmp_path):
    settings = train_settings(
        toy_file, tmp_path / "run", "model.context=article", "model.max_tokens=64", "model.window_tokens=64"
    )
    run = train(settings)
    folder = exported(run)
    assert folder == run / "onnx"
    articles = [list(range(10)), list(range(10, 20)), list(range(20, 30))]
    found = [
        Predictor.from_checkpoint(place, precision="fp32").predict_proba(TEXTS, articles) for place in (run, folder)
    ]
    assert np.abs(found[0] - found[1]).max() < 1e-5
    assert np.abs(found[0] - Predictor.from_checkpoint(run, precision="fp32").predict_proba(TEXTS)).max() > 1e-5


def test_record_says_what_the_model_was_made_from_and_how_it_answers(run_directory, int8):
    record = json.loads((int8 / "export.json").read_text())
    assert record["source"] == sha256_of(run_directory / "checkpoint" / "model.safetensors")
    assert record["gate"]["changed_labels"] <= 0.01
    assert {"dynamic", "static"} <= {record["method"], *record["tried"]}
    assert open_checkpoint(str(int8)).export.is_int8
    assert Predictor.from_checkpoint(int8).engine.precision.precision.name == "int8"
    card = (int8 / "README.md").read_text()
    assert card.startswith("---\n")
    assert record["source"] in card


def test_temperature_is_fitted_to_what_int8_answers_and_kept_in_fp32(run_directory, fp32, int8):
    original = (run_directory / "checkpoint" / "validation.json").read_bytes()
    assert (fp32 / "validation.json").read_bytes() == original
    assert "fitted anew" in json.loads((int8 / "export.json").read_text())["fitted"]


def test_what_was_fitted_on_a_users_pages_is_kept_in_int8(run_directory, tmp_path):
    folder = shutil.copytree(run_directory, tmp_path / "adapted") / "checkpoint"
    mine = replace(
        read_validation(folder),
        true=[0, 1],
        predicted=[0, 1],
        articles=[0, 1],
        temperature=1.7,
        acceptance_thresholds=dict.fromkeys(TAXONOMY.labels, 0.8),
    )
    mine.write(folder)
    sign(folder)
    int8 = exported(folder.parent, "format=onnx-int8", f"output={tmp_path / 'int8'}")
    assert read_validation(int8) == mine
    assert "still those of fp32, as they were fitted on other pages" in (int8 / "export.json").read_text()


def test_evaluation_and_jobs_take_an_exported_folder(fp32, toy_file, tmp_path):
    quick = ["baselines=false", "neighbours=false", "behaviour=false"]
    given = [f"checkpoint={fp32}", f"data.test_files=[{toy_file}]", f"output_dir={tmp_path / 'e'}"]
    folder = evaluate(compose_settings("evaluate", EvaluateSettings, given + quick))
    assert json.loads((folder / "environment.json").read_text())["engine"] == "onnx"
    settings = [f"checkpoint={fp32}", f"input={toy_file}", f"output={tmp_path / 'job'}/", "part_sentences=20"]
    predict(compose_settings("predict", PredictSettings, settings))
    computing = json.loads((tmp_path / "job" / "manifest.json").read_text())["computing"]
    assert computing == {"engine": "onnx", "device": "cpu", "precision": "fp32"}


LIGHT = """
import sys
BLOCKED = {BLOCKED}
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocker())
"""
BLOCKED = (
    "torch transformers datasets accelerate scipy sklearn matplotlib cleanlab safetensors pandas onnx onnxscript sympy "
    "pyarrow joblib"
).split()


def light(code, *arguments):
    """Run code where the packages of training are not installed."""
    start = LIGHT.replace("{BLOCKED}", repr(set(BLOCKED))).replace("{{", "{").replace("}}", "}")
    return subprocess.run([sys.executable, "-c", start + code, *map(str, arguments)], capture_output=True, text=True)


COMMAND = (
    "from sitrep.cli.commands import run_command; run_command(sys.argv[1], sys.argv[2:], sys.argv[1], sys.argv[1])"
)


def test_prediction_needs_none_of_the_packages_of_training(fp32, toy_file, tmp_path):
    given = ["predict", f"checkpoint={fp32}", f"input={toy_file}"]
    for output in ("out.jsonl", "out.csv", "out.html", "job/"):
        said = light(COMMAND, *given, f"output={tmp_path}/{output}", "parts=jsonl")
        assert (said.returncode, (tmp_path / output).exists()) == (0, True), said.stderr
    said = light(COMMAND, *given, f"output={tmp_path / 'out.parquet'}")
    assert said.stderr == "predict: pyarrow is not installed; pip install '.[parquet]' in the checkout of sitrep\n"
    said = light(COMMAND, *given, f"output={tmp_path / 'other'}/")
    remedy = "pip install '.[parquet]' in the checkout of sitrep"
    assert said.stderr == f"predict: parts=parquet: pyarrow is not installed; {remedy}, or use parts=jsonl\n"
    code = "from sitrep import Predictor; print(Predictor.from_checkpoint(sys.argv[1]).label(['four were killed']))"
    assert light(code, fp32).stdout == "['casualty_report']\n"


def test_prediction_by_onnx_imports_neither_torch_nor_transformers(fp32):
    code = (
        "import sys; from sitrep import Predictor;"
        "Predictor.from_checkpoint(sys.argv[1]).label_page('Four were killed.');"
        "print(sorted({'torch', 'transformers', 'scipy', 'sklearn', 'datasets'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code, str(fp32)], capture_output=True, text=True)
    assert found.stdout == "[]\n", found.stderr


@pytest.mark.parametrize("command", ["predict", "evaluate", "export", "train"])
def test_command_that_needs_torch_says_in_one_line_what_to_install(command, run_directory, toy_file, tmp_path):
    given = {"predict": [f"input={toy_file}"], "train": [f"data={toy_file}", "model=tiny"]}.get(command, [])
    place = [f"output_dir={tmp_path / 'out'}"] if command in ("train", "evaluate") else []
    given += [] if command == "train" else [f"checkpoint={run_directory}"]
    said = light(COMMAND, command, *given, *place)
    assert said.returncode == 1
    assert len(said.stderr.splitlines()) == 1, said.stderr
    assert "is not installed; pip install '.[train]'" in said.stderr


def test_labels_that_are_gone_are_told(copy):
    (copy / "taxonomy.yaml").unlink()
    with pytest.raises(UserError, match=r"taxonomy\.yaml: no such file; the checkpoint is incomplete"):
        label(copy)
    (copy / "sitrep.json").unlink()
    with pytest.raises(UserError, match=r"sitrep\.json: no such file, but model\.onnx is there; export it again"):
        label(copy)


def test_model_of_another_checkpoint_is_refused(copy, run_directory):
    record = json.loads((copy / "export.json").read_text())
    change_json(copy / "export.json", source="0" * 64)
    sign(copy)
    with pytest.raises(UserError, match=r"model\.onnx: is of another checkpoint: made from weights of sha256 \w{12}…"):
        label(copy)
    shutil.copy(run_directory / "checkpoint" / "model.safetensors", copy)
    with pytest.raises(UserError, match=r"was exported from another checkpoint: from weights of sha256 000000000000…"):
        label(copy)
    change_json(copy / "export.json", source=record["source"])
    (copy / "model.onnx").write_bytes((copy / "model.onnx").read_bytes() + b"\0")
    with pytest.raises(UserError, match=r"model\.onnx: its sha256 is"):
        label(copy)


def test_opset_that_the_runtime_does_not_know_is_named(copy):
    import onnx

    model = onnx.load(copy / "model.onnx")
    model.opset_import[0].version = 999
    onnx.save(model, copy / "model.onnx")
    change_json(copy / "export.json", opset=999)
    sign(copy)
    with pytest.raises(UserError, match=r"is written in opset 999, which onnxruntime .* does not know; install"):
        label(copy)


def test_runtime_that_is_missing_or_too_old_is_told(fp32, monkeypatch):
    monkeypatch.setattr(onnx_engine, "version_of", lambda package: None)
    with pytest.raises(UserError, match=r"onnxruntime is not installed; pip install '.\[onnx\]' in the checkout"):
        label(fp32)
    monkeypatch.setattr(onnx_engine, "version_of", lambda package: "1.9.1")
    with pytest.raises(UserError, match=r"onnxruntime 1\.9\.1 is too old; pip install 'onnxruntime>=1\.22'"):
        label(fp32)


def test_processor_that_answers_otherwise_is_refused_by_name(copy, monkeypatch):
    answers = json.loads((copy / "stored_answers.json").read_text())
    assert len(answers["texts"]) == 200
    logits = np.roll(answers["logits"], 1, axis=1).tolist()
    change_json(copy / "stored_answers.json", logits=logits, processor="Xeon", instructions=["avx512_vnni"])
    sign(copy)
    monkeypatch.setattr(stored_answers, "cpu_name", lambda: "Atom")
    with pytest.raises(UserError, match=r"this processor, Atom \(.*\), answers otherwise than Xeon \(avx512_vnni\)"):
        label(copy)
    with pytest.raises(UserError, match="export it again on this machine"):  # also where that is known already
        label(copy)


def test_stored_answers_are_tried_once_a_machine(copy, monkeypatch):
    label(copy)
    monkeypatch.setattr(stored_answers, "answer", None)
    label(copy)
    monkeypatch.setattr(stored_answers, "machine", lambda: {"processor": "another"})
    with pytest.raises(TypeError):
        label(copy)


def test_what_cannot_be_exported_says_which_and_why(run_directory, fp32, copy, tmp_path, monkeypatch):
    with pytest.raises(UserError, match="was exported already"):
        exported(fp32)
    bare = shutil.copytree(run_directory / "checkpoint", tmp_path / "bare")
    (bare / "sitrep.json").unlink()
    with pytest.raises(UserError, match=r"has no sitrep\.json; only what sitrep trained is exported"):
        exported(bare)
    with pytest.raises(UserError, match=r"name labelled data to check the answers on with validation_files=\[FILE\]"):
        exported(run_directory, "training_data=none", f"output={tmp_path / 'x'}")

    def fails(*given, **named):
        raise RuntimeError("no translation for aten::odd")

    monkeypatch.setattr("torch.onnx.export", fails)
    with pytest.raises(UserError, match="a bert model cannot be exported: no translation for aten::odd"):
        exported(run_directory, f"output={tmp_path / 'x'}")
    assert not (tmp_path / "x").exists()


def test_ensemble_is_refused_with_what_to_do(run_directory, monkeypatch):
    from dataclasses import replace

    opened = open_checkpoint(str(run_directory))
    monkeypatch.setattr(export_run, "open_checkpoint", lambda place: replace(opened, members=(opened.folder,) * 3))
    with pytest.raises(UserError, match=r"an ensemble of 3 models cannot be exported; export one of its runs"):
        exported(run_directory)


def test_model_that_loses_too_much_is_not_kept(run_directory, toy_file, tmp_path, monkeypatch):
    monkeypatch.setattr(Gate, "between", lambda exported, fp32, speed: gate(0.02))
    given = [run_directory, f"validation_files=[{toy_file}]", f"output={tmp_path / 'x'}"]
    with pytest.raises(
        UserError, match=r"changes 2\.00% of the labels of 100 units, more than most_changed_labels=0\.01"
    ):
        exported(*given)
    assert not (tmp_path / "x").exists()
    assert exported(*given, "most_changed_labels=0.05") == tmp_path / "x"


def gate(changed, speed=1.0, loss=0.0, near=1.0):
    return Gate(100, 0.9 - loss, 0.9, changed, 0.1, near, speed)


def test_fastest_of_those_far_from_the_limits_is_taken_else_the_nearest():
    gates = {"a": gate(0.02, 5.0), "b": gate(0.004, 3.0), "c": gate(0.001, 2.0), "d": gate(0.004, 4.0, near=0.9)}
    assert fastest_faithful(gates, 0.01, 0.01, 0.99) == "b"
    assert fastest_faithful(gates, 0.01, 0.0, 0.99) == "c"
    assert "loses 0.0200 macro-F1" in gate(0.0, loss=0.02).refusal(0.01, 0.01)


def test_gate_counts_what_changed():
    one = UnitAnswers(np.array([[0.9, 0.1], [0.6, 0.4]]), ["a", "a"], 0.8)
    other = UnitAnswers(np.array([[0.92, 0.08], [0.4, 0.6]]), ["a", "b"], 0.7)
    found = Gate.between(other, one, 2.0)
    assert (found.changed_labels, found.near, found.speed) == (0.5, 0.5, 2.0)
    assert found.largest_change == pytest.approx(0.2)


def test_reference_does_not_depend_on_the_batch_at_all(run_directory):
    predictor = Predictor.from_checkpoint(run_directory, engine="reference")
    together = predictor.predict_proba(TEXTS)
    alone = np.concatenate([predictor.predict_proba([text]) for text in TEXTS])
    assert np.array_equal(together, alone)
    assert predictor.label(TEXTS) == label(run_directory, precision="fp32")


def test_answers_of_onnx_hang_on_the_batch_within_a_bound(fp32, int8):
    for folder, bound in ((fp32, 1e-5), (int8, 0.03)):
        predictor = Predictor.from_checkpoint(folder)
        alone = np.concatenate([predictor.predict_proba([text]) for text in TEXTS])
        assert np.abs(predictor.predict_proba(TEXTS) - alone).max() < bound


@pytest.fixture
def both(run_directory, fp32, tmp_path):
    """A checkpoint with its weights and its export."""
    folder = shutil.copytree(run_directory / "checkpoint", tmp_path / "both")
    for name in ("model.onnx", "export.json", "stored_answers.json"):
        shutil.copy(fp32 / name, folder)
    return folder


def test_engine_of_a_folder_with_both_is_measured_once_and_kept(both, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    seconds = [{"torch": 2.0, "onnx": 1.0}, {"torch": 1.0, "onnx": 2.0}]
    monkeypatch.setattr(engine_choice, "_measure", lambda *given: seconds.pop(0))
    names = [Predictor.from_checkpoint(both).engine.name.name for _ in range(2)]
    assert names == ["onnx", "onnx"]
    assert "engine, bert" in (tmp_path / "cache" / "sitrep" / "engine_report.json").read_text()
    monkeypatch.setattr(engine_choice, "usable_cores", lambda: 99)
    assert Predictor.from_checkpoint(both).engine.name.name == "torch"


def test_measurement_runs_both_engines(both, monkeypatch):
    monkeypatch.setattr(engine_choice, "MEASURED_SECONDS", 0.01)
    found = engine_choice._measure(open_checkpoint(str(both)), engine_choice.Precision.auto)
    assert set(found) == {"torch", "onnx"}
    assert all(0 < seconds < 60 for seconds in found.values())


def test_engine_that_is_asked_for_is_taken_or_refused_by_name(both, fp32, run_directory):
    for name in ("torch", "onnx", "reference"):
        assert Predictor.from_checkpoint(both, engine=name).engine.name.name == name
    with pytest.raises(UserError, match=r"engine=torch: .* was exported, and holds no weights; use engine=onnx"):
        label(fp32, engine="torch")
    with pytest.raises(UserError, match=r"engine=onnx: .* has no model\.onnx; scripts/export\.py checkpoint="):
        label(run_directory, engine="onnx")
    with pytest.raises(UsageError, match=r"inference\.precision=bf16: .*model\.onnx was exported in fp32"):
        label(fp32, precision="bf16")
    with pytest.raises(UsageError, match=r"inference\.precision=bf16: engine=reference computes in fp32"):
        label(run_directory, engine="reference", precision="bf16")
    with pytest.raises(UsageError, match="engine=fast: use one of auto, torch, onnx, reference"):
        label(run_directory, engine="fast")


def test_job_keeps_the_engine_that_it_was_begun_with(both, toy_file, tmp_path, monkeypatch):
    settings = [f"checkpoint={both}", f"input={toy_file}", f"output={tmp_path / 'job'}/", "part_sentences=20"]
    taken = iter(["onnx", "torch"])
    monkeypatch.setattr(engine_choice, "_faster", lambda *given: next(taken))
    predict(compose_settings("predict", PredictSettings, settings))
    whole = {path.name: path.read_bytes() for path in (tmp_path / "job").glob("part-*")}
    manifest = tmp_path / "job" / "manifest.json"
    content = json.loads(manifest.read_text())
    manifest.write_text(json.dumps(content | {"parts": content["parts"][:1], "complete": False}))
    predict(compose_settings("predict", PredictSettings, settings))
    assert json.loads(manifest.read_text())["computing"]["engine"] == "onnx"
    assert {path.name: path.read_bytes() for path in (tmp_path / "job").glob("part-*")} == whole


def test_script_and_command_are_there():
    assert (PROJECT / "scripts" / "export.py").is_file()
