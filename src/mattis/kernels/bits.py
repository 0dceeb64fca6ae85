"""Signs as bits: pattern sets packed for the vector kernels, and what popcounts say about them.

A set bit is +1. For two words of signs,  sum_k a_k b_k = (bits) - 2 popcount(a XOR b).
"""

import numpy as np
from numba import njit, types
from numba.extending import intrinsic

from mattis.kernels.lanes import BLOCK, LANES
from mattis.kernels.vectors import couple_row

INLINED = "4e808998dc4cf872"
"""Fingerprint of the files that are compiled into this one: Numba's disk cache watches this file only."""

compiled = njit(cache=True, nogil=True, error_model="numpy")


@intrinsic
def popcount(_typing, word):
    """Return the number of set bits of a word of 64."""

    def emit(_context, builder, _signature, args):
        return builder.ctpop(args[0])

    return types.uint64(types.uint64), emit


@compiled
def transpose(square):
    """Transpose a square of 64 × 64 bits in place: bit j of word i becomes bit i of word j.

    Swaps ever smaller halves of all words at once; H. S. Warren, Hacker's Delight (2012), section 7-3.
    """
    width, mask = 32, np.uint64(0x00000000FFFFFFFF)
    while width:
        shift = np.uint64(width)
        for first in range(0, BLOCK, 2 * width):
            for k in range(first, first + width):
                a, b = square[k], square[k + width]
                swap = ((a >> shift) ^ b) & mask
                square[k], square[k + width] = a ^ (swap << shift), b ^ swap
        width //= 2
        mask ^= mask << np.uint64(max(width, 1))


@compiled
def transposed(bits, size):
    """Return the bits of rows as bits of columns: (rows, ⌈N/64⌉) → (N, ⌈rows/64⌉)."""
    rows = bits.shape[0]
    out = np.zeros((size, (rows + BLOCK - 1) // BLOCK), np.uint64)
    square = np.empty(BLOCK, np.uint64)
    for w in range(bits.shape[1]):
        for v in range(out.shape[1]):
            for k in range(BLOCK):
                row = v * BLOCK + k
                square[k] = bits[row, w] if row < rows else np.uint64(0)
            transpose(square)
            for k in range(min(BLOCK, size - w * BLOCK)):
                out[w * BLOCK + k, v] = square[k]
    return out


@compiled
def couple(out, to, columns, site_bits, site, count):
    """Fill 64 places of `out` with sum_mu xi_i^mu xi_k^mu of a site i and the sites k of a block.

    columns  # (⌈P/64⌉, 64) uint64: word v of each site of the block; count  # P
    """
    words = site_bits.shape[1]
    couple_row(out, to, columns, 0, site_bits, site * words, words, count)
    couple_row(out, to + LANES, columns, LANES, site_bits, site * words, words, count)


@compiled
def columns_of(columns, site_bits, sites):
    """Gather the words of the sites of a block, word by word: columns[v, k] = site_bits[sites[k], v]."""
    for k in range(sites.size):
        for v in range(site_bits.shape[1]):
            columns[v, k] = site_bits[sites[k], v]


@compiled
def near_couplings(out, site_bits, count):
    """Fill out (blocks, 64, 64) with N J_ij between the sites of each block, N J_ii = P included."""
    size = site_bits.shape[0]
    columns = np.zeros((site_bits.shape[1], BLOCK), np.uint64)
    for b in range(out.shape[0]):
        sites = np.arange(b * BLOCK, min((b + 1) * BLOCK, size))
        columns_of(columns, site_bits, sites)
        for q in range(sites.size):
            couple(out, (b * BLOCK + q) * BLOCK, columns, site_bits, sites[q], count)


@compiled
def add_magnitudes(totals, columns, site_bits, sites, count, first, last):
    """Add sum_j |N J_ij| over the sites j of a block to totals[i], for i from `first` to `last` - 1."""
    row = np.empty(BLOCK, np.int32)
    for i in range(first, last):
        couple(row, 0, columns, site_bits, i, count)
        total = np.int32(0)
        for k in range(sites):
            total += abs(row[k])
        totals[i] += total


@compiled
def largest_row(site_bits, count, limit):
    """Return max_i sum_{j≠i} |N J_ij|, the bound of every |N h_i|; of row 0 if that passes `limit`."""
    size, words = site_bits.shape
    columns = np.zeros((words, BLOCK), np.uint64)
    totals = np.full(size, -count, np.int64)  # N J_ii = P is not part of a field
    for first, last in ((0, 1), (1, size)):  # one row first: the others are like it
        for b in range((size + BLOCK - 1) // BLOCK):
            sites = np.arange(b * BLOCK, min((b + 1) * BLOCK, size))
            columns_of(columns, site_bits, sites)
            add_magnitudes(totals, columns, site_bits, sites.size, count, first, last)
        if totals[0] > limit:
            break
    return totals.max()


@compiled
def products(rows, others, size):
    """Return sum_i a_i b_i of each row of signs with each other: (rows, others), exact.

    rows, others  # bits, (·, ⌈N/64⌉) uint64, of N signs
    """
    out = np.empty((rows.shape[0], others.shape[0]), np.int64)
    for mu in range(rows.shape[0]):
        for r in range(others.shape[0]):
            different = np.uint64(0)
            for w in range(rows.shape[1]):
                different += popcount(rows[mu, w] ^ others[r, w])
            out[mu, r] = size - 2 * np.int64(different)
    return out
