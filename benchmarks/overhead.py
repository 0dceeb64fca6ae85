"""What a run costs besides simulating: starting, Dask, the journal, the store; and how many files.

    python benchmarks/overhead.py             # all of it: 15 minutes on 2 idle cores
    python benchmarks/overhead.py stores      # a part, the others are kept: runs tasks crowd stores shards

prints tables and writes overhead.json and overhead.md beside this file. Each run is a process of its own
that starts as `mattis run` does, from compiled bytecode. Kernel time is the CPU time of the thread that
simulates, without what the first block of each worker takes to load the kernels.

Others may keep the machine busy. So shares of time come in three ways:

wall      1 - kernel / (workers × wall): what a user sees, others' work included
cleared   the same, with the CPU time that others took subtracted from workers × wall
CPU       1 - kernel / CPU time of all our processes: no waiting, and little influence of others

In a crowd, blocks sleep instead of simulating: that emulates GPUs, which leave the cores alone, and shows
the scheduler more workers than there are cores. Cells of the stores are random numbers.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

HERE = Path(__file__)
WORKERS = 2
POINTS = 20
"""Cells of a block, where nothing else is said."""

SPENT = "spent"
"""The column, besides the observables, in which a block says where its time went."""

Options = dict[str, Any]
Row = dict[str, Any]
Rows = list[Row]


# Within the processes that are measured: a run


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
    from mattis.store import cube, store

    simulate, row = sleeping if options.get("sleeping") else timed, BINARY_MODELS["hopfield"]
    BINARY_MODELS["hopfield"] = replace(row, simulate=simulate)  # type: ignore[index]
    dispatch.Dispatcher = recording(book)  # type: ignore[misc]
    for name, value in options.get("set", {}).items():
        setattr(dispatch, name, value)
    labels = {"create_or_extend": "lay out", "valid_cells": "read", "read": "read", "fold": "fold"}
    for name, label in {**labels, "write": "journal", "flush": "journal"}.items():
        book.clock(store, name, label)
    book.clock(cube, "study_digest", "digest")


def run_step(options: Options) -> Row:
    """Run a study, or a shard of it, by `mattis.engine.driver.run`; return what was noted down."""
    book = Book()
    book.mark("python")
    from mattis.engine import driver
    from mattis.engine.cluster import Where
    from mattis.networks.registry import study_of

    study = study_of(options["study"])
    book.mark("imports")
    instrument(book, options)
    where = Where(workers=options.get("workers", WORKERS), scheduler=options.get("scheduler"))
    part = options.get("shard")
    outcome = driver.run(study, options["root"], driver.Settings(where=where, shard=part))
    book.mark("end")
    return {**vars(book), "cells": outcome.computed}


def probe_step(options: Options) -> Row:
    """Return the CPU time of a cell, once the kernels are loaded."""
    from mattis.networks.registry import study_of
    from mattis.study import plan

    study = study_of(options["study"])
    seconds = [timed(*plan.task(study, block))[SPENT][3] for block in plan.each_block(study)]
    return {"cell": median(seconds[1:]) / POINTS}


# Within the processes that are measured: a crowd of workers


async def _scheduler(file: Path) -> None:
    from distributed import Scheduler

    async with Scheduler(host="127.0.0.1", port=0, dashboard=False) as scheduler:
        file.write_text(scheduler.address, encoding="utf-8")
        await scheduler.finished()


async def _crowd(address: str, count: int, file: Path) -> None:
    from distributed import Worker

    workers = [
        Worker(address, nthreads=1, memory_limit=0, host="127.0.0.1", dashboard=False)
        for _ in range(count)
    ]
    for first in range(0, count, 16):
        await asyncio.gather(*workers[first : first + 16])
    file.write_text(str(count), encoding="utf-8")
    await asyncio.gather(*(worker.finished() for worker in workers))


def scheduler_step(options: Options) -> Row:
    """Be a scheduler, until killed."""
    asyncio.run(_scheduler(Path(options["up"])))
    return {}


def crowd_step(options: Options) -> Row:
    """Be many workers of one thread each, until killed."""
    import dask

    from mattis.engine.cluster import QUIET

    sparse = {"distributed.admin.system-monitor.interval": "10s", **QUIET}
    with dask.config.set(sparse):  # in one process these add up as they do not on a cluster
        asyncio.run(_crowd(options["address"], options["count"], Path(options["up"])))
    return {}


# Within the processes that are measured: stores


def count_files(folder: Path) -> tuple[int, int]:
    """Return the number of files in a folder, and their bytes."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return len(sizes), sum(sizes)


