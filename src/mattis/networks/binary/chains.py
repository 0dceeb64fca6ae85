"""From replicas to chains: which kernel runs them, and what it leaves behind.

A chain is the same, bit by bit, whichever kernel runs it and whichever replicas run beside it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mattis.exact.arrays import Mask, Signs
from mattis.kernels import cpu
from mattis.kernels.cpu.lanes import BLOCK, LANES, Heat, LaneRecord, Lanes, aligned_rows, packed
from mattis.networks.binary.costs import cheapest
from mattis.networks.binary.network import SYNCHRONOUS, BinaryNetwork, Protocol, Replica


@dataclass(frozen=True, eq=False)
class Chains:
    """What a kernel leaves behind of R replicas of a network.

    trace  # (3, sweeps, R): sum_i xi_i S_i, sum_i S_i N h_i, flips of each sweep
    sums   # (2, N, R): sums A, B of the spins over the halves of the measured sweeps; None on a device, which
    looks  # (R, 2) has looked at them: max over others of |sum_i xi_i (A_i + B_i)|, or -1, and sum_i A_i B_i
    used   # (R,) sweeps before a fixed point, or all of them
    spins  # (N, R) the final states; None on a device where nobody wants them
    """

    trace: NDArray[np.int64]
    sums: NDArray[np.int32] | None
    used: NDArray[np.int64]
    spins: Signs | None
    looks: NDArray[np.int64] | None = None

    def of(self, some: slice) -> "Chains":
        """Return the chains of some of the replicas."""
        sums = None if self.sums is None else self.sums[..., some]
        looks = None if self.looks is None else self.looks[some]
        spins = None if self.spins is None else self.spins[:, some]
        return Chains(self.trace[..., some], sums, self.used[some], spins, looks)


Kernel = Callable[[BinaryNetwork, Sequence[Replica], Protocol], Chains]

LONGEST_IN_LANES = 2**18
"""Sweeps of a chain above which the traces of 32 replicas take more memory than a laptop has to spare."""

LARGEST_CHAIN_SUM = 2**31
"""Sums of spins over sites and sweeps stay below this in 32 bits."""


def run(network: BinaryNetwork, replicas: Sequence[Replica], protocol: Protocol) -> Iterator[Chains]:
    """Yield the chains of replicas, in groups of up to 32, one after the other."""
    for group in groups_of(replicas, protocol):
        yield kernel_for(network, group, protocol)(network, group, protocol)


def groups_of(replicas: Sequence[Replica], protocol: Protocol) -> Iterator[Sequence[Replica]]:
    """Yield the replicas that run side by side: 32, or one where long traces would take the memory.

    Replicas that share their noise are a group of their own if they fill half of it: that is faster.
    """
    if protocol.sweeps > LONGEST_IN_LANES and protocol.order != SYNCHRONOUS:
        yield from ([replica] for replica in replicas)
        return
    alike = [replicas]
    if protocol.sharing == "common":
        alike = [[*same] for _, same in groupby(replicas, key=lambda r: (r.noise, r.cue))]
        alike = alike if len(replicas) >= LANES // 2 * len(alike) else [replicas]
    for same in alike:
        yield from (same[first : first + LANES] for first in range(0, len(same), LANES))


def lanes(network: BinaryNetwork, replicas: Sequence[Replica], protocol: Protocol) -> Chains:
    """Run up to 32 replicas side by side; places that are left repeat the last one, uncounted."""
    patterns = network.in_lanes
    padded = [*replicas, *[replicas[-1]] * (LANES - len(replicas))]
    state = _start(network, padded)
    heat = _heat(network, padded, protocol.sharing)
    record = LaneRecord(
        np.zeros((3, protocol.sweeps, LANES), np.int64),
        np.zeros((2, network.size, LANES), np.int32),
        protocol.thermalise,
    )
    if protocol.order == SYNCHRONOUS:
        cpu.lane_kernels("synchronous").little_sweeps(patterns, state, heat, record)
    else:
        cpu.lane_kernels().replica_sweeps(patterns, state, heat, network.order(protocol.order), record)
    count = len(replicas)
    trace, spins = record.trace[..., :count], 1 + 2 * state.spins[:, :count].astype(np.int8)
    return Chains(trace, record.sums[..., :count], settled(trace, heat.scales[0, :count] == 0), spins)


def _start(network: BinaryNetwork, replicas: Sequence[Replica]) -> Lanes:
    """Return the lanes of replicas that start from their cues."""
    size, count, kind = network.size, network.count, network.in_lanes.near.dtype
    cues = sorted({(replica.cue, replica.noise) for replica in replicas})
    which = [cues.index((replica.cue, replica.noise)) for replica in replicas]
    states = np.array([network.cue(*cue) for cue in cues])
    products = cpu.lane_kernels().products(network.bits, packed(states), size)
    spins = aligned_rows(size, kind)
    spins[:] = ((states - 1) // 2).T[:, which]
    overlaps = aligned_rows(-(-count // LANES) * LANES, kind)
    overlaps[:count] = ((products - size % 2) // 2)[:, which]
    return Lanes(spins, overlaps, np.array([replica.cue for replica in replicas]))


def _heat(network: BinaryNetwork, replicas: Sequence[Replica], sharing: str) -> Heat:
    """Return the thermal noise of replicas."""
    streams = np.array([network.stream(replica, sharing) for replica in replicas])
    scales, ties = aligned_rows(1, np.float32), aligned_rows(1, network.in_lanes.near.dtype)
    scales[0] = [network.scale(replica) for replica in replicas]
    if not network.parity:
        ties[0] = -(scales[0] == 0).astype(ties.dtype)
    shared, cold = bool((streams == streams[0]).all()), not scales.any()
    return Heat(streams[0, :2].copy(), np.ascontiguousarray(streams[:, 2:].T), scales, ties, shared, cold)


def settled(trace: NDArray[np.int64], cold: Mask) -> NDArray[np.int64]:
    """Return the first sweep without a flip of each replica that is cold; all of them for the others."""
    still = trace[2] == 0
    return np.asarray(np.where(cold & still.any(axis=0), still.argmax(axis=0), trace.shape[1]), np.int64)


def one_by_one(
    network: BinaryNetwork, replicas: Sequence[Replica], protocol: Protocol, run_one: Any
) -> Chains:
    """Run replicas one after the other."""
    size, count = network.size, len(replicas)
    trace = np.zeros((count, 3, protocol.sweeps), np.int64)
    sums, used = np.zeros((count, 2, size), np.int32), np.zeros(count, np.int64)
    spins, order = np.zeros((count, size), np.int8), network.order(protocol.order)
    for r, replica in enumerate(replicas):
        spins[r] = network.cue(replica.cue, replica.noise)
        stream, scale = network.stream(replica, protocol.sharing), network.scale(replica)
        rest = (stream, scale, order, trace[r], sums[r], protocol.thermalise)
        used[r] = run_one(network, replica, spins[r], rest)
    return Chains(trace.transpose(1, 2, 0), sums.transpose(1, 2, 0), used, spins.T)


def fields(network: BinaryNetwork, replicas: Sequence[Replica], protocol: Protocol) -> Chains:
    """Run replicas one after the other with cached fields."""

    def run_one(network: BinaryNetwork, replica: Replica, spins: Signs, rest: tuple[Any, ...]) -> int:
        nj, parity = network.couplings, network.parity
        halves = cpu.glauber.half_fields(nj, spins, parity, network.bound)
        return int(cpu.glauber.field_sweeps(nj, spins, halves, parity, network.xi[replica.cue], *rest))

    return one_by_one(network, replicas, protocol, run_one)


def overlaps(network: BinaryNetwork, replicas: Sequence[Replica], protocol: Protocol) -> Chains:
    """Run replicas one after the other, each field summed from the overlaps."""

    def run_one(network: BinaryNetwork, replica: Replica, spins: Signs, rest: tuple[Any, ...]) -> int:
        patterns = network.in_lanes
        known = (cpu.glauber.project(network.xi, spins) - network.size % 2) // 2
        halves = known.astype(patterns.near.dtype)
        return int(
            cpu.glauber.overlap_sweeps(network.site_major, patterns, spins, halves, replica.cue, *rest)
        )

    return one_by_one(network, replicas, protocol, run_one)


KERNELS: Mapping[str, Kernel] = {"lanes": lanes, "fields": fields, "overlaps": overlaps}


def kernel_for(network: BinaryNetwork, replicas: Sequence[Replica], protocol: Protocol) -> Kernel:
    """Return the kernel that is fastest for these replicas: how many they are, and how warm.

    Couplings that are not Hebb's have one kernel only, and so has synchronous dynamics.
    """
    sweeps = protocol.sweeps
    if protocol.order == SYNCHRONOUS:
        return lanes
    if network.nj is not None:
        return fields
    together = replicas if sweeps <= LONGEST_IN_LANES else replicas[:1]
    temperatures = [1 / replica.beta if replica.beta else inf for replica in together]
    in_turn = protocol.order == "random"
    return KERNELS[cheapest(network.size, network.count, temperatures, sweeps, in_turn)]


def projected(network: BinaryNetwork, sums: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return sum_i xi_i sums_i for each pattern and replica: (P, R), exact. sums  # (N, R)"""
    size, count = sums.shape
    if size * int(np.abs(sums).max(initial=0)) >= LARGEST_CHAIN_SUM:
        return np.array([cpu.glauber.project(network.xi, row) for row in sums.T]).T
    rows = aligned_rows(network.bits.shape[1] * BLOCK, np.int32)
    rows[:size, :count] = sums
    found = cpu.lane_kernels().lane_overlaps(np.ascontiguousarray(network.bits.T), rows)[:, :count]
    return np.asarray(found, np.int64)


def trace_memory(sweeps: int, synchronous: bool) -> int:
    """Return the bytes that the traces of a group need: 32 replicas, or one at a time if they are long."""
    return (1500 if synchronous or sweeps <= LONGEST_IN_LANES else 64) * sweeps


def matrix_memory(size: int, patterns: int, replicas: int, sweeps: int) -> int:
    """Return the bytes that making N J takes, 0 where no group of at most so many cold replicas wants it."""
    most = min(replicas, LANES) if sweeps <= LONGEST_IN_LANES else 1
    chosen = {cheapest(size, patterns, [0.0] * count, sweeps) for count in range(1, most + 1)}
    return 6 * size * size if "fields" in chosen else 0


def memory(size: int, patterns: int) -> int:
    """Return the bytes that 32 replicas in lanes need, and their patterns."""
    return 1500 * size + 8 * size * patterns
