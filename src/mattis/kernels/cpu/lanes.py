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


class LaneRecord(NamedTuple):
    """What is written down.

    trace  # (3, sweeps, 32) int64: sum_i xi_i S_i, sum_i S_i N h_i, flips of each sweep
    sums   # (2, N, 32) int32: sums of the spins over the halves of the sweeps warm … sweeps-1
    """

    trace: NDArray[np.int64]
    sums: NDArray[np.int32]
    warm: int


class Scratch(NamedTuple):
    """What a kernel writes to and nobody reads afterwards, in rows of lanes if not said otherwise.

    tables   # sums of ± rows; fields, changes, noise  # of the 64 sites of a block; flips  # (1, 32)
    partial  # (N, 32), sums of spins that still fit the lanes
    odds     # flat float32: ln(u/(1-u)) of a block, or of a sweep if replicas share it
    spread   # (32,) uint32: how far the quads of words of the lanes are apart
    order    # (N,) sites of a sweep; words  # (4, ⌈N/4⌉) uint32
    active, groups  # (64,) and (16,) int32: sites of a block that changed, and their groups of four
    near, bits, columns, square  # of a block of a new order: as in `Patterns`, by word, and one word of all
    """

    tables: NDArray[np.signedinteger]
    fields: NDArray[np.signedinteger]
    changes: NDArray[np.signedinteger]
    noise: NDArray[np.signedinteger]
    flips: NDArray[np.signedinteger]
    partial: NDArray[np.signedinteger]
    odds: NDArray[np.float32]
    spread: NDArray[np.uint32]
    order: NDArray[np.int64]
    words: NDArray[np.uint32]
    active: NDArray[np.int32]
    groups: NDArray[np.int32]
    near: NDArray[np.signedinteger]
    bits: NDArray[np.uint64]
    columns: NDArray[np.uint64]
    square: NDArray[np.uint64]


def scratch(patterns: Patterns, lanes: Lanes, shared: bool) -> Scratch:
    """Return room for a kernel to work in."""
    size, kind = len(lanes.spins), lanes.spins.dtype
    quads = -(-size // 4)
    return Scratch(
        tables=aligned_rows(4 * BLOCK, kind),
        fields=aligned_rows(BLOCK, kind),
        changes=aligned_rows(BLOCK, kind),
        noise=aligned_rows(BLOCK, kind),
        flips=aligned_rows(1, kind),
        partial=aligned_rows(size, kind),
        odds=aligned_rows(max(BLOCK, -(-quads // 16) * 2), np.float32).ravel(),
        spread=np.arange(LANES, dtype=np.uint32) * np.uint32(shared),
        order=np.arange(size),
        words=np.zeros((4, quads), np.uint32),
        active=np.zeros(BLOCK, np.int32),
        groups=np.zeros(BLOCK // 4, np.int32),
        near=np.zeros((1, BLOCK, BLOCK), patterns.near.dtype),
        bits=np.zeros((1, patterns.blocks.shape[1]), np.uint64),
        columns=np.zeros((patterns.sites.shape[1], BLOCK), np.uint64),
        square=np.zeros(BLOCK, np.uint64),
    )


def repeat_state(record: LaneRecord, lanes: Lanes, used: int) -> None:
    """Fill in what the sweeps after a fixed point of all replicas would record: the same, no flips."""
    total, warm = record.trace.shape[1], record.warm
    if used == total:
        return
    record.trace[:2, used + 1 :] = record.trace[:2, used : used + 1]
    record.trace[2, used + 1 :] = 0
    middle, state = warm + (total - warm) // 2, 1 + 2 * lanes.spins.astype(np.int32)
    record.sums[0] += max(0, middle - max(used + 1, warm)) * state
    record.sums[1] += (total - max(used + 1, middle)) * state


def aligned_rows(rows: int, kind: DTypeLike) -> NDArray[Any]:
    """Return zeros (rows, 32) at the start of a cache line, where vectors load fastest."""
    size = rows * LANES * np.dtype(kind).itemsize
    raw = np.zeros(size + 64, np.uint8)
    shift = -raw.ctypes.data % 64
    return raw[shift : shift + size].view(kind).reshape(rows, LANES)


def packed(signs: NDArray[np.signedinteger]) -> NDArray[np.uint64]:
    """Return rows of signs as bits: bit i of word k is set where site 64 k + i is +1.

    signs  # (rows, N); returns (rows, ⌈N/64⌉), zeros beyond N
    """
    rows, size = signs.shape
    octets = np.zeros((rows, -(-size // BLOCK) * BLOCK // 8), np.uint8)
    octets[:, : -(-size // 8)] = np.packbits(signs > 0, axis=1, bitorder="little")
    return octets.view("<u8").astype(np.uint64)
