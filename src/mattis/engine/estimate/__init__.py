"""The cost of a study in memory, seconds and bytes, from short chains at some of its cells."""

import json
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mattis.cards import card
from mattis.engine import machine
from mattis.engine.estimate.devices import DeviceCost, device_cost
from mattis.engine.estimate.short_chains import calibrate
from mattis.engine.progress import spelled
from mattis.engine.rates import learnt, remember, remembered
from mattis.errors import UserError
from mattis.exact.arrays import Mask
from mattis.networks.registry import StudyLike, load_study
from mattis.store import cube, layout, reading
from mattis.store.results import Results, Root, results_of
from mattis.store.rounds import AskedCells, asked
from mattis.study.base import Study
from mattis.study.plan import Block, effort, network_blocks, updates
from mattis.words import counted, sized

BYTES_PER_VALUE = 8

STARTING = 5.0
"""Seconds until the workers of this machine have started."""

FLOOR = 280 * 2**20
"""Bytes of a worker before its first block: Python, Dask, and the compiler with its kernels."""

DRIVER = 192 * 2**20
"""Bytes of the process that hands out blocks, with Dask's scheduler in it."""

USABLE = 0.95
"""Share of its memory at which Dask ends a worker."""

ROWS_PER_PIECE = 10_000
"""Rows of `mattis plan --json` that are written at once."""

MOST_ADDED = 100_000
"""Networks whose efforts are added one by one."""

MOST_LISTED = 24
"""Networks of a study that are listed one by one."""

MOST_COUNTED = 10**7
"""Cells of a study among which a plan looks for those that are there."""

HOURS = 43200.0
"""Seconds that a study should take at most, if there are workers."""

NO_SEED = 2**32
"""Larger than every seed: holds the place of one where many rows differ in it only."""


def largest(study: Study) -> tuple[int, int, float]:
    """Return (bytes, size, load) of the block that needs most memory.

    At one size more patterns never need less; a larger network may, by another kernel.
    """
    load = max(study.labels[study.stored])
    counts = study.counts([load], study.axes.size)[:, 0].tolist()
    return max(
        (study.memory(size, patterns), size, load)
        for size, patterns in zip(study.axes.size, counts, strict=True)
    )


@dataclass(frozen=True)
class Room:
    """The memory of a run: what one worker needs, and how many of them there is room for.

    block    # bytes of the largest block, which is of `size` neurons, at `stored`
    limit    # bytes for all workers
    is_told  # whether the user set the limit; else it is this machine's, which this process needs a part of
    threads  # whether the workers are threads of this process
    """

    study: Study
    block: int
    size: int
    stored: float
    limit: int
    is_told: bool
    threads: bool

    @property
    def worker(self) -> int:
        """The bytes of one worker alone."""
        return FLOOR + self.block

    @property
    def workers(self) -> int:
        """How many workers there is room for. Raises UserError if there is none for one."""
        usable = int(self.limit * USABLE) - (0 if self.is_told or self.threads else DRIVER)
        many = (usable - FLOOR) // self.block if self.threads else usable // self.worker
        if many >= 1:
            return many
        study = self.study
        least = self.worker if self.is_told or self.threads else self.worker + DRIVER
        raise UserError(
            f"study {study.name}: size {self.size} at {study.stored} {self.stored:g} needs "
            f"{sized(least / USABLE)} ({sized(self.block)} for a block, the rest for Python, "
            f"Dask and kernels); {self._whose} {sized(self.limit)}; {self._remedy}"
        )

    def fewer(self, asked: int) -> str:
        """Say that fewer workers start than requested, and why."""
        return (
            f"{self.workers} of {asked} workers start: {self._whose} {sized(self.limit)}, and each "
            f"needs {sized(self.worker)}"
        )

    @property
    def _whose(self) -> str:
        return "--memory is" if self.is_told else "this machine has"

    @property
    def _remedy(self) -> str:
        smaller = f"a smaller size or {_fewer(self.study)}"
        return f"give it more, or use {smaller}" if self.is_told else f"use {smaller}"


