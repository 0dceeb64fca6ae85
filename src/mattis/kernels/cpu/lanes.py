"""32 replicas of one pattern set side by side: the arguments of the vector kernels, in plain arrays.

Overlaps, spins and fields are stored as halves, so that 16 bits reach twice as far:  M = 2 `overlaps` + c
with c = N mod 2, S = 1 + 2 `spins` (0 is up, -1 down), N h = 2 x + p with p = P (N-1) mod 2. From N h_i =
sum_mu xi_i^mu M_mu - P S_i follows  x_i = sum_mu xi_i^mu M'_mu + (c X_i - P - p)/2 - P S'_i  with X_i =
sum_mu xi_i^mu: integers all.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

LANES = 32
"""Replicas that are simulated at once: a row of 16-bit lanes fills a vector of 512 bits."""

BLOCK = 64
"""Sites between two updates of the overlaps, and bits of a word."""


class Patterns(NamedTuple):
    """A pattern set in bits, as the kernels read it."""

    sites: NDArray[np.uint64]
    """(N, ⌈P/64⌉) uint64: bit mu of the words of site i is set where xi_i^mu = +1."""
    blocks: NDArray[np.uint64]
    """(⌈N/64⌉, P) uint64: the signs of the 64 sites of a block, for each pattern."""
    near: NDArray[np.signedinteger]
    """(⌈N/64⌉, 64, 64) integers of the lanes' type: N J between the sites of a block."""
    offsets: NDArray[np.int64]
    """(N,) int64: (c X_i - P - p) / 2."""
    parity: int
    """p = P (N - 1) mod 2, the parity of every N h."""


class Lanes(NamedTuple):
    """The state of 32 replicas, changed in place."""

    spins: NDArray[np.signedinteger]
    """(N, 32) int16 or int32: 0 is up, -1 down."""
    overlaps: NDArray[np.signedinteger]
    """(32 ⌈P/32⌉, 32) of the same type: M', and zeros where there is no pattern."""
    targets: NDArray[np.int64]
    """(32,) int64: the cued pattern of each replica."""


class Heat(NamedTuple):
    """The thermal noise of 32 replicas."""

    key: NDArray[np.uint32]
    """(2,) uint32: the key of the streams, that of the pattern set."""
    tails: NDArray[np.uint32]
    """(2, 32) uint32: the tail of each replica's stream."""
    scales: NDArray[np.float32]
    """(1, 32) float32: noise widths N T / 2."""
    ties: NDArray[np.signedinteger]
    """(1, 32) of the lanes' type: -1 where a zero field keeps the spin."""
    shared: bool
    """Whether all tails are equal: then each number is drawn once for all lanes."""
    cold: bool
    """Whether every replica is at T = 0."""


class LaneRecord(NamedTuple):
    """The traces and spin sums of 32 replicas."""

    trace: NDArray[np.int64]
    """(3, sweeps, 32) int64: sum_i xi_i S_i, sum_i S_i N h_i, flips of each sweep."""
    sums: NDArray[np.int32]
    """(2, N, 32) int32: sums of the spins over the halves of the sweeps warm … sweeps-1."""
    warm: int
    """Sweeps before the sums begin."""


class Scratch(NamedTuple):
    """Working memory of a kernel, which nobody reads afterwards: rows of 32 lanes if not said otherwise."""

    tables: NDArray[np.signedinteger]
    """The 16 sums of ± four rows, of each group of four."""
    fields: NDArray[np.signedinteger]
    """(64, 32): half fields of the sites of a block."""
    changes: NDArray[np.signedinteger]
    """(64, 32): half changes of the spins of a block."""
    own: NDArray[np.signedinteger]
    """(1, 32): P, or P - 1 where a zero field keeps the spin."""
    upper: NDArray[np.uint16]
    """(64, 32) uint16: upper halves of the random words that decide the sites of a block."""
    lower: NDArray[np.uint16]
    """(8, 32) uint16: lower halves, of a quad."""
    common: NDArray[np.uint32]
    """(4, ⌈N/8⌉) uint32: upper halves for a sweep, if all replicas share them; word j of a quad in row j."""
    stream: NDArray[np.uint32]
    """(4,) uint32: their stream."""
    filter: Any
    """`filter.Filter`: what decides spins at T > 0."""
    flips: NDArray[np.signedinteger]
    """(1, 32): flips of a block in each lane."""
    partial: NDArray[np.signedinteger]
    """(N, 32): sums of spins that still fit the lanes."""
    order: NDArray[np.int64]
    """(N,): the sites in the order of a sweep."""
    order_words: NDArray[np.uint32]
    """(4, ⌈N/4⌉) uint32: the random words of that order."""
    active: NDArray[np.int32]
    """(64,) int32: the sites of a block that changed in any lane."""
    groups: NDArray[np.int32]
    """(16,) int32: the groups of four that hold these sites."""
    near: NDArray[np.signedinteger]
    """(1, 64, 64): N J between the sites of a block, in a random order."""
    bits: NDArray[np.uint64]
    """(1, P): the signs of the sites of that block, for each pattern."""
    columns: NDArray[np.uint64]
    """(⌈P/64⌉, 64): the same for each site, by words of 64 patterns."""
    square: NDArray[np.uint64]
    """(64,): one such word of all sites, to be transposed."""


