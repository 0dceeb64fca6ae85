"""What a run costs besides simulating: starting, Dask, the journal, the store; and how many files.

    python benchmarks/overhead.py             # all of it: 45 minutes on 2 idle cores, and 60 GB
    python benchmarks/overhead.py stores      # a part, the others are kept

The parts are runs, tasks, crowd, stores, folds and shards. It prints tables and writes overhead.json and
overhead.md beside this file. Each run is a process of its own that starts as `mattis run` does, from
compiled bytecode. Kernel time is the CPU time of the thread that simulates, without what the first block of
each worker takes to load the kernels.

Others may keep the machine busy. So shares of time come in three ways:

wall      1 - kernel / (workers × wall): what a user sees, others' work included
cleared   the same, with the CPU time that others took subtracted from workers × wall
CPU       1 - kernel / CPU time of all our processes: no waiting, and little influence of others

In a crowd, blocks sleep instead of simulating: that emulates GPUs, which leave the cores alone, and shows
the scheduler more workers than there are cores. Cells of the stores are random numbers.
"""

import json
import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from cases import Row, Rows, markdown, rows
from crowds import crowd
from lanes import DRIVER, ENDED, lanes, steady, typical, whole
from processes import done
from stores import folds, shards, stores
from studies import Options, study, swept

HERE = Path(__file__)

CASES = {"0.1 s": (10, 60), "1 s": (100, 20), "1 s, a short run": (100, 6), "10 s": (1000, 2)}
"""Cells of a block, of 0.01 s each; and seeds, of ten blocks each."""

CELL_SECONDS, PROBE = 0.01, 500

REPEATS = {"10 s": 1}
"""How often a case is run, if not twice."""


def runs(folder: Path) -> Rows:
    """Measure runs of blocks that take 0.1, 1 and 10 s."""
    found_at = done(folder, "probe", study=swept(study("probe"), PROBE))["cell"]
    sweeps = round(PROBE * CELL_SECONDS / found_at)
    found: dict[str, list[dict[str, float]]] = {case: [] for case in CASES}
    for turn in range(2):
        for case, (cells, seeds) in CASES.items():
            if turn < REPEATS.get(case, 2):
                content = study(f"run-{time.monotonic_ns()}", 10, cells, seeds)
                run = done(folder, "run", study=swept(content, sweeps))
                found[case].append(whole(run) | steady(run))
    return [row for case, figures in found.items() for row in rows(case, figures)]


TASKS: dict[str, tuple[int, int, Options]] = {
    "alone": (1500, 1, {"set": {"LARGEST_TASK": 1}}),
    "batched": (15000, 1, {}),
    "batched, 100 cells": (6000, 100, {"sleeping": True}),
}
"""Number of blocks of about 1 ms, cells of each, and what is changed."""


def per_task(run: Row) -> dict[str, float]:
    """Return rates, and CPU times of the process that holds driver and scheduler."""
    steadily = steady(run)
    first, last = run["blocks"][0], run["blocks"][-1]
    window, blocks = last[ENDED] - first[ENDED], len(run["blocks"])
    free = 1 - steadily["cores that others took"] / len(lanes(run))
    driver = last[DRIVER] - first[DRIVER]
    return {
        "kernel of a block, ms": 1000 * typical(run),
        "blocks per task": blocks / run["tasks"],
        "tasks per second": run["tasks"] / window,
        "tasks per second, cleared": run["tasks"] / window / max(free, 0.1),
        "blocks per second": blocks / window,
        "driver and scheduler, CPU ms per task": 1000 * driver / run["tasks"],
        "driver and scheduler, CPU ms per block": 1000 * driver / blocks,
        "journal, CPU us per cell": 1e6 * run["clocks"]["journal, CPU"] / run["cells"],
        "cores that others took": steadily["cores that others took"],
    }


def tasks(folder: Path) -> Rows:
    """Measure how many tiny tasks and blocks a second pass through driver and scheduler."""
    out = []
    for case, (blocks, cells, more) in TASKS.items():
        name = f"tasks-{blocks}"
        content = swept(study(name, 10, cells, blocks // 10), 2 if "sleeping" in more else 20)
        found = [done(folder, "run", study={**content, "root_seed": turn}, **more) for turn in (1,)]
        out += rows(case, [per_task(run) for run in found])
    return out


PARTS = {"runs": runs, "tasks": tasks, "crowd": crowd, "stores": stores, "folds": folds, "shards": shards}

TEXT = """# What a run costs besides simulating

Written by `python benchmarks/overhead.py` on a machine of {cores} cores, which others may have used at
the same time: `cores that others took` says how much. Its first lines say what the figures are. Where a
case was repeated, the least value stands in brackets.
"""


def main(*parts: str) -> None:
    """Measure all parts, or some of them, and write both files."""
    kept = HERE.with_suffix(".json")
    table = json.loads(kept.read_text(encoding="utf-8")) if parts and kept.exists() else {}
    with TemporaryDirectory() as folder:
        done(Path(folder), "run", study=swept(study("warm-up"), 10))  # compiles
        for part in parts or PARTS:
            table[part] = PARTS[part](Path(folder))
    table = {part: table[part] for part in PARTS if part in table}
    kept.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    text = [TEXT.format(cores=os.cpu_count()), *(markdown(*each) for each in table.items())]
    HERE.with_suffix(".md").write_text("\n".join(text), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
