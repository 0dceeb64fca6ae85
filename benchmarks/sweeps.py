"""What looking at sweeps of 10^5 and 10^6 cells takes: folding what shards left, status, and the diagram.

The cells are random numbers, in random order. Each command is a process of its own.

    python benchmarks/sweeps.py    # prints its rows as JSON
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import growth
from timing import Row, row

CELLS = {"usual-1e5": 1e5, "usual-1e6": 1e6}

STATUSES_TIMED = 3
"""How often `status` is timed."""

TARGETS = {"status": 1.5, "diagram": 15.0, "peak": 600.0}
"""Wall seconds of `status`, CPU seconds of `diagram` and MiB of its memory, at 10^6 cells at most."""


def of_store(name: str, folder: Path) -> Iterator[Row]:
    """Yield what a store takes to fill, and to look at."""
    env, size = growth.compiled(folder), name.partition("-")[2]
    path, root = growth.written(folder, name), str(folder)
    fill = [sys.executable, str(growth.HERE), "store", path, root]
    _, cpu, _ = growth.once(fill, env)
    told = "CPU us per cell: random cells into the journal in random order, and the fold"
    yield row(f"fill_{size}_us", [1e6 * cpu / CELLS[name]], better="lower", note=told)
    look = ["--results", root]
    growth.once(growth.mattis("run", path, *look), env)
    waits = [growth.once(growth.mattis("status", path, *look), env)[0] for _ in range(STATUSES_TIMED)]
    told = "wall seconds of mattis status, start included"
    yield row(f"status_{size}_s", waits, TARGETS["status"], "lower", note=told)
    _, cpu, peak = growth.once(growth.mattis("diagram", path, *look), env)
    told = "CPU seconds of mattis diagram, start included"
    yield row(f"diagram_{size}_cpu_s", [cpu], TARGETS["diagram"], "lower", note=told)
    told = "peak of memory of mattis diagram"
    yield row(f"diagram_{size}_mib", [peak], TARGETS["peak"], "lower", note=told)


def all_rows() -> Iterator[Row]:
    """Yield all rows of this file."""
    for name in CELLS:
        with TemporaryDirectory() as folder:
            yield from of_store(name, Path(folder))


if __name__ == "__main__":
    print(json.dumps([*all_rows()]))
