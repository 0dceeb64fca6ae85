"""One replica of a network and its kernels as programs; needs nothing that older revisions lack."""

import inspect
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from timing import Program

from mattis.exact import rng
from mattis.exact.arrays import Signs
from mattis.exact.patterns import random_patterns
from mattis.kernels.cpu import glauber, matrix
from mattis.networks.binary import couplings
from mattis.networks.binary.network import BinaryNetwork

TYPEWRITER = np.zeros(0, np.uint32)
NO_ORDER = (
    (TYPEWRITER,) if "order_stream" in inspect.signature(glauber.field_sweeps.py_func).parameters else ()
)
"""The argument of the kernels that older revisions do not have."""

WARM_UP = 40  # sweeps from the pattern before anything is timed


@dataclass(frozen=True)
class Couplings:
    """N J in full, as `field_sweeps` takes it."""

    nj: NDArray[np.signedinteger]
    bound: int


@dataclass(frozen=True)
class Single:
    """A replica in some state, and the noise to come; `full` is None where N² is too much."""

    xi: Signs
    site_major: Signs
    full: Couplings | None
    spins: Signs
    stream: rng.Stream
    scale: np.float32

    @property
    def size(self) -> int:
        return int(self.xi.shape[1])

    @property
    def parity(self) -> int:
        return int(self.xi.shape[0]) * (self.size - 1) % 2


def drawn(size: int, patterns: int) -> tuple[dict[str, int], Signs]:
    """Return the labels of a pattern set, and the patterns."""
    labels = {"size": size, "patterns": patterns, "seed": 0}
    return labels, random_patterns(rng.stream(1, "patterns", labels), patterns, size)


def full_couplings(xi: Signs) -> Couplings:
    """Return the couplings, and the bound of every field."""
    nj = couplings.hebb_matrix(xi)
    return Couplings(nj, couplings.row_bound(nj))


def equilibrated(size: int, patterns: int, temperature: float) -> Single:
    """Return a replica some sweeps after the first pattern, under noise that is not timed."""
    labels, xi = drawn(size, patterns)
    streams = [rng.stream(1, name, labels, {"replica": 0}) for name in ("warm-up", "timed")]
    scale = rng.noise_scale(size, 1 / temperature)
    one = Single(xi, np.ascontiguousarray(xi.T), full_couplings(xi), xi[0].copy(), streams[0], scale)
    return replace(one, spins=field(one, WARM_UP).final(), stream=streams[1])


def clipped(size: int, patterns: int, temperature: float) -> Single:
    """Return a replica with clipped couplings, in units of 1, some sweeps after the first pattern."""
    one = equilibrated(size, patterns, temperature)
    assert one.full is not None
    nj = np.sign(one.full.nj)
    scale = np.float32(one.scale * math.sqrt(2 / (math.pi * patterns)))
    one = replace(one, full=Couplings(nj, couplings.row_bound(nj)), scale=scale, spins=one.xi[0])
    return replace(one, spins=whole_fields(one, WARM_UP).final())


def empty(size: int, sweeps: int) -> tuple[Any, Any]:
    """Return empty (trace, sums) of one replica, averaged over all sweeps."""
    return np.zeros((3, sweeps), np.int64), np.zeros((2, size), np.int32)


def field(one: Single, sweeps: int) -> Program:
    """Return `field_sweeps`; the fields of the start are known beforehand."""
    full, words = one.full, one.stream.packed()
    assert full is not None
    known = glauber.half_fields(full.nj, one.spins, one.parity, full.bound)

    def run(state: Any) -> None:
        glauber.field_sweeps(
            full.nj, state[0], state[1], one.parity, one.xi[0], words, one.scale, *NO_ORDER, *state[2], 0
        )

    return Program(
        ready=lambda: (one.spins.copy(), known.copy(), empty(one.size, sweeps)),
        run=run,
        updates=one.size * sweeps,
        spins=lambda state: state[0],
    )


def overlap(one: Single, sweeps: int, order: Any = TYPEWRITER) -> Program:
    """Return `overlap_sweeps`; the overlaps of the start are known beforehand. order  # or its stream"""
    patterns, words = BinaryNetwork({}, 1, one.xi).in_lanes, one.stream.packed()
    halves = (glauber.project(one.xi, one.spins) - one.size % 2) // 2
    known = halves.astype(patterns.near.dtype)

    def run(state: Any) -> None:
        glauber.overlap_sweeps(
            one.site_major, patterns, state[0], state[1], 0, words, one.scale, order, *state[2], 0
        )

    return Program(
        ready=lambda: (one.spins.copy(), known.copy(), empty(one.size, sweeps)),
        run=run,
        updates=one.size * sweeps,
        spins=lambda state: state[0],
    )


def whole_fields(one: Single, sweeps: int) -> Program:
    """Return `matrix_sweeps`, one site after the other; the fields of the start are known beforehand."""
    full, words, size = one.full, one.stream.packed(), one.size
    assert full is not None
    kind = np.int16 if 2 * full.bound < 2**15 else np.int32
    known = glauber.project(full.nj, one.spins).astype(kind)
    followed = one.xi[:1].astype(np.int16), np.zeros((sweeps, 1), np.int32)
    scales, overlaps = np.full(sweeps, one.scale, np.float32), np.zeros((1, sweeps), np.int64)

    def run(state: Any) -> None:
        trace, sums = state[2]
        matrix.matrix_sweeps(
            full.nj, state[0], state[1], np.zeros(size, np.int64), *followed, False, False, False,
            words, scales, TYPEWRITER, overlaps, trace, np.zeros(0), sums, 0,
        )  # fmt: skip

    return Program(
        ready=lambda: (one.spins.copy(), known.copy(), empty(size, sweeps)),
        run=run,
        updates=size * sweeps,
        spins=lambda state: state[0],
    )
