"""Ladders of temperatures of one network, whose walkers swap them: what is run, and what it leaves behind.

Each walker has a stream of its own, by its number and not by its temperature; swaps have one for each ladder.
So trajectories depend neither on blocks nor on workers, and not on which temperatures are asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from math import ceil, log, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from mattis.exact import rng
from mattis.exact.arrays import Reals, Signs
from mattis.exact.patterns import random_patterns
from mattis.kernels import cpu
from mattis.kernels.cpu.lanes import LANES, Heat, LaneRecord, Lanes, aligned_rows, packed, scratch
from mattis.networks.binary.matrix_network import MatrixNetwork
from mattis.networks.binary.network import Protocol

MOST_RUNGS = 64
"""Temperatures of a ladder that is chosen, at most: its walkers fill four groups of lanes."""

MOST_REJECTED = Fraction(1, 2)
"""Swaps of a pair that are rejected at most, of those of a ladder that is chosen.

Where even and odd pairs swap in turn, round trips are most frequent at 1/2: S. Syed, A. Bouchard-Côté,
G. Deligiannidis and A. Doucet, J. R. Stat. Soc. B 84, 321 (2022).
"""

FIRST_SWEEPS = 200
"""Sweeps of the first part by which a ladder is chosen; swaps of the second half of them count."""


@dataclass(frozen=True)
class Ladder:
    """The temperatures among which walkers are swapped.

    betas   # rising: the hottest rung first
    every   # sweeps between two rounds of swaps
    chosen  # whether each network has hidden rungs between these, see `asking.hidden_rungs`
    """

    betas: tuple[float, ...]
    every: int = 1
    chosen: bool = False

    @staticmethod
    def of(betas: Sequence[float], every: int, chosen: bool = False) -> "Ladder":
        """Return the ladder of the temperatures of an axis, in whatever order they stand there."""
        return Ladder(tuple(sorted(betas)), every, chosen)

    @property
    def rungs(self) -> int:
        """Temperatures."""
        return len(self.betas)

    def memory(self, size: int, sweeps: int) -> int:
        """Return the bytes that two ladders of networks of N neurons take."""
        rungs = max(self.rungs, MOST_RUNGS) if self.chosen else self.rungs
        return rungs * (64 * sweeps + 20 * size)

    def work(self, size: int, sweeps: int, points: int) -> int:
        """Return how many spins two ladders of networks of N neurons propose at some of their points.

        Of a ladder that is chosen about so many, of whole ladders with the first part: for as many rungs as
        energies need that fluctuate by √(N/2) T, as in a glass at T_g. A swap of T with T' is then rejected
        with a probability of about √(N/2π) ln(T/T').
        """
        if not self.chosen:
            return 2 * size * sweeps * points
        rejected = [sqrt(size / (2 * pi)) * log(b / a) for a, b in pairwise(self.betas)]
        parts = sum(max(ceil(one / MOST_REJECTED), 1) for one in rejected)
        rungs = max(min(1 + parts, MOST_RUNGS), self.rungs)
        ladders = -(-points // self.rungs)
        return 2 * size * (sweeps * rungs + FIRST_SWEEPS * MOST_RUNGS) * ladders

    def proposals(self, pair: int, first: int, last: int) -> int:
        """Return how often rungs `pair` and the next try to swap in these sweeps: in every other round."""
        return sum(number % 2 == pair % 2 for number in range(first // self.every, last // self.every))


@dataclass(frozen=True, eq=False)
class LadderRecord:
    """What two ladders of R rungs leave behind: one from the cue, the other from random states.

    trace    # (2, 2, R, sweeps): sum_i w_i S_i with the cued pattern, and sum_i S_i (N h_i + b_i), of each
             # ladder on each rung
    nearest  # (2, R, sweeps) |sum_i xi_i S_i| of the pattern of which it is largest; (2, R, 0) where none is
    twins    # (R, sweeps) sum_i S_i S'_i of the two walkers on a rung
    swaps    # (2, R - 1) swaps of each rung with the next colder one, in measured sweeps
    trips    # (2, R) round trips of each walker
    flow     # (2, 2, R) of each ladder: walkers on a rung that came from the hottest end, from the coldest
    walkers  # (2, R) who is on each rung at the end; spins  # (2, R, N) their states, by walker
    """

    trace: NDArray[np.int64]
    nearest: NDArray[np.int64]
    twins: NDArray[np.int64]
    swaps: NDArray[np.int64]
    trips: NDArray[np.int64]
    flow: NDArray[np.int64]
    walkers: NDArray[np.int64]
    spins: Signs


@dataclass(frozen=True, eq=False)
class LadderRun:
    """Two ladders of one network that are asked for one pattern.

    index  # of the pattern; noise  # share of its bits that are wrong in the cue
    is_hebbian  # whether this is Hopfield's network: Hebb's rule, ±1, no thresholds
    is_first    # whether this is the first part, by which a ladder is chosen: its streams are its own
    """

    circuit: MatrixNetwork
    ladder: Ladder
    index: int
    noise: float
    asking: Protocol
    is_hebbian: bool = False
    is_first: bool = False

    def stream(self, name: str, ladder: int, walker: int | None = None) -> rng.Stream:
        """Return a stream of a ladder, or of one of its walkers."""
        network = self.circuit.network
        member = {"noise": self.noise, "cue": self.index, "ladder": ladder}
        member |= {} if walker is None else {"walker": walker}
        member |= {"first part": 1} if self.is_first else {}
        return rng.stream(network.root_seed, name, network.labels, member)

    @cached_property
    def streams(self) -> rng.Words:
        """The streams of the thermal noise of all walkers, (2, R, 4)."""
        walkers = range(self.ladder.rungs)
        return np.array([[self.stream("walkers", a, w).packed() for w in walkers] for a in (0, 1)])

    @property
    def swap_streams(self) -> rng.Words:
        """The streams that decide swaps, (2, 4)."""
        return np.array([self.stream("exchange", a).packed() for a in (0, 1)])

    @property
    def starts(self) -> Signs:
        """The states in which walkers start, (2, R, N): the cue, and random ones."""
        network, rungs = self.circuit.network, self.ladder.rungs
        cue = network.cue(self.index, self.noise)
        random = random_patterns(self.stream("random starts", 1), rungs, network.size)
        return np.array([[cue] * rungs, random])

    @property
    def scales(self) -> NDArray[np.float32]:
        """The widths of the thermal noise, (R,)."""
        return np.array([self.circuit.scale(beta) for beta in self.ladder.betas], np.float32)

    @property
    def gaps(self) -> Reals:
        """What the exponent of a swap is of a difference of `aligned` of one, (R - 1,)."""
        circuit = self.circuit
        return np.diff(self.ladder.betas) / (2 * circuit.size * circuit.unit * circuit.quarter)

    def run(self) -> LadderRecord:
        """Run the ladders, by the kernel that suits the couplings: the record is the same to the last bit."""
        vectors = cpu.lane_kernels().__name__ != "mattis.kernels.cpu.portable"
        return self.by_lanes() if self.is_hebbian and vectors else self.by_matrix()

    def by_lanes(self) -> LadderRecord:
        """Run the ladders of Hebb's couplings, 32 walkers side by side, from their overlaps."""
        network, rungs = self.circuit.network, self.ladder.rungs
        spins, record = self.starts, self.empty(self.starts)
        patterns, kind, size = network.in_lanes, network.in_lanes.near.dtype, network.size
        groups = -(-2 * rungs // LANES)
        walkers = np.minimum(np.arange(groups * LANES), 2 * rungs - 1).reshape(groups, LANES)
        flat = spins.reshape(2 * rungs, size)
        halves = (cpu.lane_kernels().products(network.bits, packed(flat), size) - size % 2) // 2
        rows = -(-network.count // LANES) * LANES
        states = aligned_rows(groups * size, kind).reshape(groups, size, LANES)
        overlaps = aligned_rows(groups * rows, kind).reshape(groups, rows, LANES)
        for g, lanes in enumerate(walkers):
            states[g] = ((flat[lanes] - 1) // 2).T
            overlaps[g, : network.count] = halves[:, lanes]
        streams = self.streams.reshape(2 * rungs, 4)
        tails = np.ascontiguousarray(streams[walkers, 2:].transpose(0, 2, 1))
        heat = Heat(
            streams[0, :2].copy(), tails[0].copy(), aligned_rows(1, np.float32), aligned_rows(1, kind),
            False, False,
        )  # fmt: skip
        steps = self.asking.sweeps
        trace, sums = np.zeros((3, steps, LANES), np.int64), np.zeros((2, 1, LANES), np.int32)
        rungs_at, room = cpu.exchange.rungs_of(self.scales, network.parity)
        order = network.order(self.asking.order)
        cpu.exchange.lane_ladders(
            patterns, states, overlaps, np.full(LANES, self.index), tails, heat,
            scratch(patterns, Lanes(states[0], overlaps[0], walkers[0]), heat, room),
            LaneRecord(trace, sums, steps), order if order.size else None, rungs_at,
            self.ladder.every, self.gaps, self.swap_streams, record.walkers, self.asking.thermalise,
            record.trace, record.nearest, record.twins, record.swaps, record.trips, record.flow,
        )  # fmt: skip
        ends = (1 + 2 * states.astype(np.int8)).transpose(0, 2, 1).reshape(groups * LANES, size)
        return replace(record, spins=ends[: 2 * rungs].reshape(2, rungs, size))

    def by_matrix(self) -> LadderRecord:
        """Run the ladders walker by walker, with the couplings."""
        circuit, spins, ladder = self.circuit, self.starts, self.ladder
        fields = np.array([[circuit.fields(state) for state in part] for part in spins])
        target = np.ascontiguousarray(circuit.stored.weights[self.index])
        record = self.empty(spins)
        cpu.exchange.matrix_ladders(
            circuit.columns, circuit.bias, target, circuit.stored.weights, spins, fields, self.streams,
            self.scales, circuit.dynamics.is_metropolis, circuit.network.order(self.asking.order),
            ladder.every, self.gaps, self.swap_streams, record.walkers, self.asking.thermalise,
            record.trace, record.nearest,
            record.twins, record.swaps, record.trips, record.flow,
        )  # fmt: skip
        return record

    def empty(self, spins: Signs) -> LadderRecord:
        """Return a record that nothing was written to, each walker on the rung of its number."""
        rungs, sweeps = self.ladder.rungs, self.asking.sweeps
        trace = np.zeros((2, 2, rungs, sweeps), np.int64)
        twins = np.zeros((rungs, sweeps), np.int64)
        nearest = np.zeros((2, rungs, sweeps if self.is_hebbian else 0), np.int64)
        swaps, trips = np.zeros((2, rungs - 1), np.int64), np.zeros((2, rungs), np.int64)
        flow, walkers = np.zeros((2, 2, rungs), np.int64), np.tile(np.arange(rungs), (2, 1))
        return LadderRecord(trace, nearest, twins, swaps, trips, flow, walkers, spins)
