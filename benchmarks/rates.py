"""The rates of a large campaign: each is measured by overhead.py, set in mattis, or assumed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mattis.engine.dispatch import IN_FLIGHT, LARGEST_TASK, TASK_SECONDS, TASKS_PER_SECOND
from mattis.store.folding.ordering import BYTES_AT_ONCE
from mattis.store.journal import SEGMENT_ROWS
from mattis.store.layout import CHUNK_CELLS

IDLE = "scheduler, idle, CPU ms per worker and s"

Row = dict[str, Any]
Tables = dict[str, list[Row]]


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
    """CPU seconds, bytes and files, from overhead.json; what they are is said in `RATES`."""

    driver: Service
    start: float
    gather: float
    peak: float
    stored_at_most: float
    stored: float
    files_at_most: float


@dataclass(frozen=True)
class Figures:
    """The figures of overhead.json, and which of them were asked for."""

    tables: Tables
    asked: list[str] = field(default_factory=list)

    def value(self, part: str, case: str, name: str) -> float:
        """Return one figure."""
        (row,) = [r for r in self.tables[part] if (r["case"], r["name"]) == (case, name)]
        self.asked.append(f"{part}, {case}: {name}")
        return float(row["value"])


LARGEST = "10^6 cells"
MANY = "batched, 100 cells"


def task_of_one(figures: Figures, case: str = "alone") -> float:
    """Return the CPU seconds of driver and scheduler for a task."""
    return figures.value("tasks", case, "driver and scheduler, CPU ms per task") / 1000


def per_block(figures: Figures) -> float:
    """Return the slope of a line through tasks of one block and tasks of many."""
    low, high = task_of_one(figures), task_of_one(figures, MANY)
    return (high - low) / (figures.value("tasks", MANY, "blocks per task") - 1)


def per_task(figures: Figures) -> float:
    """Return where that line begins."""
    return task_of_one(figures) - per_block(figures)


def peak(figures: Figures) -> float:
    """Return the bytes that the job holds that gathers."""
    return figures.value("shards", f"gather {LARGEST}", "peak, MiB") * 2**20


RATES: Mapping[str, tuple[str, Callable[[Figures], float]]] = {
    "task": ("CPU s of driver and scheduler, in one process, for a task", per_task),
    "block": ("CPU s of both for each block of 100 cells in it", per_block),
    "idle": (
        "CPU s of a scheduler for each worker that it only keeps, and second",
        lambda f: f.value("crowd", "128 workers", IDLE) / 1000,
    ),
    "start": (
        "s of a job until its first block begins, its look at the store included",
        lambda f: f.value("shards", "shard of 25 tiny blocks", "until the first block begins, s"),
    ),
    "gather": (
        "CPU s per cell of the job that gathers: it deals rows, folds them, looks at all, digests all",
        lambda f: f.value("shards", f"gather {LARGEST}", "CPU us per cell") / 1e6,
    ),
    "peak": ("bytes of memory of the job that gathers", peak),
    "stored_at_most": (
        "bytes per cell, journals included",
        lambda f: f.value("stores", LARGEST, "bytes per cell, at most"),
    ),
    "stored": (
        "bytes per cell, at the end",
        lambda f: f.value("stores", LARGEST, "bytes per cell, at the end"),
    ),
    "files_at_most": (
        "files per cell, journals included",
        lambda f: f.value("stores", LARGEST, "files per 10^5 cells, at most") / 1e5,
    ),
}
"""What is measured: what it is, and how it follows from the figures of overhead.json."""


def measured(tables: Tables) -> Measured:
    """Return the rates that overhead.json measured."""
    found = {name: find(Figures(tables)) for name, (_, find) in RATES.items()}
    driver = Service(*(found.pop(name) for name in ("task", "block", "idle")))
    return Measured(driver, **found)


@dataclass(frozen=True)
class Assumed:
    """What nothing here can measure, or what is asked for; what it is is said in `ASSUMPTIONS`."""

    cells: float = 1e9
    gpus: int = 1000
    fast: float = 0.001
    slow: float = 0.03
    node: int = 8
    cells_of_block: int = 100
    loads: int = 100
    starts: float = 1.0
    delay: float = 20.0
    spread: float = 0.3
    length: float = 600.0


ASSUMED = Assumed()

ASSUMPTIONS = {
    "cells": "cells of all studies together",
    "gpus": "GPUs, of which none fails",
    "fast": "GPU s of a cell, at best",
    "slow": "GPU s of a cell, of large networks",
    "node": "GPUs of a node, which a job takes",
    "cells_of_block": "cells that share a pattern set",
    "loads": "loads of a study",
    "starts": "jobs that a batch system starts per s",
    "delay": "s from a job's turn to its start",
    "spread": "relative spread of the times of tasks and jobs: blocks of a study differ by their load",
    "length": "s of a run under one driver",
}

RULES = {
    "IN_FLIGHT": (IN_FLIGHT, "tasks that each worker has", "engine.dispatch"),
    "TASK_SECONDS": (TASK_SECONDS, "s that a task should take", "engine.dispatch"),
    "TASKS_PER_SECOND": (TASKS_PER_SECOND, "tasks per s of all workers, at most", "engine.dispatch"),
    "LARGEST_TASK": (LARGEST_TASK, "blocks of a task, at most", "engine.dispatch"),
    "SEGMENT_ROWS": (SEGMENT_ROWS, "cells of a segment of the journal, at most", "store.journal"),
    "BYTES_AT_ONCE": (
        BYTES_AT_ONCE,
        "bytes of rows that are in memory at once while the journal is folded",
        "store.folding.ordering",
    ),
    "CHUNK_CELLS": (CHUNK_CELLS, "cells of a chunk, at most", "store.layout"),
}
"""What is set in mattis, and where."""


def rates(tables: Tables) -> Iterator[Row]:
    """Yield every rate that the simulation uses, and whether it is measured, set in mattis, or assumed."""
    for name, (what, find) in RATES.items():
        figures = Figures(tables)
        value = find(figures)
        source = "overhead.json: " + "; ".join(dict.fromkeys(figures.asked))
        yield {"name": name, "what": what, "value": value, "is": "measured", "from": source}
    for name, (value, what, module) in RULES.items():
        source = f"mattis.{module}"
        yield {"name": name, "what": what, "value": value, "is": "set in mattis", "from": source}
    for name, what in ASSUMPTIONS.items():
        value = getattr(ASSUMED, name)
        yield {"name": name, "what": what, "value": value, "is": "assumed", "from": ""}
