"""One replica of a network and its two kernels as programs; needs nothing that older revisions lack."""

import inspect
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from timing import Program

from mattis.exact import rng
from mattis.exact.arrays import Signs
from mattis.exact.patterns import random_patterns
from mattis.kernels.cpu import glauber
from mattis.networks.binary import couplings

TYPEWRITER = np.zeros(0, np.uint32)
NO_ORDER = (
    (TYPEWRITER,)
    if "order_stream" in inspect.signature(glauber.field_sweeps.py_func).parameters
    else ()
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
    one = Single(
        xi, np.ascontiguousarray(xi.T), full_couplings(xi), xi[0].copy(), streams[0], scale
    )
    return replace(one, spins=field(one, WARM_UP).final(), stream=streams[1])


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
            full.nj, state[0], state[1], one.parity, one.xi[0], words, one.scale,
            *NO_ORDER, *state[2], 0,
        )  # fmt: skip

    return Program(
        ready=lambda: (one.spins.copy(), known.copy(), empty(one.size, sweeps)),
        run=run,
        updates=one.size * sweeps,
        spins=lambda state: state[0],
    )


def overlap(one: Single, sweeps: int) -> Program:
    """Return `overlap_sweeps`; the overlaps of the start are known beforehand."""
    known, words = glauber.project(one.xi, one.spins).astype(np.int32), one.stream.packed()

    def run(state: Any) -> None:
        glauber.overlap_sweeps(
            one.site_major, state[0], state[1], 0, words, one.scale, *NO_ORDER, *state[2], 0
        )

    return Program(
        ready=lambda: (one.spins.copy(), known.copy(), empty(one.size, sweeps)),
        run=run,
        updates=one.size * sweeps,
        spins=lambda state: state[0],
    )
