"""Dense associative memory of binary neurons on a device: one block of threads aligns one replica.

The same states as `dense.align`, bit by bit: integers in any order, reals in the order of the patterns.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mattis.kernels.cuda.devices import MOST_THREADS, WARP, Device, ints, launch
from mattis.kernels.cuda.patterns import Cues, Sets, cues_on, set_memory

DENSE_STATIC = 4608
"""Bytes of shared memory that the kernels take besides overlaps, rounded up."""

DENSE_WORK = 2**28
"""Sums over sites and patterns of a multiprocessor in one launch: about a second at most."""


class DenseReplicas(NamedTuple):
    """Replicas that one launch aligns with their fields, on the host."""

    which: NDArray[np.int32]
    """(R,) int32: the number of each replica's pattern set."""
    rules: NDArray[np.int32]
    """(R,) int32: the number of its table D."""
    targets: NDArray[np.int32]
    """(R,) int32: its cued pattern, whose overlap is recorded."""
    cues: Cues
    """Where it starts."""


class Aligned(NamedTuple):
    """The overlaps before and after alignment, as they leave the device."""

    before: NDArray[np.int32]
    """(R, P) int32: overlaps of the cue with every pattern."""
    first: NDArray[np.int32]
    """(R,) int32: overlap with the cued pattern after one sweep."""
    after: NDArray[np.int32]
    """(R, P) int32: overlaps of the final state with every pattern."""
    sweeps: NDArray[np.int32]
    """(R,) int32: sweeps until one changed nothing, or all."""


def fits(size: int, count: int, device: Device) -> bool:
    """Tell whether a block of threads holds the overlaps of a replica."""
    return size >= 2 and 4 * count + DENSE_STATIC <= device.shared


def memory(size: int, count: int) -> tuple[int, int]:
    """Return the bytes of a replica and of a pattern set on the device."""
    return size + 4 * count + 36, set_memory(size, count)


def align(
    device: Device, sets: Sets, batch: DenseReplicas, tables: NDArray[Any], with_self: bool, most: int
) -> Aligned:
    """Align replicas, `most` sweeps at most.

    tables  # (rules, 2N + 1) int64 or float64, D(y) at y + N
    """
    xp, up, (size, count) = device.xp, device.upload, sets.shape
    replicas = len(batch.which)
    which, targets = up(batch.which), up(batch.targets)
    spins = cues_on(device, sets, which, targets, batch.cues)
    overlaps, sweeps = xp.zeros((replicas, count), xp.int32), xp.zeros(replicas, xp.int32)
    counted = (sets.rows, which, spins, overlaps, *ints(size, count))
    launch(device, "looks", "count_overlaps", (replicas,), MOST_THREADS, counted)
    before = device.to_host(overlaps)
    inputs = (sets.sites, which, up(batch.rules), up(tables), spins, overlaps, sweeps)
    sweep(device, inputs, (size, count), with_self, 1)
    first = device.to_host(overlaps[xp.arange(replicas), targets])
    waves = -(-replicas // device.processors)  # blocks that have to wait for others
    step, left = max(DENSE_WORK // (device.splits * size * count * waves), 1), most - 1
    while left > 0 and sweep(device, inputs, (size, count), with_self, min(step, left)):
        left -= step
    return Aligned(before, first, device.to_host(overlaps), device.to_host(sweeps))


def sweep(
    device: Device, inputs: tuple[Any, ...], shape: tuple[int, int], with_self: bool, most: int
) -> bool:
    """Make sweeps of all replicas in place; tell whether any of them made `most` sweeps."""
    *_, tables, _, overlaps, sweeps = inputs
    before, count = sweeps.copy(), shape[1]
    kernel = "align_by_integers" if tables.dtype == np.int64 else "align_by_reals"
    threads = min(MOST_THREADS, WARP * -(-count // WARP))
    args = (*inputs, *ints(*shape, with_self, most))
    launch(device, "dense", kernel, (len(overlaps),), threads, args, 4 * count)
    return bool((sweeps - before == most).any())
