"""Replicas of many pattern sets on a device: one block of threads for each, or matrix products for all.

The same trajectories as on the CPU, bit by bit. The states stay on the device; the trace of each replica, its
last state, and two overlaps of its mean state leave it.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mattis.exact.arrays import Signs
from mattis.kernels.cuda import integer_products
from mattis.kernels.cuda.devices import Device, launch

THREADS = 256
"""Threads of a block: `glauber_groups` needs them; in the others they hide the latency of memory."""

BITS_PER_WORD = 32
"""Patterns or sites in a word of bits."""

PROPOSALS_PER_LAUNCH = 2**21
"""Proposals of a multiprocessor in one launch: below a second, so that a run can be interrupted."""

LARGEST_ORDERS = 2**26
"""Sites of all orders that one launch brings along, 256 MB."""

GLAUBER_KERNELS = ("glauber_groups", "glauber_sites")
"""The asynchronous kernels: 32 proposals between barriers, or one."""

STATIC = 1024
"""Bytes of shared memory that kernels take besides, at most."""

MANY_REPLICAS = 40
"""Replicas of a pattern set from which matrix products beat popcounts; an estimate, see docs/gpu.md."""

SiteOrders = Callable[[int, int], NDArray[np.int32]]


class Sets(NamedTuple):
    """Pattern sets of one size and number, on the device."""

    sites: Any
    """(sets, N, ⌈P/32⌉) uint32: bit mu of the words of site i is set where xi_i^mu = +1."""
    columns: Any
    """(sets, ⌈P/32⌉, N) uint32: the same, word by word."""
    rows: Any
    """(sets, P, ⌈N/32⌉) uint32: bit i of the words of pattern mu is set where xi_i^mu = +1."""
    signs: Signs
    """(sets, P, N) int8, on the host: the patterns themselves."""

    @property
    def shape(self) -> tuple[int, int]:
        """N and P."""
        return int(self.signs.shape[2]), int(self.signs.shape[1])


class GlauberReplicas(NamedTuple):
    """Replicas that one batch of launches runs, on the host."""

    which: NDArray[np.int32]
    """(R,) int32: the number of each replica's pattern set; rising."""
    targets: NDArray[np.int32]
    """(R,) int32: its cued pattern."""
    streams: NDArray[np.uint32]
    """(R, 4) uint32: the stream of its thermal noise."""
    scales: NDArray[np.float32]
    """(R,) float32: its noise width N T / 2; 0 at T = 0."""
    spins: Signs
    """(R, N) int8: its cue."""


class DeviceSweeps(NamedTuple):
    """The sweeps of a batch, and the order of sites in them."""

    sweeps: int
    """Sweeps in all."""
    warm: int
    """Sweeps before the averages."""
    orders: SiteOrders | None = None
    """From (first, last) to the orders of these sweeps, (sets, last - first, N) int32; None for 0 … N-1."""


class GlauberResult(NamedTuple):
    """The traces, overlaps and final states of replicas, as they leave the device."""

    trace: NDArray[np.int64]
    """(R, 3, sweeps) int64: sum_i xi_i S_i, sum_i S_i N h_i, flips of each sweep."""
    mean_overlaps: NDArray[np.int64]
    """(R, 2) int64: max over other patterns of |sum_i xi_i (A_i + B_i)|, -1 if there is none, and
    sum_i A_i B_i, of the sums A, B of the spins over the halves of the measured sweeps."""
    spins: Signs
    """(R, N) int8: the final states."""


class ReplicaState(NamedTuple):
    """Replicas on the device, changed in place."""

    which: Any
    targets: Any
    streams: Any
    scales: Any
    spins: Any
    overlaps: Any
    still: Any
    trace: Any
    sums: Any

    @property
    def inputs(self) -> tuple[Any, ...]:
        """The arrays that a kernel reads."""
        return self.which, self.targets, self.streams, self.scales

    @property
    def outputs(self) -> tuple[Any, ...]:
        """The arrays that a kernel writes."""
        return self.spins, self.overlaps, self.still, self.trace, self.sums


