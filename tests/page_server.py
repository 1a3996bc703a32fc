"""A server that keeps to the interface which the page for people asks, with a model that answers by rule."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from conftest import TAXONOMY

from sitrep.errors import UserError
from sitrep.inference.outputs import as_row
from sitrep.labelled_pages.assembly import PageAssembly
from sitrep.labelled_pages.coloured import count, render_section
from sitrep.labelled_pages.colours import looks_of
from sitrep.pages.html import looks_like_html, read_html
from sitrep.pages.passages import article_passages, page_passages
from sitrep.sentences import Prediction
from sitrep.serving.page import HEADERS, render_page


class Rules:
    """How the server behaves; a test changes that while it runs."""

    def __init__(self):
        self.token = None
        self.full = 0  # requests that are still refused because the server is full
        self.failure = None  # status, code, message and field of every answer
        self.taxonomy, self.several = TAXONOMY, False
        self.types = []  # content types of what came


def labelled(passages, rules):
    labels = rules.taxonomy.labels
    for number, passage in enumerate(passages):
        label = labels[number % len(labels)]
        probabilities = {name: 0.92 if name == label else 0.02 for name in rules.taxonomy.labels}
        labels_set = (() if label == rules.taxonomy.negative else (label,)) if rules.several else None
        decision = "review" if number % 3 == 0 else "accept"
        yield Prediction(passage, label, probabilities, False, labels_set, decision)


def answer_of(body, kind, article_id, rules):
    if kind == "application/json":
        sent = json.loads(body)
        assert sent["article_id"] == article_id
        body = sent.get("text") or sent["html"]
        page = read_html(body) if "html" in sent else body
    else:
        page = read_html(body) if kind == "text/html" else body.decode()
    passages = article_passages(page, article_id) if isinstance(page, str) else page_passages(page, article_id)
    assert isinstance(page, str) is not looks_like_html(body if isinstance(body, str) else body.decode())
    pages = []
    assembly = PageAssembly(pages.append)
    for prediction in labelled(passages, rules):
        assembly.add(prediction)
    assembly.close()
    (made,) = pages
    rows = [as_row(prediction) for prediction in made.predictions]
    counts = count(made)
    return {
        "article_id": article_id,
        "checkpoint": {"name": "tiny", "sha256": "0" * 64},
        "title": made.heading,
        "text": page if isinstance(page, str) else page.text,
        "sentences": rows,
        "counts": dict(counts.labels),
        "review": counts.review,
        "coloured": render_section(made, looks_of(rules.taxonomy)),
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    rules: Rules

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.path == "/":
            page = render_page(self.rules.taxonomy, self.rules.several, decided=True)
            self.send(200, "text/html; charset=utf-8", page, HEADERS)
        elif self.refused():
            pass
        elif self.path == "/info":
            self.send(200, "application/json", json.dumps({"checkpoint": {"name": "tiny (00000000)"}}))
        else:
            self.send(404, "application/json", json.dumps({"error": {"code": "not_found", "message": "not here"}}))

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.refused():
            return
        kind = self.headers["Content-Type"].partition(";")[0]
        self.rules.types.append(kind)
        query = parse_qs(urlsplit(self.path).query)
        try:
            answer = answer_of(body, kind, query["article_id"][0], self.rules)
        except UserError as error:
            self.send(422, "application/json", json.dumps({"error": {"code": "unreadable", "message": str(error)}}))
            return
        if self.headers["Accept"] != "application/json":
            self.send(200, self.headers["Accept"], "".join(f"{row['id']}\n" for row in answer["sentences"]))
            return
        if "coloured" not in query:
            del answer["coloured"]
        self.send(200, "application/json", json.dumps(answer))

    def refused(self):
        rules = self.rules
        if rules.token and self.headers["Authorization"] != f"Bearer {rules.token}":
            failure = (401, "unauthorized", "a token is wanted", None)
        elif rules.full and self.command == "POST":
            rules.full -= 1
            failure = (429, "full", "the queue is full", None)
        else:
            failure = rules.failure if self.command == "POST" else None
        if failure:
            status, code, message, field = failure
            error = {"code": code, "message": message} | ({"field": field} if field else {})
            self.send(status, "application/json", json.dumps({"error": error}), {"Retry-After": "1"})
        return failure is not None

    def send(self, status, kind, content, headers=()):
        data = content.encode()
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **dict(headers)}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def serving():
    """The address of such a server, and how it behaves."""
    rules = Rules()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Handler,), {"rules": rules}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", rules
    finally:
        server.shutdown()
        server.server_close()
