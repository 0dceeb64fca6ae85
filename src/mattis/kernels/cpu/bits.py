"""Signs as bits: pattern sets packed for the vector kernels, and their scalar products by popcounts.

A set bit is +1. For two words of signs,  sum_k a_k b_k = (bits) - 2 popcount(a XOR b).
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from mattis.exact.compiler import compiled
from mattis.kernels.cpu.lanes import BLOCK, LANES
from mattis.kernels.cpu.vectors import I64, Emitter, constant, couple_row

INLINED = "d88e8705504a4ccc"
"""Fingerprint of the files that are compiled into this one: Numba's disk cache watches this file only."""


EVERY_BIT, LOWEST_BIT = np.uint64(2**64 - 1), np.uint64(1)
"""Words of 64 bits."""


@intrinsic
def popcount(_typing, word):
    """Return the number of set bits of a word of 64."""

    def emit(_context, builder, _signature, args):
        return builder.ctpop(args[0])

    return types.uint64(types.uint64), emit


@intrinsic
def lowest(_typing, bits):
    """Return the number of the lowest bit of 64 that is set."""

    def emit(_context, builder, _signature, args):
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), emit


@intrinsic
def up_spins(_typing, spins, at):
    """Return as 64 bits which of the spins at, at + 1, … at + 63 are up."""

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        row = e.load(e.at(e.pointer(0), args[1], ir.VectorType(ir.IntType(8), BLOCK)))
        return builder.bitcast(builder.icmp_signed(">", row, constant(row.type, 0)), I64)

    return types.uint64(spins, types.intp), emit


@compiled
def first_bits(count):
    """Return 64 bits of which the first `count`, at least one, are set."""
    return EVERY_BIT >> np.uint64(BLOCK - count)


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
def add_magnitudes(totals, row, columns, site_bits, order, count, first, last):
    """Add sum_j |N J_ij| over all sites j to totals[i], for i from `first` to `last` - 1."""
    size = order.size
    for begin in range(0, size, BLOCK):
        sites = order[begin : min(begin + BLOCK, size)]
        columns_of(columns, site_bits, sites)
        for i in range(first, last):
            couple(row, 0, columns, site_bits, i, count)
            total = np.int32(0)
            for k in range(sites.size):
                total += abs(row[k])
            totals[i] += total


def largest_row(site_bits: NDArray[np.uint64], count: int, limit: int) -> int:
    """Return max_i sum_{j≠i} |N J_ij|, the bound of every |N h_i|; of row 0 if that passes `limit`."""
    size, words = site_bits.shape
    totals = np.full(size, -count, np.int64)  # N J_ii = P is not part of a field
    room = np.zeros(BLOCK, np.int32), np.zeros((words, BLOCK), np.uint64)
    for first, last in ((0, 1), (1, size)):  # one row first: the others are like it
        add_magnitudes(totals, *room, site_bits, np.arange(size), count, first, last)
        if totals[0] > limit:
            return int(totals[0])
    return int(totals.max())


def products(rows: NDArray[np.uint64], others: NDArray[np.uint64], size: int) -> NDArray[np.int64]:
    """Return sum_i a_i b_i of each row of signs with each other: (rows, others), exact.

    rows, others  # bits, (·, ⌈N/64⌉) uint64, of N signs
    """
    out = np.zeros((len(rows), len(others)), np.int64)
    multiply(out, rows, others, size)
    return out


@compiled
def multiply(out, rows, others, size):
    """Fill what `products` returns: N - 2 popcount(a XOR b)."""
    for mu in range(rows.shape[0]):
        for r in range(others.shape[0]):
            different = np.uint64(0)
            for w in range(rows.shape[1]):
                different += popcount(rows[mu, w] ^ others[r, w])
            out[mu, r] = size - 2 * np.int64(different)
