"""uvicorn, with what it lacks: a time limit for headers, and an end that answers what was admitted."""

import asyncio
import contextlib
import errno
import signal
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sitrep.errors import UserError
from sitrep.serving.guards import App
from sitrep.serving.service import LabellingService
from sitrep.settings import ServeSettings

LAST_SECONDS = 2.0
"""For connections to close when everything that was admitted has been answered."""
BACKLOG = 2048


def open_socket(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        UserError: If it cannot be had.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except socket.gaierror:
        raise UserError(f"host={host}: there is no such address") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UserError(f"port={port}: another program listens there already; choose another port") from None
        if error.errno == errno.EACCES:
            raise UserError(f"port={port}: only root may listen there; choose one from 1024 on") from None
        raise UserError(f"host={host} port={port}: cannot listen there: {error.strerror}") from None


class ImpatientProtocol(HttpToolsProtocol):
    """Closes a connection whose request does not come within the time for headers, or that takes no answer."""

    header_seconds = 10.0
    answer_seconds = 30.0
    _waiting: asyncio.TimerHandle | None = None
    _stuck: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Of asyncio."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Of asyncio."""
        self._wait_no_more()
        self._take_on()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Of asyncio: the client does not take what was sent."""
        super().pause_writing()
        if self._stuck is None:
            self._stuck = self.loop.call_later(self.answer_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Of asyncio."""
        self._take_on()
        super().resume_writing()

    def on_message_begin(self) -> None:
        """Of the parser."""
        super().on_message_begin()
        if self._waiting is None:
            self._wait()

    def on_headers_complete(self) -> None:
        """Of the parser."""
        self._wait_no_more()
        super().on_headers_complete()

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(self.header_seconds, self._give_up)

    def _wait_no_more(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _take_on(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _give_up(self) -> None:
        self._waiting = None
        self.transport.close()


class DrainingServer(uvicorn.Server):
    """A server that, when it is asked to end, answers what it has admitted first, and then ends without an error.

    Args:
        app: To serve.
        settings: Of the server.
        service: Told when the end is near.
        load: Awaited when the server listens; the server ends if it raises.
    """

    def __init__(
        self, app: App, settings: ServeSettings, service: LabellingService, load: Callable[[], Awaitable[None]]
    ) -> None:
        limits = settings.limits
        times = {"header_seconds": limits.header_seconds, "answer_seconds": limits.answer_seconds}
        protocol = type("Protocol", (ImpatientProtocol,), times)
        super().__init__(
            uvicorn.Config(
                app, http=protocol, ws="none", lifespan="off", log_config=None, access_log=False, server_header=False,
                timeout_keep_alive=max(1, round(limits.keep_alive_seconds)), proxy_headers=False,
            )
        )  # fmt: skip
        self._service = service
        self._load = load
        self._drain_seconds = limits.drain_seconds
        self._draining: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.failure: BaseException | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and load meanwhile."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        loading = asyncio.ensure_future(self._load())
        loading.add_done_callback(self._loaded)

    def _loaded(self, loading: "asyncio.Future[None]") -> None:
        if not loading.cancelled() and (error := loading.exception()) is not None:
            self.failure = error
            self.should_exit = True

    def drain(self) -> None:
        """End when what was admitted is answered, or the time for that is over; asked again, end now."""
        if self._loop is None:
            self.should_exit = True
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._begin_to_drain)

    def _begin_to_drain(self) -> None:
        if self._draining is not None:
            self.should_exit = self.force_exit = True
            return
        self._service.draining = True
        self._draining = asyncio.ensure_future(self._drain())

    async def _drain(self) -> None:
        deadline = time.monotonic() + self._drain_seconds
        while self._service.in_flight and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        self.config.timeout_graceful_shutdown = LAST_SECONDS  # type: ignore[assignment]
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Begin to end on a signal; uvicorn's own would raise it again behind the end."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
        numbers = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
        before = {number: signal.signal(number, lambda *_: self.drain()) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