def room(study: Study, limit: int | None, threads: bool = False) -> Room:
    """Return the memory of a run within a limit, by default that of this machine."""
    block, size, stored = largest(study)
    block = max(block, 1)
    return Room(study, block, size, stored, limit or machine.memory(), limit is not None, threads)


def _fewer(study: Study) -> str:
    return "load" if study.stored == "load" else f"fewer {study.stored}"


@dataclass(frozen=True)
class StudyCost:
    """CPU seconds of a study, and those that each worker takes before, to compile what is not cached.

    learnt    # whether they come from the last run of the study on this machine, not from short chains
    measured  # when that was, in seconds since 1970; None if nobody knows
    """

    seconds: float
    compiling: float = 0.0
    learnt: bool = False
    measured: float | None = None

    @property
    def age(self) -> float | None:
        """Seconds since the rate was measured."""
        return None if self.measured is None else max(time.time() - self.measured, 0.0)


def cost(study: Study, results: Results | None = None) -> StudyCost:
    """Return what the whole study costs: by its last run on this machine, or by short chains.

    Short chains are simulated once on each machine; the next estimate remembers them.
    """
    networks_ = len(study.axes.size) * len(study.labels[study.stored])
    if results and networks_ <= MOST_ADDED and (rate := learnt(results, study)):
        return StudyCost(rate.seconds * total_effort(study), 0.0, True, rate.measured)
    known = remembered(study)
    if known is None:
        known = calibrate(study)
        remember(study, known)
    return StudyCost(known.block_seconds * count(study), known.compiling, False, known.measured)


def total_effort(study: Study) -> int:
    """Return the effort of all blocks of a study; it does not depend on the seed."""
    seed, *others = study.axes.seed
    return sum(effort(study, block) for block in network_blocks(study, seed)) * (1 + len(others))


def count(study: Study) -> int:
    """Return the number of blocks of the whole study."""
    return len(study.axes.size) * len(study.labels[study.stored]) * len(study.axes.seed)


def totals(
    study: Study,
    spent: StudyCost,
    workers: int,
    found: int = 0,
    shards: int = 1,
    device: DeviceCost | None = None,
) -> dict[str, Any]:
    """Return the cost of the whole study: `mattis plan --json` without the rows of blocks.

    found   # cells that are there already
    shards  # jobs into which the study is to be cut
    """
    points, blocks = math.prod(len(study.labels[name]) for name in study.points), count(study)
    values, cells = len(study.described_model.observables) + 1, blocks * points  # and a digest
    left = spent.seconds * ((cells - found) / cells)  # to the last digit where nothing is found
    return {
        "study": study.name,
        "model": study.model,
        "cells": cells,
        "cells_found": found,
        "cells_new": cells - found,
        "blocks": blocks,
        "pattern_sets": study.pattern_sets,
        study.described_model.unit: study.total_updates(),
        "memory_bytes": largest(study)[0],
        "floor_bytes": FLOOR,
        "store_bytes": cells * BYTES_PER_VALUE * values,
        "files": _files(study),
        "workers": workers,
        "cpu_seconds": spent.seconds,
        "cpu_seconds_left": left,
        "compiling_seconds": spent.compiling,
        "learnt": spent.learnt,
        "rate_age_seconds": spent.age,
        "estimated_seconds": left / workers,
        "starting_seconds": STARTING + spent.compiling if left else 0.0,
        "shards": shards,
        **({"device": {**asdict(device), "told": device.told}} if device else {}),
    }


