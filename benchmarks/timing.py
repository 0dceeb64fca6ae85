"""How things are timed: CPU time, one core, programs in turns; and what is kept of the times.

Machines are shared and slow down for seconds at a time. Programs that are compared therefore run in turns,
and a ratio is taken within each turn: trust ratios, not nanoseconds.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

import numpy as np

CHANGES_BLAS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
REPEATS = 9

Row = dict[str, Any]
Better = Literal["higher", "lower"]
Times = dict[str, list[float]]


def environment(**more: str) -> dict[str, str]:
    """Return the environment without what changes NumPy, with one thread of BLAS."""
    kept = {name: value for name, value in os.environ.items() if name not in CHANGES_BLAS}
    return kept | {"OPENBLAS_NUM_THREADS": "1"} | more


def cleared() -> None:
    """Start this program again in that environment, unless it runs in it."""
    wanted = environment()
    if wanted != dict(os.environ):
        os.execve(sys.executable, [sys.executable, *sys.argv], wanted)


def usable_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def pinned() -> Iterator[None]:
    """Keep this process on one core, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@dataclass(frozen=True)
class Program:
    """Something to time: what `ready` makes is not timed, and `run` may change it.

    updates  # what the time is divided by: proposals of all replicas
    spins    # the final state of replica 0, to see that programs do the same
    """

    ready: Callable[[], Any]
    run: Callable[[Any], Any]
    updates: int
    spins: Callable[[Any], Any] | None = None

    def timed(self) -> float:
        """Return the CPU time of an update, in ns."""
        state = self.ready()
        begun = time.process_time_ns()
        self.run(state)
        return (time.process_time_ns() - begun) / self.updates

    def final(self) -> Any:
        """Return the final state of replica 0."""
        assert self.spins is not None
        state = self.ready()
        self.run(state)
        return np.asarray(self.spins(state))


def interleaved(programs: Mapping[str, Program], repeats: int = REPEATS) -> Times:
    """Time programs in turns, in ns per update; the first turn, which compiles, is not counted."""
    turns = [{name: one.timed() for name, one in programs.items()} for _ in range(repeats + 1)]
    return {name: [turn[name] for turn in turns[1:]] for name in programs}


def check_same(programs: Mapping[str, Program]) -> None:
    """Raise unless all programs, which draw the same noise, end in the same state."""
    finals = {name: one.final() for name, one in programs.items()}
    first, *others = finals
    for name in others:
        if not np.array_equal(finals[first], finals[name]):
            raise AssertionError(f"{name} and {first} end in different states")


def check_near(programs: Mapping[str, Program], most: float) -> None:
    """Raise unless all programs end in nearly the same state."""
    finals = {name: one.final() for name, one in programs.items()}
    first, *others = finals
    for name in others:
        if not np.abs(finals[first] - finals[name]).max() <= most:
            raise AssertionError(f"{name} and {first} end in different states")


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Return above / below, turn by turn."""
    return [a / b for a, b in zip(above, below, strict=True)]


def half_range(values: Sequence[float]) -> float:
    """Return half of the interquartile range."""
    low, high = np.percentile(values, [25, 75])
    return float(high - low) / 2


def exponent(points: Sequence[tuple[float, float]]) -> tuple[float, float | None]:
    """Return the slope of log y over log x by least squares, and its standard error."""
    x, y = np.log(np.array(points)).T
    x = x - x.mean()
    slope = float(x @ y / (x @ x))
    left = y - y.mean() - slope * x
    if len(points) < 3:
        return slope, None
    return slope, float(np.sqrt(left @ left / (len(points) - 2) / (x @ x)))


def growth_row(name: str, points: Sequence[tuple[float, float]], told: str) -> Row:
    """Return the row of a growth curve: its exponent."""
    slope, error = exponent(points)
    return {
        "name": name, "value": slope, "target": None, "better": "lower", "spread": error,
        "note": f"exponent; {told}",
    }  # fmt: skip


def row(
    name: str, values: Sequence[float], target: float | None = None, better: Better = "higher", note: str = ""
) -> Row:
    """Return a row of the results: the median of what was measured and its spread, if anything was."""
    value, spread = (median(values), half_range(values)) if values else (None, None)
    told = {"note": note} if note else {}
    return {"name": name, "value": value, "target": target, "better": better, "spread": spread, **told}


def missing(name: str, target: float | None, better: Better, note: str) -> Row:
    """Return the row of something that could not be measured, and why."""
    return row(name, [], target, better, note)