def write_cells(opened: Any, study: Any, missing: Any, shuffled: bool) -> None:
    """Put random cells, block by block, into the journal, as a run does, or in random order."""
    import numpy as np

    from mattis.store import store
    from mattis.study import plan

    random = np.random.default_rng(1)
    names = [observable.name for observable in study.described_model.observables]
    blocks = plan.blocks(study, missing)
    if shuffled:
        random.shuffle(blocks)  # type: ignore[arg-type]
    for block in blocks:
        table = random.random((len(names), len(block.points)))
        columns = dict(zip(names, table, strict=True)) | {"flag": np.zeros(len(block.points))}
        store.write(opened, study, block, columns)
    store.flush(opened)


def fill_step(options: Options) -> Row:
    """Fill a store with random cells, in one step for each study; count files and time."""
    from mattis.networks.registry import study_of
    from mattis.store import store
    from mattis.store.folders import Folder
    from mattis.store.results import results_of

    book, counts = Book(), [(0, 0)]
    remove, store.SEGMENTS_AT_ONCE = Folder.remove, options.get("at_once", store.SEGMENTS_AT_ONCE)
    for name, label in {"create_or_extend": "lay out", "fold": "fold"}.items():
        book.clock(store, name, label)
    book.clock(Folder, "write_together", "sync", inner=True)
    for content in options["studies"]:
        study = study_of(content)
        folder = results_of(study, options["root"]).folder

        def counting(place: Any, within: Path = folder.path) -> None:
            if (
                place.path.parent.name == "journal"
            ):  # the cube has its cells, the journal still has them
                counts.append(count_files(within))
            remove(place)

        folder.make_folder()
        opened = store.create_or_extend(folder / "sweep.zarr", study)
        missing = ~store.valid_cells(folder / "sweep.zarr", study)
        with book.clocked("write and flush"):
            write_cells(opened, study, missing, "at_once" in options)
        Folder.remove = counting  # type: ignore[method-assign]
        store.fold(opened)
        Folder.remove = remove  # type: ignore[method-assign]
        counts.append(count_files(folder.path))
    after, peak = counts[-1], [max(column) for column in zip(*counts, strict=True)]
    return {"after": after, "peak": peak, "cells": missing.size, "clocks": book.clocks}


def scatter_step(options: Options) -> Row:
    """Leave random cells in the journal, as so many shards do, each in segments of its own."""
    from mattis.engine import shards
    from mattis.networks.registry import study_of
    from mattis.store import store
    from mattis.store.results import results_of

    study, count = study_of(options["study"]), options["count"]
    folder = results_of(study, options["root"]).folder
    folder.make_folder()
    for part in shards.shards(study, count):
        small, cells = shards.narrowed(study, part)
        opened = store.join(folder / "sweep.zarr", small, part=(part.index, count))
        write_cells(opened, small, cells, False)
    files, size = count_files(folder.path)
    return {"files": files, "bytes": size}


def read_step(options: Options) -> Row:
    """Do what a shard does before its first block, and at its end: see which of its cells exist."""
    from mattis.engine import shards
    from mattis.networks.registry import study_of
    from mattis.store import record, store
    from mattis.store.results import results_of
    from mattis.study import plan

    study, part = study_of(options["study"]), (0, options["count"])
    path, book = results_of(study, options["root"]).store, Book()
    with book.clocked("plan"):
        small, wanted = shards.narrowed(study, shards.shard(study, *part))
    with book.clocked("read"):
        record.waiting(path, small, part)
        valid = store.valid_cells(path, small, part)
    with book.clocked("plan"):
        blocks = plan.blocks(small, wanted & ~valid)
    looked = {"valid": int(valid.sum()), "blocks": len(blocks), "looked at": wanted.size}
    return {**looked, "clocks": book.clocks}


STEPS = {
    "run": run_step,
    "probe": probe_step,
    "scheduler": scheduler_step,
    "crowd": crowd_step,
    "fill": fill_step,
    "scatter": scatter_step,
    "read": read_step,
}


