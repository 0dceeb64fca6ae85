"""Two streams of a device: the first computes; the second brings what comes next and takes away what is done.

A stream does in order what it is asked. Two know nothing of each other but by events: `follow` makes what
a stream is asked next wait for what another was asked before. Arrays travel through two page-locked buffers
of a fixed size: one is on its way while the other is filled.
"""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

SLICE = 2**25
"""Bytes of an array that travel at once at most, and of each of the two buffers of a thread."""


class Streams(Protocol):
    """What a device can be asked about its two streams; the first is present, unless in `second`."""

    def second(self) -> AbstractContextManager[Any]:
        """Have the second stream asked by this thread, as long as this lasts."""

    def event(self) -> Any:
        """Return an event: all that the present stream was asked so far."""

    def follow(self, event: Any) -> None:
        """Have what the present stream is asked next wait for an event."""

    def wait_for(self, event: Any) -> None:
        """Return when an event is over."""

    def locked(self, size: int) -> NDArray[np.uint8]:
        """Return bytes of the host that do not move, so that a device reads and writes them by itself."""

    def send(self, target: Any, source: NDArray[Any]) -> None:
        """Ask the present stream to copy bytes that do not move to an array of the device."""

    def fetch(self, target: NDArray[Any], source: Any) -> None:
        """Ask the present stream to copy an array of the device to bytes that do not move."""

    def touch(self, buffer: NDArray[Any]) -> None:
        """Say that the host is about to read or write bytes that streams know."""

    def use(self, *values: Any) -> None:
        """Say that the present stream is asked to read or write some arrays; other values do not count."""

    def ping(self) -> None:
        """Return when the driver has answered, whatever the device computes."""


class OneStream:
    """The streams of arrays that are there as soon as they are asked for: nothing is waited for."""

    def second(self) -> AbstractContextManager[Any]:
        """Change nothing."""
        return nullcontext()

    def event(self) -> Any:
        """Return nothing: all is over."""

    def follow(self, event: Any) -> None:
        """Do nothing."""

    def wait_for(self, event: Any) -> None:
        """Do nothing."""

    def locked(self, size: int) -> NDArray[np.uint8]:
        """Return any bytes."""
        return np.empty(size, np.uint8)

    def send(self, target: Any, source: NDArray[Any]) -> None:
        """Copy now."""
        target[...] = source

    def fetch(self, target: NDArray[Any], source: Any) -> None:
        """Copy now."""
        target[...] = source

    def touch(self, buffer: NDArray[Any]) -> None:
        """Do nothing."""

    def use(self, *values: Any) -> None:
        """Do nothing."""

    def ping(self) -> None:
        """Do nothing."""


class Staging(threading.local):
    """Copies between the host and a device; each thread has two buffers, made at its first copy."""

    def __init__(self, streams: Streams) -> None:
        self.streams = streams
        self.buffers: list[NDArray[np.uint8]] = []
        self.events: list[Any] = [None, None]
        self.turn = 0

    def fill(self, target: Any, array: NDArray[Any]) -> None:
        """Copy an array of NumPy to one of the device, of the same shape and kind, without gaps."""
        source, flat = np.ascontiguousarray(array).reshape(-1), target.reshape(-1)
        for part in _slices(source.size, source.dtype):
            buffer = self._buffer(source[part])
            buffer[:] = source[part]
            self.streams.send(flat[part], buffer)
            self.events[self.turn] = self.streams.event()

    def to_host(self, array: Any) -> NDArray[Any]:
        """Return a copy on the host: one slice travels while the one before it is put in its place."""
        source, out = array.reshape(-1), np.empty(array.shape, np.dtype(array.dtype.name))
        flat, before = out.reshape(-1), None
        for part in _slices(flat.size, out.dtype):
            buffer = self._buffer(flat[part])
            self.streams.fetch(buffer, source[part])
            self.events[self.turn] = self.streams.event()
            if before is not None:
                self._land(flat, *before)
            before = part, buffer, self.events[self.turn]
        if before is not None:
            self._land(flat, *before)
        return out

    def _buffer(self, like: NDArray[Any]) -> NDArray[Any]:
        """Return as much of the next buffer as an array needs, when nobody uses it any more."""
        if not self.buffers:
            self.buffers = [self.streams.locked(SLICE) for _ in self.events]
        self.turn = 1 - self.turn
        if self.events[self.turn] is not None:
            self.streams.wait_for(self.events[self.turn])
        self.streams.touch(self.buffers[self.turn])
        return self.buffers[self.turn][: like.nbytes].view(like.dtype)

    def _land(self, out: NDArray[Any], part: slice, buffer: NDArray[Any], event: Any) -> None:
        """Copy what has come to its place."""
        self.streams.wait_for(event)
        self.streams.touch(buffer)
        out[part] = buffer


def _slices(count: int, kind: np.dtype[Any]) -> Iterator[slice]:
    """Yield so many numbers in slices."""
    step = SLICE // kind.itemsize
    yield from (slice(first, min(first + step, count)) for first in range(0, count, step))
