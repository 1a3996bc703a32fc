"""Who speaks, as prediction, evaluation, export and the server say it."""

import csv
import json

import numpy as np
import pytest
from conftest import TAXONOMY, train_settings, write_jsonl
from pyarrow import parquet
from served import served
from test_speakers import SAID, spoken_rows

from sitrep.cli.composition import compose_settings
from sitrep.decisions import who_speaks, who_speaks_likeliest
from sitrep.errors import UserError
from sitrep.evaluation.run import evaluate
from sitrep.export.run import export
from sitrep.inference.predicted_rows import read_predictions
from sitrep.inference.predictor import Predictor
from sitrep.inference.run import predict
from sitrep.sentences import carried_fields
from sitrep.settings import EvaluateSettings, ExportSettings, PredictSettings
from sitrep.speakers import SPEAKERS, SPEECH
from sitrep.training.run import train

TEXTS = [f"{said}, district 7 on day 3" for *_, said in SAID]


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return write_jsonl(tmp_path_factory.mktemp("toy") / "spoken.jsonl", spoken_rows(100))


@pytest.fixture(scope="module")
def speaking(toy, tmp_path_factory):
    """A run that has learnt who speaks."""
    recipe = ["trainer.learning_rate=0.003", "trainer.batch_size=4", "trainer.epochs=4", "trainer.speaker_weight=1"]
    return train(train_settings(toy, tmp_path_factory.mktemp("speaking") / "run", *recipe))


@pytest.fixture
def run(speaking, tmp_path):
    def call(source, *overrides, output="out.jsonl", checkpoint=speaking):
        fixed = [f"checkpoint={checkpoint}", f"input={source}", f"output={tmp_path / output}"]
        slash = ["/"] if output.endswith("/") else []
        fixed[-1] += "".join(slash)
        predict(compose_settings("predict", PredictSettings, [*fixed, "inference.precision=fp32", *overrides]))
        return tmp_path / output

    return call


@pytest.fixture
def source(tmp_path):
    return write_jsonl(tmp_path / "in.jsonl", [{"id": str(n), "text": text} for n, text in enumerate(TEXTS * 2)])


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


SAYS = ("speech", "speaker", "speaker_probabilities")


