"""What all requests share: the loaded checkpoint, the queue before the model, the threads that tokenize, the counts."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from sitrep.inference.predictor import Predictor
from sitrep.model.encoding import EncodedRow
from sitrep.serving.measurements import Measurements
from sitrep.serving.model_queue import ModelQueue, Work
from sitrep.serving.problems import Problem
from sitrep.serving.served_checkpoint import ServedCheckpoint
from sitrep.settings import ServeSettings

Gone = Callable[[], Awaitable[None]]
"""Returns when the client has left."""

Read = TypeVar("Read")

CHARACTERS_A_TOKEN = 4
"""Of English news, by which the tokens of a request are guessed until they are counted."""

PROBE = "Four people were killed in the attack."
PROBE_SECONDS = 10.0
"""After which the model is taken for dead."""


class LabellingService:
    """Labels what is asked for, as long as there is room.

    Args:
        settings: Of the server.
        served: The checkpoint.

    Attributes:
        served: As given.
        predictor: ``None`` until the checkpoint is loaded.
        plain: The same model without what was fitted on validation.
        draining: Whether the server has been asked to end.
        measurements: For ``/metrics``.
        in_flight: Requests that are being answered.
    """

    def __init__(self, settings: ServeSettings, served: ServedCheckpoint) -> None:
        self.settings = settings
        self.served = served
        self.limits = settings.limits
        self.predictor: Predictor | None = None
        self.plain: Predictor | None = None
        self.draining = False
        self.measurements = Measurements()
        self.in_flight = 0
        self._queue: ModelQueue | None = None
        self._reserved = 0
        self._pool = ThreadPoolExecutor(settings.threads, thread_name_prefix="tokenizing")
        self._probe: asyncio.Task[None] | None = None

    def start(self, predictor: Predictor) -> None:
        """Answer from now on."""
        self.plain = predictor.uncalibrated()
        self._queue = queue = ModelQueue(predictor.batch_logits, predictor.batch_tokens, self.measurements)
        self.measurements.watch_queue(lambda: queue.requests, lambda: queue.tokens, lambda: queue.oldest_seconds)
        self.predictor = predictor

    def stop(self) -> None:
        """Let go of the threads."""
        if self._queue is not None:
            self._queue.stop()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def choose(self, calibrated: bool | None) -> Predictor:
        """The predictor that a request asks for.

        Raises:
            Problem: If there is none to be had.
        """
        if self.draining:
            raise Problem("draining", "the server is about to end", headers={"Connection": "close", "Retry-After": "1"})
        if self.predictor is None or self.plain is None or self._queue is None:
            raise Problem("loading", "the checkpoint is being loaded", headers={"Retry-After": "1"})
        if not self._queue.alive:
            raise Problem("not_working", "the thread that runs the model has ended; start the server again")
        wanted = self.settings.calibrated if calibrated is None else calibrated
        return self.predictor if wanted else self.plain

    async def in_thread(self, work: Callable[[], Read]) -> Read:
        """Do something in a thread that does not hold up other requests."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    async def label(
        self,
        read: Callable[[], tuple[Read, list[EncodedRow], int]],
        characters: int,
        gone: Gone,
        told: dict[str, Any],
    ) -> tuple[Read, np.ndarray]:
        """Run the model on a request, if there is room for the whole of it.

        Args:
            read: Called in a thread: gives what the caller wants back, the rows, and the number of sentences.
            characters: Of the request, as far as they can be told before; tokens are counted later.
            gone: As :data:`Gone`.
            told: Gets figures for the log.

        Returns:
            What ``read`` gave, and logits of shape (sentences, outputs).

        Raises:
            Problem: If it cannot be answered.
        """
        deadline = time.perf_counter() + self.limits.request_seconds
        guess = min(characters // CHARACTERS_A_TOKEN, self.limits.queue_tokens)
        self._check_room(guess)
        watcher = asyncio.ensure_future(gone())
        self._reserved += guess
        try:
            began = time.perf_counter()
            try:
                found, rows, count = await self.in_thread(read)
            finally:
                self._reserved -= guess
            self.measurements.tokenizing.observe(time.perf_counter() - began)
            logits = np.empty((count, self.choose(None).outputs), dtype=np.float32)
            work, done = self._admit(rows, logits, told)
            await self._wait(work, done, watcher, deadline, told)
            return found, logits
        finally:
            watcher.cancel()

    def _admit(
        self, rows: list[EncodedRow], logits: np.ndarray, told: dict[str, Any]
    ) -> tuple[Work, "asyncio.Future[None]"]:
        """Put work into the queue; its future is done when it is."""
        loop, queue = asyncio.get_running_loop(), self._queue
        assert queue is not None
        future: asyncio.Future[None] = loop.create_future()

        def end() -> None:
            if not future.done():
                future.set_result(None)

        work = Work(rows, logits, done=lambda _: loop.call_soon_threadsafe(end))
        self._check_room(work.tokens)
        told |= {"sentences": len(logits), "tokens": work.tokens}
        self.measurements.admitted.inc()
        queue.put(work)
        return work, future

    async def _wait(
        self,
        work: Work,
        done: "asyncio.Future[None]",
        watcher: "asyncio.Future[None]",
        deadline: float,
        told: dict[str, Any],
    ) -> None:
        """Until the work is done, nobody wants it, or time is up; it is counted once, whichever it is."""
        reason = "ended"  # the server ends before the answer
        try:
            left = max(deadline - time.perf_counter(), 0)
            await asyncio.wait((done, watcher), timeout=left, return_when=asyncio.FIRST_COMPLETED)
            reason = "" if done.done() else "client_gone" if watcher.done() else "out_of_time"
        finally:
            if reason:
                assert self._queue is not None
                self._queue.drop(work)
                self.measurements.dropped.labels(reason).inc()
        if reason == "client_gone":
            raise Problem("client_gone", "the client has left")
        if reason:
            raise Problem("out_of_time", f"no answer within {self.limits.request_seconds:g} s; send less at a time")
        if work.started is not None:
            told |= {"queue_ms": _ms(work.started - work.entered), "model_ms": _ms(work.model_seconds)}
        if work.error is not None:
            self.measurements.failed.inc()
            raise Problem("model_failed", f"the model fails on this input: {type(work.error).__name__}") from work.error
        self.measurements.answered.inc()

    def _check_room(self, tokens: int) -> None:
        """Refuse what does not fit into the queue."""
        self.choose(None)
        queue, limits = self._queue, self.limits
        assert queue is not None
        if tokens > limits.queue_tokens:
            raise Problem(
                "too_large",
                f"{tokens:,} tokens; the limit is {limits.queue_tokens:,} (limits.queue_tokens); send it in parts",
            )
        waiting, speed = queue.tokens + self._reserved, queue.tokens_per_second
        room = limits.queue_tokens if speed is None else min(limits.queue_tokens, speed * limits.queue_seconds)
        if waiting and waiting + tokens > room:
            seconds = 1 if speed is None else math.ceil((waiting + tokens - room) / speed)
            raise Problem(
                "full", f"{waiting:,.0f} tokens wait already; try again later",
                headers={"Retry-After": str(min(max(seconds, 1), 60))},
            )  # fmt: skip

    async def check_ready(self) -> None:
        """Label one sentence, as a request does but for the limits of the queue; those who ask meanwhile share it.

        Raises:
            Problem: If that does not work, and why.
        """
        predictor = self.choose(None)
        if self._probe is None or self._probe.done():
            self._probe = asyncio.ensure_future(self._run_probe(predictor))
        await asyncio.shield(self._probe)

    async def _run_probe(self, predictor: Predictor) -> None:
        def read() -> list[EncodedRow]:
            tokens, _ = predictor.encoder.tokenize([PROBE])
            return predictor.encoder.rows(tokens, [[0]])

        loop, queue = asyncio.get_running_loop(), self._queue
        assert queue is not None
        done = asyncio.Event()
        try:
            rows = await asyncio.wait_for(self.in_thread(read), PROBE_SECONDS)
            logits = np.empty((1, predictor.outputs), dtype=np.float32)
            work = Work(rows, logits, done=lambda _: loop.call_soon_threadsafe(done.set))
            queue.put(work)
            try:
                await asyncio.wait_for(done.wait(), PROBE_SECONDS)
            finally:
                queue.drop(work)
        except TimeoutError:
            raise Problem("not_working", f"the model has not answered one sentence in {PROBE_SECONDS:g} s") from None
        except Exception as error:
            raise Problem("not_working", f"the tokenizer fails: {type(error).__name__}: {error}") from error
        if work.error is not None:
            raise Problem("not_working", f"the model fails: {type(work.error).__name__}: {work.error}")


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
