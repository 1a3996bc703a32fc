"""Bad input, bad clients and a failing model: each request has its own fate, and the server goes on."""

import asyncio
import contextlib
import gzip
import json
import random
import shutil
import socket
import threading
import time

import httpx2
import pytest
from served import POISON, StubEngine, served, wait_until, with_engine

from sitrep.errors import UserError
from sitrep.inference.predictor import Predictor
from sitrep.serving import service as service_module

JSON = {"Content-Type": "application/json"}
GOOD = {"inputs": "four were killed"}


@pytest.fixture(scope="module")
def predictor(run_directory):
    return Predictor.from_checkpoint(run_directory, precision="fp32")


LIMITS = {"body_bytes": 200_000, "inputs": 100, "characters": 50_000}


@pytest.fixture(scope="module")
def server(run_directory, predictor):
    with served(run_directory, predictor, limits=LIMITS) as running:
        yield running


def in_thread(work, *arguments):
    """Call in a thread; its answer is in the list."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(work(*arguments)), daemon=True)
    thread.start()
    return thread, answers


class Gate:
    """An engine's act that waits until it is opened."""

    def __init__(self):
        self.open = threading.Event()
        self.entered = threading.Event()

    def __call__(self, rows):
        self.entered.set()
        assert self.open.wait(20)