@pytest.mark.slow
def test_rows_say_who_speaks_and_are_else_what_they_are_without(run, source):
    without, found = lines(run(source)), lines(run(source, "speaker=true", output="with.jsonl"))
    assert [{name: row[name] for name in row if name not in SAYS} for row in found] == without
    for row in found:
        assert tuple(row["speaker_probabilities"]) == SPEAKERS
        assert sum(row["speaker_probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert row["speech"] in SPEECH
        assert (row["speech"] == "none") == (row["speaker"] == "none")
    right = [row["speaker"] == said for row, (_, said, _) in zip(found, SAID * 2, strict=True)]
    assert np.mean(right) > 0.5


@pytest.mark.slow
def test_tables_have_a_column_for_each_speaker_and_are_read_again_without_them(run, source):
    rows_ = lines(run(source, "speaker=true"))
    with run(source, "speaker=true", output="out.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    arrow = parquet.read_table(run(source, "speaker=true", output="out.parquet")).to_pylist()
    for row, cells, item in zip(rows_, table, arrow, strict=True):
        assert cells["speaker"] == item["speaker"] == row["speaker"]
        assert cells["speech"] == item["speech"] == row["speech"]
        for name, value in row["speaker_probabilities"].items():
            assert float(cells[f"speaker_probability_{name}"]) == item[f"speaker_probability_{name}"] == value
    again = list(read_predictions(run(source, "speaker=true", output="again.csv")))
    assert tuple(again[0].probabilities) == TAXONOMY.labels
    assert again[0].fields == {}


@pytest.mark.slow
def test_coloured_page_shows_who_speaks(run, source):
    page = run(source, "speaker=true", output="out.html").read_text(encoding="utf-8")
    assert 'data-w="official, reported"' in page
    assert "speaks: official, reported" in page
    assert "data-w=" not in run(source, output="without.html").read_text(encoding="utf-8").partition("</style>")[2]


@pytest.mark.slow
def test_a_job_in_parts_says_who_speaks_and_is_another_job_without(run, source):
    folder = run(source, "speaker=true", "parts=jsonl", "part_sentences=3", output="job/")
    found = [row for path in sorted(folder.glob("part-*")) for row in lines(path)]
    expected = lines(run(source, "speaker=true"))
    assert [row["speaker"] for row in found] == [row["speaker"] for row in expected]
    with pytest.raises(UserError, match="begun with speaker=true, this is speaker=false"):
        run(source, "parts=jsonl", "part_sentences=3", output="job/")


@pytest.mark.slow
def test_duplicates_say_who_speaks_too(run, source):
    found = lines(run(source, "speaker=true", "duplicates=mark"))
    first, second = found[: len(TEXTS)], found[len(TEXTS) :]
    assert [row["speaker_probabilities"] for row in first] == [row["speaker_probabilities"] for row in second]


@pytest.mark.slow
def test_a_checkpoint_that_has_not_learnt_it_is_one_clear_line(run, run_directory, source):
    with pytest.raises(UserError, match=r"^speaker=true: .*has not learnt who speaks .*trainer\.speaker_weight"):
        run(source, "speaker=true", checkpoint=run_directory)
    with pytest.raises(UserError, match="loaded without it"):
        Predictor.from_checkpoint(run_directory).predict_speaker(TEXTS)


@pytest.mark.slow
def test_heads_of_other_names_or_damaged_ones_are_one_clear_line(speaking, tmp_path):
    import shutil

    from safetensors.torch import load_file, save_file

    copy = shutil.copytree(speaking / "checkpoint", tmp_path / "copy")
    (copy / "sitrep.json").unlink()
    weights = load_file(copy / "speaker.safetensors")
    save_file(weights, copy / "speaker.safetensors", {"speech": '["yes", "no"]', "speaker": "[]"})
    with pytest.raises(UserError, match=r"speaker\.safetensors: its names are"):
        Predictor.from_checkpoint(copy, speaker=True)
    (copy / "speaker.safetensors").write_bytes(b"no")
    with pytest.raises(UserError, match=r"speaker\.safetensors: cannot be read"):
        Predictor.from_checkpoint(copy, speaker=True)
    Predictor.from_checkpoint(copy)


@pytest.mark.slow
def test_all_engines_and_batches_say_the_same(speaking, tmp_path):
    texts = [row["text"] for row in spoken_rows(8)]
    packed = Predictor.from_checkpoint(speaking, speaker=True, precision="fp32")
    assert packed.engine.packed is not None
    plain = Predictor.from_checkpoint(speaking, precision="fp32")
    assert np.array_equal(packed.predict_proba(texts), plain.predict_proba(texts))
    wanted = packed.predict_speaker(texts)
    assert wanted.speaker.shape == (len(texts), len(wanted.speaker_names))
    assert wanted.speech.shape == (len(texts), len(wanted.speech_names))
    small = Predictor.from_checkpoint(speaking, speaker=True, precision="fp32", batch_tokens=16)
    reference = Predictor.from_checkpoint(speaking, speaker=True, engine="reference")
    settings = [f"checkpoint={speaking}", "training_data=named", f"output={tmp_path / 'onnx'}"]
    folder = export(compose_settings("export", ExportSettings, settings))
    onnx = Predictor.from_checkpoint(folder, speaker=True, engine="onnx")
    for other in (small, reference, onnx):
        found = other.predict_speaker(texts)
        np.testing.assert_allclose(found.speaker, wanted.speaker, atol=2e-5)
        np.testing.assert_allclose(found.speech, wanted.speech, atol=2e-5)
        np.testing.assert_allclose(other.predict_proba(texts), packed.predict_proba(texts), atol=2e-5)
    said = Predictor.from_checkpoint(folder).predict_proba(texts)
    np.testing.assert_allclose(said, packed.predict_proba(texts), atol=2e-5)


@pytest.mark.slow
def test_an_ensemble_says_who_speaks_by_the_mean_of_its_members(toy, tmp_path):
    recipe = ["seeds=[1,2]", "keep=ensemble", "trainer.batch_size=8"]
    folder = train(train_settings(toy, tmp_path / "run", *recipe))
    whole = Predictor.from_checkpoint(folder, speaker=True, precision="fp32").engine
    found = whole.logits(batch_of(folder))[:, -len(SPEAKERS) :]
    each = [member.logits(batch_of(folder))[:, -len(SPEAKERS) :] for member in whole.members]
    mean = np.mean([np.exp(one) / np.exp(one).sum(1, keepdims=True) for one in each], axis=0)
    np.testing.assert_allclose(np.exp(found), mean, atol=1e-5)


def batch_of(folder):
    encoder = Predictor.from_checkpoint(folder).encoder
    alone = encoder.rows(encoder.tokenize(TEXTS)[0], [[number] for number in range(len(TEXTS))])
    return encoder.batch(alone, max(len(row.ids) for row in alone))


@pytest.mark.slow
def test_windows_of_a_page_say_who_speaks(toy, tmp_path):
    folder = train(train_settings(toy, tmp_path / "run", "model.context=article"))
    predictor = Predictor.from_checkpoint(folder, speaker=True, precision="fp32")
    reference = Predictor.from_checkpoint(folder, speaker=True, engine="reference")
    page = ". ".join(TEXTS)
    found, wanted = predictor.label_page(page), reference.label_page(page)
    for one, other in zip(found, wanted, strict=True):
        assert one.speaker_probabilities == pytest.approx(other.speaker_probabilities, abs=1e-5)


@pytest.mark.slow
def test_report_and_metrics_tell_how_right_it_is_where_the_data_says_who_speaks(speaking, toy, tmp_path, monkeypatch):
    metrics = json.loads((speaking / "metrics.json").read_text())["speakers"]
    assert list(metrics) == ["speech", "speaker"]
    matrix = np.array(metrics["speaker"]["confusion_rows_true"])
    assert matrix.sum() == metrics["speaker"]["units"] == len(lines(speaking / "predictions.jsonl"))
    assert metrics["speaker"]["accuracy"] == pytest.approx(np.trace(matrix) / matrix.sum())
    occurring = [row for row in metrics["speaker"]["per_class"] if matrix[SPEAKERS.index(row)].sum() and row != "none"]
    f1 = [metrics["speaker"]["per_class"][name]["f1"] for name in occurring]
    assert metrics["speaker"]["macro_f1"] == pytest.approx(np.mean(f1))
    page, text = (speaking / "report.html").read_text(), (speaking / "report.md").read_text()
    for report in (page, text):
        assert "Who speaks" in report
        assert "Whether somebody speaks" in report
    row = lines(speaking / "predictions.jsonl")[0]
    assert {"true_speech", "true_speaker", "speech", "speaker"} <= set(row)
    silent = [{name: value for name, value in row.items() if name not in SAYS} for row in spoken_rows(8)]
    other = write_jsonl(tmp_path / "silent.jsonl", silent)
    settings = [f"checkpoint={speaking}", f"data.test_files=[{other}]", f"output_dir={tmp_path / 'evaluated'}"]
    quick = ["baselines=false", "behaviour=false", "neighbours=false"]
    folder = evaluate(compose_settings("evaluate", EvaluateSettings, [*settings, *quick]))
    assert json.loads((folder / "metrics.json").read_text())["speakers"] == {}
    assert "Who speaks" not in (folder / "report.html").read_text()


@pytest.mark.slow
def test_server_says_who_speaks_where_a_request_asks_for_it(speaking, run_directory):
    predictor = Predictor.from_checkpoint(speaking, speaker=True, precision="fp32")
    with served(speaking, predictor) as server:
        without = server.client.post("/pages", json={"text": TEXTS[1]}).json()["sentences"]
        by_body = server.client.post("/pages", json={"text": TEXTS[1], "speaker": True}).json()["sentences"]
        by_address = server.client.post("/pages?speaker=true", json={"text": TEXTS[1]}).json()["sentences"]
        described = server.client.get("/docs").text
        assert server.client.get("/info").json()["speaker_names"] == list(SPEAKERS)
        scores = server.client.post("/predict", json={"inputs": TEXTS[1]}).json()
    assert not set(SAYS) & set(without[0])
    assert by_body == by_address
    assert {name: by_body[0][name] for name in without[0]} == without[0]
    assert tuple(by_body[0]["speaker_probabilities"]) == SPEAKERS
    assert "speaker" in described
    assert {score["label"] for score in scores} == set(TAXONOMY.labels)
    plain = Predictor.from_checkpoint(run_directory, precision="fp32")
    with served(run_directory, plain) as server:
        answer = server.client.post("/pages", json={"text": TEXTS[1], "speaker": True})
        assert answer.status_code == 422
        assert answer.json()["error"]["message"] == "this checkpoint has not learnt who speaks"


def test_both_answers_agree_on_whether_somebody_speaks_and_share_out_the_rest():
    rng = np.random.default_rng(0)
    speech, speaker = who_speaks(rng.normal(0, 4, (500, len(SPEECH) + len(SPEAKERS))).astype(np.float32))
    assert np.allclose(speech[:, 0], speaker[:, 0])
    assert np.allclose(speech.sum(1), 1)
    assert np.allclose(speaker.sum(1), 1)
    named = who_speaks_likeliest(speech, "speech"), who_speaks_likeliest(speaker, "speaker")
    assert all((one == "none") == (other == "none") for one, other in zip(*named, strict=True))
    assert {*named[0]} == {*SPEECH}


def test_probability_of_nobody_is_the_mean_of_both_heads():
    logits = np.concatenate([np.log([[0.2, 0.6, 0.2]]), np.log([[0.6, *[0.05] * 8, 0.0001]])], axis=1)
    heads = 0.2, 0.6 / (0.6 + 0.4 + 0.0001)
    speech, speaker = who_speaks(logits)
    nobody = sum(heads) / 2
    assert speech[0].tolist() == pytest.approx([nobody, (1 - nobody) * 0.75, (1 - nobody) * 0.25])
    assert speaker[0, 1] == pytest.approx((1 - nobody) * 0.05 / 0.4001)
    assert who_speaks_likeliest(speech, "speech") == ["direct"]


def test_an_input_field_of_the_name_of_an_output_field_is_kept_beside_it():
    given = {"speaker": "Col. Karim", "speaker_probability_official": 1, "region": "Gaza"}
    assert carried_fields(given) == {
        "input_speaker": "Col. Karim",
        "input_speaker_probability_official": 1,
        "region": "Gaza",
    }
