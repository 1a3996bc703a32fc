"""The application: its routes, and the layers that every request passes."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from fastapi import FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse

from sitrep import __version__
from sitrep.serving.api_description import describe_api, docs_page
from sitrep.serving.bodies import JSON, BodyReader, check_type, media_type, read_json
from sitrep.serving.guards import HEALTH, LOOPBACK, TOLD, App, OriginGuard, RequestRecord, TokenGuard
from sitrep.serving.information import information
from sitrep.serving.page import HEADERS, page_for
from sitrep.serving.pages_endpoint import ANSWERS, ARTICLE_ID, PageRequest, choose_answer, label_page
from sitrep.serving.problems import Problem
from sitrep.serving.service import LabellingService
from sitrep.serving.texts_endpoint import TextRequest, label_texts

DOCS_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
PAGE_POLICY = "frame-ancestors 'self'"
"""Of coloured pages, which have a policy of their own in them."""

Calibrated = Query(default=None, description="`false`: scores of a plain pipeline; by default as the server was set")
NAMED = "What the ids of sentences begin with; `article_id` in a body of JSON goes before it"
ArticleId = Query(default=ARTICLE_ID, min_length=1, max_length=500, description=NAMED)
Coloured = Query(default=False, description="With JSON: the page as a section of HTML too, in the field `coloured`")

Speaker = Query(default=False, description="Say of each sentence too who speaks: `speech`, `speaker` and probabilities")


def build_application(service: LabellingService, token: str | None = None) -> App:
    """The whole application.

    Args:
        service: Answers.
        token: That requests must bring; ``None``: none.
    """
    settings = service.settings
    app = FastAPI(title="sitrep", version=__version__, docs_url=None, redoc_url=None, redirect_slashes=False)
    _add_labelling(app, service)
    _add_telling(app, service)
    app.add_exception_handler(Problem, _answer_problem)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(RequestValidationError, _answer_validation)
    app.add_exception_handler(Exception, _answer_bug)
    describe_api(app)
    routes = {route.path for route in app.routes if hasattr(route, "path")}
    layers: App = app
    if token:
        layers = TokenGuard(layers, token, {*HEALTH, "/", "/docs"})
    if settings.cors_origins:
        layers = CORSMiddleware(
            layers,
            settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
        )
    if settings.host in LOOPBACK or settings.allowed_hosts:
        names = {*LOOPBACK, settings.host, *settings.allowed_hosts}
        layers = OriginGuard(layers, names, settings.cors_origins)
    return RequestRecord(layers, service, routes, settings.log_requests)


def _add_labelling(app: FastAPI, service: LabellingService) -> None:
    bodies = BodyReader(service.limits)

    async def predict(request: Request, calibrated: bool | None = Calibrated) -> Response:
        """Label texts that stand alone."""
        check_type(media_type(request.headers)[0], JSON)
        with bodies.holding() as held:
            body = await bodies.read(request.headers, request.receive, held)
            wanted = TextRequest.of(await _parsed(service, body), service.limits)
            answer, cut = await label_texts(service, wanted, calibrated, _gone(request), request.scope[TOLD])
        return JSONResponse(answer, headers={"X-Truncated-Inputs": str(cut)} if cut else None)

    async def pages(
        request: Request,
        calibrated: bool | None = Calibrated,
        article_id: str = ArticleId,
        coloured: bool = Coloured,
        speaker: bool = Speaker,
    ) -> Response:
        """Cut a page into sentences and label each."""
        kind = choose_answer(request.headers.get("accept"))
        with bodies.holding() as held:
            body = await bodies.read(request.headers, request.receive, held)
            given = PageRequest.of(request.headers, body, article_id, service.limits)
            wanted = replace(given, coloured=coloured, speaker=speaker or given.speaker)
            answer = await label_page(service, wanted, kind, calibrated, _gone(request), request.scope[TOLD])
        headers = {"Content-Type": ANSWERS[kind], "Vary": "Accept"}
        if kind == "text/html":
            headers |= {"Content-Security-Policy": PAGE_POLICY, "X-Frame-Options": "SAMEORIGIN"}
        return Response(answer, headers=headers)

    app.add_api_route("/predict", predict, methods=["POST"], response_model=None)
    app.add_api_route("/", predict, methods=["POST"], response_model=None, include_in_schema=False)
    app.add_api_route("/pages", pages, methods=["POST"], response_model=None)


def _add_telling(app: FastAPI, service: LabellingService) -> None:
    shown = page_for(service.served.checkpoint, service.settings.calibrated)

    async def page() -> Response:
        """The page for people."""
        return Response(shown, headers=HEADERS, media_type="text/html; charset=utf-8")

    async def info() -> Response:
        """Labels, checkpoint, engine and limits."""
        return JSONResponse(await service.in_thread(lambda: information(service)))

    async def livez() -> Response:
        """Whether the process answers."""
        return JSONResponse({"status": "alive"})

    async def readyz() -> Response:
        """Whether the model answers: it labels one sentence, through the same queue as requests."""
        await service.check_ready()
        return JSONResponse({"status": "ready"})

    async def metrics() -> Response:
        """Figures for Prometheus."""
        return Response(generate_latest(service.measurements.registry), media_type=CONTENT_TYPE_LATEST)

    async def docs() -> Response:
        """This description, to read."""
        headers = {"Content-Security-Policy": DOCS_POLICY}
        return Response(docs_page(app.openapi()), media_type="text/html; charset=utf-8", headers=headers)

    for path, function in (
        ("/info", info), ("/livez", livez), ("/readyz", readyz), ("/metrics", metrics), ("/docs", docs),
    ):  # fmt: skip
        app.add_api_route(path, function, methods=["GET"], response_model=None)
    app.add_api_route("/", page, methods=["GET"], response_model=None, include_in_schema=False)
    app.add_api_route("/health", readyz, methods=["GET"], response_model=None, include_in_schema=False)


async def _parsed(service: LabellingService, body: bytes) -> Any:
    """JSON, large bodies in a thread."""
    return read_json(body) if len(body) < 65_536 else await service.in_thread(lambda: read_json(body))


def _gone(request: Request) -> Callable[[], Awaitable[None]]:
    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    return gone


async def _answer_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    request.scope[TOLD]["code"] = error.code
    return Response(error.body(), error.status, {"Content-Type": JSON, **error.headers})


async def _answer_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "malformed_request")
    return await _answer_problem(request, Problem(code, str(error.detail), headers=dict(error.headers or {})))


async def _answer_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    return await _answer_problem(request, Problem("invalid_request", first["msg"], str(first["loc"][-1])))


async def _answer_bug(request: Request, error: Exception) -> Response:
    """Behind this the error goes on to :class:`RequestRecord`, which logs it."""
    return await _answer_problem(request, Problem("internal_error", f"an error of the program: {type(error).__name__}"))