def limits(study: Study, spent: StudyCost, workers: int, of: AskedCells, found: int) -> dict[str, Any]:
    """Return the limits of a study that is refined, and what they cost if all cells were as its dearest is.

    of     # the cells that are asked for so far
    found  # how many of them are there
    """
    assert study.refine is not None
    block, blocks = study.refine, network_blocks(study, study.axes.seed[0])
    dearest = max(effort(study, replace(one, points=(point,))) for one in blocks for point in one.points)
    left = max(block.cells - found, 0) * dearest * spent.seconds / total_effort(study)
    return {
        "target": block.target,
        "error": block.error,
        "rounds_most": block.rounds,
        "cells_most": block.cells,
        "cells_asked": int(of.cells.sum()),
        "cells_found": found,
        "cpu_seconds_most": left,
        "seconds_most": left / workers,
    }


@dataclass(frozen=True, repr=False)
class Plan:
    """What a study takes, and how much of it is there.

    totals  # what `mattis plan --json` prints, but its rows of blocks
    note    # why nobody can tell which cells are there, "" if somebody can
    """

    study: Study
    totals: Mapping[str, Any]
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return `totals` as a dictionary of its own."""
        return {**self.totals}

    @property
    def rows(self) -> dict[str, str]:
        """What the plan says, by the names under which it says it."""
        said, workers = self.totals, counted(self.totals["workers"], "worker")
        lasts = f"about {spelled(said['estimated_seconds'])} on {workers}"
        if said["cells_new"]:
            lasts += f", and {spelled(said['starting_seconds'])} to start"
        rows = {
            "cells": f"{said['cells']}: {said['cells_found']} found, {said['cells_new']} new",
            "blocks": f"{said['blocks']}; {said['pattern_sets']}",
            "lasts": lasts if said["cells_new"] else "no time: all cells are there",
            "each worker": f"{sized(said['floor_bytes'] + said['memory_bytes'])} of memory",
            "results": f"{sized(said['store_bytes'])} in {counted(said['files'], 'file')}",
        }
        if "device" in said:
            rows["device"] = said["device"]["told"]
        if "refinement" in said:
            rows["refined"] = limits_text(said)
        return rows | ({"note": self.note} if self.note else {})

    def __repr__(self) -> str:
        """Return the plan as text, a line for each thing that it says."""
        lines = [f"    {name}: {text}" for name, text in self.rows.items()]
        return "\n".join([f"plan of {self.study.name}", *lines])

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the same, and the networks."""
        networks_ = "\n".join(network_lines(self.study))
        return card(f"Plan of {self.study.name}", self.rows, {"networks": networks_})


def limits_text(said: Mapping[str, Any]) -> str:
    """Say how far rounds of further cells may go, and what that takes at most."""
    of = said["refinement"]
    return (
        f"the {of['target']} to {of['error']:g}, in at most {counted(of['rounds_most'], 'round')} and "
        f"{counted(of['cells_most'], 'cell')} ({of['cells_asked']} asked for, {of['cells_found']} found): "
        f"at most about {spelled(of['cpu_seconds_most'])} of CPU time, {spelled(of['seconds_most'])} on "
        f"{counted(said['workers'], 'worker')}"
    )


def plan(
    study: StudyLike, root: Root = None, workers: int | None = None, shards: int = 1, backend: str = "cpu"
) -> Plan:
    """Return what a study takes and how much of it is there, from short chains or from its last run here.

    Parameters
    ----------
    study
        The study, its file, or its keys.
    root
        The folder of results or a prefix of an object store; `results` if None.
    workers
        Worker processes; all cores if None, and no more than there is memory for.
    shards
        Jobs into which the study is to be cut.
    backend
        `gpu`: also what it takes on one, by short chains there, or by paper where none is here; `simulated`:
        on this CPU in the place of one.

    Raises
    ------
    UserError
        The memory of this machine has no room for one worker.

    Examples
    --------
    >>> print(mattis.plan("config/studies/hopfield.yaml"))
    """
    loaded = load_study(study)
    fitting = min(workers or machine.cores(), room(loaded, None).workers)
    place, note = results_of(loaded, root), ""
    of = asked(loaded, place)
    there: Mask = np.broadcast_to(np.array(False), of.cells.shape)
    try:
        if place.store.names() and of.cells.size <= MOST_COUNTED:
            there = reading.valid_cells(place.store, of.study) & of.cells
    except UserError as error:  # of another study: this one can be planned nevertheless
        note = str(error)
    first = there[tuple(slice(len(values)) for values in loaded.labels.values())]
    spent = cost(loaded, place)
    device = None if backend == "cpu" else device_cost(loaded, backend, count(loaded))
    said = totals(loaded, spent, fitting, int(first.sum()), shards, device)
    if loaded.refine is not None:
        said["refinement"] = limits(loaded, spent, fitting, of, int(there.sum()))
    return Plan(loaded, said, note)


