"""What 10^9 cells on 1000 GPUs need: a simulation from the figures that overhead.py measured.

    python benchmarks/scaling.py      # a minute on one core

reads overhead.json, prints tables, and writes scaling.json and scaling.md beside this file. Two queues are
simulated, event by event:

one driver   hands tasks to workers, by the rules of mattis.engine.dispatch, and takes results one at a
             time. Its CPU time per task and per block is measured, and what each worker costs that does
             nothing.
a campaign   jobs of 8 GPUs, each a shard with a driver of its own: they start, see which cells exist,
             compute, look again; after the last shard of a study, one job gathers them into the cube.

What a machine without GPUs cannot measure is assumed, and said so: GPU seconds of a cell, GPUs of a node, how
fast jobs start. The first queue is checked against the workers that slept in overhead.json.
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

from mattis.engine.dispatch import IN_FLIGHT, LARGEST_TASK, TASK_SECONDS, TASKS_PER_SECOND
from mattis.networks.registry import MODELS
from mattis.store.journal import SEGMENT_ROWS
from mattis.store.layout import CHUNK_CELLS
from mattis.store.store import SEGMENTS_AT_ONCE

HERE = Path(__file__)
OVERHEAD = HERE.with_name("overhead.json")

SPREAD = 0.3
"""Relative spread of the times of tasks, and of jobs: blocks of one study differ by their load."""

IDLE = "scheduler, idle, CPU ms per worker and s"
ASLEEP = "workers that sleep, the middle 80 %"

PROCESSES = ("driver", "scheduler")

Row = dict[str, Any]
Tables = dict[str, list[Row]]


# What was measured


@dataclass(frozen=True)
class Service:
    """CPU seconds that a driver takes: per task, per block in it, and per worker and second."""

    task: float
    block: float
    idle: float

    def of(self, blocks: int, workers: int) -> float:
        """Return the seconds that it takes for a task, beside keeping so many workers."""
        return (self.task + self.block * blocks) / max(1 - self.idle * workers, 1e-3)


@dataclass(frozen=True)
class Measured:
    """CPU seconds, bytes and files, from overhead.json.

    driver  # driver and scheduler in one process, blocks of 100 cells
    start   # seconds of a job until its first block begins, its look at the store included
    gather  # CPU seconds per cell of the job that gathers
    rewrite # seconds to write a chunk of one array once more
    look    # seconds per cell that a shard looks at before its first block, and again at its end
    held    # bytes of memory per cell that a job looks at
    """

    driver: Service
    start: float
    gather: float
    rewrite: float
    look: float
    held: float
    stored_at_most: float
    stored: float
    files_at_most: float


def value(tables: Tables, part: str, case: str, name: str) -> float:
    """Return one figure of overhead.json."""
    (row,) = [r for r in tables[part] if (r["case"], r["name"]) == (case, name)]
    return float(row["value"])


def service(tables: Tables) -> Service:
    """Return what a driver costs: a line through tasks of one block and tasks of many."""
    per_task = "driver and scheduler, CPU ms per task"
    many = "batched, 100 cells"
    low, high = (value(tables, "tasks", case, per_task) / 1000 for case in ("alone", many))
    block = (high - low) / (value(tables, "tasks", many, "blocks per task") - 1)
    idle = value(tables, "crowd", "128 workers", IDLE) / 1000
    return Service(low - block, block, idle)


def measured(tables: Tables) -> Measured:
    """Return the figures of overhead.json that the simulation needs."""
    largest, shuffled = "10^6 cells", "10^6 cells, shuffled, in 11 parts"
    near, wide = "nothing of 10^6 cells", "nothing of 10^6 cells, 1 temperature"
    cells, looks = (
        value(tables, "shards", wide, name) - value(tables, "shards", near, name)
        for name in ("cells that it looks at", "read the store, s")
    )
    peaks = [value(tables, "shards", f"gather 10^{k} cells", "peak, MiB") for k in (5, 6)]
    chunks, seconds = (
        value(tables, "stores", shuffled, name) - value(tables, "stores", largest, name)
        for name in ("fold, chunks written", "fold, us per cell")
    )
    return Measured(
        driver=service(tables),
        start=value(tables, "shards", "shard of 25 tiny blocks", "until the first block begins, s"),
        gather=value(tables, "shards", f"gather {largest}", "CPU us per cell") / 1e6,
        rewrite=seconds / chunks,  # microseconds per cell, of 10^6 cells
        look=looks / cells,
        held=(peaks[1] - peaks[0]) * 2**20 / (1e6 - 1e5),
        stored_at_most=value(tables, "stores", largest, "bytes per cell, at most"),
        stored=value(tables, "stores", largest, "bytes per cell, at the end"),
        files_at_most=value(tables, "stores", largest, "files per 10^5 cells, at most") / 1e5,
    )


# One driver


def spread(seconds: float, rng: random.Random) -> float:
    """Return a random time of this mean: lognormal, of relative spread SPREAD."""
    width = math.sqrt(math.log(1 + SPREAD**2))
    return seconds * math.exp(rng.gauss(-(width**2) / 2, width))


def batch(workers: int, seconds: float, waiting: int) -> int:
    """Return how many blocks of such a length `mattis.engine.dispatch` puts into the next task."""
    fitting = int(max(TASK_SECONDS, workers / TASKS_PER_SECOND) / seconds)
    share = waiting // (IN_FLIGHT * workers)
    return max(1, min(fitting, share, LARGEST_TASK, waiting))


def driven(
    costs: Service, workers: int, seconds: float, blocks: int
) -> list[tuple[float, float, int]]:
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
    ends = sorted(
        begin + (end - begin) * (k + 1) / size for begin, end, size in tasks for k in range(size)
    )
    tenth = len(ends) // 10
    return 0.8 * len(ends) * seconds / (ends[-tenth] - ends[tenth])


def utilisation(costs: Service, workers: int, seconds: float, length: float = 600) -> float:
    """Return the share of time that workers compute, in a run of ten minutes, start and end included."""
    tasks = driven(costs, workers, seconds, max(int(workers * length / seconds), workers))
    computed = sum(size for *_, size in tasks) * seconds
    return computed / workers / max(end for _, end, _ in tasks)


CROWDS = {"32 workers": 32, "128 workers": 128, "128 workers, too many": 128}


def crowd_service(tables: Tables) -> Service:
    """Return what the crowds cost driver and scheduler together: the one waits for the other."""
    sizes, costs = [], []
    for case in ("128 workers", "128 workers, too many"):
        sizes.append(value(tables, "crowd", case, "blocks per task"))
        both = (value(tables, "crowd", case, f"{who}, CPU ms per task") for who in PROCESSES)
        costs.append(sum(both) / 1000)
    block = (costs[1] - costs[0]) / (sizes[1] - sizes[0])
    return Service(costs[0] - block * sizes[0], block, 0.0)


def checks(tables: Tables) -> Iterator[Row]:
    """Yield how many workers of overhead.json slept at a time, and what the simulation says of them."""
    for case, workers in CROWDS.items():
        seconds = value(tables, "crowd", case, "blocks of, s")
        blocks = round(value(tables, "crowd", case, "blocks"))
        idle = value(tables, "crowd", case, IDLE) / 1000
        costs = replace(crowd_service(tables), idle=idle)
        tasks = driven(costs, workers, seconds, blocks)
        yield {
            "workers": workers,
            "blocks of, s": seconds,
            "asleep, measured": value(tables, "crowd", case, ASLEEP),
            "asleep, simulated": asleep(tasks, seconds),
            "blocks per task, measured": value(tables, "crowd", case, "blocks per task"),
            "blocks per task, simulated": blocks / len(tasks),
        }


# A campaign


@dataclass(frozen=True)
class Campaign:
    """10^9 cells as some studies of some shards; GPU seconds of a cell; the machines.

    Assumed: 100 cells share a pattern set; nodes of 8 GPUs; a batch system that starts a job a second,
    20 s after its turn has come. Gathering has nodes of its own, and files are as fast as here.
    """

    studies: int
    shards: int
    cell: float
    cells: float = 1e9
    gpus: int = 1000
    node: int = 8
    block: int = 100
    starts: float = 1.0
    delay: float = 20.0

    @property
    def of_study(self) -> float:
        """Cells of a study."""
        return self.cells / self.studies

    @property
    def ideal(self) -> float:
        """Seconds that it takes if all GPUs always compute."""
        return self.cells * self.cell / self.gpus

    @property
    def compute(self) -> float:
        """Seconds that a shard takes if its GPUs always compute."""
        return self.of_study / self.shards * self.cell / self.node


def looked_at(plan: Campaign) -> float:
    """Return the cells that a shard looks at: the product of its loads and seeds, by shards.narrowed.

    Seeds are dealt in turn, for each of 100 loads from another shard on.
    """
    loads, seeds = 100, round(plan.of_study / 100 / plan.block)
    rng = random.Random(1)
    first = [
        rng.randrange(plan.shards) for _ in range(loads)
    ]  # the shard's first seed at each load
    held = [seed for seed in first if seed < seeds]
    union = sum(-(-(seeds - seed) // plan.shards) for seed in set(held))
    return len(held) * union * plan.block


def gathering(costs: Measured, plan: Campaign) -> float:
    """Return the seconds that it takes to fold the journal of a study into its cube.

    It goes through the journal a million cells at a time. What shards computed lies in random order,
    so each time every chunk is written once more, of each array.
    """
    arrays = len(MODELS["hopfield"].observables) + 1
    chunks = math.ceil(plan.of_study / CHUNK_CELLS) * arrays
    turns = math.ceil(plan.of_study / (SEGMENTS_AT_ONCE * SEGMENT_ROWS))
    return costs.gather * plan.of_study + costs.rewrite * chunks * (turns - 1)


def simulated(costs: Measured, plan: Campaign) -> tuple[float, float]:
    """Return the seconds of a campaign, jobs in the order of submission, and when the last GPU rests."""
    rng = random.Random(1)
    nodes = [0.0] * (plan.gpus // plan.node)
    share = utilisation(costs.driver, plan.node, plan.block * plan.cell)
    look = costs.start + costs.look * looked_at(plan)
    started, done, rests = 0.0, 0.0, 0.0
    for _ in range(plan.studies):
        last = 0.0
        for _ in range(plan.shards):
            started += 1 / plan.starts
            begin = max(heapq.heappop(nodes), started) + plan.delay
            end = begin + 2 * look + spread(plan.compute / share, rng)
            heapq.heappush(nodes, end)
            last = max(last, end)
        rests, done = max(rests, last), max(done, last + plan.delay + gathering(costs, plan))
    return done, rests


CAMPAIGNS = [
    Campaign(studies, shards, cell)
    for cell, (studies, shards) in product(
        (0.001, 0.03), ((10, 1000), (10, 125), (100, 125), (100, 13), (1000, 4))
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
        "memory of a shard, GB": costs.held * looked_at(plan) / 1e9,
        "gathering a study, min": gathering(costs, plan) / 60,
        "memory of gathering, GB": costs.held * plan.of_study / 1e9,
    }


# The tables


def planes(costs: Measured) -> list[Row]:
    """Return the utilisation under one driver, over workers and seconds of a block."""
    lengths = (0.01, 0.1, 1.0, 10.0)
    return [
        {"workers": n} | {f"blocks of {s:g} s": utilisation(costs.driver, n, s) for s in lengths}
        for n in (8, 32, 100, 300, 1000, 3000)
    ]


def needed(costs: Measured, cells: float = 1e9) -> list[Row]:
    """Return what the stores hold and the network carries, whoever computes."""
    seconds = cells * 0.001 / 1000  # at 1 ms per cell on 1000 GPUs
    return [
        {"what": "TB in the cubes, at the end", "10^9 cells": costs.stored * cells / 1e12},
        {
            "what": "TB at most, journals included",
            "10^9 cells": costs.stored_at_most * cells / 1e12,
        },
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

Written by `python benchmarks/scaling.py` from the figures of `overhead.json`. What it means is in
[`docs/scaling.md`](../docs/scaling.md).
"""


def main() -> None:
    """Simulate, print, and write both files."""
    tables = json.loads(OVERHEAD.read_text(encoding="utf-8"))
    costs = measured(tables)
    figures = {**vars(costs.driver), **vars(costs)}
    del figures["driver"]
    parts = {
        "Measured: seconds, bytes, files": [
            {"what": name, "value": value} for name, value in figures.items()
        ],
        "Check: workers that sleep": list(checks(tables)),
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