def child() -> None:
    """Do one step in a process of its own, and write what it returns beside its options."""
    path = Path(sys.argv[1])
    options = json.loads(path.read_text(encoding="utf-8"))
    answer = STEPS[options["step"]](options)
    path.with_suffix(".out").write_text(json.dumps(answer), encoding="utf-8")


# The processes, one after the other


CHILD = "import overhead; overhead.child()"


def study(name: str, loads: int = 10, temperatures: int = POINTS, seeds: int = 1) -> Options:
    """Return a study of N = 500; a larger one holds the cells of a smaller one."""
    axes = {
        "size": [500],
        "load": [round(0.02 + 0.02 * (k % 10) + 1e-4 * (k // 10), 6) for k in range(loads)],
        "temperature": [
            round(0.05 + 0.05 * (k % 20) + 1e-4 * (k // 20), 6) for k in range(temperatures)
        ],
        "seed": seeds,
    }
    return {"name": name, "axes": axes}


def swept(content: Options, sweeps: int) -> Options:
    """Return a study with so many sweeps."""
    return {**content, "sweeps": {"thermalise": 0, "measure": max(sweeps, 2)}}


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of an installation that keeps what Python compiled, as most do."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    found = os.pathsep.join(filter(None, [str(HERE.parent), kept.get("PYTHONPATH")]))
    return {**kept, "PYTHONPYCACHEPREFIX": str(folder / "bytecode"), "PYTHONPATH": found}


def started(folder: Path, step: str, **options: Any) -> tuple["subprocess.Popen[bytes]", Path]:
    """Start a step in a process of its own; return it, and where its answer will be."""
    path = folder / f"{step}-{time.monotonic_ns()}.options"
    content = {"step": step, "root": str(folder / "results"), **options}
    path.write_text(json.dumps(content), encoding="utf-8")
    command = [sys.executable, "-c", CHILD, str(path)]
    running = subprocess.Popen(command, env=environment(folder), stderr=subprocess.PIPE)
    return running, path.with_suffix(".out")


def done(folder: Path, step: str, **options: Any) -> Row:
    """Do a step; add to its answer when it began, wall and CPU time, peak of memory, others' time."""
    begun, busy = time.monotonic(), busy_seconds()
    running, answer = started(folder, step, **options)
    assert running.stderr is not None
    said = running.stderr.read().decode()
    _, status, used = os.wait4(running.pid, 0)
    wall, busy = time.monotonic() - begun, busy_seconds() - busy
    running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        raise RuntimeError(f"{step} failed: {said}")
    cpu = used.ru_utime + used.ru_stime
    found = json.loads(answer.read_text(encoding="utf-8"))
    taken = {"begun": begun, "wall": wall, "cpu": cpu, "memory": used.ru_maxrss * 1024}
    return {**found, **taken, "stolen": stolen(busy - cpu, wall)}


def stolen(others: float, wall: float) -> float:
    """Return the CPU time of others that our workers might have had."""
    spare = max((os.cpu_count() or 1) - WORKERS, 0) * wall
    return max(others - spare, 0.0)


def rows(case: str, figures: Sequence[Mapping[str, float]]) -> Rows:
    """Return the rows of a case: of each figure the median and the least of the repeats."""
    out = []
    for name in figures[0]:
        values = [each[name] for each in figures]
        out.append({"case": case, "name": name, "value": median(values), "least": min(values)})
        print(f"{case:>28s}  {name:44s} {median(values):10.4g}  {min(values):10.4g}", flush=True)
    return out


# Runs of blocks that take 0.1, 1 and 10 s


PID, BEGUN, ENDED, CPU, PROCESS, MACHINE, DRIVER = range(7)
Lane = list[list[float]]
"""The blocks of one worker, one after the other."""


def lanes(run: Row) -> list[Lane]:
    """Return the blocks of each worker, those with two blocks at least."""
    pids = dict.fromkeys(block[PID] for block in run["blocks"])
    every = (sorted(b for b in run["blocks"] if b[PID] == pid) for pid in pids)
    return [lane for lane in every if len(lane) > 1]


def typical(run: Row) -> float:
    """Return the kernel time of a block, the first of each worker aside."""
    return median(block[CPU] for lane in lanes(run) for block in lane[1:])


def steady(run: Row) -> dict[str, float]:
    """Return what is not kernel between the first and the last block of each worker."""
    each = lanes(run)
    kernel = sum(block[CPU] for lane in each for block in lane[1:])
    span = sum(lane[-1][ENDED] - lane[0][ENDED] for lane in each)
    workers = sum(lane[-1][PROCESS] - lane[0][PROCESS] for lane in each)
    first, last = min(lane[0] for lane in each), max(lane[-1] for lane in each)
    driver, window = last[DRIVER] - first[DRIVER], last[ENDED] - first[ENDED]
    others = stolen(last[MACHINE] - first[MACHINE] - workers - driver, window)
    gaps = [after[BEGUN] - before[ENDED] for lane in each for before, after in pairwise(lane)]
    return {
        "steady share, wall": 1 - kernel / span,
        "steady share, cleared": 1 - kernel / (span - others * span / (window * len(each))),
        "steady share, CPU": 1 - kernel / (workers + driver),
        "CPU of a worker besides its kernel": (workers - kernel) / span,
        "CPU of the driver, cores": driver / window,
        "between two blocks, median, ms": 1000 * median(gaps),
        "cores that others took": others / window,
    }


def whole(run: Row) -> dict[str, float]:
    """Return what is not kernel of a whole run, and where it goes."""
    each, block, wall = lanes(run), typical(run), run["wall"]
    kernel = sum(b[CPU] for lane in each for b in lane[1:]) + block * len(each)
    marks = {name: at - run["begun"] for name, (at, _) in run["marks"].items()}
    first = min(lane[0][BEGUN] for lane in each) - run["begun"]
    last = max(lane[-1][ENDED] for lane in each)
    tail = sum(last - lane[-1][ENDED] for lane in each)
    loading, clocks = median(lane[0][CPU] for lane in each) - block, run["clocks"]
    return {
        "kernel of a block, s": block,
        "blocks": len(run["blocks"]),
        "blocks per task": len(run["blocks"]) / run["tasks"],
        "share, wall": 1 - kernel / (len(each) * wall),
        "share, cleared": 1 - kernel / (len(each) * wall - run["stolen"]),
        "share, CPU": 1 - kernel / run["cpu"],
        "wall, s": wall,
        "start: until mattis is imported, s": marks["imports"],
        "start: until workers are there, s": marks["cluster"],
        "start: until the first block begins, s": first,
        "start: loading the kernels, CPU s of a worker": loading,
        "start and end, CPU s of all": run["cpu"] - _within(run) - block * len(each),
        "tail: waiting for the last block, s of a worker": tail / len(each),
        "end: from the last block, s": run["begun"] + wall - last,
        "start and end, s": first + run["begun"] + wall - last + loading,
        "submit and collect, CPU s": clocks["submit, CPU"] + clocks["collect, CPU"],
        "journal, CPU s": clocks["journal, CPU"],
        "journal, s": clocks["journal, wall"],
        "laying out the store, s": clocks["lay out, wall"],
        "reading, folding and digests, s": sum(
            clocks[f"{name}, wall"] for name in ("read", "fold", "digest")
        ),
    }


def _within(run: Row) -> float:
    """Return the CPU time of all our processes between first and last block."""
    each = lanes(run)
    workers = sum(lane[-1][PROCESS] - lane[0][PROCESS] for lane in each)
    return workers + max(b[DRIVER] for b in run["blocks"]) - min(b[DRIVER] for b in run["blocks"])


CASES = {
    "0.1 s": (10, 60),
    "1 s": (100, 20),
    "1 s, a short run": (100, 6),
    "10 s": (1000, 2),
}
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


# Tasks per second, with two workers


TASKS = {
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


# A crowd of workers that sleep as GPUs compute


CROWDS = {
    "32 workers": (32, 250, 25),
    "128 workers": (128, 250, 25),
    "128 workers, too many": (128, 10, 8),
}
"""Workers, ms that a block sleeps, and seconds that this would take if no worker ever waited."""


def await_file(path: Path, seconds: float = 120) -> str:
    """Return what a process writes when it is up."""
    deadline = time.monotonic() + seconds
    while not (path.exists() and path.read_text(encoding="utf-8")):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{path.name}: nothing after {seconds} s")
        time.sleep(0.05)
    return path.read_text(encoding="utf-8")


@contextmanager
def running(folder: Path, step: str, **options: Any) -> Iterator[tuple[int, str]]:
    """Run a step until the end of the context; yield its process, and what it says when it is up."""
    up = folder / f"up-{time.monotonic_ns()}"
    process, _ = started(folder, step, up=str(up), **options)
    try:
        yield process.pid, await_file(up)
    finally:
        process.kill()
        process.communicate()


def taken(pid: int) -> float:
    """Return the CPU time of a process so far."""
    words = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> int:
    """Return the bytes of memory that a process holds."""
    pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def crowd(folder: Path) -> Rows:
    """Measure a scheduler with many workers that sleep, in four processes."""
    out = []
    for case, (count, block_ms, seconds) in CROWDS.items():
        with ExitStack() as stack:
            scheduler, address = stack.enter_context(running(folder, "scheduler"))
            empty, files = resident(scheduler), Path(f"/proc/{scheduler}/fd")
            opened = len(list(files.iterdir()))
            for _ in range(4):
                part = {"address": address, "count": count // 4}
                stack.enter_context(running(folder, "crowd", **part))
            begun = taken(scheduler)
            time.sleep(5)
            figures = {
                "scheduler, idle, CPU ms per worker and s": 200
                * (taken(scheduler) - begun)
                / count,
                "scheduler, open files per worker": (len(list(files.iterdir())) - opened) / count,
                "scheduler, KiB per worker": (resident(scheduler) - empty) / count / 1024,
            }
            blocks = count * seconds * 1000 // block_ms
            out += rows(case, [figures | crowded(folder, scheduler, address, blocks, block_ms)])
    return out


def crowded(
    folder: Path, scheduler: int, address: str, blocks: int, block_ms: int
) -> dict[str, float]:
    """Run a study on a crowd; return its rates, and how many workers slept at a time."""
    content = swept(study(f"crowd-{blocks}", 10, POINTS, blocks // 10), block_ms)
    begun = taken(scheduler)
    run = done(folder, "run", study=content, sleeping=True, scheduler=address)
    begun = taken(scheduler) - begun
    ends = sorted(block[ENDED] for block in run["blocks"])
    middle = ends[len(ends) // 10], ends[-len(ends) // 10]
    slept = 0.8 * len(ends) * block_ms / 1000
    first, last = run["blocks"][0], run["blocks"][-1]
    return {
        "blocks of, s": block_ms / 1000,
        "blocks": len(ends),
        "blocks per task": len(ends) / run["tasks"],
        "tasks per second": run["tasks"] / (last[ENDED] - first[ENDED]),
        "workers that sleep, the middle 80 %": slept / (middle[1] - middle[0]),
        "scheduler, CPU ms per task": 1000 * begun / run["tasks"],
        "driver, CPU ms per task": 1000 * (last[DRIVER] - first[DRIVER]) / run["tasks"],
        "driver, CPU ms per block": 1000 * (last[DRIVER] - first[DRIVER]) / len(ends),
        "cores that others took": run["stolen"] / run["wall"],
    }


# Stores of random cells


SIZES = {"10^4 cells": (10, 100, 10), "10^5 cells": (100, 100, 10), "10^6 cells": (100, 100, 100)}
"""Loads, temperatures and seeds."""

GROWTH = [
    (3, 4, 6),
    (4, 4, 7),
    (10, 10, 10),
    (25, 20, 20),
    (25, 40, 40),
    (50, 40, 41),
    (50, 50, 40),
]


def filled(found: Row) -> dict[str, float]:
    """Return files, bytes and times of a store that was filled."""
    cells, clocks = found["cells"], found["clocks"]
    return {
        "files, at most": found["peak"][0],
        "files, at the end": found["after"][0],
        "files per 10^5 cells, at most": found["peak"][0] * 1e5 / cells,
        "files per 10^5 cells, at the end": found["after"][0] * 1e5 / cells,
        "bytes per cell, at most": found["peak"][1] / cells,
        "bytes per cell, at the end": found["after"][1] / cells,
        "fold, CPU us per cell": 1e6 * clocks["fold, CPU"] / cells,
        "fold, chunks written": clocks["sync, calls"],
        "fold, waiting for the disk, s": clocks["sync, wall"],
        "fold, us per cell": 1e6 * clocks["fold, wall"] / cells,
        "write and flush, CPU us per cell": 1e6 * clocks["write and flush, CPU"] / cells,
        "write and flush, us per cell": 1e6 * clocks["write and flush, wall"] / cells,
    }


def stores(folder: Path) -> Rows:
    """Count the files of stores of 10^4 to 10^6 cells, and of one that grew."""
    out = []
    cases = {case: [study(case[:4].replace("^", "e"), *shape)] for case, shape in SIZES.items()}
    cases["10^5 cells, grown from 72"] = [study("grown", *shape) for shape in GROWTH]
    for case, studies in cases.items():
        out += rows(case, [filled(done(folder, "fill", studies=studies))])
    content = study("shuffled", *SIZES["10^6 cells"])
    found = done(folder, "fill", studies=[content], at_once=12)
    return out + rows("10^6 cells, shuffled, in 11 parts", [filled(found)])


# Shards


def seen(found: Row) -> dict[str, float]:
    """Return what it takes a shard to see which of its cells exist."""
    clocks = found["clocks"]
    return {
        "cells that it looks at": found["looked at"],
        "its part of the study, s": clocks["plan, wall"],
        "read the store, s": clocks["read, wall"],
        "peak, MiB": found["memory"] / 2**20,
        "wall, s": found["wall"],
        "CPU, s": found["cpu"],
    }


SHARDS = {"10^4 cells": 10, "10^5 cells": 100, "10^6 cells": 1000}
"""Number of shards, of a thousand cells each."""


def shards(folder: Path) -> Rows:
    """Measure what each shard does before its first block: with nothing there, a journal, a cube."""
    out = []
    for size, shape in SIZES.items():
        content, cells = study(f"shards-{len(out)}", *shape), shape[0] * shape[1] * shape[2]
        for what in ("nothing", "a journal", "a cube"):
            if what == "a cube":  # the whole run gathers what the shards left in the journal
                found = done(folder, "run", study=content)
                out += rows(f"gather {size}", [gathered({**found, "cells": cells})])
            if what == "a journal":
                done(folder, "scatter", study=content, count=SHARDS[size])
            found = done(folder, "read", study=content, count=SHARDS[size])
            out += rows(f"{what} of {size}", [seen(found)])
    wide = study("wide", 1000, 1, 1000)  # loads and seeds of its cells span much of the study
    out += rows(
        "nothing of 10^6 cells, 1 temperature", [seen(done(folder, "read", study=wide, count=1000))]
    )
    small = swept(study("shard", 10, 1, 20), 20)
    found = [done(folder, "run", study=small, shard=(k, 8), workers=1) for k in range(3)]
    return out + rows("shard of 25 tiny blocks", [shard_job(run) for run in found])


def gathered(run: Row) -> dict[str, float]:
    """Return what it takes the whole run to fold the journal, when all cells are there."""
    clocks = run["clocks"]
    return {
        "lay out and fold, s": clocks["lay out, wall"],
        "read the store, s": clocks["read, wall"],
        "digest, s": clocks["digest, wall"],
        "peak, MiB": run["memory"] / 2**20,
        "wall, s": run["wall"],
        "CPU, s": run["cpu"],
        "CPU us per cell": 1e6 * run["cpu"] / run["cells"],
    }


def shard_job(run: Row) -> dict[str, float]:
    """Return what a job takes whose blocks take next to nothing."""
    first = min(block[BEGUN] for block in run["blocks"]) - run["begun"]
    return {
        "until the first block begins, s": first,
        "wall, s": run["wall"],
        "CPU, s": run["cpu"],
        "peak, MiB": run["memory"] / 2**20,
    }


# The tables


PARTS = {"runs": runs, "tasks": tasks, "crowd": crowd, "stores": stores, "shards": shards}

TEXT = """# What a run costs besides simulating

Written by `python benchmarks/overhead.py` on a machine of {cores} cores, which others may have used at
the same time: `cores that others took` says how much. Its first lines say what the figures are. Where a
case was repeated, the least value stands in brackets.
"""


def shown(row: Row | None) -> str:
    """Return a figure as text, with the least of the repeats if that differs."""
    if row is None:
        return ""
    value, least = f"{row['value']:.3g}", f"{row['least']:.3g}"
    return value if value == least else f"{value} ({least})"


def markdown(part: str, table: Rows) -> str:
    """Return the table of a part: a line for each figure, a column for each case."""
    cases = [*dict.fromkeys(row["case"] for row in table)]
    names = [*dict.fromkeys(row["name"] for row in table)]
    at = {(row["name"], row["case"]): row for row in table}
    body = [[name, *(shown(at.get((name, case))) for case in cases)] for name in names]
    lines = [[part, *cases], ["---"] * (len(cases) + 1), *body]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


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
