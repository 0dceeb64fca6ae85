"""A network of binary neurons, and its replicas: what is stored, how it is asked, and by which streams."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import isfinite, isinf, tanh
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mattis.exact import rng
from mattis.exact.arrays import Signs
from mattis.exact.patterns import KnownPatterns, noisy_cue, signs_of
from mattis.kernels import cpu
from mattis.kernels.cpu.lanes import Patterns, near_couplings, packed, transposed
from mattis.networks.binary import couplings

LARGEST_HALF = 2**15 - 1
"""Half fields and half overlaps up to this fit 16 bits."""

UPDATE_ORDERS = ("typewriter", "random")
SYNCHRONOUS = "synchronous"
SHARINGS = ("independent", "common")


class Replica(NamedTuple):
    """Where in the grid a network is simulated, and the pattern that it is asked for."""

    cue: int
    beta: float
    noise: float

    @property
    def is_cold(self) -> bool:
        """Whether the temperature is 0."""
        return isinf(self.beta)


RANDOM_START = 0.5
"""Noise of a cue that says nothing of its pattern: half of its bits are flipped."""


@lru_cache(maxsize=1024)
def few_patterns_overlap(beta: float) -> float:
    """Return the overlap of a network of few patterns, m = tanh(beta m), rounded to 1/1024; 0 for beta ≤ 1.

    Rounded, for no last digit of a tanh may decide what is in a store.
    """
    if beta <= 1:
        return 0.0
    m, before = 1.0, 2.0
    while before - m > 1e-9 and isfinite(beta):  # from above: it falls to the root
        m, before = tanh(beta * m), m
    return round(1024 * m) / 1024


HALF_WAY: Final = "half_way"
"""In place of a number: cues count as retrieved that end nearer to their state than to where they began."""


@dataclass(frozen=True)
class Protocol:
    """How a cell is measured: sweeps before and during the averages, cues per pattern set.

    retrieved_above  # the overlap above which a cue counts as retrieved, or HALF_WAY
    order  # of the sites in a sweep: "typewriter", 0 … N-1, "random", a new one in each sweep, or
           # "synchronous", all at once
    sharing  # of thermal noise, among replicas that differ in temperature only: "independent" or "common"
    starts    # chains of each replica: from its cue, and also from a random state
    nearness  # share of `few_patterns_overlap` below which a chain is not in its state any more
    """

    thermalise: int
    measure: int
    cues: int
    retrieved_above: float | Literal["half_way"]
    order: str = UPDATE_ORDERS[0]
    sharing: str = SHARINGS[0]
    starts: int = 1
    nearness: float = 0.0

    def threshold(self, beta: float, noise: float) -> float:
        """Return the overlap above which a cue of some noise counts as retrieved.

        Half-way from the cue, whose overlap is 1 - 2 noise in the mean, to the state, if it is not a number:
        with a number, cues that stay where they began count as long as they lie above it.
        """
        if self.retrieved_above == HALF_WAY:
            return (few_patterns_overlap(beta) + 1 - 2 * noise) / 2
        return float(self.retrieved_above)

    def stays_above(self, beta: float, noise: float) -> float:
        """Return the overlap above which a chain is in the state of its pattern.

        At N of hundreds some pattern sets end in a state beside the pattern, of overlap 0.5 to 0.9: a mean
        over these and over the state that theory speaks of is that of neither.
        """
        return max(self.threshold(beta, noise), self.nearness * few_patterns_overlap(beta))

    @property
    def sweeps(self) -> int:
        """All sweeps of a chain."""
        return self.thermalise + self.measure


@dataclass(frozen=True, eq=False)
class BinaryNetwork:
    """A pattern set, and its couplings where these are not Hebb's.

    patterns  # those that are asked for, (P, N), or their address
    nj    # (N, N) N J in units of 1/unit; None for sum_mu xi_i^mu xi_j^mu, made when a kernel wants it
    unit  # 1, or an even number where every coupling is a multiple of 2
    classes  # into which patterns fall, pattern mu into mu mod `classes`; 0: into none
    """

    labels: dict[str, int]
    root_seed: int
    patterns: KnownPatterns
    nj: NDArray[np.signedinteger] | None = None
    unit: int = 1
    classes: int = 0

    @cached_property
    def xi(self) -> Signs:
        """The patterns, (P, N), drawn when they are wanted: a device draws its own."""
        return signs_of(self.patterns)

    @property
    def size(self) -> int:
        return int(self.patterns.shape[1])

    @property
    def count(self) -> int:
        return int(self.patterns.shape[0])

    @property
    def parity(self) -> int:
        """The parity of every N h_i, in its unit: P (N - 1) mod 2, or 0 where couplings are even."""
        return 0 if self.unit > 1 else self.count * (self.size - 1) % 2

    @cached_property
    def couplings(self) -> NDArray[np.signedinteger]:
        """N J, (N, N)."""
        return couplings.hebb_matrix(self.xi) if self.nj is None else self.nj

    @cached_property
    def bound(self) -> int:
        """No state has a field |N h| above this."""
        return couplings.row_bound(self.couplings)

    @cached_property
    def site_major(self) -> Signs:
        """The patterns of each site, (N, P)."""
        return np.ascontiguousarray(self.xi.T)

    @cached_property
    def bits(self) -> NDArray[np.uint64]:
        """The patterns in bits, (P, ⌈N/64⌉)."""
        return packed(self.xi)

    @cached_property
    def in_lanes(self) -> Patterns:
        """The patterns as the vector kernels take them, with lanes that nothing overflows."""
        vector, size, count = cpu.lane_kernels(), self.size, self.count
        sites = transposed(self.bits, size)
        kind = np.int16 if fits_16_bits(sites, count) else np.int32
        near = near_couplings(vector.products, sites, count, kind)
        odd = size % 2 * self.xi.sum(axis=0, dtype=np.int64)
        offsets = (odd - count - self.parity) // 2
        return Patterns(sites, np.ascontiguousarray(self.bits.T), near, offsets, self.parity)

    @cached_property
    def _cues(self) -> rng.StreamGroup:
        return rng.StreamGroup(self.root_seed, "cue", self.labels)

    @cached_property
    def _dynamics(self) -> rng.StreamGroup:
        return rng.StreamGroup(self.root_seed, "dynamics", self.labels)

    def cue(self, index: int, noise: float) -> Signs:
        """Return pattern `index` with an exact fraction `noise` of its bits flipped."""
        if noise == 0:
            return np.array(self.xi[index])
        return noisy_cue(self.xi[index], noise, self.cue_stream(index, noise))

    def cue_stream(self, index: int, noise: float) -> rng.Stream:
        """Return the stream of the sites at which a cue differs from its pattern."""
        return self._cues.member({"noise": noise, "cue": index})

    def stream(self, replica: Replica, sharing: str) -> rng.Words:
        """Return the stream of a replica's thermal noise; a common one does not know the temperature."""
        member = {"noise": replica.noise, "cue": replica.cue}
        if sharing == "independent":
            member["beta"] = replica.beta
        return self._dynamics.member(member).packed()

    def order(self, order: str) -> rng.Words:
        """Return the stream of the orders of sites, which all replicas share; empty for a typewriter."""
        if order != "random":
            return np.zeros(0, np.uint32)
        return rng.stream(self.root_seed, "order", self.labels).packed()

    def scale(self, replica: Replica) -> np.float32:
        """Return the width of the thermal noise, 0 at T = 0."""
        return np.float32(0) if replica.is_cold else rng.noise_scale(self.size * self.unit, replica.beta)


def fits_16_bits(sites: NDArray[np.uint64], count: int) -> bool:
    """Tell whether 16 bits hold every half field and overlap: |N h_i| ≤ sum_{j≠i} |N J_ij|, |M| ≤ N.

    The row sums are at most P (N-1); only if these are too large are they counted.
    """
    size, limit = sites.shape[0], 2 * LARGEST_HALF - 1
    if size > limit or count > LARGEST_HALF:
        return False
    if count * (size - 1) <= limit:
        return True
    return int(cpu.lane_kernels().largest_row(sites, count, limit)) <= limit


def by_stream(replicas: Sequence[Replica], sharing: str) -> list[int]:
    """Return an order of replicas in which those that share their noise are neighbours."""
    if sharing == "independent":
        return list(range(len(replicas)))
    return sorted(range(len(replicas)), key=lambda k: (replicas[k].noise, replicas[k].cue))