def _files(study: Study) -> int:
    """Return the number of files of a study's store: chunks and metadata of each array."""
    labels = cube.labels_of(study)
    chunks = layout.chunk_count(labels.shape, layout.chunk_shape(labels.shape))
    arrays = len(study.described_model.observables) + 1
    plain = [layout.chunk_count(f.shape, f.chunks) + 1 for f in layout.label_forms(labels).values()]
    return arrays * (chunks + 1) + sum(plain) + 1


def _row(study: Study, block: Block) -> dict[str, Any]:
    """Return the row of a block in `mattis plan --json`."""
    return {
        "id": block.id,
        "size": block.size,
        block.stored: block.load,
        "patterns": block.patterns,
        "seed": block.seed,
        "cells": len(block.points),
        study.described_model.unit: updates(study, block),
        "memory_bytes": study.memory(block.size, block.patterns),
    }


def summary_text(study: Study, content: Mapping[str, Any]) -> Iterator[str]:
    """Yield the JSON of `totals` and of all blocks, piece by piece: it may be larger than memory."""
    yield f'{_json(content)[:-1]}, "per_block": ['
    rows, between = _rows_text(study), ""
    while piece := list(islice(rows, ROWS_PER_PIECE)):
        yield between + ", ".join(piece)
        between = ", "
    yield "]}"


def _rows_text(study: Study) -> Iterator[str]:
    """Yield the row of each block as JSON; those of a network differ in the seed alone."""
    for block in network_blocks(study, NO_SEED):
        head, rest = _json(_row(study, block)).split(f"seed={NO_SEED}")
        middle, tail = rest.split(f'"seed": {NO_SEED}')
        for seed in study.axes.seed:
            yield f'{head}seed={seed}{middle}"seed": {seed}{tail}'


def _json(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, allow_nan=False)


def networks(study: Study) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.int64]]]:
    """Yield each size with the numbers of patterns P that it stores, and the blocks of each P."""
    for size in study.axes.size:
        patterns, loads = np.unique(study.counts(study.labels[study.stored], [size])[0], return_counts=True)
        yield size, patterns, loads * len(study.axes.seed)


def network_lines(study: Study) -> Iterator[str]:
    """Yield N, P and blocks: a line for each network if these are few, or else for each size."""
    few = len(study.labels[study.stored]) * len(study.axes.size) <= MOST_LISTED
    for size, patterns, blocks in islice(networks(study), MOST_LISTED):
        if few or len(patterns) == 1:
            for count, number in zip(patterns, blocks, strict=True):
                yield f"N = {size}, P = {count}: {counted(number, 'block')}"
        else:
            yield f"N = {size}, P = {patterns[0]} … {patterns[-1]}: {counted(blocks.sum(), 'block')}"
    if len(study.axes.size) > MOST_LISTED:
        yield f"and {len(study.axes.size) - MOST_LISTED} more sizes"


def helpers(content: Mapping[str, Any]) -> int:
    """Return the number of workers that need hours in place of days; 0 if these are as many."""
    for workers in (10, 100, 1000, 10_000):
        workers = min(workers, content["cells"])
        if content["cpu_seconds"] / workers < HOURS:
            break
    return workers if workers > content["workers"] else 0
