"""Seconds of a block of a study, from short chains at some of its cells, here or on a device."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np

from mattis.engine.rates import MeasuredRate
from mattis.study.base import Study, middles
from mattis.study.model import Point, Task
from mattis.study.plan import Block, effort, pattern_set, points_of

T = TypeVar("T")

Computation = Callable[[Sequence[Task]], Any]
Clock = Callable[[], float]

PROBE = 1_000_000
"""Updates at each pattern set that the time of a study is estimated from."""

REPEATS, REPEATS_PATIENCE = 3, 0.25
"""Times that a task is timed at most, and CPU seconds after which it is timed no more."""

QUICK_PROBE, LONG_PROBE, GROWTH = 0.25, 2.0, 4
"""CPU seconds of a probe up to which a longer one is tried: always, and if updates seem to end early; and how
many times longer it is."""

PROBE_PATIENCE, SETTLING_PATIENCE = 6.0, 12.0
"""CPU seconds after which no further pattern set is probed; of networks that settle each is another story."""


def calibrate(study: Study) -> MeasuredRate:
    """Return the cost of a block of the study, from short chains at some of its cells."""
    simulate = study.described_model.simulate
    # Other threads of BLAS spin while they wait: the time of this one counts.
    seconds, compiling = typical_cost(study, lambda tasks: simulate(*tasks[0]), time.thread_time)
    from mattis.exact.compiler import why_not_cached  # and with it the compiler itself

    # Kernels that were compiled just now are on disk, unless nothing can be kept there.
    return MeasuredRate(seconds, compiling if why_not_cached() else 0.0, time.time())


def typical_cost(study: Study, compute: Computation, clock: Clock, most: int = 1) -> tuple[float, float]:
    """Return the seconds of a block, and those of compiling.

    Three pattern sets stand for a third of the blocks each, as their cost grows with N P. most  # blocks that
    are computed together, of one size and number of patterns
    """
    compiling = 0.0
    grid = points_of(study)
    points = study.probed(sorted(grid))
    patience = SETTLING_PATIENCE if study.settles else PROBE_PATIENCE
    begun, last = clock(), 1
    costs: list[float] = []
    for size, load, patterns in _typical(study):
        blocks = [
            Block(size, load, patterns, seed, grid, stored=study.stored) for seed in study.axes.seed[:most]
        ]
        if costs and clock() - begun > patience:
            costs.append(costs[-1] * size * patterns / last)
        else:
            seconds, loading = _cost(study, blocks, points, compute, clock)
            costs.append(seconds / len(blocks))
            compiling += loading
            begun += loading  # which is paid once, and says nothing of the networks
        last = size * patterns
    return sum(costs) / len(costs), compiling


def _cost(
    study: Study, blocks: Sequence[Block], points: Sequence[Point], compute: Computation, clock: Clock
) -> tuple[float, float]:
    """Return the seconds of blocks, of their networks and of their updates, and those of compiling.

    All points are computed once before anything is timed, since the first time compiles or loads kernels; and
    the shortest of some times is taken, since other programs only make them longer.
    """
    sets = [pattern_set(study, block) for block in blocks]

    def seconds(points: Sequence[Point], most: int) -> tuple[float, int]:
        tasks, efforts = zip(*(study.shortened(each, points, most) for each in sets), strict=True)
        begun = clock()
        compute(tasks)
        return clock() - begun, sum(efforts)

    def shortest(points: Sequence[Point], most: int) -> tuple[float, int]:
        found, updates_ = seconds(points, most)
        times = [found]
        while len(times) < REPEATS and sum(times) < REPEATS_PATIENCE:
            times.append(seconds(points, most)[0])
        return min(times), updates_

    loading, _ = seconds(points, 0)
    making, few = shortest(study.making(points), 0)
    most, before, grew = PROBE // len(points), 0, 0.0
    whole, many = shortest(points, most)
    # Networks that settle cost less than all their updates: try more of them, while that takes little.
    while before < many and making < QUICK_PROBE and _is_short(whole, grew):
        most, before, last = most * GROWTH, many, whole
        whole, many = seconds(points, most)
        grew = whole / last
    per_update = max(whole - making, 0.0) / (many - few) if many > few else whole / many
    full = making + per_update * sum(effort(study, block) for block in blocks)
    # A network that has not settled yet does so somewhere between here and its last step: the middle of the
    # logarithms is the guess that is wrong by the smallest factor.
    return math.sqrt(whole * full) if study.settles and whole < full else full, max(loading - making, 0.0)


def _is_short(spent: float, grew: float) -> bool:
    """Tell whether a probe of some seconds, so many times as long as the last, calls for a longer one."""
    return spent < QUICK_PROBE or (spent < LONG_PROBE and grew < GROWTH / 2)


def _typical(study: Study) -> list[tuple[int, float, int]]:
    """Return (size, load, P) of the middle of each third of the networks, sorted by cost."""
    sizes, loads = sample(study.axes.size), sample(study.labels[study.stored])
    counts = study.counts(loads, sizes)
    order = np.argsort(study.weights(counts, sizes).ravel(), kind="stable")
    chosen = (divmod(place, len(loads)) for place in middles(order.tolist(), 3))
    return [(sizes[i], loads[j], int(counts[i, j])) for i, j in chosen]


def sample(axis: Sequence[T]) -> Sequence[T]:
    """Return an axis in order, thinned out to at most 300 values."""
    return sorted(axis)[:: -(-len(axis) // 300)]  # type: ignore[type-var]
