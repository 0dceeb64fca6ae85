"""The plan of a study: its cells, grouped in blocks that share a pattern set.

A cell is one point of the grid; a block is the unit of simulation, of a Dask task and of resuming.
How cells are grouped never changes a number.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mattis.axes import patterns_of
from mattis.errors import UserError
from mattis.models import PatternSet, Point, Protocol
from mattis.study import Study

BYTES_PER_VALUE = 8

PROBE = 1_000_000
"""Proposals of a chain that the time of a study is estimated from."""

Mask = NDArray[np.bool_]
T = TypeVar("T")


@dataclass(frozen=True)
class Block:
    """Cells that share a pattern set: same size, load and seed; `points` are their (beta, noise)."""

    size: int
    load: float
    patterns: int
    seed: int
    points: tuple[Point, ...]
    part: int = 0

    @property
    def id(self) -> str:
        """Name the block by its values, as logs and `status` print it."""
        part = f",part={self.part}" if self.part else ""
        return f"size={self.size},load={self.load:.12g},seed={self.seed}{part}"


def blocks(study: Study, wanted: Mask | None = None, block_cells: int | None = None) -> list[Block]:
    """Return the blocks of the wanted cells (all of them by default), in the order of the study.

    wanted  # mask over (size, load, beta, noise, seed); a pattern set gives ⌈cells / block_cells⌉ blocks
    """
    a = study.axes
    grid = [Point(beta, noise) for beta, noise in product(a.betas, a.noise)]
    whole = tuple(grid)
    out: list[Block] = []
    for (i, size), (j, load), (k, seed) in product(
        enumerate(a.size), enumerate(a.load), enumerate(a.seed)
    ):
        points = whole
        if wanted is not None:
            chosen = wanted[i, j, :, :, k].ravel()
            if not chosen.all():
                points = tuple(grid[n] for n in np.flatnonzero(chosen))
        out.extend(_cut(Block(size, load, patterns_of(load, size), seed, points), block_cells))
    return out


def _cut(block: Block, block_cells: int | None) -> Iterator[Block]:
    """Yield the block in pieces of at most `block_cells` cells; nothing if it has no cells."""
    step = block_cells or max(len(block.points), 1)
    for part, first in enumerate(range(0, len(block.points), step)):
        points = block.points[first : first + step]
        yield Block(block.size, block.load, block.patterns, block.seed, points, part)


def proposals(study: Study, block: Block) -> int:
    """Return the spin proposals of a block at most (chains at T = 0 stop at a fixed point)."""
    sweeps = study.sweeps.thermalise + study.sweeps.measure
    return block.size * sweeps * study.cues * len(block.points)


def memory(study: Study, size: int, patterns: int) -> int:
    """Return the bytes that simulating N neurons with P patterns takes at its peak."""
    sweeps = study.sweeps.thermalise + study.sweeps.measure
    return study.described_model.memory(size, patterns) + 64 * sweeps


def task(study: Study, block: Block) -> tuple[PatternSet, tuple[Point, ...], Protocol]:
    """Return the arguments of the model's `simulate` for a block: all that its numbers depend on."""
    patterns = PatternSet(study.root_seed, block.size, block.patterns, block.seed)
    return patterns, block.points, study.protocol


def check_memory(study: Study, workers: int, limit: int) -> None:
    """Raise UserError if the largest block does not fit into a worker's share of `limit` bytes."""
    size, load = max(study.axes.size), max(study.axes.load)
    needed = memory(study, size, patterns_of(load, size))
    if needed * workers > limit:
        fewer = f", or at most --workers {limit // needed}" if needed <= limit else ""
        raise UserError(
            f"study {study.name}: size {size} at load {load:g} needs {needed / 2**30:.3g} GiB for "
            f"each of {workers} workers; this machine has {limit / 2**30:.3g} GiB; "
            f"use a smaller size or load{fewer}"
        )


def calibrate(study: Study) -> float:
    """Return the estimated CPU seconds of the whole study, from short chains at nine of its cells."""
    planned = sorted(blocks(study), key=lambda block: block.size * block.patterns)
    points = sorted(planned[0].points, key=lambda point: point.beta)
    every = study.sweeps.thermalise + study.sweeps.measure
    rates = []
    for block, point in [(planned[0], points[0]), *product(_thirds(planned), _thirds(points))]:
        sweeps = max(2, min(every, PROBE // block.size))
        patterns, _, _ = task(study, block)
        begun = time.process_time()
        study.described_model.simulate(patterns, [point], Protocol(0, sweeps, 1, 0.5))
        rates.append((time.process_time() - begun) / (block.size * sweeps))
    rates.pop(0)  # the first probe also loads the kernels
    return sum(rates) / len(rates) * sum(proposals(study, block) for block in planned)


def _thirds(items: Sequence[T]) -> list[T]:
    """Return the first, the middle and the last of a sequence."""
    return [items[0], items[len(items) // 2], items[-1]]


def summary(
    study: Study, planned: list[Block], cpu_seconds: float, workers: int
) -> Mapping[str, Any]:
    """Return what `mattis plan --json` prints: counts, cost and memory, then a row per block."""
    cells = sum(len(block.points) for block in planned)
    return {
        "study": study.name,
        "model": study.model,
        "cells": cells,
        "blocks": len(planned),
        "proposals": sum(proposals(study, block) for block in planned),
        "memory_bytes": max(
            (memory(study, block.size, block.patterns) for block in planned), default=0
        ),
        "store_bytes": cells * BYTES_PER_VALUE * (len(study.described_model.observables) + 1),
        "workers": workers,
        "estimated_seconds": cpu_seconds / workers,
        "per_block": [
            {
                "id": block.id,
                "size": block.size,
                "load": block.load,
                "patterns": block.patterns,
                "seed": block.seed,
                "cells": len(block.points),
                "proposals": proposals(study, block),
                "memory_bytes": memory(study, block.size, block.patterns),
            }
            for block in planned
        ],
    }
