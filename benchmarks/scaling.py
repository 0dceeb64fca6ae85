"""What 10^9 cells on 1000 GPUs need: a simulation from the figures that overhead.py measured.

    python benchmarks/scaling.py      # a minute on one core

reads overhead.json, prints tables, and writes scaling.json and scaling.md beside this file. Two queues are
simulated, event by event:

one driver   hands tasks to workers, by the rules of mattis.engine.dispatch, and takes results one at a
             time. Its CPU time per task and per block is measured, and what each worker costs that does
             nothing.
a campaign   jobs of 8 GPUs, each a shard with a driver of its own: they start, see which cells exist,
             compute, look again; after the last shard of a study, one job gathers them into the cube.

The first table says of each rate (rates.py) whether it is measured, set in mattis, or assumed: a machine
without GPUs cannot measure GPU seconds of a cell, nor how fast jobs start. The first queue is checked against
the workers that slept in overhead.json.
"""

import heapq
import json
import math
import random
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from crowds import CROWDS
from rates import ASSUMED, IDLE, Figures, Measured, Row, Service, measured, rates

from mattis.engine.dispatch import IN_FLIGHT, LARGEST_TASK, TASK_SECONDS, TASKS_PER_SECOND
from mattis.networks.registry import MODELS

HERE = Path(__file__)
OVERHEAD = HERE.with_name("overhead.json")

ASLEEP = "workers that sleep, the middle 80 %"

LABELS = 6
"""Columns of a row before its observables: size, load, beta, noise, seed and P."""

COPIES = 3
"""A shard holds its observables, rows of them with labels, and these in the order of their labels."""

PROCESSES = ("driver", "scheduler")


# One driver


def spread(seconds: float, rng: random.Random) -> float:
    """Return a random time of this mean: lognormal, of the spread that is assumed."""
    width = math.sqrt(math.log(1 + ASSUMED.spread**2))
    return seconds * math.exp(rng.gauss(-(width**2) / 2, width))


def batch(workers: int, seconds: float, waiting: int) -> int:
    """Return how many blocks of such a length `mattis.engine.dispatch` puts into the next task."""
    fitting = int(max(TASK_SECONDS, workers / TASKS_PER_SECOND) / seconds)
    share = waiting // (IN_FLIGHT * workers)
    return max(1, min(fitting, share, LARGEST_TASK, waiting))


def driven(costs: Service, workers: int, seconds: float, blocks: int) -> list[tuple[float, float, int]]:
    """Return when each task began and ended, and its number of blocks, of a run of so many blocks.

    Every worker has IN_FLIGHT tasks; the first hold one block each, as their time is not known yet.
    The driver answers one result at a time, in the order in which they come.
    """
    rng, free, waiting = random.Random(1), 0.0, blocks
    queues: list[deque[tuple[float, int]]] = [deque() for _ in range(workers)]
    for k in range(min(IN_FLIGHT * workers, blocks)):
        free, waiting = free + costs.of(1, workers), waiting - 1
        queues[k % workers].append((free, 1))
    events = []

    def begin(worker: int, now: float) -> None:
        if queues[worker]:
            arrived, size = queues[worker].popleft()
            first = max(now, arrived)
            heapq.heappush(events, (first + spread(size * seconds, rng), worker, size, first))

    for worker in range(workers):
        begin(worker, 0.0)
    tasks = []
    while events:
        now, worker, size, first = heapq.heappop(events)
        tasks.append((first, now, size))
        free = max(now, free) + costs.of(size, workers)
        if waiting:
            new = batch(workers, seconds, waiting)
            waiting -= new
            queues[worker].append((free, new))
        begin(worker, now)
    return tasks


def asleep(tasks: Sequence[tuple[float, float, int]], seconds: float) -> float:
    """Return how many workers computed at a time, as overhead.py measures it: the middle 80 %."""
    ends = sorted(begin + (end - begin) * (k + 1) / size for begin, end, size in tasks for k in range(size))
    tenth = len(ends) // 10
    return 0.8 * len(ends) * seconds / (ends[-tenth] - ends[tenth])


def utilisation(costs: Service, workers: int, seconds: float) -> float:
    """Return the share of time that workers compute, in a run of ten minutes, start and end included."""
    blocks = max(int(workers * ASSUMED.length / seconds), workers)
    tasks = driven(costs, workers, seconds, blocks)
    computed = sum(size for *_, size in tasks) * seconds
    return computed / workers / max(end for _, end, _ in tasks)


def crowd_service(figures: Figures) -> Service:
    """Return what the crowds cost driver and scheduler together: the one waits for the other."""
    sizes, costs = [], []
    for case in ("128 workers", "128 workers, too many"):
        sizes.append(figures.value("crowd", case, "blocks per task"))
        both = (figures.value("crowd", case, f"{who}, CPU ms per task") for who in PROCESSES)
        costs.append(sum(both) / 1000)
    block = (costs[1] - costs[0]) / (sizes[1] - sizes[0])
    return Service(costs[0] - block * sizes[0], block, 0.0)


def checks(figures: Figures) -> Iterator[Row]:
    """Yield how many workers of overhead.json slept at a time, and what the simulation says of them."""
    for case, (workers, _, _) in CROWDS.items():
        seconds = figures.value("crowd", case, "blocks of, s")
        blocks = round(figures.value("crowd", case, "blocks"))
        idle = figures.value("crowd", case, IDLE) / 1000
        costs = replace(crowd_service(figures), idle=idle)
        tasks = driven(costs, workers, seconds, blocks)
        yield {
            "workers": workers,
            "blocks of, s": seconds,
            "asleep, measured": figures.value("crowd", case, ASLEEP),
            "asleep, simulated": asleep(tasks, seconds),
            "blocks per task, measured": figures.value("crowd", case, "blocks per task"),
            "blocks per task, simulated": blocks / len(tasks),
        }


