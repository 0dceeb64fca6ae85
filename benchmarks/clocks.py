"""Clocks that are put into mattis: where the time of a run goes, and of each of its blocks."""

import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from studies import Options

SPENT = "spent"
"""The column, besides the observables, in which a block says where its time went."""


def spent(begun: float, cpu: float) -> Any:
    """Return process, begin, end, CPU time of a block; CPU time of its process and of the machine."""
    import numpy as np

    now = time.monotonic()
    mine, everybody = time.process_time(), busy_seconds()
    return np.array([os.getpid(), begun, now, time.thread_time() - cpu, mine, everybody])


def timed(patterns: Any, points: Any, protocol: Any) -> Any:
    """Simulate a block, and say where its time went."""
    from mattis.networks.binary.family import simulate

    begun, cpu = time.monotonic(), time.thread_time()
    return simulate(patterns, points, protocol) | {SPENT: spent(begun, cpu)}


def sleeping(_: Any, points: Any, protocol: Any) -> Any:
    """Sleep for as many milliseconds as there are sweeps, as a core does while its GPU computes."""
    import numpy as np

    from mattis.networks.binary.hopfield import CHAIN_OBSERVABLES

    begun, cpu = time.monotonic(), time.thread_time()
    time.sleep(protocol.asking.measure / 1000)
    columns: dict[str, Any] = {o.name: np.zeros(len(points)) for o in CHAIN_OBSERVABLES}
    return columns | {SPENT: spent(begun, cpu)}


def busy_seconds() -> float:
    """Return the CPU time that all processes of this machine have taken since it was started."""
    ticks = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    return (sum(map(int, ticks[:8])) - int(ticks[3]) - int(ticks[4])) / os.sysconf("SC_CLK_TCK")


@dataclass
class Book:
    """What the process of a run notes down."""

    marks: dict[str, tuple[float, float]] = field(default_factory=dict)
    blocks: list[list[float]] = field(default_factory=list)
    clocks: dict[str, float] = field(default_factory=Counter)
    tasks: int = 0
    within: bool = False

    def mark(self, name: str) -> None:
        """Note when something happened first, and the CPU time that this process took until then."""
        self.marks.setdefault(name, (time.monotonic(), time.process_time()))

    @contextmanager
    def clocked(self, name: str, inner: bool = False) -> Iterator[None]:
        """Add up calls, wall and CPU time of this thread: of `inner` functions, and of outermost ones."""
        if self.within and not inner:
            yield
            return
        outer, self.within = self.within, True
        begun, cpu = time.monotonic(), time.thread_time()
        try:
            yield
        finally:
            self.within = outer
            self.clocks[f"{name}, calls"] += 1
            self.clocks[f"{name}, wall"] += time.monotonic() - begun
            self.clocks[f"{name}, CPU"] += time.thread_time() - cpu

    def clock(self, module: Any, name: str, label: str, inner: bool = False) -> None:
        """Let a function of a module be clocked."""
        function = getattr(module, name)

        def clocked(*args: Any, **named: Any) -> Any:
            with self.clocked(label, inner):
                return function(*args, **named)

        setattr(module, name, clocked)


def recording(book: Book) -> type:
    """Return the dispatcher of mattis, made to note down what it does."""
    from mattis.engine import dispatch

    class Recording(dispatch.Dispatcher):
        def submit(self) -> None:
            book.mark("cluster")
            with book.clocked("submit"):
                super().submit()

        def collect(self, future: Any) -> Iterator[Any]:
            with book.clocked("collect"):
                found = list(super().collect(future))
            book.tasks += 1
            for finished in found:
                row = finished.columns.pop(SPENT).tolist()
                book.blocks.append([*row, time.process_time()])
                yield finished

    return Recording


def instrument(book: Book, options: Options) -> None:
    """Put the clocks into mattis, and change what the options say."""
    from mattis.engine import dispatch
    from mattis.networks.binary.models import BINARY_MODELS
    from mattis.store import reading, store

    simulate, row = sleeping if options.get("sleeping") else timed, BINARY_MODELS["hopfield"]
    BINARY_MODELS["hopfield"] = replace(row, simulate=simulate)  # type: ignore[index]
    dispatch.Dispatcher = recording(book)  # type: ignore[misc]
    for name, value in options.get("set", {}).items():
        setattr(dispatch, name, value)
    labels = {"create_or_extend": "lay out", "fold": "fold", "write": "journal", "flush": "journal"}
    for name, label in labels.items():
        book.clock(store, name, label)
    for name, label in {"each_cells": "read", "study_digest": "digest"}.items():
        book.clock(reading, name, label)