REFUSED = {
    "no JSON": ("/predict", b"{", JSON, 400, "malformed_json", None),
    "nothing": ("/predict", b"", JSON, 400, "malformed_json", None),
    "NaN": ("/predict", b'{"inputs": "a", "raw_scores": NaN}', JSON, 400, "malformed_json", None),
    "half a surrogate pair": ("/predict", rb'{"inputs": "\ud800"}', JSON, 400, "malformed_json", None),
    "bytes that are no UTF-8": ("/predict", b'{"inputs": "\xff"}', JSON, 400, "malformed_json", None),
    "deep JSON": ("/predict", b'{"inputs":' + b"[" * 90_000 + b"]" * 90_000 + b"}", JSON, 400, "malformed_json", None),
    "a list": ("/predict", b"[]", JSON, 422, "invalid_request", None),
    "no inputs": ("/predict", b"{}", JSON, 422, "invalid_request", "inputs"),
    "a number": ("/predict", b'{"inputs": 3}', JSON, 422, "invalid_request", "inputs"),
    "a number in a list": ("/predict", b'{"inputs": ["a", 3]}', JSON, 422, "invalid_request", "inputs.1"),
    "a pair": ("/predict", b'{"inputs": [["a", "b"]]}', JSON, 422, "invalid_request", "inputs.0"),
    "a list of none": ("/predict", b'{"inputs": []}', JSON, 422, "empty_input", "inputs"),
    "a blank text": ("/predict", b'{"inputs": ["a", " "]}', JSON, 422, "empty_input", "inputs.1"),
    "a wrong flag": ("/predict", b'{"inputs": "a", "raw_scores": "x"}', JSON, 422, "invalid_request", "raw_scores"),
    "top_k of 0": (
        "/predict", b'{"inputs": "a", "parameters": {"top_k": 0}}', JSON, 422, "invalid_request", "parameters.top_k",
    ),
    "a wrong query": ("/predict?calibrated=maybe", b'{"inputs": "a"}', JSON, 422, "invalid_request", "calibrated"),
    "a list of 10,000": (
        "/predict", json.dumps({"inputs": ["a"] * 10_000}).encode(), JSON, 413, "too_large", "inputs",
    ),
    "a long text": ("/predict", json.dumps({"inputs": "a" * 60_000}).encode(), JSON, 413, "too_large", "inputs"),
    "10 MB without a space": ("/predict", b'{"inputs": "' + b"a" * 10_000_000 + b'"}', JSON, 413, "too_large", None),
    "a form": (
        "/predict", b"inputs=a", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "unsupported_media_type",
        None,
    ),
    "a packed body": (
        "/predict", gzip.compress(b" " * 10_000_000), JSON | {"Content-Encoding": "gzip"}, 415,
        "unsupported_media_type", None,
    ),
    "an image": ("/pages", b"\x89PNG", {"Content-Type": "image/png"}, 415, "unsupported_media_type", None),
    "an image as a page": ("/pages", b"\x89PNG\r\n", {"Content-Type": "text/html"}, 422, "unreadable_input", "body"),
    "an empty page": ("/pages", b" ", {"Content-Type": "text/html"}, 422, "empty_input", "body"),
    "a blank page": ("/pages", b" \n", {"Content-Type": "text/plain"}, 422, "empty_input", "body"),
    "a page that shows nothing": (
        "/pages", b"<html><script>x</script></html>", {"Content-Type": "text/html"}, 422, "unreadable_input", "body",
    ),
    "text that is no UTF-8": (
        "/pages", b"\xff\xfe\xff", {"Content-Type": "text/plain"}, 422, "unreadable_input", "body",
    ),
    "an encoding that there is not": (
        "/pages", b"a", {"Content-Type": "text/plain; charset=klingon"}, 422, "unreadable_input", "body",
    ),
    "both": ("/pages", b'{"text": "a", "html": "<p>a"}', JSON, 422, "invalid_request", "text"),
    "neither": ("/pages", b"{}", JSON, 422, "invalid_request", "text"),
    "a kind of answer that there is not": (
        "/pages", b'{"text": "a"}', JSON | {"Accept": "application/xml"}, 406, "not_acceptable", None,
    ),
    "a path that there is not": ("/nothing", b"{}", JSON, 404, "not_found", None),
    "a method that there is not": ("/info", b"{}", JSON, 405, "method_not_allowed", None),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_answered_gets_a_code_and_names_its_field(server, case):
    path, body, headers, status, code, field = REFUSED[case]
    answer = server.client.post(path, content=body, headers=headers)
    error = answer.json()["error"]
    assert [answer.status_code, error["code"], error.get("field")] == [status, code, field]
    assert error["message"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in answer.headers
    assert server.client.post("/predict", json=GOOD).status_code == 200


def test_json_is_read_to_the_depth_that_is_told(server):
    depth = server.client.get("/info").json()["limits"]["json_depth"]
    for levels, status in ((depth - 2, 422), (depth + 1, 400)):  # the object is a level, too
        body = b'{"inputs":' + b"[" * levels + b"]" * levels + b"}"
        assert server.client.post("/predict", content=body, headers=JSON).status_code == status


def test_page_of_much_markup_and_little_text_is_no_large_request(run_directory, predictor):
    page = f"<p>four were killed</p><script>{'x' * 3_000_000}</script>"
    with served(run_directory, predictor) as server:
        for _ in range(2):
            answer = server.client.post("/pages", content=page, headers={"Content-Type": "text/html"})
            assert [answer.status_code, answer.json()["text"]] == [200, "four were killed"]


def test_chunked_body_beyond_the_limit_is_refused_without_a_length(server):
    def pieces():
        for _ in range(50):
            yield b" " * 10_000

    answer = server.client.post("/predict", content=pieces(), headers=JSON)
    assert [answer.status_code, answer.json()["error"]["code"]] == [413, "too_large"]


def test_endless_chunked_body_is_cut_off(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"10000\r\n" + b"a" * 0x10000 + b"\r\n"
        sent = 0
        try:
            while sent < 100_000_000:
                connection.sendall(chunk)
                sent += len(chunk)
        except OSError:
            pass
    assert sent < 20_000_000


def test_client_of_one_byte_a_second_is_told_to_go(run_directory, predictor):
    limits = {"body_seconds": 0.4, "header_seconds": 0.4}
    with served(run_directory, predictor, limits=limits) as server:
        for start in (
            b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n",
            b"POST /predict HTTP",
        ):
            with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
                connection.sendall(start)
                began, answer = time.monotonic(), b""
                connection.settimeout(0.1)
                while time.monotonic() < began + 5:
                    try:
                        piece = connection.recv(4096)
                        if not piece:
                            break
                        answer += piece
                    except TimeoutError:
                        connection.sendall(b"a")
                assert time.monotonic() - began < 3
                assert (b" 408 " in answer) == (b"\r\n\r\n" in start)
        assert server.client.post("/predict", json=GOOD).status_code == 200


def test_client_that_takes_no_answer_is_cut_off(run_directory, predictor):
    with served(run_directory, predictor, limits={"answer_seconds": 0.3}) as server:
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", server.port))
            connection.settimeout(2)
            request = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
            with contextlib.suppress(OSError):
                for _ in range(3000):
                    connection.sendall(request)
            wait_until(lambda: not server.server.server_state.connections)
        wait_until(lambda: server.service.in_flight == 0)
        assert server.client.post("/predict", json=GOOD).status_code == 200


def test_poisoned_request_fails_alone_and_the_server_stays_ready(run_directory, predictor):
    bad = predictor.encoder.tokenize([POISON])[0][0]
    gate = Gate()

    def act(rows):
        gate(rows)
        if bad in rows:
            raise RuntimeError("the kernel is not happy")

    engine = StubEngine(5, act)
    with served(run_directory, with_engine(predictor, engine)) as server:
        first = in_thread(lambda: server.client.post("/predict", json=GOOD))
        assert gate.entered.wait(10)
        others = [
            in_thread(lambda text=text: server.client.post("/predict", json={"inputs": text}))
            for text in ["four were killed", POISON, "share this page", "the ministry denied it"]
        ]
        wait_until(lambda: server.figure("sitrep_queue_requests") == 5)
        gate.open.set()
        for thread, _ in (first, *others):
            thread.join(10)
        statuses = [answers[0].status_code for _, answers in others]
        assert statuses == [200, 500, 200, 200]
        assert others[1][1][0].json()["error"]["code"] == "model_failed"
        assert "happy" not in others[1][1][0].text  # what a library says may hold parts of the input
        assert engine.batches[1] == 4  # they came into one batch, which was done again without it
        assert server.client.get("/readyz").status_code == 200
        assert server.kept() == {"admitted": 5, "answered": 4, "failed": 1, "dropped": 0}


def test_input_with_figures_that_are_none_fails_alone(run_directory, predictor):
    bad = predictor.encoder.tokenize([POISON])[0][0]
    engine = StubEngine(5)
    answers = engine.logits

    def logits(batch):
        found = answers(batch)
        real = batch.attention_mask.astype(bool)
        for place, (ids, kept) in enumerate(zip(batch.input_ids, real, strict=True)):
            if ids[kept].tolist() == bad:
                found[place] = float("nan")
        return found

    engine.logits = logits
    with served(run_directory, with_engine(predictor, engine)) as server:
        statuses = [
            server.client.post("/predict", json={"inputs": inputs}).status_code for inputs in (["a", POISON], "a")
        ]
        assert statuses == [500, 200]


def test_input_that_the_tokenizer_fails_on_is_refused(run_directory, predictor, monkeypatch):
    tokenize = predictor.encoder.tokenize

    def fail(texts):
        if POISON in texts:
            raise ValueError("x")
        return tokenize(texts)

    monkeypatch.setattr(predictor.encoder, "tokenize", fail)
    with served(run_directory, predictor) as server:
        answers = [server.client.post("/predict", json={"inputs": text}) for text in (POISON, "a")]
        assert [answer.status_code for answer in answers] == [422, 200]
        page = server.client.post("/pages", json={"text": POISON})
        assert [page.status_code, page.json()["error"]["code"]] == [500, "internal_error"]
        assert server.client.get("/readyz").status_code == 200


def test_model_that_fails_on_everything_is_not_ready_and_says_why(run_directory, predictor):
    broken = [True]

    def act(rows):
        if broken:
            raise RuntimeError("device lost")

    with served(run_directory, with_engine(predictor, StubEngine(5, act))) as server:
        ready = server.client.get("/readyz")
        assert [ready.status_code, ready.json()["error"]["code"]] == [503, "not_working"]
        assert "device lost" in ready.json()["error"]["message"]
        assert server.client.get("/livez").status_code == 200
        broken.clear()
        assert server.client.get("/readyz").status_code == 200


def test_model_that_hangs_is_not_ready(run_directory, predictor, monkeypatch):
    monkeypatch.setattr(service_module, "PROBE_SECONDS", 0.2)
    gate = Gate()
    with served(run_directory, with_engine(predictor, StubEngine(5, gate))) as server:
        assert "has not answered" in server.client.get("/readyz").json()["error"]["message"]
        gate.open.set()
        assert server.client.get("/readyz").status_code == 200


def test_thread_of_the_model_that_has_ended_is_not_ready(run_directory, predictor):
    with served(run_directory, predictor) as server:
        server.service._queue.stop()
        wait_until(lambda: not server.service._queue.alive)
        assert server.client.get("/readyz").status_code == 503
        assert server.client.post("/predict", json=GOOD).json()["error"]["code"] == "not_working"


def test_full_queue_refuses_whole_requests_and_stays_ready(run_directory, predictor):
    def ask(count):
        return server.client.post("/predict", json={"inputs": [GOOD["inputs"]] * count})

    gate, tokens = Gate(), len(predictor.encoder.tokenize([GOOD["inputs"]])[0][0])
    limits = {"queue_tokens": 10 * tokens}
    with served(run_directory, with_engine(predictor, StubEngine(5, gate)), limits=limits) as server:
        first = in_thread(ask, 1)
        assert gate.entered.wait(10)
        refused = ask(10)
        assert [refused.status_code, refused.json()["error"]["code"]] == [429, "full"]
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        admitted = in_thread(ask, 2)
        wait_until(lambda: server.figure("sitrep_admitted_total") == 2)
        probe = in_thread(lambda: server.client.get("/readyz"))
        wait_until(lambda: server.figure("sitrep_queue_requests") == 3)  # health is asked beyond the limit
        gate.open.set()
        for thread, answers in (first, admitted, probe):
            thread.join(10)
            assert answers[0].status_code == 200
        assert ask(10).status_code == 200
        assert ask(11).json()["error"]["code"] == "too_large"  # it would not fit into an empty queue either
        assert server.kept() == {"admitted": 3, "answered": 3, "failed": 0, "dropped": 0}


def test_request_that_is_not_answered_in_time_ends(run_directory, predictor):
    gate = Gate()
    limits = {"request_seconds": 0.3}
    with served(run_directory, with_engine(predictor, StubEngine(5, gate)), limits=limits) as server:
        late = server.client.post("/predict", json=GOOD)
        assert [late.status_code, late.json()["error"]["code"]] == [504, "out_of_time"]
        gate.open.set()
        assert server.client.post("/predict", json=GOOD).status_code == 200
        assert server.kept() == {"admitted": 2, "answered": 1, "failed": 0, "dropped": 1}


def post_and_leave(server, text):
    """Send a request, and hang up without waiting for its answer."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    body = json.dumps({"inputs": text}).encode()
    head = f"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    connection.sendall(head.encode() + b"\r\n\r\n" + body)
    return connection


def test_work_of_a_client_that_has_gone_never_runs(run_directory, predictor):
    gate, seen = Gate(), []

    def act(rows):
        seen.extend(map(tuple, rows))
        gate(rows)

    left = tuple(predictor.encoder.tokenize(["nobody waits for this"])[0][0])
    with served(run_directory, with_engine(predictor, StubEngine(5, act))) as server:
        first = in_thread(lambda: server.client.post("/predict", json=GOOD))
        assert gate.entered.wait(10)
        connection = post_and_leave(server, "nobody waits for this")
        wait_until(lambda: server.figure("sitrep_admitted_total") == 2)
        connection.close()
        wait_until(lambda: server.figure("sitrep_dropped_total", reason="client_gone") == 1)
        gate.open.set()
        first[0].join(10)
        assert server.client.post("/predict", json=GOOD).status_code == 200
        assert left not in seen


@pytest.mark.slow
def test_whatever_is_admitted_is_answered_fails_or_is_dropped(run_directory, predictor):
    bad = predictor.encoder.tokenize([POISON])[0][0]
    rng = random.Random(1)

    def act(rows):
        time.sleep(0.002)
        if bad in rows:
            raise RuntimeError("x")

    async def client(http, server, number):
        for turn in range(12):
            chance = rng.random()
            inputs = [f"row {number} {turn}"] * rng.randint(1, 20)
            try:
                if chance < 0.2:
                    await http.post("/predict", json={"inputs": [*inputs, POISON]})
                elif chance < 0.4:
                    await http.post("/predict", json={"inputs": inputs}, timeout=rng.choice([0.001, 0.005, 0.02]))
                else:
                    await http.post("/predict", json={"inputs": inputs})
            except httpx2.TimeoutException:
                pass

    async def load(server):
        async with httpx2.AsyncClient(base_url=server.url, timeout=30, trust_env=False) as http:
            await asyncio.gather(*(client(http, server, number) for number in range(24)))

    limits = {"queue_tokens": 1500, "request_seconds": 5}
    with served(run_directory, with_engine(predictor, StubEngine(5, act), 256), limits=limits) as server:
        asyncio.run(load(server))
        wait_until(lambda: server.service.in_flight == 0)
        kept = server.kept()
        assert kept["admitted"] == kept["answered"] + kept["failed"] + kept["dropped"]
        assert min(kept.values()) > 0
        assert server.figure("sitrep_requests_total", path="/predict", code="full") > 0
        assert server.figure("sitrep_requests_total", path="/predict", code="ok") == kept["answered"]
        assert server.figure("sitrep_queue_tokens") == server.figure("sitrep_queue_requests") == 0
        assert server.service._reserved == 0


def test_request_while_the_checkpoint_is_loaded_is_told_to_wait(run_directory, predictor):
    loading = threading.Event()

    async def load():
        while not loading.is_set():
            await asyncio.sleep(0.01)

    with served(run_directory, predictor, load=load) as server:
        for method, path in (("POST", "/predict"), ("GET", "/readyz")):
            answer = server.client.request(method, path, json=GOOD if method == "POST" else None)
            assert [answer.status_code, answer.json()["error"]["code"]] == [503, "loading"]
            assert answer.headers["retry-after"] == "1"
        assert server.client.get("/livez").status_code == 200
        assert server.client.get("/info").json()["status"] == "loading"
        loading.set()
        wait_until(lambda: server.client.get("/readyz").status_code == 200)


def test_server_whose_checkpoint_cannot_be_loaded_ends_with_the_reason(run_directory):
    async def load():
        raise UserError("the weights are gone")

    with served(run_directory, load=load) as server:
        server.thread.join(10)
        assert not server.thread.is_alive()
        assert str(server.server.failure) == "the weights are gone"


@pytest.mark.slow
def test_server_that_is_asked_to_end_answers_what_it_has_and_admits_no_more(run_directory, predictor):
    gate = Gate()
    with served(run_directory, with_engine(predictor, StubEngine(5, gate))) as server:
        waiting = [in_thread(lambda: httpx2.post(f"{server.url}/predict", json=GOOD, timeout=20)) for _ in range(5)]
        wait_until(lambda: server.figure("sitrep_queue_requests") == 5)
        server.server.drain()
        wait_until(lambda: server.service.draining)
        for method, path in (("POST", "/predict"), ("GET", "/readyz")):
            answer = server.client.request(method, path, json=GOOD if method == "POST" else None)
            assert [answer.status_code, answer.json()["error"]["code"]] == [503, "draining"]
            assert answer.headers["connection"] == "close"
        gate.open.set()
        for thread, answers in waiting:
            thread.join(10)
            assert answers[0].status_code == 200
        server.thread.join(10)
        assert not server.thread.is_alive()


@pytest.mark.slow
def test_end_comes_within_its_deadline_though_the_model_hangs(run_directory, predictor):
    gate = Gate()
    limits = {"drain_seconds": 0.3}
    with served(run_directory, with_engine(predictor, StubEngine(5, gate)), limits=limits) as server:
        connection = post_and_leave(server, "a")
        wait_until(lambda: server.figure("sitrep_queue_requests") == 1)
        began = time.monotonic()
        server.server.drain()
        server.thread.join(10)
        assert time.monotonic() - began < 5
        gate.open.set()
        connection.close()
        assert server.kept() == {"admitted": 1, "answered": 0, "failed": 0, "dropped": 1}


OWN = {"Host": "localhost:8000"}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (OWN, 200),
        (OWN | {"Origin": "http://localhost:8000"}, 200),
        ({"Host": "news.example"}, 403),
        ({"Host": "127.0.0.1.news.example:8000"}, 403),
        ({"Host": "desk.example"}, 200),
        (OWN | {"Origin": "http://news.example"}, 403),
        (OWN | {"Origin": "http://localhost:3000"}, 403),
        (OWN | {"Origin": "null"}, 403),
        (OWN | {"Origin": "https://desk.example"}, 200),
        (OWN | {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
    ],
)
def test_other_web_pages_and_other_names_are_refused(run_directory, predictor, headers, status):
    with served(run_directory, predictor, allowed_hosts=["desk.example"]) as server:
        for answer in (
            server.client.post("/predict", json=GOOD, headers=headers),
            server.client.post("/pages", content="a page", headers=headers | {"Content-Type": "text/plain"}),
            server.client.get("/readyz", headers=headers),
        ):
            assert answer.status_code == status
            if status == 403:
                assert answer.json()["error"]["code"] in ("forbidden_host", "forbidden_origin")


def test_origin_that_is_named_may_use_the_server_from_a_browser(run_directory, predictor):
    origin = "https://desk.example"
    with served(run_directory, predictor, cors_origins=[origin], token="secret") as server:
        asked = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization",
        }
        before = server.client.options("/predict", headers=asked)
        assert [before.status_code, before.headers["access-control-allow-origin"]] == [200, origin]
        headers = {"Origin": origin, "Authorization": "Bearer secret"}
        assert (
            server.client.post("/predict", json=GOOD, headers=headers).headers["access-control-allow-origin"] == origin
        )
        assert server.client.post("/predict", json=GOOD, headers={"Origin": "https://x.example"}).status_code == 403


def test_token_is_wanted_for_all_but_health(run_directory, predictor):
    with served(run_directory, predictor, token="secret") as server:
        for path in ("/livez", "/readyz", "/"):
            assert server.client.get(path).status_code == 200
        for method, path in (
            ("POST", "/predict"),
            ("POST", "/"),
            ("POST", "/pages"),
            ("GET", "/metrics"),
            ("GET", "/info"),
        ):
            for headers in ({}, {"Authorization": "Bearer secreT"}, {"Authorization": "secret"}):
                answer = server.client.request(method, path, headers=headers)
                assert [answer.status_code, answer.json()["error"]["code"]] == [401, "unauthorized"]
                assert answer.headers["www-authenticate"] == "Bearer"
        headers = {"Authorization": "Bearer secret"}
        assert server.client.post("/predict", json=GOOD, headers=headers).status_code == 200


def test_checkpoint_that_is_replaced_answers_on_and_the_change_is_told(run_directory, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(run_directory, run)
    with served(run, Predictor.from_checkpoint(run, precision="fp32")) as server:
        before = server.client.post("/predict", json=GOOD).json()
        assert server.client.get("/info").json()["checkpoint_changed"] is False
        weights = run / "checkpoint" / "model.safetensors"
        size = weights.stat().st_size
        with weights.open("r+b") as file:  # in its place, as cp does
            file.write(b"\0" * size)
            file.truncate(size // 2)
        (run / "checkpoint" / "tokenizer.json").write_text("{}")
        assert server.client.post("/predict", json=GOOD).json() == before
        assert server.client.get("/info").json()["checkpoint_changed"] is True
        shutil.rmtree(run)
        assert server.client.post("/predict", json=GOOD).json() == before
        assert server.client.get("/info").json()["checkpoint_changed"] is True


def test_error_of_the_program_is_one_code_and_its_text_is_not_told(run_directory, predictor, monkeypatch, caplog):
    with served(run_directory, predictor) as server:

        def fail(*_):
            raise KeyError("what the user wrote")

        monkeypatch.setattr(predictor.encoder, "rows", fail)
        answer = server.client.post("/predict", json=GOOD)
        assert [answer.status_code, answer.json()["error"]["code"]] == [500, "internal_error"]
        assert GOOD["inputs"] not in answer.text + caplog.text
        wait_until(lambda: "KeyError" in caplog.text)