# A campaign


@dataclass(frozen=True)
class Campaign:
    """All cells as some studies of some shards, and GPU seconds of a cell.

    Gathering has nodes of its own, and files are as fast as here.
    """

    studies: int
    shards: int
    cell: float

    @property
    def of_study(self) -> float:
        """Cells of a study."""
        return ASSUMED.cells / self.studies

    @property
    def ideal(self) -> float:
        """Seconds that it takes if all GPUs always compute."""
        return ASSUMED.cells * self.cell / ASSUMED.gpus

    @property
    def compute(self) -> float:
        """Seconds that a shard takes if its GPUs always compute."""
        return self.of_study / self.shards * self.cell / ASSUMED.node


def gathering(costs: Measured, plan: Campaign) -> float:
    """Return the seconds that it takes to fold the journal of a study into its cube, in any order."""
    return costs.gather * plan.of_study


def held(plan: Campaign) -> float:
    """Return the bytes of a shard at its end: rows of its own cells, of which a sorted copy is hashed."""
    row = 8 * (len(MODELS["hopfield"].observables) + LABELS)
    return COPIES * row * plan.of_study / plan.shards


def simulated(costs: Measured, plan: Campaign) -> tuple[float, float]:
    """Return the seconds of a campaign, jobs in the order of submission, and when the last GPU rests."""
    rng = random.Random(1)
    nodes = [0.0] * (ASSUMED.gpus // ASSUMED.node)
    share = utilisation(costs.driver, ASSUMED.node, ASSUMED.cells_of_block * plan.cell)
    started, done, rests = 0.0, 0.0, 0.0
    for _ in range(plan.studies):
        last = 0.0
        for _ in range(plan.shards):
            started += 1 / ASSUMED.starts
            begin = max(heapq.heappop(nodes), started) + ASSUMED.delay
            end = begin + 2 * costs.start + spread(plan.compute / share, rng)
            heapq.heappush(nodes, end)
            last = max(last, end)
        rests, done = max(rests, last), max(done, last + ASSUMED.delay + gathering(costs, plan))
    return done, rests


CAMPAIGNS = [
    Campaign(studies, shards, cell)
    for cell, (studies, shards) in product(
        (ASSUMED.fast, ASSUMED.slow), ((10, 1000), (10, 125), (100, 125), (100, 13), (1000, 4))
    )
]


def told(costs: Measured, plan: Campaign) -> Row:
    """Return a row about a campaign."""
    done, rests = simulated(costs, plan)
    return {
        "GPU ms per cell": 1000 * plan.cell,
        "studies": plan.studies,
        "shards of each": plan.shards,
        "a shard computes, min": plan.compute / 60,
        "hours": done / 3600,
        "GPUs busy until the last rests": plan.ideal / rests,
        "cells of a shard, memory, GB": held(plan) / 1e9,
        "gathering a study, min": gathering(costs, plan) / 60,
        "memory of gathering, GB": costs.peak / 1e9,
    }


# The tables


def planes(costs: Measured) -> list[Row]:
    """Return the utilisation under one driver, over workers and seconds of a block."""
    lengths = (0.01, 0.1, 1.0, 10.0)
    return [
        {"workers": n} | {f"blocks of {s:g} s": utilisation(costs.driver, n, s) for s in lengths}
        for n in (8, 32, 100, 300, 1000, 3000)
    ]


def needed(costs: Measured) -> list[Row]:
    """Return what the stores hold and the network carries, whoever computes."""
    cells = ASSUMED.cells
    seconds = cells * ASSUMED.fast / ASSUMED.gpus
    return [
        {"what": "TB in the cubes, at the end", "10^9 cells": costs.stored * cells / 1e12},
        {"what": "TB at most, journals included", "10^9 cells": costs.stored_at_most * cells / 1e12},
        {"what": "files at most", "10^9 cells": costs.files_at_most * cells},
        {
            "what": "MB/s into the journals, at 1 ms per cell",
            "10^9 cells": (costs.stored_at_most - costs.stored) * cells / seconds / 1e6,
        },
    ]


def shown(value: Any) -> str:
    """Return a figure as text, to three digits."""
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if isinstance(value, int) or value >= 1000 else f"{value:.3g}"


def markdown(title: str, table: Sequence[Row]) -> str:
    """Return a table as Markdown."""
    names = list(table[0])
    lines = [names, ["---"] * len(names), *([shown(row[n]) for n in names] for row in table)]
    return f"## {title}\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


TEXT = """# 10^9 cells on 1000 GPUs, simulated

Written by `python benchmarks/scaling.py` from the figures of `overhead.json`, and from what is assumed: the
first table says which is which. What it means is in [`docs/scaling.md`](../docs/scaling.md).
"""


def main() -> None:
    """Simulate, print, and write both files."""
    tables = json.loads(OVERHEAD.read_text(encoding="utf-8"))
    costs = measured(tables)
    parts = {
        "Rates: measured, set in mattis, or assumed": list(rates(tables)),
        "Check: workers that sleep": list(checks(Figures(tables))),
        "Share of the time that GPUs compute under one driver, a run of ten minutes": planes(costs),
        "What all of it needs": needed(costs),
        "Campaigns of 10^9 cells on 1000 GPUs": [told(costs, plan) for plan in CAMPAIGNS],
    }
    text = "\n".join([TEXT, *(markdown(title, table) for title, table in parts.items())])
    print(text)
    HERE.with_suffix(".json").write_text(json.dumps(parts, indent=1) + "\n", encoding="utf-8")
    HERE.with_suffix(".md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
