"""The plan of a study: its cells, grouped in blocks that share a pattern set.

A cell is one point of the grid; a block is the unit of simulation, of a Dask task and of resuming.
How cells are grouped never changes a number.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import compress, product
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from mattis.exact.arrays import Mask
from mattis.study.base import Study
from mattis.study.model import PatternSet, Point, Task

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Block:
    """Cells that share a pattern set; `points` are their labels along the other dimensions.

    load  # the label of what is stored, along the dimension `stored`: a load, or a number of memories
    """

    size: int
    load: float
    patterns: int
    seed: int
    points: tuple[Point, ...]
    part: int = 0
    stored: str = "load"

    @property
    def id(self) -> str:
        """Name the block by its values, as logs and `status` print it."""
        part = f",part={self.part}" if self.part else ""
        return f"size={self.size},{self.stored}={self.load:.12g},seed={self.seed}{part}"


def blocks(study: Study, wanted: Mask | None = None, block_cells: int | None = None) -> list[Block]:
    """Return the blocks of the wanted cells (all of them by default), in the order of the study.

    wanted  # mask over the cube; a pattern set gives ⌈cells / block_cells⌉ blocks, or fewer of whole ladders
    """
    return list(each_block(study, wanted, block_cells))


def each_block(study: Study, wanted: Mask | None = None, block_cells: int | None = None) -> Iterator[Block]:
    """Yield what `blocks` returns, one after the other."""
    grid = points_of(study)
    whole = _cut(study, grid, block_cells)
    chosen = None if wanted is None else per_network(wanted)
    for i, j, (size, load, patterns) in networks_of(study):
        cells = None if chosen is None else chosen[i, j].tolist()
        for k, seed in enumerate(study.axes.seed):
            pieces = whole
            if wanted is not None and cells is not None and cells[k] < len(grid):
                if not cells[k]:
                    continue
                pieces = _cut(study, tuple(compress(grid, wanted[i, j, ..., k].flat)), block_cells)
            for part, points in enumerate(pieces):
                yield Block(size, load, patterns, seed, points, part, study.stored)


def narrowed(study: Study, sizes: Sequence[int], loads: Sequence[int], seeds: Sequence[int]) -> Study:
    """Return a study of some sizes, loads (or numbers of memories) and seeds, by their positions."""
    a, stored = study.axes, study.labels[study.stored]
    axes = {
        "size": tuple(a.size[k] for k in sizes),
        study.stored: tuple(stored[k] for k in loads),
        "seed": tuple(a.seed[k] for k in seeds),
    }
    return study.model_copy(update={"axes": a.model_copy(update=axes)})


def bands(study: Study, most: int) -> Iterator[Study]:
    """Yield parts of a study in the order of labels: of one size, and of some loads.

    most  # cells of a part at most, but for one load all of which are more
    """
    sizes, loads = study.axes.size, study.labels[study.stored]
    order, seeds = sorted(range(len(loads)), key=loads.__getitem__), range(len(study.axes.seed))
    step = max(most // max(len(points_of(study)) * len(seeds), 1), 1)
    for size in sorted(range(len(sizes)), key=sizes.__getitem__):
        for first in range(0, len(order), step):
            yield narrowed(study, [size], order[first : first + step], seeds)


def per_network(cells: Mask) -> NDArray[np.int64]:
    """Return how many cells of a mask over the cube each pattern set has: (size, stored, seed)."""
    counts: NDArray[np.int64] = cells.sum(axis=tuple(range(2, cells.ndim - 1)))
    return counts


def points_of(study: Study) -> tuple[Point, ...]:
    """Return the points that every pattern set of a study is simulated at."""
    return tuple(product(*(study.labels[name] for name in study.points)))


def _cut(study: Study, points: tuple[Point, ...], block_cells: int | None) -> list[tuple[Point, ...]]:
    """Return the points in pieces of at most `block_cells`; no piece if there are no points.

    What is computed together stays so: such a piece may have more of them.
    """
    step = block_cells or max(len(points), 1)
    units = study.units(points) if step < len(points) else ()
    if not units:
        return [points[first : first + step] for first in range(0, len(points), step)]
    pieces: list[tuple[Point, ...]] = []
    for unit in units:
        if not pieces or len(pieces[-1]) + len(unit) > step:
            pieces.append(())
        pieces[-1] += tuple(unit)
    return pieces


def networks_of(study: Study) -> Iterator[tuple[int, int, tuple[int, float, int]]]:
    """Yield the place and (size, load, P) of every network: all that memory and cost depend on."""
    loads = study.labels[study.stored]
    for i, size in enumerate(study.axes.size):
        counts = study.counts(loads, [size])[0].tolist()
        for j, (load, patterns) in enumerate(zip(loads, counts, strict=True)):
            yield i, j, (size, load, patterns)


def network_blocks(study: Study, seed: int) -> Iterator[Block]:
    """Yield the whole block of every network, of one seed."""
    points = points_of(study)
    for _, _, network in networks_of(study):
        yield Block(*network, seed, points, stored=study.stored)


def updates(study: Study, block: Block) -> int:
    """Return the elementary updates (spin proposals, presentations) of a block at most."""
    return study.updates(pattern_set(study, block), block.points)


def effort(study: Study, block: Block) -> int:
    """Return what a block costs, in updates."""
    return study.effort(pattern_set(study, block), block.points)


def task(study: Study, block: Block) -> Task:
    """Return the arguments of the model's `simulate` for a block: all that its numbers depend on."""
    return study.task(pattern_set(study, block), block.points)


def pattern_set(study: Study, block: Block) -> PatternSet:
    """Return the pattern set that the cells of a block share."""
    return study.pattern_set(block.size, block.patterns, block.seed)
