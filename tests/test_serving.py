"""What the server answers."""

import csv
import io
import json

import pytest
from conftest import PROJECT, train_settings
from served import served

from sitrep.inference.outputs import as_row, open_output
from sitrep.inference.page_structure import with_main_text
from sitrep.inference.predictor import Predictor
from sitrep.pages.html import read_html
from sitrep.pages.passages import article_passages, page_passages
from sitrep.storage.json_lines import json_line

TEXTS = ["four were killed in district 3", "share this page", "the ministry denied it"]
PAGE = "gunmen stormed the post. no one was hurt.\n\nshare this page"
HTML = "<!doctype html><title>Dawn raid</title><h1>Raid</h1><p>gunmen stormed the post. no one was hurt.</p>"


@pytest.fixture(scope="module")
def predictor(run_directory):
    loaded = Predictor.from_checkpoint(run_directory, precision="fp32")
    loaded.temperature = 1.7  # whatever was fitted, so that calibrated figures are others
    return loaded


@pytest.fixture(scope="module")
def server(run_directory, predictor):
    with served(run_directory, predictor) as running:
        yield running


def test_scores_of_one_text_are_sorted_and_complete(server, predictor):
    scores = server.client.post("/predict", json={"inputs": TEXTS[0]}).json()
    expected = dict(zip(predictor.class_names, predictor.predict_proba(TEXTS[:1])[0], strict=True))
    assert {score["label"]: score["score"] for score in scores} == pytest.approx(expected, abs=1e-6)
    assert scores == sorted(scores, key=lambda score: -score["score"])


@pytest.mark.parametrize("inputs", [TEXTS, [[text] for text in TEXTS]], ids=["texts", "lists of one text"])
def test_list_of_texts_gets_a_list_for_each(server, predictor, inputs):
    answer = server.client.post("/predict", json={"inputs": inputs}).json()
    assert [scores[0]["label"] for scores in answer] == predictor.label(TEXTS)


def test_uncalibrated_scores_are_those_of_a_plain_pipeline(server, run_directory):
    from transformers import pipeline

    plain = pipeline("text-classification", model=str(run_directory / "checkpoint"), top_k=None)(TEXTS)
    answer = server.client.post("/predict?calibrated=false", json={"inputs": TEXTS}).json()
    for ours, theirs in zip(answer, plain, strict=True):
        assert {s["label"]: s["score"] for s in ours} == pytest.approx(
            {s["label"]: s["score"] for s in theirs}, abs=1e-5
        )
    assert answer != server.client.post("/predict", json={"inputs": TEXTS}).json()


def test_inference_client_of_huggingface_hub_works(server, predictor, monkeypatch):
    from huggingface_hub import InferenceClient, constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)  # the server is no hub
    client = InferenceClient()
    for address in (server.url, f"{server.url}/predict"):
        found = client.text_classification(TEXTS[0], model=address)
        assert [found[0].label, len(found)] == [predictor.label(TEXTS[:1])[0], 5]
        assert len(client.text_classification(TEXTS[0], model=address, top_k=2)) == 2
        raw = client.text_classification(TEXTS[0], model=address, function_to_apply="none")
        assert sum(element.score for element in raw) != pytest.approx(1)


@pytest.mark.slow
def test_curl_of_the_documents_works(server):
    import subprocess

    command = ["curl", "-sS", f"{server.url}/predict", "-H", "Content-Type: application/json", "-d"]
    done = subprocess.run([*command, json.dumps({"inputs": TEXTS})], capture_output=True, check=True, timeout=20)
    assert len(json.loads(done.stdout)) == len(TEXTS)


def test_raw_scores_are_the_outputs_of_the_model(server, predictor):
    from sitrep.decisions import probabilities_of

    scores = server.client.post("/predict", json={"inputs": TEXTS[0], "raw_scores": True}).json()
    by_label = {score["label"]: score["score"] for score in scores}
    logits = [[by_label[name] for name in predictor.class_names]]
    expected = predictor.predict_proba(TEXTS[:1])
    assert probabilities_of(logits, predictor.task, predictor.temperature) == pytest.approx(expected, abs=1e-5)


def test_text_that_is_cut_is_told_or_refused(server):
    long = "the river and " * 500
    cut = server.client.post("/predict", json={"inputs": [TEXTS[0], long]})
    assert [cut.status_code, cut.headers["x-truncated-inputs"]] == [200, "1"]
    refused = server.client.post("/predict", json={"inputs": [TEXTS[0], long], "truncate": False})
    assert [refused.status_code, refused.json()["error"]["field"]] == [413, "inputs.1"]


