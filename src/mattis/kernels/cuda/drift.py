"""Consolidation of many memories at once on a device: one block of threads for each trajectory.

The same numbers as `cpu.drift.present`, bit by bit: float64 without fused operations, every sum in one order.
The order of patterns is computed on the device, from the words of `rng.py`. The state of a trajectory leaves
the device where it is observed: 2 N_h K + 5 N_h + K numbers of 8 bytes.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mattis.exact.arrays import Reals
from mattis.kernels.cuda.devices import MOST_THREADS, WARP, Device, launch

DRIFT_WORK = 2**30
"""Elements of `fields` that a multiprocessor changes in one launch at most: about a second on a GPU."""


class DriftRule(NamedTuple):
    """The clamping schedule and the similarity that all trajectories of a batch share."""

    sequence: NDArray[np.int32]
    """(turns,) int32: the patterns clamped in turn; empty where the order is random."""
    piece: int
    """Presentations that read the words of one step of a stream."""
    dwell: int
    """Euler steps for which a pattern is clamped."""
    distance: bool
    """Whether the similarity is -|xi' - Xi|²/2, not Xi.xi'."""
    threshold: float
    """The cosine that `reached` waits for; above 1 it waits for nothing."""


class Ground(NamedTuple):
    """Scalar products of first memories Xi(0), patterns xi' and biases Lambda, as in `cpu.drift.present`."""

    gram: Reals
    """(K, K): xi' xi'^T."""
    pull: Reals
    """(N_h, K): Lambda xi'^T."""
    bias_squares: Reals
    """(N_h,): |Lambda_mu|^2."""
    fields: Reals
    """(N_h, K): Xi(0) xi'^T."""
    squares: Reals
    """(N_h,): |Xi_mu(0)|^2."""
    along_bias: Reals
    """(N_h,): Xi_mu(0).Lambda_mu."""


class Path(NamedTuple):
    """The parameters and the stream of one trajectory."""

    which: int
    """Number of its ground."""
    beta: float
    """Inverse temperature of the softmax."""
    eta: float
    """dt/tau."""
    stream: NDArray[np.uint32]
    """(4,) uint32: the stream of the order of patterns."""
    limits: NDArray[np.uint64]
    """(K,) uint64: the words below which one of the first patterns is clamped, rising to 2^32."""


class DriftState(NamedTuple):
    """The state of one trajectory, as in `cpu.drift.present`; on the device, a row of `states`."""

    fields: Reals
    new_share: Reals
    squares: Reals
    along_bias: Reals
    old_share: Reals
    bias_share: Reals
    hebbian: Reals
    reached: NDArray[np.int64]


class TrajectoryBatch(NamedTuple):
    """Trajectories on a device, R of G grounds."""

    rule: DriftRule
    rows: int
    columns: int
    which: Any
    """(R,): number of each one's ground."""
    betas: Any
    """(R,)."""
    etas: Any
    """(R,): dt/tau."""
    streams: Any
    """(R, 4)."""
    limits: Any
    """(R, K): see `Path`."""
    sequence: Any
    grounds: Any
    """(G, K K + N_h K + N_h): gram, pull, bias_squares."""
    states: Any
    """(R, 2 N_h K + 4 N_h + K): the arrays of `DriftState` in its order, without `reached`."""
    reached: Any
    """(R, N_h)."""


def bytes_of(rows: int, columns: int) -> int:
    """Return the bytes that a trajectory takes on the device, with a ground of its own."""
    ground = columns * columns + rows * columns + rows
    state = 2 * rows * columns + 5 * rows + columns
    return 8 * (ground + state + columns + 16)


