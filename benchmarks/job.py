"""The reference job through the command `mattis run`, and how small studies grow with cells and workers.

Kernels of the job: what its blocks take in the vector kernel alone, timed in this process for one seed of
each load, before and after each run of the command: the machine is not the same from minute to minute.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from networks import LANES, group, network
from single import TYPEWRITER
from timing import Row, environment, growth_row, pinned, row, usable_cores

from mattis.exact.patterns import share
from mattis.kernels.cpu import asynchronous
from mattis.kernels.cpu.lanes import LaneRecord

SIZE, SEEDS, THERMALISE, MEASURE = 1984, 10, 100, 100
LOADS = [float(load) for load in np.linspace(0.01, 0.2, 25)]
TEMPERATURES = [float(t) for t in np.linspace(0.05, 1.0, LANES)]
TURNS = 5


class Spent(NamedTuple):
    """Seconds of a command: on the wall, of all its processes, and of whatever else the machine did."""

    wall: float
    cpu: float
    others: float


def study(name: str, loads: Sequence[float], temperatures: Sequence[float], seeds: int) -> dict[str, Any]:
    """Return a study of the job's networks and sweeps."""
    axes = {"size": [SIZE], "load": [*loads], "temperature": [*temperatures], "seed": seeds}
    sweeps = {"thermalise": THERMALISE, "measure": MEASURE}
    return {"name": name, "model": "hopfield", "axes": axes, "sweeps": sweeps}


def busy() -> float:
    """Return the CPU seconds of all processes of the machine so far, or of its own where nothing tells."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return sum(os.times()[:4])
    ticks = [int(word) for word in stat.read_text(encoding="ascii").split("\n")[0].split()[1:]]
    return (sum(ticks[:3]) + sum(ticks[5:8])) / os.sysconf("SC_CLK_TCK")


def ran(content: dict[str, Any], workers: int) -> Spent:
    """Return what `mattis run` takes for a study, in a folder that is removed."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{content['name']}.yaml"
        path.write_text(json.dumps(content), encoding="utf-8")
        command = [sys.executable, "-m", "mattis", "run", str(path), "--workers", str(workers)]
        before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        others = busy()
        subprocess.run([*command, "--results", folder], check=True, env=environment(), capture_output=True)
        others = busy() - others
        wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Spent(wall, cpu, max(others - cpu, 0.0))


def kernel_seconds() -> float:
    """Return the CPU seconds that the job's blocks take in the kernel, from one seed of each load."""
    total = 0.0
    with pinned():
        for load in LOADS:
            here = group(network(SIZE, share(load, SIZE), full=False), TEMPERATURES, warm_up=0)
            sweeps = THERMALISE + MEASURE
            trace = np.zeros((3, sweeps, LANES), np.int64)
            written = LaneRecord(trace, np.zeros((2, SIZE, LANES), np.int32), THERMALISE)
            lanes, begun = here.lanes(), time.process_time()
            asynchronous.replica_sweeps(here.network.packed, lanes, here.heat, TYPEWRITER, written)
            total += time.process_time() - begun
    return total * SEEDS


class Turns(NamedTuple):
    """What was spent, turn by turn: by the kernels beside each run, by the command with 1 and 2 workers."""

    kernels: list[float]
    one: list[Spent]
    two: list[Spent]


def turns() -> Turns:
    """Run the job again and again, with one worker and with two."""
    content = study("reference", LOADS, TEMPERATURES, SEEDS)
    kernel_seconds()  # compiles
    found = Turns([kernel_seconds()], [], [])
    for _ in range(TURNS):
        for side, workers in ((found.one, 1), (found.two, 2)):
            side.append(ran(content, workers))
            found.kernels.append(kernel_seconds())
    return found


def job_rows(found: Turns) -> Iterator[Row]:
    """Yield the share of the kernels in the job, and how well two workers share it."""
    kernels, one, two = found
    beside = [(a + b) / 2 for a, b in zip(kernels[::2], kernels[1::2], strict=False)]
    shares = [kernel / spent.cpu for kernel, spent in zip(beside, one, strict=False)]
    told = "kernels of its blocks, timed in-process before and after / CPU of the command, 1 worker"
    yield row("job_kernel_share", shares, 0.85, note=told)
    halves = [a.wall / (2 * b.wall) for a, b in zip(one, two, strict=True)]
    taken = median(spent.others / spent.wall for spent in two)
    told = f"wall (1 worker) / 2 wall (2); others took {taken:.1f} cores of {usable_cores()}"
    yield row("job_efficiency", halves, 0.92, note=told)
    more = [b.cpu / a.cpu for a, b in zip(one, two, strict=True)]
    yield row("job_cpu_2_workers_over_1", more, better="lower", note="what a second worker costs")
    yield row("job_cpu_s", [spent.cpu for spent in one], better="lower", note="1 worker")
    yield row("job_wall_2_workers_s", [spent.wall for spent in two], better="lower")
    yield row("job_kernels_s", kernels, better="lower", note="CPU seconds")


def measured() -> tuple[list[Row], list[list[float]]]:
    """Return the rows of the job, and its wall seconds over the number of workers."""
    found = turns()
    points = [(1.0, spent.wall) for spent in found.one] + [(2.0, spent.wall) for spent in found.two]
    growth = growth_row("growth_workers", points, "wall seconds of the job over workers")
    return [*job_rows(found), growth], [[x, y] for x, y in points]


def growing(counts: Sequence[int]) -> list[tuple[float, float]]:
    """Return (cells, CPU seconds) of runs of small studies."""
    found = []
    for turn in range(3):
        for seeds in counts:
            content = study(f"cells-{seeds}-{turn}", LOADS[:5], TEMPERATURES, seeds)
            spent = ran(content, 1)
            found.append((5.0 * LANES * seeds, spent.cpu))
    return found