def rows_of(predictor, passages):
    return [json.loads(json_line(as_row(found))) for found in with_main_text(predictor.predict(passages))]


def close(found, expected):
    """Rows that are equal but for the last digits, as sentences came into other batches."""
    assert [row | {"probabilities": 0, "main_text": 0} for row in found] == [
        row | {"probabilities": 0, "main_text": 0} for row in expected
    ]
    for ours, theirs in zip(found, expected, strict=True):
        assert ours["probabilities"] == pytest.approx(theirs["probabilities"], abs=2e-5)


def test_page_of_text_comes_back_in_the_rows_of_predict(server, predictor):
    expected = rows_of(predictor, article_passages(PAGE, "page"))
    for answer in (
        server.client.post("/pages", json={"text": PAGE}),
        server.client.post("/pages", content=PAGE, headers={"Content-Type": "text/plain; charset=utf-8"}),
    ):
        content = answer.json()
        close(content["sentences"], expected)
        assert content["text"] == PAGE
        assert all(PAGE[row["start"] : row["end"]] == row["text"] for row in content["sentences"])
        assert sum(content["counts"].values()) == len(expected)
        assert content["review"] == sum(row.get("decision") == "review" for row in expected)
        assert content["checkpoint"] == server.service.served.name
        assert content["title"] is None


def test_page_of_html_comes_back_in_the_rows_of_predict(server, predictor):
    expected = rows_of(predictor, page_passages(read_html(HTML), "raid"))
    for answer in (
        server.client.post("/pages", json={"html": HTML, "article_id": "raid"}),
        server.client.post("/pages?article_id=raid", json={"html": HTML}),
        server.client.post("/pages?article_id=raid", content=HTML, headers={"Content-Type": "text/html"}),
    ):
        content = answer.json()
        close(content["sentences"], expected)
        assert [content["title"], content["text"]] == ["Dawn raid", read_html(HTML).text]


@pytest.mark.parametrize(
    ("address", "body", "name"),
    [
        ("/pages?article_id=raid", {"text": PAGE}, "raid"),
        ("/pages?article_id=raid", {"text": PAGE, "article_id": None}, "raid"),
        ("/pages?article_id=raid", {"text": PAGE, "article_id": "dawn"}, "dawn"),
        ("/pages", {"text": PAGE}, "page"),
    ],
)
def test_page_is_named_by_its_body_else_by_the_address(server, address, body, name):
    content = server.client.post(address, json=body).json()
    assert content["article_id"] == name
    assert {row["article_id"] for row in content["sentences"]} == {name}
    assert content["sentences"][0]["id"] == f"{name}:0"


@pytest.mark.parametrize(("accept", "ending"), [("text/csv", ".csv"), ("text/html", ".html")])
def test_page_comes_back_as_the_file_that_predict_writes(server, predictor, tmp_path, accept, ending):
    path = tmp_path / f"page{ending}"
    with open_output(str(path), taxonomy=predictor.taxonomy) as write:
        for found in with_main_text(predictor.predict(page_passages(read_html(HTML), "page"))):
            write(found)
    answer = server.client.post("/pages", content=HTML, headers={"Content-Type": "text/html", "Accept": accept})
    assert answer.headers["content-type"] == f"{accept}; charset=utf-8"
    if ending == ".csv":
        ours, theirs = (list(csv.DictReader(io.StringIO(text))) for text in (answer.text, path.read_text()))
        assert [row["label"] for row in ours] == [row["label"] for row in theirs]
        assert list(ours[0]) == list(theirs[0])
    else:
        assert answer.text.count('<span class="s ') == path.read_text().count('<span class="s ') > 0
        assert "<!doctype html>" in answer.text.lower()


def test_scripts_in_a_page_come_back_as_text(server):
    page = "<p>four were killed &lt;script&gt;alert(1)&lt;/script&gt;</p><script>alert(2)</script>"
    answer = server.client.post("/pages", content=page, headers={"Content-Type": "text/html", "Accept": "text/html"})
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert(1)" in answer.text
    assert "default-src 'none'" in answer.text


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"),
        ("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "text/html; charset=utf-8"),
        ("text/*", "text/csv; charset=utf-8"),
        ("text/csv;q=0.1, application/json;q=0.5", "application/json"),
    ],
)
def test_accept_chooses_the_answer(server, accept, kind):
    answer = server.client.post("/pages", json={"text": PAGE}, headers={"Accept": accept})
    assert answer.headers["content-type"] == kind


