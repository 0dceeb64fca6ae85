"""The vector kernel in plain NumPy, for where vector intrinsics are not available: the same bits, slower.

Per block of 64 sites, with A the signs xi_i^mu of its sites: fields A M' as one matrix product; then the
changes c of the spins, each site after the ones before it; then M' += A^T c. In order means that site k sees
the changes of the sites before it,  c = s(x + L c) - S'  with s = 0 where up, -1 where down, and L the part
of N J below the diagonal. Row k of the right side needs rows < k only, so c has one solution, the one that
visiting site after site finds; substitution reaches it in 64 rounds at most, and in a few where the couplings
inside a block are small against the fields.

Matrix products are of floats, and exact: every partial sum is an integer, of magnitude at most
sum_mu |M'_mu| ≤ P (N + 1) / 2 ≤ N P  or  sum_j |N J_ij| ≤ min(64, N) P,  whatever order BLAS adds in.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from mattis.exact import rng
from mattis.exact.arrays import FloatArray
from mattis.kernels.cpu.lanes import BLOCK, LANES, Heat, LaneRecord, Lanes, Patterns

Bits = NDArray[np.uint64]

EXACT_FLOATS = 2**24
"""Integers below this are exact in float32."""

NOISY = 16
"""Blocks whose noise is drawn at once: enough to forget the interpreter, few enough for the cache."""

BELOW = np.tri(BLOCK, k=-1, dtype=np.int8)
"""1 where the row is a later site than the column."""


def unpacked(bits: Bits, size: int) -> NDArray[np.uint8]:
    """Return the first `size` bits of each row of words, (rows, N): 1 for +1, 0 for -1."""
    octets = np.ascontiguousarray(bits, "<u8").view(np.uint8)  # little-endian on any machine
    return np.unpackbits(octets, axis=1, count=size, bitorder="little")


def largest_row(site_bits: Bits, count: int, limit: int) -> int:
    """Return max_i sum_{j≠i} |N J_ij|, the bound of every |N h_i|, or one row's if it is above `limit`."""
    largest = row_total(site_bits, 0, count)
    if largest > limit:
        return largest
    return max(row_total(site_bits, i, count) for i in range(len(site_bits)))


def row_total(site_bits: Bits, site: int, count: int) -> int:
    """Return sum_{j≠i} |N J_ij|: N J_ii = P is not part of a field."""
    row = products(site_bits[site : site + 1], site_bits, count)
    return int(np.abs(row).sum()) - count


def products(rows: Bits, others: Bits, size: int) -> NDArray[np.int64]:
    """Return sum_i a_i b_i = N - 2 popcount(a XOR b) of rows of N signs with others: (rows, others)."""
    out = np.full((len(rows), len(others)), size, np.int64)
    for one, other in zip(rows.T, others.T, strict=True):
        out -= 2 * np.bitwise_count(one[:, None] ^ other).astype(np.int64)
    return out


