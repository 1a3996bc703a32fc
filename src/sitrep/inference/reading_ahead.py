"""Work that a thread does ahead of whoever takes its results."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")

WAITING = 1
"""Results that wait to be taken; one more is being made."""

PATIENCE_SECONDS = 1.0
"""How long a taker that stops early waits for the thread: it may hang in a pipe that nothing comes out of."""


Work = Callable[[Callable[[], bool]], Iterator[Item]]
"""Called with a function that says whether nobody wants more; it then should end."""


def ahead(work: Work[Item]) -> Iterator[Item]:
    """Results of ``work`` in their order, made in a thread of its own while the ones before are used.

    Raises:
        BaseException: Whatever ``work`` raises, behind the results that it gave before.
    """
    made: queue.Queue[Item | _End] = queue.Queue(WAITING)
    stopped = threading.Event()
    thread = threading.Thread(target=_make, args=(work, made, stopped), name="reading ahead", daemon=True)
    thread.start()
    try:
        while not isinstance(item := made.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stopped.set()
        thread.join(PATIENCE_SECONDS)


@dataclass(frozen=True)
class _End:
    """Comes last, with what ended the work if it did not end well."""

    error: BaseException | None = None


def _make(work: Work[Item], made: "queue.Queue[Item | _End]", stopped: threading.Event) -> None:
    try:
        for item in work(stopped.is_set):
            _put(item, made, stopped)
            if stopped.is_set():
                return
    except BaseException as error:  # raised where the results are taken
        _put(_End(error), made, stopped)
    else:
        _put(_End(), made, stopped)


def _put(item: Item | _End, made: "queue.Queue[Item | _End]", stopped: threading.Event) -> None:
    while not stopped.is_set():
        with suppress(queue.Full):
            made.put(item, timeout=0.1)
            return
