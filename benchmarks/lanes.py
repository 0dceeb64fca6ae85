"""Lanes: the blocks that each worker of a run had, one after the other, and what is not kernel of them."""

from itertools import pairwise
from statistics import median

from cases import Row
from processes import stolen

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
    begun, last = min(lane[0][BEGUN] for lane in each), max(lane[-1][ENDED] for lane in each)
    first = begun - run["begun"]
    tail = sum(last - lane[-1][ENDED] for lane in each)
    busy = min(sum(block[ENDED] - block[BEGUN] for block in lane) for lane in each)
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
        "idle: the worker that waits most, share of the run": (last - begun - busy) / wall,
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