def lane_overlaps(blocks: Bits, rows: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return sum_i xi_i^mu rows[i] of each pattern and lane, (P, 32), exact: no sum may reach 2^31.

    blocks  # (⌈N/64⌉, P) uint64; rows  # (64 ⌈N/64⌉, 32), zeros beyond N
    """
    out = np.zeros((blocks.shape[1], LANES))
    for words, some in zip(blocks, rows.reshape(-1, BLOCK, LANES), strict=True):
        out += np.dot(signs_of(words[:, None], BLOCK, np.float64), some.astype(np.float64))
    return out.astype(rows.dtype)


def exact_type(size: int, count: int) -> type[np.float32] | type[np.float64]:
    """Return the fastest floats that hold every integer up to N P."""
    return np.float32 if size * count < EXACT_FLOATS else np.float64


def signs_of(words: Bits, count: int, real: type[np.floating]) -> FloatArray:
    """Return the signs of the first `count` bits of each row, (rows, P)."""
    signs = unpacked(words, count).astype(real)
    signs *= 2
    signs -= 1
    return signs


def fresh_order(stream: NDArray[np.uint32], step: int, size: int) -> NDArray[np.int64]:
    """Return a random permutation of the sites, a function of (stream, step): Fisher and Yates' exchanges."""
    k0, k1, t0, t1 = stream.tolist()
    words = rng.Stream((k0, k1), (t0, t1)).words(size, step).tolist()
    order = list(range(size))
    for i in range(size - 1, 0, -1):
        j = words[i] * (i + 1) >> 32
        order[i], order[j] = order[j], order[i]
    return np.array(order)


def halves_of(heat: Heat, start: int, first: int, last: int, step: int) -> NDArray[np.uint32]:
    """Return the 16 bits of each position and replica, (last - first, 32), or (…, 1) where all are alike.

    start  # the quad of position 0; first  # a multiple of 8
    """
    quads = start + np.arange(first // 8, -(-last // 8), dtype=np.uint64)[:, None]
    tails = heat.tails[:, : 1 if heat.shared else LANES].astype(np.uint64)
    counter = (quads, np.array(step, np.uint64), tails[0], tails[1])
    words = np.stack(rng.philox(counter, (int(heat.key[0]), int(heat.key[1]))), axis=1)
    halves = np.stack([words & np.uint32(0xFFFF), words >> np.uint32(16)], axis=2)
    return halves.reshape(-1, tails.shape[1])[: last - first]


def noise_of(heat: Heat, first: int, last: int, step: int, parity: int) -> NDArray[np.float64]:
    """Return ⌊(⌊scale ln(u/(1-u))⌋ + p) / 2⌋, in half units, of the positions `first` … `last` - 1.

    Floats, of integers: 2^53 is far above the noise at any temperature, 2^31 is not.
    """
    upper, lower = (halves_of(heat, start, first, last, step) for start in (0, rng.LOWER_QUADS))
    odds = rng.log_odds(upper << np.uint32(16) | lower)
    noise: NDArray[np.float64] = np.floor(odds * heat.scales).astype(np.float64)
    noise += parity
    noise /= 2
    return np.floor(noise, out=noise)


def block_noise(heat: Heat, size: int, step: int, parity: int) -> Iterator[NDArray[np.float64]]:
    """Yield the noise of the positions of each block of a sweep, (≤ 64, 32): zeros at T = 0."""
    for first in range(0, size, NOISY * BLOCK):
        last = min(first + NOISY * BLOCK, size)
        shape = (last - first, LANES)
        rows = np.zeros(shape) if heat.cold else noise_of(heat, first, last, step, parity)
        for k in range(0, last - first, BLOCK):
            yield rows[k : k + BLOCK]


def settled(base: NDArray[np.float64], below: FloatArray, old: FloatArray) -> FloatArray:
    """Return c = s(base + L c) - S', the changes of a block whose sites are visited in order.

    base  # (k, 32) half fields and noise before any change; below  # L, (k, k); old  # S'
    """
    changes = np.zeros_like(old)
    while True:
        again = -(base + np.dot(below, changes) < 0).astype(old.dtype) - old
        if np.array_equal(again, changes):
            return changes
        changes = again


def update_block(
    patterns: Patterns,
    lanes: Lanes,
    ties: NDArray[np.signedinteger],
    near: NDArray[np.signedinteger] | None,
    sites: NDArray[np.int64],
    noise: NDArray[np.float64],
) -> NDArray[np.intp]:
    """Update the sites of a block, in order, then the overlaps; return the flips of each replica.

    x_i = sum_mu xi_i^mu M'_mu + offset_i - P S'_i;  up iff x_i + noise_i ≥ 0, or > 0 where a tie keeps a
    spin that is down. near  # N J between the sites, or None: computed
    """
    count = patterns.blocks.shape[1]
    signs = signs_of(patterns.sites[sites], count, exact_type(len(lanes.spins), count))
    overlaps = lanes.overlaps[:count]
    old = lanes.spins[sites].astype(signs.dtype)  # P S' and N J c overflow 16 bits
    base = np.dot(signs, overlaps.astype(signs.dtype)) - old * (ties + float(count))
    base += patterns.offsets[sites][:, None] + noise
    couplings = np.dot(signs, signs.T) if near is None else near[: len(sites), : len(sites)]
    below = (couplings * BELOW[: len(sites), : len(sites)]).astype(signs.dtype)
    changes = settled(base, below, old)
    if changes.any():
        lanes.spins[sites] = old + changes
        overlaps += np.dot(signs.T, changes).astype(overlaps.dtype)
    flips: NDArray[np.intp] = np.count_nonzero(changes, axis=0)
    return flips


def sweep(
    patterns: Patterns, lanes: Lanes, heat: Heat, order_stream: NDArray[np.uint32], step: int
) -> NDArray[np.int64]:
    """Update every site once; return the flips of each replica."""
    size, fresh = len(lanes.spins), order_stream.size > 0
    order = fresh_order(order_stream, step, size) if fresh else np.arange(size)
    flips = np.zeros(LANES, np.int64)
    for b, noise in enumerate(block_noise(heat, size, step, patterns.parity)):
        sites = order[b * BLOCK : (b + 1) * BLOCK]
        near = None if fresh else patterns.near[b]
        flips += update_block(patterns, lanes, heat.ties, near, sites, noise)
    return flips


def record_sweep(record: LaneRecord, t: int, patterns: Patterns, lanes: Lanes) -> None:
    """Fill in the overlap with each target and the aligned fields: sum_i S_i N h_i = sum_mu M_mu^2 - N P."""
    size, count = len(lanes.spins), patterns.blocks.shape[1]
    overlaps = 2 * lanes.overlaps[:count].astype(np.int64) + size % 2
    record.trace[0, t] = overlaps[lanes.targets, np.arange(LANES)]
    record.trace[1, t] = (overlaps**2).sum(axis=0) - size * count


def add_state(record: LaneRecord, lanes: Lanes, first: int, last: int) -> None:
    """Add the state, S = 1 + 2 S', to the sums of the halves, once for each sweep `first` … `last` - 1."""
    warm, total = record.warm, record.trace.shape[1]
    middle = warm + (total - warm) // 2
    state = 1 + 2 * lanes.spins.astype(np.int32)
    for half, (start, stop) in enumerate(((warm, middle), (middle, total))):
        sweeps = min(last, stop) - max(first, start)
        if sweeps > 0:
            record.sums[half] += sweeps * state


def step(patterns: Patterns, lanes: Lanes, heat: Heat, number: int) -> NDArray[np.int64]:
    """Update all sites at once; return the flips of each replica."""
    size, count = len(lanes.spins), patterns.blocks.shape[1]
    signs = signs_of(patterns.sites, count, exact_type(size, count))
    overlaps, old = lanes.overlaps[:count], lanes.spins.astype(signs.dtype)
    base = np.dot(signs, overlaps.astype(signs.dtype)) - old * (heat.ties + float(count))
    base += patterns.offsets[:, None]
    noise = np.concatenate(list(block_noise(heat, size, number, patterns.parity)))
    changes = -(base + noise < 0).astype(signs.dtype) - old
    lanes.spins[:] = old + changes
    overlaps += np.dot(signs.T, changes).astype(overlaps.dtype)
    flips: NDArray[np.int64] = np.count_nonzero(changes, axis=0).astype(np.int64)
    return flips


def little_sweeps(patterns: Patterns, lanes: Lanes, heat: Heat, record: LaneRecord) -> int:
    """Run synchronous steps of 32 replicas as `synchronous.little_sweeps` does."""
    return run(patterns, lanes, heat, record, lambda t: step(patterns, lanes, heat, t))


def replica_sweeps(
    patterns: Patterns, lanes: Lanes, heat: Heat, order_stream: NDArray[np.uint32], record: LaneRecord
) -> int:
    """Run the sweeps of 32 replicas as `asynchronous.replica_sweeps` does; return when nothing moved.

    order_stream  # (4,) uint32 for a random order in each sweep, which the replicas share; (0,) for 0 … N-1
    """
    return run(patterns, lanes, heat, record, lambda t: sweep(patterns, lanes, heat, order_stream, t))


def run(
    patterns: Patterns,
    lanes: Lanes,
    heat: Heat,
    record: LaneRecord,
    update: Callable[[int], NDArray[np.int64]],
) -> int:
    """Update until the record is full, or nothing can move any more; return how many updates that took."""
    total = int(record.trace.shape[1])
    for t in range(total):
        record.trace[2, t] = update(t)
        record_sweep(record, t, patterns, lanes)
        if heat.cold and not record.trace[2, t].any():
            record.trace[:2, t + 1 :] = record.trace[:2, t, None]
            record.trace[2, t + 1 :] = 0
            add_state(record, lanes, t, total)
            return t
        add_state(record, lanes, t, t + 1)
    return total
