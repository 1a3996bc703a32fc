"""The queue before the model, without a server."""

import threading
import time

import numpy as np
import pytest

from sitrep.model.encoding import EncodedRow
from sitrep.serving.measurements import Measurements
from sitrep.serving.model_queue import ModelQueue, Work


class Model:
    """Notes the batches that it is given; waits where it is told to."""

    def __init__(self):
        self.batches = []
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, rows):
        self.batches.append([row.ids[0] for row in rows])
        assert self.gate.wait(10)
        return np.array([[row.ids[0]] * 2 for row in rows], dtype=np.float32)


@pytest.fixture
def model():
    return Model()


@pytest.fixture
def queue(model):
    made = ModelQueue(model, 100, Measurements())
    yield made
    model.gate.set()
    made.stop()
    made._thread.join(10)


def work(*owners, length=10):
    """Rows that begin with the number of who owns them; and an event for their end."""
    ended = threading.Event()
    rows = [EncodedRow([owner] + [0] * (length - 1), [0], [place], [0] * length) for place, owner in enumerate(owners)]
    return Work(rows, np.empty((len(rows), 2), np.float32), lambda _: ended.set()), ended


def test_answers_come_back_in_the_order_of_their_rows(queue):
    made, ended = work(3, 1, 2)
    queue.put(made)
    assert ended.wait(10)
    assert made.logits[:, 0].tolist() == [3, 1, 2]


def test_work_begins_at_once_where_the_model_is_idle(queue):
    for _ in range(5):
        made, ended = work(1)
        queue.put(made)
        assert ended.wait(10)
        assert made.started - made.entered < 0.1


def test_requests_that_wait_share_batches_and_a_long_one_holds_nobody_up(queue, model):
    model.gate.clear()
    queue.put(work(0)[0])
    while not model.batches:
        time.sleep(0.001)
    long, _ = work(*[1] * 50)
    short = [work(owner) for owner in range(2, 8)]
    queue.put(long)
    for made, _ in short:
        queue.put(made)
    model.gate.set()
    for _, ended in short:
        assert ended.wait(10)
    assert set(range(1, 8)) <= set(model.batches[1])
    assert all(len(batch) <= 10 for batch in model.batches)


def test_sentences_of_like_length_stand_in_one_batch(queue, model):
    model.gate.clear()
    queue.put(work(0)[0])
    while not model.batches:
        time.sleep(0.001)
    mixed = [work(1, length=5), work(2, length=60), work(3, length=5), work(4, length=5)]
    for made, _ in mixed:
        queue.put(made)
    model.gate.set()
    for _, ended in mixed:
        assert ended.wait(10)
    assert [2] in model.batches


def test_dropped_work_frees_its_place(queue, model):
    model.gate.clear()
    queue.put(work(0)[0])
    made, ended = work(1, 2)
    queue.put(made)
    assert [queue.requests, queue.tokens] == [2, 30]
    queue.drop(made)
    assert [queue.requests, queue.tokens] == [1, 10]
    model.gate.set()
    last, over = work(3)
    queue.put(last)
    assert over.wait(10)
    assert not ended.is_set()
    assert all(1 not in batch for batch in model.batches)
    assert [queue.requests, queue.tokens, queue.oldest_seconds] == [0, 0, 0.0]


def test_answers_of_a_wrong_shape_fail_and_are_given_to_nobody(queue, model):
    queue._run = lambda rows: np.zeros((1, 7), np.float32)
    made, ended = work(1)
    queue.put(made)
    assert ended.wait(10)
    assert isinstance(made.error, ValueError)
