"""32 replicas of one pattern set side by side: what the vector kernels take, in plain arrays.

Everything is kept in halves, so that 16 bits reach twice as far:  M = 2 `overlaps` + c with c = N mod 2,
S = 1 + 2 `spins` (0 is up, -1 down), N h = 2 x + p with p = P (N-1) mod 2. From
N h_i = sum_mu xi_i^mu M_mu - P S_i follows  x_i = sum_mu xi_i^mu M'_mu + (c X_i - P - p)/2 - P S'_i  with
X_i = sum_mu xi_i^mu: integers all.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

LANES = 32
"""Replicas that are simulated at once: a row of 16-bit lanes fills a vector of 512 bits."""

BLOCK = 64
"""Sites between two updates of the overlaps, and bits of a word."""


class Patterns(NamedTuple):
    """A pattern set in bits, as the kernels read it.

    sites   # (N, ⌈P/64⌉) uint64: bit mu of the words of site i is set where xi_i^mu = +1
    blocks  # (⌈N/64⌉, P) uint64: the 64 sites of a block, for each pattern
    near    # (⌈N/64⌉, 64, 64) integers of the lanes' type: N J between the sites of a block
    offsets # (N,) int64: (c X_i - P - p) / 2
    parity  # p
    """

    sites: NDArray[np.uint64]
    blocks: NDArray[np.uint64]
    near: NDArray[np.signedinteger]
    offsets: NDArray[np.int64]
    parity: int


class Lanes(NamedTuple):
    """The state of 32 replicas, changed in place.

    spins     # (N, 32) int16 or int32: 0 is up, -1 down
    overlaps  # (32 ⌈P/32⌉, 32) of the same type: M', and zeros where there is no pattern
    targets   # (32,) int64: the pattern that each replica is asked for
    """

    spins: NDArray[np.signedinteger]
    overlaps: NDArray[np.signedinteger]
    targets: NDArray[np.int64]


class Heat(NamedTuple):
    """The thermal noise of 32 replicas.

    key     # (2,) uint32, of the pattern set; tails  # (2, 32) uint32, of each replica
    scales  # (1, 32) float32, N T / 2
    ties    # (1, 32) of the lanes' type: -1 where a zero field keeps the spin
    shared  # whether all tails are equal: then each number is drawn once for all lanes
    cold    # whether every replica is at T = 0
    """

    key: NDArray[np.uint32]
    tails: NDArray[np.uint32]
    scales: NDArray[np.float32]
    ties: NDArray[np.signedinteger]
    shared: bool
    cold: bool


class Record(NamedTuple):
    """What is written down.

    trace  # (3, sweeps, 32) int64: sum_i xi_i S_i, sum_i S_i N h_i, flips of each sweep
    sums   # (2, N, 32) int32: sums of the spins over the halves of the sweeps warm … sweeps-1
    """

    trace: NDArray[np.int64]
    sums: NDArray[np.int32]
    warm: int


def aligned_rows(rows: int, kind: DTypeLike) -> NDArray[Any]:
    """Return zeros (rows, 32) at the start of a cache line, where vectors load fastest."""
    size = rows * LANES * np.dtype(kind).itemsize
    raw = np.zeros(size + 64, np.uint8)
    shift = -raw.ctypes.data % 64
    return raw[shift : shift + size].view(kind).reshape(rows, LANES)