def load(
    device: Device, rule: DriftRule, grounds: Sequence[Ground], paths: Sequence[Path]
) -> TrajectoryBatch:
    """Copy trajectories to the device, before the first presentation; those of one ground are neighbours.

    Raises what the device raises where memory is short.
    """
    xp, up = device.xp, device.upload
    rows, columns = grounds[0].fields.shape
    count = len(paths)
    batch = TrajectoryBatch(
        rule, rows, columns,
        which=up(np.array([path.which for path in paths], np.int32)),
        betas=up(np.array([path.beta for path in paths], np.float64)),
        etas=up(np.array([path.eta for path in paths], np.float64)),
        streams=up(np.stack([path.stream for path in paths])),
        limits=up(np.stack([path.limits for path in paths])),
        sequence=up(rule.sequence if rule.sequence.size else np.zeros(1, np.int32)),
        grounds=xp.empty((len(grounds), columns * columns + rows * columns + rows), np.float64),
        states=xp.empty((count, 2 * rows * columns + 4 * rows + columns), np.float64),
        reached=xp.full((count, rows), -1, np.int64),
    )  # fmt: skip
    of_path = np.array([path.which for path in paths])
    for g, ground in enumerate(grounds):
        first, last = np.searchsorted(of_path, [g, g + 1])
        device.fill(batch.grounds[g], _row(*ground[:3]))
        device.fill(batch.states[first], _start(ground))
        batch.states[first + 1 : last] = batch.states[first]
    return batch


def _row(*arrays: Reals) -> Reals:
    """Return arrays one after the other."""
    return np.concatenate([array.ravel() for array in arrays])


def _start(ground: Ground) -> Reals:
    """Return the state before the first presentation, as a row of `states`."""
    rows, columns = ground.fields.shape
    nothing, none = np.zeros(rows), np.zeros((rows, columns))
    return _row(ground.fields, none, ground.squares, ground.along_bias, np.ones(rows), nothing, none[0])


def advance(
    device: Device, batch: TrajectoryBatch, firsts: NDArray[np.int64], lasts: NDArray[np.int64]
) -> None:
    """Make presentations first … last-1 of every trajectory, in launches of bounded length.

    firsts, lasts  # (R,); without a presentation, a trajectory still fills in `reached`
    """
    most = longest(device, len(batch.states), batch.rule.dwell * batch.rows * batch.columns)
    while True:
        ends = np.minimum(firsts + most, lasts)
        _present(device, batch, firsts, ends)
        if (ends == lasts).all():
            return
        firsts = ends


def longest(device: Device, trajectories: int, work: int) -> int:
    """Return the presentations of one launch at most. work  # of one presentation of one trajectory"""
    waves = -(-trajectories // device.processors)
    return max(DRIFT_WORK // (device.splits * work * waves), 1)


def _present(
    device: Device, batch: TrajectoryBatch, firsts: NDArray[np.int64], lasts: NDArray[np.int64]
) -> None:
    b, rule, up = batch, batch.rule, device.upload
    launch(
        device, "drift", "present_many", (len(firsts),), threads_of(b.columns),
        (
            up(firsts), up(lasts), b.which, b.betas, b.etas, b.streams, b.limits,
            b.sequence, np.int32(rule.sequence.size), np.int32(rule.piece), b.grounds, b.states,
            b.reached, np.int32(b.rows), np.int32(b.columns), np.int32(rule.dwell),
            np.int32(rule.distance), np.float64(rule.threshold),
        ),
        shared=20 * b.rows,
    )  # fmt: skip


def threads_of(columns: int) -> int:
    """Return the threads of a block: one for each pattern, in whole warps. No number depends on it."""
    return min(-(-columns // WARP) * WARP, MOST_THREADS)


def fetch(device: Device, batch: TrajectoryBatch, place: int) -> DriftState:
    """Return the state of one trajectory."""
    rows, columns = batch.rows, batch.columns
    row = device.to_host(batch.states[place])
    sizes = (rows * columns, rows * columns, rows, rows, rows, rows)
    fields, new_share, squares, along_bias, *shares = np.split(row, np.cumsum(sizes))
    old_share, bias_share, hebbian = shares
    return DriftState(
        fields.reshape(rows, columns), new_share.reshape(rows, columns), squares, along_bias,
        old_share, bias_share, hebbian, reached=device.to_host(batch.reached[place]),
    )  # fmt: skip
