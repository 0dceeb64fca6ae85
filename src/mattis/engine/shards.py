"""Shards: a study cut into parts that run as jobs of their own, anywhere, at the same time.

To which shard a pattern set belongs is a function of its own values and the number of shards, and the
name of a shard is a hash of the values in it: what is added to a study never renames what was there.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b, sha256

import numpy as np

from mattis.errors import UserError
from mattis.exact.arrays import Mask
from mattis.study import plan
from mattis.study.base import Study
from mattis.study.model import Point


@dataclass(frozen=True, eq=False)
class Shard:
    """One part of a study: number `index` of `count`.

    wanted  # of a study whose grid has holes, the cells that are asked for; None for all
    """

    study: Study
    index: int
    count: int
    id: str
    wanted: Mask | None = None

    @property
    def cells(self) -> Mask:
        """The cells of the shard, as a mask over those of the study."""
        mine = owners(self.study, self.count) == self.index
        shape = [len(self.study.labels[name]) for name in self.study.dimensions]
        cells = np.broadcast_to(np.expand_dims(mine, tuple(range(2, len(shape) - 1))), shape)
        return cells if self.wanted is None else cells & self.wanted

    @property
    def tiles(self) -> list[Study]:
        """The cells of the shard as studies, each with all products of its values; none has two of a cell.

        Loads whose seeds are dealt from the same shard on have the same seeds. With holes: the whole study.
        """
        if self.wanted is not None:
            return [self.study]
        return [
            plan.narrowed(self.study, [size], loads, seeds)
            for size, loads, seeds in _tiles(self.study, self.index, self.count)
        ]


def shard(study: Study, index: int, count: int, wanted: Mask | None = None) -> Shard:
    """Return a shard of a study, or of some of its cells. Raises UserError for a number that there is not."""
    if not 0 <= index < count:
        raise UserError(f"--shard: got {index}/{count}; expected I/K with 0 ≤ I < K, such as 0/8")
    part = Shard(study, index, count, "", wanted)
    content = _held(study, index, count) if wanted is None else _held_with_holes(part)
    words = json.dumps([study.physics(), *content], sort_keys=True)
    return replace(part, id=sha256(words.encode()).hexdigest()[:16])


def _held(study: Study, index: int, count: int) -> Sequence[object]:
    """Return the labels in a shard of a whole grid: its pattern sets, and the points of each."""
    size, stored, seed = (study.labels[name] for name in (*study.dimensions[:2], "seed"))
    sets = (
        (size[i], stored[j], seed[k])
        for i, loads, seeds in _tiles(study, index, count)
        for j in loads
        for k in seeds
    )
    held = [[n, float(x).hex(), k] for n, x, k in sorted(sets)]
    return [held, [sorted(float(v).hex() for v in study.labels[name]) for name in study.points]]


def _held_with_holes(part: Shard) -> Sequence[object]:
    """Return the labels in a shard of a grid with holes: its pattern sets, each with points of its own."""
    return sorted(
        [block.size, float(block.load).hex(), block.seed, _spelled(block.points)]
        for block in plan.each_block(part.study, part.cells)
    )


def _spelled(points: Sequence[Point]) -> list[list[str]]:
    return sorted([float(value).hex() for value in point] for point in points)


def _tiles(study: Study, index: int, count: int) -> Iterator[tuple[int, list[int], list[int]]]:
    """Yield the positions of a size, of some loads, and of some seeds of a shard, until it has no more."""
    of_seed: dict[int, list[int]] = {}
    for k, seed in enumerate(study.axes.seed):
        of_seed.setdefault(seed % count, []).append(k)
    for i, row in enumerate(_first_shards(study, count)):
        of_load: dict[int, list[int]] = {}
        for j, first in enumerate(row):
            of_load.setdefault((index - first) % count, []).append(j)
        for rest, loads in sorted(of_load.items()):
            if rest in of_seed:
                yield i, loads, of_seed[rest]


def shards(study: Study, count: int, wanted: Mask | None = None) -> list[Shard]:
    """Return the shards of a study, or of some of its cells, that hold cells."""
    if wanted is None:
        holds = [index for index in range(count) if any(_tiles(study, index, count))]
    else:
        holds = np.unique(owners(study, count)[plan.per_network(wanted) > 0]).tolist()
    return [shard(study, index, count, wanted) for index in holds]


def owners(study: Study, count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Return the shard of each pattern set: (sizes, loads, seeds).

    The seeds of one network are dealt in turn, beginning with a shard that its values choose: all
    shards then get their part of the expensive ones.
    """
    seeds = np.array(study.axes.seed, np.int64)
    return (np.array(_first_shards(study, count), np.int64)[:, :, None] + seeds) % count


def _first_shards(study: Study, count: int) -> list[list[int]]:
    """Return the shard of seed 0 of each network: (sizes, loads)."""
    stored = study.labels[study.stored]
    return [[_fingerprint(n, x) % count for x in stored] for n in study.axes.size]


def _fingerprint(size: int, load: float) -> int:
    return int.from_bytes(blake2b(f"{size},{float(load).hex()}".encode(), digest_size=4).digest(), "little")


def parsed(text: str) -> tuple[int, int]:
    """Return I and K of `I/K`. Raises UserError for anything else."""
    index, slash, count = text.partition("/")
    if not (slash and index.isdecimal() and count.isdecimal()):
        raise UserError(f"--shard: got {text}; expected I/K with 0 ≤ I < K, such as 0/8")
    return int(index), int(count)
