import threading
import time

import pytest

from sitrep.errors import UserError
from sitrep.inference.reading_ahead import WAITING, ahead


def counted(stopped, made, count=100):
    for number in range(count):
        if stopped():
            return
        made.append(number)
        yield number


def names():
    return [thread.name for thread in threading.enumerate()]


def test_results_come_in_their_order_and_all_of_them():
    assert list(ahead(lambda stopped: counted(stopped, []))) == list(range(100))


def test_work_without_results_gives_none():
    assert list(ahead(lambda stopped: iter(()))) == []


def test_no_more_is_made_than_may_wait():
    made = []
    results = ahead(lambda stopped: counted(stopped, made))
    assert next(results) == 0
    time.sleep(0.05)
    assert len(made) <= 2 + WAITING
    results.close()


def test_an_error_comes_behind_the_results_before_it():
    def failing(stopped):
        yield 1
        raise UserError("line 2: is no row")

    results = ahead(failing)
    assert next(results) == 1
    with pytest.raises(UserError, match="line 2: is no row"):
        next(results)
    assert "reading ahead" not in names()


def test_the_thread_ends_when_nobody_wants_more():
    made = []
    results = ahead(lambda stopped: counted(stopped, made, 10**9))
    next(results)
    results.close()
    assert "reading ahead" not in names()
    count = len(made)
    time.sleep(0.05)
    assert len(made) == count
