"""Work that a thread does ahead of whoever takes its results."""

import queue
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

Item = TypeVar("Item")

WAITING = 1
"""Results that wait to be taken; one more is being made."""

PATIENCE_SECONDS = 1.0
"""How long a taker that stops early waits for the thread: it may hang in a pipe that nothing comes out of."""


def ahead(work: Callable[[Callable[[], bool]], Iterator[Item]]) -> Iterator[Item]:
    """Results of ``work`` in their order, made in a thread of its own while the ones before are used.

    Args:
        work: Called with a function that says whether nobody wants more; it then should end.

    Raises:
        BaseException: Whatever ``work`` raises, behind the results that it gave before.
    """
    made: queue.Queue[tuple[Item | None, BaseException | None]] = queue.Queue(WAITING)
    stopped = threading.Event()

    def put(item: Item | None, error: BaseException | None) -> None:
        while not stopped.is_set():
            try:
                made.put((item, error), timeout=0.1)
                return
            except queue.Full:
                continue

    def make() -> None:
        try:
            for item in work(stopped.is_set):
                put(item, None)
                if stopped.is_set():
                    return
        except BaseException as error:  # it is raised where the results are taken
            put(None, error)
        else:
            put(None, StopIteration())

    thread = threading.Thread(target=make, name="reading ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error = made.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            assert item is not None
            yield item
    finally:
        stopped.set()
        thread.join(PATIENCE_SECONDS)