@pytest.mark.slow
def test_sentences_of_a_page_are_read_together_where_the_model_does(toy_file, tmp_path):
    from sitrep.training.run import train

    recipe = ["model.context=article", "trainer.epochs=2"]
    run = train(train_settings(toy_file, tmp_path / "run", *recipe))
    predictor = Predictor.from_checkpoint(run, precision="fp32")
    with served(run, predictor) as server:
        content = server.client.post("/pages", json={"text": PAGE}).json()
        close(content["sentences"], rows_of(predictor, article_passages(PAGE, "page")))
        alone = server.client.post("/predict", json={"inputs": TEXTS}).json()
        assert [scores[0]["label"] for scores in alone] == predictor.label(TEXTS)


def test_information_names_labels_checkpoint_engine_and_all_limits(server, predictor):
    from dataclasses import asdict

    content = server.client.get("/info").json()
    assert content["limits"] == asdict(server.service.limits) | {"json_depth": 200}
    assert content["codebook"]["labels"] == dict(predictor.taxonomy.meanings)
    assert [content["engine"]["name"], content["engine"]["precision"]] == ["torch", "fp32"]
    assert len(content["checkpoint"]["sha256"]) == 64
    assert content["model_type"]["classifier"]["id2label"]["0"] == predictor.class_names[0]


def test_health_and_description_answer(server):
    assert server.client.get("/livez").json() == {"status": "alive"}
    assert server.client.get("/readyz").json() == {"status": "ready"}
    assert "/pages" in server.client.get("/openapi.json").json()["paths"]
    page = server.client.get("/docs")
    assert "POST /predict" in page.text
    assert "<script" not in page.text
    assert 'src="' not in page.text


def test_page_for_people_is_served_without_a_word_from_elsewhere(server):
    page = server.client.get("/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.text


def test_examples_of_the_description_are_answered(server):
    schemas = server.client.get("/openapi.json").json()["components"]["schemas"]
    for path, name in (("/predict", "PredictBody"), ("/pages", "PageBody")):
        for example in schemas[name]["examples"]:
            assert server.client.post(path, json=example).status_code == 200


def test_figures_tell_of_requests_sentences_and_the_queue(run_directory, predictor):
    with served(run_directory, predictor) as server:
        server.client.post("/pages", json={"text": PAGE})
        server.client.post("/predict", json={"inputs": TEXTS})
        server.client.post("/predict", json={"inputs": 3})
        text = server.client.get("/metrics").text
        for line in (
            'sitrep_requests_total{code="ok",path="/pages"} 1.0',
            'sitrep_requests_total{code="invalid_request",path="/predict"} 1.0',
            "sitrep_admitted_total 2.0",
            "sitrep_answered_total 2.0",
            "sitrep_queue_requests 0.0",
            "sitrep_queue_tokens 0.0",
            "sitrep_queue_oldest_seconds 0.0",
            "sitrep_queue_wait_seconds_count 2.0",
            "sitrep_tokenizing_seconds_count 2.0",
        ):
            assert line in text
        units = sum(
            sample.value for metric in server.service.measurements.units.collect() for sample in metric.samples
            if sample.name == "sitrep_units_total"
        )  # fmt: skip
        assert units == 3 + len(TEXTS)


def test_log_has_a_line_a_request_and_none_of_its_text(run_directory, predictor, capfd):
    with served(run_directory, predictor, log_requests=True) as server:
        server.client.post("/predict", json={"inputs": TEXTS})
        server.client.post("/pages", json={"text": 7})
        server.client.get("/a-secret?another=one")
        server.client.get("/livez")
    written = capfd.readouterr().err
    lines = [json.loads(line) for line in written.splitlines()]
    assert [(line["path"], line["status"], line["code"]) for line in lines] == [
        ("/predict", 200, "ok"), ("/pages", 422, "invalid_request"), ("unknown", 404, "not_found"),
    ]  # fmt: skip
    assert lines[0]["sentences"] == len(TEXTS)
    assert not any(word in written for word in ("killed", "secret", "another"))


def test_project_has_a_script_and_a_target_for_the_server():
    assert (PROJECT / "scripts" / "serve.py").is_file()
    assert "\nserve:" in (PROJECT / "Makefile").read_text()
