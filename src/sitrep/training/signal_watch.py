"""Signals in training: the step is finished and a checkpoint written before the process ends."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from sitrep.errors import SIGNALS, Stopped


class SignalWatch:
    """Notes that a signal came.

    Attributes:
        came: What it was; ``None`` as long as none came.
    """

    def __init__(self) -> None:
        self.came: int | None = None

    def note(self, number: int, frame: FrameType | None) -> None:
        """Keep the first; Ctrl-C once more ends at once, without a checkpoint of the step.

        A launcher such as ``torchrun`` passes Ctrl-C on, which the terminal has sent to every process already.
        """
        alone = os.environ.get("WORLD_SIZE", "1") == "1"
        if self.came == number == signal.SIGINT and alone:
            raise Stopped(number)
        self.came = self.came or number


@contextmanager
def signals_noted() -> Iterator[SignalWatch]:
    """Within the block signals are noted instead of raised; one that nobody heeded there is raised at its end.

    One that the caller chose to ignore stays ignored. Outside the main thread, which gets the signals, all stays as it
    is.
    """
    watch = SignalWatch()
    if threading.current_thread() is not threading.main_thread():
        yield watch
        return
    handlers = {number: signal.getsignal(number) for number in SIGNALS}
    before = {number: handler for number, handler in handlers.items() if handler not in (signal.SIG_IGN, None)}
    for number in before:
        signal.signal(number, watch.note)
    try:
        yield watch
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if watch.came is not None:
        raise Stopped(watch.came)
