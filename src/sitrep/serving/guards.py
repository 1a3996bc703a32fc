"""What every request passes before its route: the record of it, the names of the server, other web pages, the token."""

import hmac
import json
import logging
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sitrep.serving.problems import Problem
from sitrep.serving.service import LabellingService

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

HEALTH = frozenset(("/livez", "/readyz", "/health"))
"""Asked for by load balancers, which know no token."""

LOOPBACK = ("localhost", "127.0.0.1", "::1")

SECURITY_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"x-frame-options": b"DENY",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"cache-control": b"no-store",
}
"""Of every answer that does not have them already."""

TOLD = "sitrep.told"
"""Where in the scope the figures for the log are gathered."""


class RequestRecord:
    """The outermost layer: counts and logs each request, gives each answer its headers, and turns errors into JSON.

    Args:
        app: What is behind it.
        service: Whose requests are counted.
        routes: Paths that there are; others are logged as unknown, as they may hold anything.
        log: Whether a line is written for each request.
    """

    def __init__(self, app: App, service: LabellingService, routes: Iterable[str], log: bool) -> None:
        self._app = app
        self._service = service
        self._routes = frozenset(routes)
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Of ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, told, status, size = time.perf_counter(), dict[str, Any](), 0, 0
        scope[TOLD] = told

        async def answer(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": with_security(message.get("headers", ()))}
            else:
                size += len(message.get("body", b""))
            await send(message)

        self._service.in_flight += 1
        try:
            try:
                await self._app(scope, receive, answer)
            except Exception as error:
                problem = as_problem(error)
                if not status:
                    told["code"] = problem.code
                    await send_problem(problem, answer)
        finally:
            self._service.in_flight -= 1
            self._write(scope, status, size, time.perf_counter() - began, told)

    def _write(self, scope: Scope, status: int, size: int, seconds: float, told: dict[str, Any]) -> None:
        path = scope["path"] if scope["path"] in self._routes else "unknown"
        code = told.pop("code", None) or ("ok" if 0 < status < 400 else "client_gone" if not status else str(status))
        self._service.measurements.requests.labels(path, code).inc()
        self._service.measurements.request_seconds.labels(path).observe(seconds)
        if self._log and path not in HEALTH and sys.stderr is not None:
            line = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "method": scope["method"], "path": path}
            line |= {"status": status, "code": code, "ms": round(seconds * 1000, 1), "bytes": size, **told}
            sys.stderr.write(json.dumps(line) + "\n")


class OriginGuard:
    """Refuses what a web page of another origin sends, and names of the server that are not its own.

    A page that a user of this machine visits could else send it anything, or read it after DNS rebinding.

    Args:
        app: What is behind it.
        names: By which the server may be called.
        origins: That may use it all the same.
    """

    def __init__(self, app: App, names: Iterable[str], origins: Iterable[str]) -> None:
        self._app = app
        self._names = frozenset(name.lower() for name in names)
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Of ASGI."""
        if scope["type"] == "http":
            headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
            self._check(headers)
        await self._app(scope, receive, send)

    def _check(self, headers: dict[bytes, str]) -> None:
        host = headers.get(b"host", "")
        if _name_of(f"//{host}") not in self._names:
            raise Problem("forbidden_host", "the server is not called so; see the setting allowed_hosts")
        origin = headers.get(b"origin")
        if origin is not None:
            own = urlsplit(origin).netloc == host and origin.startswith(("http://", "https://"))
            if not own and origin not in self._origins and _name_of(origin) not in self._names - set(LOOPBACK):
                raise Problem(
                    "forbidden_origin", "another web page may not use this server; see the setting cors_origins"
                )
        elif headers.get(b"sec-fetch-site") == "cross-site" and headers.get(b"sec-fetch-mode") != "navigate":
            raise Problem("forbidden_origin", "another web page may not use this server; see the setting cors_origins")


class TokenGuard:
    """Wants a token, but for health and what holds no data.

    Args:
        app: What is behind it.
        token: That is wanted.
        free: Paths that want none when they are read.
    """

    def __init__(self, app: App, token: str, free: Iterable[str]) -> None:
        self._app = app
        self._wanted = f"Bearer {token}".encode()
        self._free = frozenset(free)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Of ASGI."""
        free = scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and scope["path"] in self._free
        if scope["type"] == "http" and not free:
            given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
            if not hmac.compare_digest(given, self._wanted):
                message = "send the header Authorization: Bearer TOKEN"
                raise Problem("unauthorized", message, headers={"WWW-Authenticate": "Bearer"})
        await self._app(scope, receive, send)


def with_security(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Headers and those of :data:`SECURITY_HEADERS` that are not among them."""
    given = list(headers)
    names = {name.lower() for name, _ in given}
    return given + [(name, value) for name, value in SECURITY_HEADERS.items() if name not in names]


def as_problem(error: Exception) -> Problem:
    """What is answered to an error; one of the program's own is logged, without its text, which may be the user's."""
    if isinstance(error, Problem):
        return error
    own = [place for place in traceback.extract_tb(error.__traceback__) if "sitrep" in place.filename]
    places = ", ".join(f"{place.name} ({Path(place.filename).name}:{place.lineno})" for place in own)
    logging.getLogger("sitrep.serving").error("error of the program: %s in %s", type(error).__name__, places)
    return Problem("internal_error", f"an error of the program: {type(error).__name__}")


async def send_problem(problem: Problem, send: Send) -> None:
    """Answer with a problem."""
    body = problem.body()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **problem.headers}
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _name_of(address: str) -> str:
    """The name of the host in an address, without its port."""
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""