def bits(signs: Signs) -> NDArray[np.uint32]:
    """Return signs as bits along the last axis: bit b of word w is set where sign 32 w + b is +1."""
    length = signs.shape[-1]
    out = np.zeros((*signs.shape[:-1], -(-length // BITS_PER_WORD) * 4), np.uint8)
    out[..., : -(-length // 8)] = np.packbits(signs > 0, axis=-1, bitorder="little")
    return out.view("<u4").astype(np.uint32)


def sets_on(device: Device, signs: Signs) -> Sets:
    """Copy pattern sets to the device. signs  # (sets, P, N) int8"""
    sites = bits(np.ascontiguousarray(signs.transpose(0, 2, 1)))
    columns = np.ascontiguousarray(sites.transpose(0, 2, 1))
    copy = device.xp.asarray
    return Sets(copy(sites), copy(columns), copy(bits(signs)), signs)


def memory(size: int, count: int, sweeps: int) -> int:
    """Return the bytes of a replica on the device, its trace included."""
    return size * (2 + 8 + 4) + 28 * count + 24 * sweeps + 64


def set_memory(size: int, count: int) -> int:
    """Return the bytes of a pattern set on the device: bits three times, and signs for matrix products."""
    return 3 * size * count // 8 + 18 * size * count


def shared_memory(size: int, count: int, synchronous: bool) -> int:
    """Return the bytes of shared memory of a block."""
    words = BITS_PER_WORD * -(-count // BITS_PER_WORD)
    return 4 * (words + (-(-size // BITS_PER_WORD) if synchronous else 0))


def begin(device: Device, sets: Sets, batch: GlauberReplicas, sweeps: int) -> ReplicaState:
    """Copy replicas to the device, and count their overlaps."""
    xp, replicas, (size, count) = device.xp, len(batch.which), sets.shape
    state = ReplicaState(
        xp.asarray(batch.which), xp.asarray(batch.targets), xp.asarray(batch.streams),
        xp.asarray(batch.scales),
        xp.array(batch.spins),  # a copy: a batch that does not fit the memory starts again in halves
        xp.zeros((replicas, count), xp.int32), xp.zeros(replicas, xp.int32),
        xp.zeros((replicas, 3, sweeps), xp.int64), xp.zeros((replicas, 2, size), xp.int32),
    )  # fmt: skip
    args = (sets.rows, state.which, state.spins, state.overlaps, *ints(size, count))
    launch(device, "looks", "count_overlaps", (replicas,), THREADS, args)
    return state


def ints(*numbers: int) -> tuple[np.int32, ...]:
    """Return numbers as kernels take them."""
    return tuple(np.int32(number) for number in numbers)


def end(device: Device, sets: Sets, state: ReplicaState) -> GlauberResult:
    """Compute the overlaps of the mean states, and copy the results to the host."""
    replicas = len(state.which)
    mean_overlaps = device.xp.zeros((replicas, 2), device.xp.int64)
    args = (sets.rows, state.which, state.targets, state.sums, mean_overlaps, *ints(*sets.shape))
    launch(device, "looks", "look_at_sums", (replicas,), THREADS, args)
    return GlauberResult(
        *(device.to_host(part) for part in (state.trace, mean_overlaps, state.spins))
    )


def asynchronous(
    device: Device,
    sets: Sets,
    batch: GlauberReplicas,
    course: DeviceSweeps,
    form: str = GLAUBER_KERNELS[0],
) -> GlauberResult:
    """Run replicas, one site after the other; both forms give the same bits."""
    state = begin(device, sets, batch, course.sweeps)
    shared = shared_memory(*sets.shape, synchronous=False)
    for first, last in pieces(device, sets, batch, course):
        orders = np.zeros(1, np.int32) if course.orders is None else course.orders(first, last)
        spins, *outputs = state.outputs
        args = (
            sets.sites, *state.inputs, device.xp.asarray(orders), np.int32(course.orders is not None),
            spins, *outputs, *ints(*sets.shape, first, last, course.sweeps, course.warm),
        )  # fmt: skip
        launch(device, "glauber", form, (len(batch.which),), THREADS, args, shared)
    return end(device, sets, state)


def pieces(
    device: Device, sets: Sets, batch: GlauberReplicas, course: DeviceSweeps
) -> Sequence[tuple[int, int]]:
    """Return the sweeps of each launch: first, last + 1."""
    turns = -(-len(batch.which) // device.processors)
    size = sets.shape[0]
    step = max(PROPOSALS_PER_LAUNCH // (size * turns), 1)
    if course.orders is not None:
        step = max(min(step, LARGEST_ORDERS // (size * len(sets.signs))), 1)
    return [(t, min(t + step, course.sweeps)) for t in range(0, course.sweeps, step)]


def synchronous(
    device: Device, sets: Sets, batch: GlauberReplicas, course: DeviceSweeps
) -> GlauberResult:
    """Run replicas, all sites at once: by popcounts, or by matrix products where a set has many replicas."""
    replicas = np.bincount(batch.which, minlength=len(sets.signs))
    if replicas.min() >= MANY_REPLICAS:
        return by_products(device, sets, batch, course)
    return by_popcounts(device, sets, batch, course)


def by_popcounts(
    device: Device, sets: Sets, batch: GlauberReplicas, course: DeviceSweeps
) -> GlauberResult:
    """Run replicas, all sites at once, a block for each."""
    state = begin(device, sets, batch, course.sweeps)
    shared = shared_memory(*sets.shape, synchronous=True)
    for first, last in pieces(device, sets, batch, course):
        numbers = ints(*sets.shape, first, last, course.sweeps, course.warm)
        args = (sets.columns, sets.rows, *state.inputs, *state.outputs, *numbers)
        launch(device, "little", "little_sweeps", (len(batch.which),), THREADS, args, shared)
    return end(device, sets, state)


def by_products(
    device: Device, sets: Sets, batch: GlauberReplicas, course: DeviceSweeps
) -> GlauberResult:
    """Run replicas, all sites at once: h = M xi - P S and M = S xiᵀ, one product for each pattern set."""
    xp, (size, count) = device.xp, sets.shape
    state = begin(device, sets, batch, course.sweeps)
    rows = [integer_products.padded(xp, xp.asarray(signs)) for signs in sets.signs]
    columns = [
        integer_products.padded(xp, xp.asarray(np.ascontiguousarray(s.T))) for s in sets.signs
    ]
    starts = np.searchsorted(batch.which, np.arange(len(rows) + 1)).tolist()
    places = [slice(*pair) for pair in pairwise(starts)]
    overlaps = xp.zeros((len(batch.which), columns[0].shape[1]), xp.int32)
    overlaps[:, :count] = state.overlaps
    grid, total = (len(batch.which),), course.sweeps
    for t in range(total):
        fields = [
            integer_products.wide_products(device, overlaps[lanes], xi, size)
            for lanes, xi in zip(places, columns, strict=True)
        ]
        changed = (state.spins, state.trace, state.sums)
        args = (xp.concatenate(fields), state.streams, state.scales, *changed)
        numbers = ints(size, count, t, total, course.warm)
        launch(device, "little", "little_update", grid, THREADS, (*args, *numbers))
        spins = integer_products.padded(xp, state.spins)
        for lanes, xi in zip(places, rows, strict=True):
            overlaps[lanes, :count] = integer_products.products(device, spins[lanes], xi)
        inputs = (xp.ascontiguousarray(overlaps[:, :count]), state.targets, state.trace)
        launch(
            device,
            "little",
            "little_record",
            grid,
            THREADS,
            (*inputs, *ints(size, count, t, total)),
        )
    return end(device, sets, state)
