"""Asynchronous Glauber dynamics on the CPU: two kernels, one trajectory.

Both visit the sites in typewriter order, 0 … N-1 (for random patterns any fixed order is the same in
law), or in a fresh random order in each sweep, and set  S_i = sign(N h_i + th),
N h_i = sum_{j≠i} N J_ij S_j  an integer and th the integer thermal noise of `mattis.exact.rng.thermal_noise`.
At T = 0 (`scale` = 0) there is no noise and a tie, h_i = 0, keeps the spin. The two differ only in how
they know h_i:

`field_sweeps`    keeps every field up to date; a rejected proposal is free, a flip reads a row of N J;
`overlap_sweeps`  sums N h_i = sum_mu xi_i^mu M_mu - P S_i from the overlaps M_mu = sum_j xi_j^mu S_j;
                  needs no couplings: for few patterns, or N too large for an N x N matrix.
"""

import numpy as np
from numpy.typing import NDArray

from mattis.exact.compiler import compiled
from mattis.exact.philox import fresh_order, philox_words
from mattis.exact.rng import LN2, LOG_POLYNOMIAL

INLINED = "dbf589b1d06db3c7"
"""Fingerprint of the files that are compiled into this one: Numba's disk cache watches this file only."""

B0, B1, B2, B3, B4, B5, B6, B7, B8 = LOG_POLYNOMIAL


@compiled
def thermal_noise(noise, words, odds, bits, scale):
    """Fill noise with ⌊scale ln(u/(1-u))⌋: the float32 recipe of `mattis.exact.rng`, operation by operation.

    noise int32, words uint32, odds float32 and bits, its int32 view: flat, of one length.
    """
    for q in range(noise.size):
        u = np.float32(np.int32(words[q] >> np.uint32(9))) + np.float32(0.5)
        odds[q] = u / (np.float32(8388608.0) - u)
    for q in range(noise.size):
        e = (bits[q] - np.int32(0x3F3504F3)) >> np.int32(23)
        noise[q] = e
        bits[q] -= e << np.int32(23)
    for q in range(noise.size):
        f = odds[q] - np.float32(1.0)
        p = B0 * f + B1
        p = p * f + B2
        p = p * f + B3
        p = p * f + B4
        p = p * f + B5
        p = p * f + B6
        p = p * f + B7
        p = p * f + B8
        z = f * f
        y = f * z * p - np.float32(0.5) * z + f + np.float32(noise[q]) * LN2
        noise[q] = np.int32(np.floor(y * scale))


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
    quads = (size + 3) // 4
    words, odds = np.empty((4, quads), np.uint32), np.empty(4 * quads, np.float32)
    bits, noise = odds.view(np.int32), np.zeros(4 * quads, np.int32)
    cold, fresh, order = scale == 0, order_stream.size > 0, np.arange(size).astype(np.uint64)
    for t in range(total):
        if fresh:
            fresh_order(order, words, order_stream, t)
        if not cold:
            philox_words(words, stream, t, quads)
            thermal_noise(noise, words.ravel(), odds, bits, scale)
        flips = 0
        for k in range(size):
            i = order[k] if fresh else np.uint64(k)
            x = 2 * np.int32(fields[i]) + parity
            if cold:
                new = spins[i] if x == 0 else np.int8(1 if x > 0 else -1)
            else:
                new = np.int8(1 if x + noise[(k & 3) * quads + (k >> 2)] >= 0 else -1)
            if new != spins[i]:
                spins[i] = new
                flips += 1
                if new > 0:
                    for j in range(size):
                        fields[j] += nj[i, j]
                else:
                    for j in range(size):
                        fields[j] -= nj[i, j]
        overlap, aligned = np.int64(0), np.int64(0)
        for i in range(size):
            overlap += np.int32(target[i]) * np.int32(spins[i])
            aligned += np.int32(spins[i]) * (2 * np.int32(fields[i]) + parity)
        trace[0, t], trace[1, t], trace[2, t] = overlap, aligned, flips
        if t >= warm:
            add_state(sums[0 if t < middle else 1], spins)
        if cold and flips == 0:
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
    quads = (size + 3) // 4
    words, odds = np.empty((4, quads), np.uint32), np.empty(4 * quads, np.float32)
    bits, noise = odds.view(np.int32), np.zeros(4 * quads, np.int32)
    cold, fresh, order = scale == 0, order_stream.size > 0, np.arange(size).astype(np.uint64)
    for t in range(total):
        if fresh:
            fresh_order(order, words, order_stream, t)
        if not cold:
            philox_words(words, stream, t, quads)
            thermal_noise(noise, words.ravel(), odds, bits, scale)
        flips = 0
        for k in range(size):
            i = order[k] if fresh else np.uint64(k)
            x = np.int32(-count) * np.int32(spins[i])
            for mu in range(count):
                x += np.int32(xi[i, mu]) * overlaps[mu]
            if cold:
                new = spins[i] if x == 0 else np.int8(1 if x > 0 else -1)
            else:
                new = np.int8(1 if x + noise[(k & 3) * quads + (k >> 2)] >= 0 else -1)
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
