"""Asynchronous Glauber dynamics on the CPU: two kernels, one trajectory.

Both visit the sites in typewriter order, 0 … N-1 (for random patterns any fixed order is the same in
law), or in a fresh random order in each sweep, and set  S_i = sign(N h_i + th),
N h_i = sum_{j≠i} N J_ij S_j  an integer and th the integer thermal noise of `mattis.exact.rng.thermal_noise`.
At T = 0 (`scale` = 0) there is no noise and a tie, h_i = 0, keeps the spin. The two differ only in how
they know h_i:

`field_sweeps`    keeps every field up to date: 64 proposals are looked at together (`blocks`), a flip reads a
                  row of N J;
`overlap_sweeps`  sums N h_i = sum_mu xi_i^mu M_mu - P S_i from the overlaps M_mu = sum_j xi_j^mu S_j;
                  needs no couplings: for few patterns, or N too large for an N x N matrix.
"""

import numpy as np
from numpy.typing import NDArray

from mattis.exact.compiler import compiled
from mattis.exact.philox import fresh_order, thermal_noise
from mattis.kernels.cpu.blocks import (
    block_room,
    by_blocks,
    magnetisation,
    quads_of,
    scalar_product,
    sweep_blocks,
)
from mattis.kernels.cpu.matrix import visit_in_turn

INLINED = "30fb372c6d8b0569"
"""Fingerprint of the files that are compiled into this one: Numba's disk cache watches this file only."""


@compiled
def add_state(sums, spins):
    """Add the state to the running sums of the spins."""
    for i in range(spins.size):
        sums[i] += spins[i]


@compiled
def repeat_state(trace, sums, spins, sweep, warm, middle):
    """Fill in the records of the sweeps after a fixed point: the same state, no flips."""
    total = trace.shape[1]
    for t in range(sweep + 1, total):
        trace[0, t], trace[1, t], trace[2, t] = trace[0, sweep], trace[1, sweep], 0
    first = max(0, middle - max(sweep + 1, warm))
    second = total - max(sweep + 1, middle)
    for i in range(spins.size):
        sums[0, i] += np.int32(first) * spins[i]
        sums[1, i] += np.int32(second) * spins[i]


@compiled
def field_sweeps(nj, spins, fields, parity, target, stream, scale, order_stream, trace, sums, warm):
    """Run the sweeps of one replica with cached fields; return the number of sweeps before a fixed point.

    nj  # (N, N) N J, signed integers; spins  # (N,) int8, changed in place
    fields  # (N,) half fields (N h - parity) / 2, integers of a type that holds their bound
    parity  # P (N-1) mod 2, the parity of every N h; target  # (N,) int8, the cued pattern
    stream  # (4,) uint32; scale  # float32 noise width, 0 at T = 0
    order_stream  # (4,) uint32 for a random order in each sweep; (0,) for 0 … N-1
    trace  # (3, sweeps) int64: sum_i xi_i S_i, sum_i S_i N h_i, flips of each sweep
    sums  # (2, N) int32: sums of the spins over the halves of the sweeps warm … sweeps-1

    A flip of S_j changes the half field of i by ± N J_ij, which is why halves fit narrow integers.
    """
    size, total = spins.size, trace.shape[1]
    middle = warm + (total - warm) // 2
    words = np.zeros((4, quads_of(size)), np.uint32)
    cold, fresh, order = scale == 0, order_stream.size > 0, np.arange(size).astype(np.uint64)
    block, signs, flips, flipped = block_room(fields)
    count = np.int64(0)  # 0 is a type of its own, for which all is compiled again
    for t in range(total):
        if fresh:
            fresh_order(order, words, order_stream, t)
        if by_blocks(fields, scale, fresh, count):
            count = sweep_blocks(
                nj, fields, fields, spins, order, fresh, False, words, stream, t, scale,
                0, parity, False, count, block, signs, flips, flipped,
            )  # fmt: skip
        else:
            count = visit_in_turn(nj, fields, spins, order, fresh, words, stream, t, scale, 0, parity)
        aligned = 2 * scalar_product(fields, spins) + parity * magnetisation(spins)
        trace[0, t], trace[1, t], trace[2, t] = scalar_product(target, spins), aligned, count
        if t >= warm:
            add_state(sums[0 if t < middle else 1], spins)
        if cold and count == 0:
            repeat_state(trace, sums, spins, t, warm, middle)
            return t
    return total


@compiled
def overlap_sweeps(xi, spins, overlaps, target, stream, scale, order_stream, trace, sums, warm):
    """Run the sweeps of one replica from its overlaps; return the number of sweeps before a fixed point.

    xi  # (N, P) int8, site-major patterns; spins  # (N,) int8, changed in place
    overlaps  # (P,) int32, M_mu = sum_i xi_i^mu S_i; target  # index of the cued pattern
    stream, scale, order_stream, trace, sums, warm  # as for `field_sweeps`
    sum_i S_i N h_i = sum_mu M_mu^2 - N P
    """
    size, count = xi.shape
    total = trace.shape[1]
    middle = warm + (total - warm) // 2
    words, noise = (np.zeros((4, quads_of(size)), np.uint32), np.zeros((8, (size + 7) // 8), np.int32))
    cold, fresh, order = scale == 0, order_stream.size > 0, np.arange(size).astype(np.uint64)
    for t in range(total):
        if fresh:
            fresh_order(order, words, order_stream, t)
        if not cold:
            thermal_noise(noise, words, stream, t, scale)
        flips = 0
        for k in range(size):
            i = order[k] if fresh else np.uint64(k)
            x = np.int32(-count) * np.int32(spins[i])
            for mu in range(count):
                x += np.int32(xi[i, mu]) * overlaps[mu]
            if cold:
                new = spins[i] if x == 0 else np.int8(1 if x > 0 else -1)
            else:
                new = np.int8(1 if x + noise[k & 7, k >> 3] >= 0 else -1)
            if new != spins[i]:
                spins[i] = new
                flips += 1
                step = np.int32(2) * np.int32(new)
                for mu in range(count):
                    overlaps[mu] += step * np.int32(xi[i, mu])
        aligned = np.int64(-size) * np.int64(count)
        for mu in range(count):
            aligned += np.int64(overlaps[mu]) * np.int64(overlaps[mu])
        trace[0, t], trace[1, t], trace[2, t] = overlaps[target], aligned, flips
        if t >= warm:
            add_state(sums[0 if t < middle else 1], spins)
        if cold and flips == 0:
            repeat_state(trace, sums, spins, t, warm, middle)
            return t
    return total


@compiled
def project(xi, state):
    """Return sum_i xi[mu, i] state[i] for each row, exactly. xi (rows, N), state (N,): integers."""
    out = np.zeros(xi.shape[0], np.int64)
    for mu in range(xi.shape[0]):
        total = np.int64(0)
        for i in range(xi.shape[1]):
            total += np.int64(xi[mu, i]) * np.int64(state[i])
        out[mu] = total
    return out


def half_fields(
    nj: NDArray[np.signedinteger], spins: NDArray[np.int8], parity: int, bound: int
) -> NDArray[np.signedinteger]:
    """Return (N h - parity) / 2 of a state, in int16 where `bound` (on |N h|) proves that it fits."""
    kind = np.int16 if bound // 2 + 1 <= np.iinfo(np.int16).max else np.int32
    halves: NDArray[np.signedinteger] = ((project(nj, spins) - parity) // 2).astype(kind)
    return halves
