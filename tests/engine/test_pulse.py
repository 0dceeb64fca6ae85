"""A driver that gives no sign of life is noticed; one that does, and one that raises, are left alone."""

import threading
import time
from types import SimpleNamespace
from typing import Any

from mattis.engine import pulse


def device_with(ping: Any) -> Any:
    return SimpleNamespace(streams=SimpleNamespace(ping=ping))


def test_a_driver_that_does_not_answer_is_noticed() -> None:
    ended, free = threading.Event(), threading.Event()
    with pulse.watched(device_with(lambda: free.wait(60)), ended.set, 0.05, 0.01):
        assert ended.wait(60)
    free.set()


def test_it_is_noticed_as_well_after_the_work_is_done() -> None:
    """A question that is on its way waits for its answer: a device that hangs is of no use to the next."""
    ended, free, asked = (threading.Event() for _ in range(3))

    def ping() -> None:
        asked.set()
        free.wait(60)

    with pulse.watched(device_with(ping), ended.set, 0.05, 0.01):
        assert asked.wait(60)
    assert ended.wait(60)
    free.set()


def test_a_driver_that_answers_is_asked_again_and_again() -> None:
    ended, often = threading.Event(), threading.Semaphore(0)
    with pulse.watched(device_with(often.release), ended.set, 60.0, 0.001):
        for _ in range(5):
            assert often.acquire(timeout=60)
    assert not ended.is_set()


def test_a_driver_that_raises_is_left_to_whoever_computes() -> None:
    ended, asked = threading.Event(), threading.Event()

    def ping() -> None:
        asked.set()
        raise RuntimeError("an illegal memory access was encountered")

    with pulse.watched(device_with(ping), ended.set, 0.05, 0.001):
        assert asked.wait(60)
        time.sleep(0.2)
    assert not ended.is_set()
