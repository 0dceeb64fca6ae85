"""Networks made ready for every kernel, and groups of 32 replicas in equilibrium: the only builder."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from single import TYPEWRITER, WARM_UP, Couplings, Single, drawn, full_couplings

from mattis.exact import rng
from mattis.exact.arrays import Signs
from mattis.exact.patterns import random_patterns
from mattis.kernels.cpu import asynchronous
from mattis.kernels.cpu.lanes import LANES, Heat, LaneRecord, Lanes, Patterns, aligned_rows
from mattis.networks.binary import network as models


@dataclass(frozen=True)
class Network:
    """A random pattern set in the forms of all kernels; `full` is None where N² is too much."""

    labels: dict[str, int]
    xi: Signs
    site_major: Signs
    packed: Patterns
    full: Couplings | None

    @property
    def size(self) -> int:
        return int(self.xi.shape[1])

    @property
    def count(self) -> int:
        return int(self.xi.shape[0])


@dataclass(frozen=True)
class Group:
    """32 replicas of a network, each in equilibrium at its temperature, and the noise to come."""

    network: Network
    start: Lanes
    heat: Heat
    streams: tuple[rng.Stream, ...]

    @property
    def one(self) -> Single:
        """The first replica alone."""
        net = self.network
        return Single(
            net.xi, net.site_major, net.full, self.spins(0), self.streams[0], self.heat.scales[0, 0]
        )

    def spins(self, replica: int) -> Signs:
        """Return the state of one replica."""
        return signs(self.start, replica)

    def lanes(self) -> Lanes:
        """Return a state to change."""
        return Lanes(aligned(self.start.spins), aligned(self.start.overlaps), self.start.targets)


def aligned(like: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return a copy of rows of lanes that starts at a cache line."""
    copy = aligned_rows(len(like), like.dtype)
    copy[:] = like
    return copy


def signs(lanes: Lanes, replica: int) -> Signs:
    """Return the state of one replica as ±1."""
    return (2 * lanes.spins[:, replica] + 1).astype(np.int8)


def packed_patterns(xi: Signs) -> Patterns:
    """Return the pattern set in bits, as the models make it."""
    return models.BinaryNetwork({}, 1, xi).in_lanes


def network(size: int, patterns: int, full: bool = True) -> Network:
    """Return a random network."""
    labels, xi = drawn(size, patterns)
    known = full_couplings(xi) if full else None
    return Network(labels, xi, np.ascontiguousarray(xi.T), packed_patterns(xi), known)


def lanes_of(net: Network, states: NDArray[np.int8]) -> Lanes:
    """Return 32 states (32, N) in lanes; all are asked for the first pattern."""
    kind, rows = net.packed.near.dtype, -(-net.count // 32) * 32
    overlaps = np.zeros((rows, LANES), np.int64)
    product = net.xi.astype(np.float32) @ states.T.astype(np.float32)  # exact: N < 2^24
    overlaps[: net.count] = (product.astype(np.int64) - net.size % 2) // 2
    spins = (states.T.astype(kind) - 1) // 2
    return Lanes(aligned(spins), aligned(overlaps.astype(kind)), np.zeros(LANES, np.int64))


def heat_of(net: Network, temperatures: Sequence[float], name: str) -> tuple[Heat, tuple[rng.Stream, ...]]:
    """Return independent noise of 32 temperatures, and the streams of its lanes."""
    streams = tuple(rng.stream(1, name, net.labels, {"replica": r}) for r in range(LANES))
    words = np.array([stream.packed() for stream in streams])
    heats = np.array(temperatures)
    scales = [rng.noise_scale(net.size, 1 / t) if t > 0 else np.float32(0) for t in heats]
    ties = np.where((heats == 0) & (net.packed.parity == 0), -1, 0)[None]
    heat = Heat(
        words[0, :2].copy(), words[:, 2:].T.copy(), aligned(np.array([scales], np.float32)),
        aligned(ties.astype(net.packed.near.dtype)), False, bool((heats == 0).all()),
    )  # fmt: skip
    return heat, streams


def record(size: int, sweeps: int) -> LaneRecord:
    """Return an empty record of sweeps that are all averaged over."""
    return LaneRecord(np.zeros((3, sweeps, LANES), np.int64), np.zeros((2, size, LANES), np.int32), 0)


def group(net: Network, temperatures: float | Sequence[float], warm_up: int = WARM_UP) -> Group:
    """Return 32 replicas, some sweeps after the first pattern, under noise that is not timed."""
    heats = [temperatures] * LANES if isinstance(temperatures, float) else [*temperatures]
    lanes = lanes_of(net, np.repeat(net.xi[:1], LANES, axis=0))
    heat, _ = heat_of(net, heats, "warm-up")
    if warm_up:
        written = record(net.size, warm_up)
        asynchronous.replica_sweeps(net.packed, lanes, heat, TYPEWRITER, written)
    return Group(net, lanes, *heat_of(net, heats, "timed"))


def scattered(net: Network) -> Group:
    """Return 32 replicas in random states, at zero temperature."""
    states = random_patterns(rng.stream(1, "states", net.labels), LANES, net.size)
    return Group(net, lanes_of(net, states), *heat_of(net, [0.0] * LANES, "timed"))


def cued(net: Network, noise: float = 0.1) -> Group:
    """Return 32 noisy cues of the first pattern, at zero temperature."""
    draws = np.random.default_rng(1).random((LANES, net.size)) < noise
    states = np.where(draws, -net.xi[0], net.xi[0]).astype(np.int8)
    return Group(net, lanes_of(net, states), *heat_of(net, [0.0] * LANES, "timed"))
