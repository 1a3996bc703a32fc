"""The description of the API: OpenAPI with examples, and the page that shows it without any script."""

from typing import Any

from fastapi import FastAPI
from jinja2 import Environment, PackageLoader

from sitrep.serving.pages_endpoint import PageBody
from sitrep.serving.problems import STATUS
from sitrep.serving.texts_endpoint import PredictBody, Score

ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string", "enum": list(STATUS)},
                "message": {"type": "string"},
                "field": {"type": "string", "description": "Of the request, dotted"},
            },
        }
    },
}

EXAMPLE_SCORES = [
    {"label": "casualty_report", "score": 0.97},
    {"label": "attack_description", "score": 0.02},
    {"label": "none", "score": 0.01},
]
EXAMPLE_PAGE = {
    "article_id": "page",
    "checkpoint": "run (53aa51172d14)",
    "title": None,
    "text": "Four were killed.",
    "counts": {"attack_description": 0, "official_statement": 0, "casualty_report": 1, "boilerplate": 0, "none": 0},
    "review": 0,
    "sentences": [
        {
            "id": "page:0", "article_id": "page", "position": 0, "start": 0, "end": 17, "text": "Four were killed.",
            "label": "casualty_report", "probabilities": {"casualty_report": 0.97, "none": 0.03}, "decision": "accept",
            "unfamiliar": None,
        }
    ],
}  # fmt: skip

PROBLEMS_OF_WORK = (400, 401, 403, 408, 413, 415, 422, 429, 500, 503, 504)


def describe_api(app: FastAPI) -> None:
    """Add to the routes what FastAPI cannot see, as bodies are read by hand."""
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]


def docs_page(openapi: dict[str, Any]) -> str:
    """The description to read."""
    environment = Environment(
        loader=PackageLoader("sitrep.serving"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("docs.html.j2").render(api=openapi)


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        schema = FastAPI.openapi(app)
        parts = schema.setdefault("components", {}).setdefault("schemas", {})
        parts.pop("HTTPValidationError", None)
        parts.pop("ValidationError", None)
        parts["Problem"] = ERROR
        for model in (PredictBody, PageBody, Score):
            made = model.model_json_schema(ref_template="#/components/schemas/{model}")
            parts.update(made.pop("$defs", {}))
            parts[model.__name__] = made
        _describe_predict(schema["paths"]["/predict"]["post"])
        _describe_pages(schema["paths"]["/pages"]["post"])
        for path in ("/info", "/readyz", "/livez"):
            ok = {"description": "OK", "content": {"application/json": {"schema": {"type": "object"}}}}
            schema["paths"][path]["get"]["responses"] = {"200": ok, **_problems(401, 403, 503)}
        for path, kind in (("/metrics", "text/plain"), ("/docs", "text/html")):
            ok = {"description": "OK", "content": {kind: {"schema": {"type": "string"}}}}
            schema["paths"][path]["get"]["responses"] = {"200": ok, **_problems(401, 403)}
        app.openapi_schema = schema
    return app.openapi_schema


def _describe_predict(operation: dict[str, Any]) -> None:
    scores = {"type": "array", "items": {"$ref": "#/components/schemas/Score"}}
    operation["requestBody"] = _body({"application/json": _reference("PredictBody")})
    answer = {"schema": {"anyOf": [scores, {"type": "array", "items": scores}]}, "example": EXAMPLE_SCORES}
    header = {"X-Truncated-Inputs": {"schema": {"type": "integer"}, "description": "Texts whose end was not read"}}
    ok = {"description": "Scores, the highest first", "headers": header, "content": {"application/json": answer}}
    operation["responses"] = {"200": ok, **_problems(*PROBLEMS_OF_WORK)}


def _describe_pages(operation: dict[str, Any]) -> None:
    text = {"schema": {"type": "string"}}
    operation["requestBody"] = _body(
        {
            "application/json": _reference("PageBody"),
            "text/plain": text | {"example": "Shells hit the bridge. Four were killed."},
            "text/html": text | {"example": "<!doctype html><title>News</title><p>Four were killed."},
        }
    )
    answers = {
        "application/json": {"schema": {"type": "object"}, "example": EXAMPLE_PAGE},
        "text/csv": text,
        "text/html": text,
    }
    ok = {"description": "Labelled sentences, by Accept", "content": answers}
    operation["responses"] = {"200": ok, **_problems(406, *PROBLEMS_OF_WORK)}


def _body(content: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": content}


def _reference(name: str) -> dict[str, Any]:
    return {"schema": {"$ref": f"#/components/schemas/{name}"}}


def _problems(*statuses: int) -> dict[str, Any]:
    return {
        str(status): {
            "description": ", ".join(f"`{code}`" for code, known in STATUS.items() if known == status),
            "content": {"application/json": _reference("Problem")},
        }
        for status in sorted(statuses)
    }
