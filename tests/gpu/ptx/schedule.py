"""In which order the threads of a block run between two points where they wait for each other."""

from enum import Enum

import numpy as np
from numpy.typing import NDArray

from gpu.ptx.warps import WARP

QUANTUM = 64
"""Instructions, at most, that threads run before others are drawn."""

NEVER = 1 << 60
"""The next instruction of a thread that cannot run."""


class Schedule(Enum):
    """Which threads go on while others could as well; every order is one that a GPU may take.

    LOCKSTEP the block, at the smallest instruction that any thread is at
    FIRST    the first warp that can, until it waits
    LAST     the last warp that can, until it waits
    RANDOM   a warp that is drawn, for some instructions
    HALVES   half of a warp that is drawn, for some instructions
    """

    LOCKSTEP = "lockstep"
    FIRST = "first"
    LAST = "last"
    RANDOM = "random"
    HALVES = "halves"


class Turns:
    """The turns of the threads of a block, and of the blocks of a grid."""

    def __init__(self, schedule: Schedule, threads: int, seed: int) -> None:
        self.threads, self.generator = threads, np.random.default_rng(seed)
        self.width = {Schedule.LOCKSTEP: threads, Schedule.HALVES: WARP // 2}.get(schedule, WARP)
        self.drawn = schedule in (Schedule.RANDOM, Schedule.HALVES)
        self.backwards = schedule is Schedule.LAST

    def next(self, ready: NDArray[np.int64]) -> tuple[slice, int] | None:
        """Return threads of which some can run, and for how many instructions they may; None if none can."""
        able, quantum = np.flatnonzero(ready != NEVER), NEVER
        if not able.size:
            return None
        if self.drawn:
            quantum = int(self.generator.integers(1, QUANTUM + 1))
            thread = able[self.generator.integers(able.size)]
        else:
            thread = able[-1 if self.backwards else 0]
        start = int(thread) // self.width * self.width
        return slice(start, min(start + self.width, self.threads)), quantum

    def blocks(self, count: int) -> NDArray[np.int64]:
        """Return the order in which blocks run."""
        if self.drawn:
            return self.generator.permutation(count)
        order = np.arange(count)
        return order[::-1] if self.backwards else order
