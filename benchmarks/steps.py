"""What each measured process does: a run, a part of a crowd of workers, something to a store.

It starts as `mattis run` does, and imports only what its step needs.
"""

import asyncio
import itertools
import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

from cases import Row
from clocks import SPENT, Book, instrument, timed
from studies import POINTS, WORKERS, Options


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


async def _scheduler(file: Path) -> None:
    from distributed import Scheduler

    async with Scheduler(host="127.0.0.1", port=0, dashboard=False) as scheduler:
        file.write_text(scheduler.address, encoding="utf-8")
        await scheduler.finished()


async def _crowd(address: str, count: int, file: Path) -> None:
    from distributed import Worker

    workers = [
        Worker(address, nthreads=1, memory_limit=0, host="127.0.0.1", dashboard=False) for _ in range(count)
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
    from mattis.store import reading, store
    from mattis.store.folders import Folder
    from mattis.store.folding import ordering
    from mattis.store.results import results_of

    book, counts = Book(), [(0, 0)]
    remove, removals = Folder.remove, itertools.count()
    every = options.get("every", 1)  # removal the files are counted
    ordering.BYTES_AT_ONCE = options.get("at_once", ordering.BYTES_AT_ONCE)
    for name, label in {"create_or_extend": "lay out", "fold": "fold"}.items():
        book.clock(store, name, label)
    book.clock(Folder, "write_together", "sync", inner=True)
    for content in options["studies"]:
        study = study_of(content)
        folder = results_of(study, options["root"]).folder

        def counting(place: Any, within: Path = folder.path) -> None:
            # The cube has its cells, and the journal still has them.
            if place.path.parent.name == "journal" and next(removals) % every == 0:
                counts.append(count_files(within))
            remove(place)

        folder.make_folder()
        opened = store.create_or_extend(folder / "sweep.zarr", study)
        missing = ~reading.valid_cells(folder / "sweep.zarr", study)
        with book.clocked("write and flush"):
            write_cells(opened, study, missing, "at_once" in options)
        Folder.remove = counting
        store.fold(opened)
        Folder.remove = remove
        counts.append(count_files(folder.path))
    after, peak = counts[-1], [max(column) for column in zip(*counts, strict=True)]
    return {"after": after, "peak": peak, "cells": missing.size, "clocks": book.clocks}


def scatter_step(options: Options) -> Row:
    """Leave random cells in the journal, as so many shards do, each in segments of its own."""
    import numpy as np

    from mattis.engine import shards
    from mattis.networks.registry import study_of
    from mattis.store import cube, store
    from mattis.store.results import results_of

    study, count = study_of(options["study"]), options["count"]
    folder = results_of(study, options["root"]).folder
    folder.make_folder()
    for part in shards.shards(study, count):
        opened = store.join(folder / "sweep.zarr", study, part=(part.index, count))
        for tile in part.tiles:
            write_cells(opened, tile, np.ones(cube.labels_of(tile).shape, bool), False)
    files, size = count_files(folder.path)
    return {"files": files, "bytes": size}


def read_step(options: Options) -> Row:
    """Do what a shard does before its first block, and at its end: see which of its cells exist."""
    from mattis.engine import shards
    from mattis.networks.registry import study_of
    from mattis.store import reading, record
    from mattis.store.results import results_of
    from mattis.study import plan

    study, part = study_of(options["study"]), (0, options["count"])
    path, book = results_of(study, options["root"]).store, Book()
    with book.clocked("plan"):
        tiles = shards.shard(study, *part).tiles
    with book.clocked("read"):
        record.waiting(path, study, part)
        seen = reading.each_cells(path, tiles, part, with_values=False)
        valid = [ds["valid"].values for ds in seen]
    with book.clocked("plan"):
        pairs = zip(tiles, valid, strict=True)
        blocks = [block for tile, there in pairs for block in plan.blocks(tile, ~there)]
    there = sum(int(mask.sum()) for mask in valid)
    looked = sum(mask.size for mask in valid)
    return {"valid": there, "blocks": len(blocks), "looked at": looked, "clocks": book.clocks}


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
