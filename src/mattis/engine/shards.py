"""Shards: a study cut into parts that run as jobs of their own, anywhere, at the same time.

To which shard a pattern set belongs is a function of its own values and the number of shards, and the
name of a shard is a hash of the values in it: what is added to a study never renames what was there.
"""

import json
from dataclasses import dataclass
from hashlib import blake2b, sha256

import numpy as np

from mattis.errors import UserError
from mattis.study import plan
from mattis.study.base import Study
from mattis.study.plan import Mask


@dataclass(frozen=True, eq=False)
class Shard:
    """One part of a study: number `index` of `count`, and its cells as a mask over the study's."""

    index: int
    count: int
    id: str
    cells: Mask


def shard(study: Study, index: int, count: int) -> Shard:
    """Return a shard of a study. Raises UserError for a number that there is not."""
    if not 0 <= index < count:
        raise UserError(f"--shard: got {index}/{count}; expected I/K with 0 ≤ I < K, such as 0/8")
    mine = owners(study, count) == index
    size, stored, seed = (study.labels[name] for name in (*study.dimensions[:2], "seed"))
    sets = ((size[i], stored[j], seed[k]) for i, j, k in np.argwhere(mine).tolist())
    held = [[n, float(x).hex(), k] for n, x, k in sorted(sets)]
    grid = [sorted(float(v).hex() for v in study.labels[name]) for name in study.points]
    words = json.dumps([study.physics(), held, grid], sort_keys=True)
    shape = [len(study.labels[name]) for name in study.dimensions]
    between = tuple(range(2, len(shape) - 1))
    cells = np.broadcast_to(np.expand_dims(mine, between), shape)
    return Shard(index, count, sha256(words.encode()).hexdigest()[:16], cells)


def narrowed(study: Study, part: Shard) -> tuple[Study, Mask]:
    """Return the study with those sizes, loads and seeds only that a shard holds, and its cells there.

    It need then not look at all others. What it looks at is still a product of axes: with many
    loads, whose seeds are dealt from different shards on, more than its own cells.
    """
    mine, a = plan.per_network(part.cells) > 0, study.axes
    kept = (np.flatnonzero(mine.any(axis=others)) for others in ((1, 2), (0, 2), (0, 1)))
    stored = study.labels[study.stored]
    # A shard without cells looks at one pattern set.
    sizes, loads, seeds = (k if len(k) else np.zeros(1, np.int64) for k in kept)
    axes = a.model_copy(
        update={
            "size": tuple(a.size[k] for k in sizes),
            study.stored: tuple(stored[int(k)] for k in loads),
            "seed": tuple(a.seed[k] for k in seeds),
        }
    )
    every = [np.arange(n) for n in part.cells.shape[2:-1]]
    cells = part.cells[np.ix_(sizes, loads, *every, seeds)]
    return study.model_copy(update={"axes": axes}), cells


def shards(study: Study, count: int) -> list[Shard]:
    """Return the shards of a study that hold cells."""
    every = (shard(study, index, count) for index in range(count))
    return [each for each in every if each.cells.any()]


def owners(study: Study, count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Return the shard of each pattern set: (sizes, loads, seeds).

    The seeds of one network are dealt in turn, beginning with a shard that its values choose: all
    shards then get their part of the expensive ones.
    """
    stored = study.labels[study.stored]
    first = np.array([[_fingerprint(n, x) % count for x in stored] for n in study.axes.size])
    seeds = np.array(study.axes.seed, np.int64)
    return (first[:, :, None].astype(np.int64) + seeds) % count


def _fingerprint(size: int, load: float) -> int:
    words = f"{size},{float(load).hex()}".encode()
    return int.from_bytes(blake2b(words, digest_size=4).digest(), "little")


def parsed(text: str) -> tuple[int, int]:
    """Return I and K of `I/K`. Raises UserError for anything else."""
    index, slash, count = text.partition("/")
    if not (slash and index.isdecimal() and count.isdecimal()):
        raise UserError(f"--shard: got {text}; expected I/K with 0 ≤ I < K, such as 0/8")
    return int(index), int(count)