def scratch(patterns: Patterns, lanes: Lanes, heat: Heat, chosen: Any) -> Scratch:
    """Return room for a kernel to work in, with the filter of its temperatures."""
    size, kind = len(lanes.spins), lanes.spins.dtype
    quads, own = -(-size // 4), aligned_rows(1, kind)
    own[:] = patterns.blocks.shape[1]
    own += heat.ties
    return Scratch(
        tables=aligned_rows(4 * BLOCK, kind),
        fields=aligned_rows(BLOCK, kind),
        changes=aligned_rows(BLOCK, kind),
        own=own,
        upper=aligned_rows(BLOCK, np.uint16),
        lower=aligned_rows(8, np.uint16),
        common=np.zeros((4, -(-size // 8)), np.uint32),
        stream=np.concatenate([heat.key, heat.tails[:, 0]]),
        filter=chosen,
        flips=aligned_rows(1, kind),
        partial=aligned_rows(size, kind),
        order=np.arange(size),
        order_words=np.zeros((4, quads), np.uint32),
        active=np.zeros(BLOCK, np.int32),
        groups=np.zeros(BLOCK // 4, np.int32),
        near=np.zeros((1, BLOCK, BLOCK), patterns.near.dtype),
        bits=np.zeros((1, patterns.blocks.shape[1]), np.uint64),
        columns=np.zeros((patterns.sites.shape[1], BLOCK), np.uint64),
        square=np.zeros(BLOCK, np.uint64),
    )


def repeat_state(record: LaneRecord, lanes: Lanes, used: int) -> None:
    """Fill in the records of the sweeps after a fixed point of all replicas: the same state, no flips."""
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


def transposed(bits: NDArray[np.uint64], size: int) -> NDArray[np.uint64]:
    """Return the bits of rows as bits of columns: (rows, ⌈N/64⌉) → (N, ⌈rows/64⌉).

    Swaps ever smaller halves of all squares of 64 × 64; H. S. Warren, Hacker's Delight (2012), section 7-3.
    """
    rows, words = bits.shape
    squares = np.zeros((-(-rows // BLOCK) * BLOCK, words), np.uint64)
    squares[:rows] = bits
    for width in (32, 16, 8, 4, 2, 1):
        shift, mask = np.uint64(width), np.uint64((2**64 - 1) // (2**width + 1))
        upper, lower = squares.reshape(-1, 2, width * words).swapaxes(0, 1)
        swap = ((upper >> shift) ^ lower) & mask
        upper ^= swap << shift
        lower ^= swap
    columns = np.ascontiguousarray(squares.reshape(-1, BLOCK, words).transpose(2, 1, 0))
    return columns.reshape(words * BLOCK, -1)[:size]


def near_couplings(
    products: Callable[..., NDArray[np.int64]], sites: NDArray[np.uint64], count: int, kind: DTypeLike
) -> NDArray[np.signedinteger]:
    """Return N J_ij between the sites of each block, N J_ii = P included, zeros beyond N: (⌈N/64⌉, 64, 64).

    products  # those of rows of signs, of the kernels that are used
    """
    out = np.zeros((-(-len(sites) // BLOCK), BLOCK, BLOCK), kind)
    for b, near in enumerate(out):
        block = sites[b * BLOCK : (b + 1) * BLOCK]
        near[: len(block), : len(block)] = products(block, block, count)
    return out
