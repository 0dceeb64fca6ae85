"""Crowds of workers that sleep as GPUs compute: what they cost driver and scheduler.

Blocks sleep instead of simulating: that leaves the cores alone, as GPUs do, and shows the scheduler more
workers than there are cores.
"""

import time
from contextlib import ExitStack
from pathlib import Path

from cases import Rows, rows
from lanes import DRIVER, ENDED
from processes import done, resident, running, taken
from studies import POINTS, study, swept

CROWDS = {"32 workers": (32, 250, 25), "128 workers": (128, 250, 25), "128 workers, too many": (128, 10, 8)}
"""Workers, ms that a block sleeps, and seconds that this would take if no worker ever waited."""


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
                "scheduler, idle, CPU ms per worker and s": 200 * (taken(scheduler) - begun) / count,
                "scheduler, open files per worker": (len(list(files.iterdir())) - opened) / count,
                "scheduler, KiB per worker": (resident(scheduler) - empty) / count / 1024,
            }
            blocks = count * seconds * 1000 // block_ms
            out += rows(case, [figures | crowded(folder, scheduler, address, blocks, block_ms)])
    return out


def crowded(folder: Path, scheduler: int, address: str, blocks: int, block_ms: int) -> dict[str, float]:
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
