"""Two streams and the host, on this CPU: all is done at once, and a wait that is missing is an error.

Each of the three counts its steps, and knows which steps of the others are over for what it does next
(L. Lamport, CACM 21, 558 (1978)). Who uses an array must know the step that used it last: on a GPU it might
not have ended. Functions of NumPy are not seen; they stand for what a GPU does in order on its first stream.
"""

import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mattis.kernels.host.library import HostError

HOST_PARTY, FIRST, SECOND = range(3)

PARTIES = ("the host", "the first stream", "the second stream")

PartySteps = tuple[int, int, int]


class StreamError(HostError):
    """An array is used by one stream while, for all that is known, another still uses it."""


class HostStreams(threading.local):
    """The two streams of a thread; an event is what is over when it is: steps of all three."""

    def __init__(self) -> None:
        self.present = FIRST
        self.known: list[list[int]] = [[0, 0, 0] for _ in PARTIES]
        self.last: dict[int, tuple[weakref.ref[NDArray[Any]], int, int]] = {}

    @contextmanager
    def second(self) -> Iterator[None]:
        """Have the second stream asked, as long as this lasts."""
        before, self.present = self.present, SECOND
        try:
            yield
        finally:
            self.present = before

    def event(self) -> PartySteps:
        """Return the steps that are over when the present stream has done all that it was asked."""
        host, first, second = self.known[self.present]
        return host, first, second

    def follow(self, event: PartySteps) -> None:
        """Have the present stream know what an event knows."""
        self._learn(self.present, event)

    def wait_for(self, event: PartySteps) -> None:
        """Have the host know what an event knows."""
        self._learn(HOST_PARTY, event)

    def locked(self, size: int) -> NDArray[np.uint8]:
        """Return some bytes."""
        return np.empty(size, np.uint8)

    def send(self, target: NDArray[Any], source: NDArray[Any]) -> None:
        """Copy to an array of the device."""
        self.use(target, source)
        target[...] = source

    def fetch(self, target: NDArray[Any], source: NDArray[Any]) -> None:
        """Copy from an array of the device."""
        self.use(target, source)
        target[...] = source

    def touch(self, buffer: NDArray[Any]) -> None:
        """Have the host use bytes."""
        self._step(HOST_PARTY, buffer)

    def use(self, *values: Any) -> None:
        """Have the present stream use arrays, and know all that the host knew when it asked."""
        self._learn(self.present, self.known[HOST_PARTY])
        for value in values:
            if isinstance(value, np.ndarray) and value.size > 0:
                self._step(self.present, value)

    def wait(self) -> None:
        """Have the host know all that either stream was asked."""
        for party in (FIRST, SECOND):
            self._learn(HOST_PARTY, self.known[party])

    def ping(self) -> None:
        """Answer."""

    def _learn(self, party: int, steps: Sequence[int]) -> None:
        self.known[party] = [max(pair) for pair in zip(self.known[party], steps, strict=True)]

    def _step(self, party: int, array: NDArray[Any]) -> None:
        """Count a step of one of the three, which uses an array; StreamError if another might still."""
        whole = array
        while isinstance(whole.base, np.ndarray):
            whole = whole.base
        key, last = id(whole), self.last
        _, by, step = last.get(key, (None, party, 0))
        if step > self.known[party][by]:
            raise StreamError(
                f"{PARTIES[party]} uses an array of {array.dtype}, shape {array.shape}, that "
                f"{PARTIES[by]} may still use: nothing waits for it"
            )
        self.known[party][party] += 1
        gone = weakref.ref(whole, lambda _: last.pop(key, None))
        last[key] = gone, party, self.known[party][party]
