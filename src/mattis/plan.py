"""The plan of a study: its cells, grouped in blocks that share a pattern set.

A cell is one point of the grid; a block is the unit of simulation, of a Dask task and of resuming.
How cells are grouped never changes a number.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mattis.axes import patterns_of
from mattis.models import PatternSet, Point, Protocol
from mattis.study import Study

BYTES_PER_VALUE = 8

Mask = NDArray[np.bool_]


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
