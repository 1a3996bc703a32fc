"""Bodies of requests: read whole, within their limits of size and time, and taken for JSON or text."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pydantic_core

from sitrep.serving.problems import Problem
from sitrep.settings import ServingLimits

Receive = Callable[[], Awaitable[Any]]

CLOSE = {"Connection": "close"}
READ_ON = 4
"""Times the limit that is read and thrown away before a refusal, as many clients do not listen while they send."""

JSON_DEPTH = 200
"""Levels of nesting that the parser reads; a limit of its own."""

JSON, TEXT, HTML = "application/json", "text/plain", "text/html"


class BodyReader:
    """Reads bodies; those that are held at a time share a limit too.

    Args:
        limits: Of the server.
    """

    def __init__(self, limits: ServingLimits) -> None:
        self._limits = limits
        self._held = 0

    @contextmanager
    def holding(self) -> Iterator[list[int]]:
        """Count what is read inside the block as held until its end."""
        held = [0]
        try:
            yield held
        finally:
            self._held -= held[0]

    async def read(self, headers: Mapping[str, str], receive: Receive, held: list[int]) -> bytes:
        """The whole body.

        Args:
            headers: Of the request.
            receive: Of ASGI.
            held: What :meth:`holding` gave.

        Raises:
            Problem: If it is too large, too slow or packed, or the client leaves.
        """
        encoding = headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            raise Problem(
                "unsupported_media_type", f"Content-Encoding {encoding}: send the body unpacked", headers=CLOSE
            )
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                return await self._read(headers, receive, held)
        except TimeoutError:
            message = f"the body did not come within {self._limits.body_seconds:g} s"
            raise Problem("too_slow", message, headers=CLOSE) from None

    async def _read(self, headers: Mapping[str, str], receive: Receive, held: list[int]) -> bytes:
        most = self._limits.body_bytes
        declared = headers.get("content-length", "")
        too_large = declared.isdigit() and int(declared) > most
        if too_large and (int(declared) > READ_ON * most or headers.get("expect", "").lower() == "100-continue"):
            raise self._too_large()
        pieces: list[bytes] = []
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Problem("client_gone", "the client has left")
            piece, more = message.get("body", b""), message.get("more_body", False)
            size += len(piece)
            too_large = too_large or size > most
            if too_large:
                pieces.clear()
                if size > READ_ON * most:
                    break
                continue
            pieces.append(piece)
            held[0] += len(piece)
            self._held += len(piece)
            if self._held > self._limits.bodies_bytes:
                message = "the server holds too many large requests already; try again later"
                raise Problem("full", message, headers=CLOSE | {"Retry-After": "1"})
        if too_large:
            raise self._too_large()
        return b"".join(pieces)

    def _too_large(self) -> Problem:
        most = self._limits.body_bytes
        return Problem("too_large", f"the body has more than {most:,} bytes (limits.body_bytes)", headers=CLOSE)


def media_type(headers: Mapping[str, str]) -> tuple[str, str | None]:
    """What a body is, and its character encoding where that is named; JSON where nothing is said."""
    kind, *parameters = headers.get("content-type", JSON).split(";")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return kind.strip().lower(), value.strip().strip("\"'").lower()
    return kind.strip().lower(), None


def check_type(kind: str, *known: str) -> None:
    """Refuse a body of another kind."""
    if kind not in known:
        hint = "; with curl add -H 'Content-Type: application/json'" if "form" in kind else ""
        raise Problem(
            "unsupported_media_type",
            f"Content-Type {kind}: use {' or '.join(known)}{hint}",
            headers={"Accept": ", ".join(known)},
        )


def read_json(body: bytes) -> Any:
    """A body as JSON: strict, so that no NaN and no half of a surrogate pair is in it, and never nested too deep.

    Raises:
        Problem: If it is none.
    """
    try:
        return pydantic_core.from_json(body, allow_inf_nan=False, cache_strings="none")
    except ValueError as error:
        raise Problem("malformed_json", f"the body is no JSON: {error}") from None


def decode_text(body: bytes, charset: str | None) -> str:
    """A body as plain text.

    Raises:
        Problem: If it is not in the encoding that it says, UTF-8 by default.
    """
    try:
        return body.decode(charset or "utf-8").removeprefix("\ufeff")
    except (UnicodeError, LookupError):
        message = f"the body is not {charset or 'utf-8'}; name its encoding in Content-Type"
        raise Problem("unreadable_input", message, "body") from None
