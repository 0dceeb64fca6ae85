"""Asynchronous Glauber dynamics of 32 replicas of one pattern set, side by side in vector lanes.

The same trajectories as in `cpu.py`, bit by bit, without couplings: fields come from the overlaps, by the
method of the Four Russians (V. L. Arlazarov et al., Dokl. Akad. Nauk SSSR 194, 487 (1970)). Per block of 64
sites: (1) for each four patterns, a table of the 16 sums ± M_1 ± M_2 ± M_3 ± M_4, so that
sum_mu xi_i^mu M_mu is one addition for four patterns; (2) site after site, exactly, with what changed in the
block before it; (3) the overlaps take up the changes of the block, by tables over its sites.

Everything is kept in halves, so that 16 bits reach twice as far:  M = 2 `overlaps` + c with c = N mod 2,
S = 1 + 2 `spins` (0 is up, -1 down), N h = 2 x + p with p = P (N-1) mod 2. From
N h_i = sum_mu xi_i^mu M_mu - P S_i follows  x_i = sum_mu xi_i^mu M'_mu + (c X_i - P - p)/2 - P S'_i  with
X_i = sum_mu xi_i^mu: integers all.
"""

import numpy as np
from numba import njit

from mattis.kernels.bits import (
    columns_of,
    couple,
    largest_row,
    near_couplings,
    products,
    transpose,
    transposed,
)
from mattis.kernels.cpu import fresh_order
from mattis.kernels.lanes import BLOCK, LANES
from mattis.kernels.noise import HALF, log_odds, noise_row, noise_row_shared
from mattis.kernels.vectors import (
    GROUP,
    WORD,
    add_listed,
    add_products,
    add_row,
    add_signed,
    fill_row,
    settle,
    sign_tables,
)

__all__ = [
    "lane_overlaps", "largest_row", "near_couplings", "products", "replica_sweeps", "transposed",
]  # fmt: skip

INLINED = "c18a83315c4ee085"
"""Fingerprint of the files that are compiled into this one: Numba's disk cache watches this file only."""

GROUPS = BLOCK // GROUP
WORDS_PER_TABLE = 2
"""Words of 32 patterns whose tables stay in the nearest cache, 16 KB of 16-bit lanes."""

FEW = 8
"""Up to so many groups of changed sites are listed; more are all taken."""

LONGEST_SUM = 2**15 - 1
"""Sweeps whose spins 0 and -1 can be added in 16 bits."""

compiled = njit(cache=True, nogil=True, error_model="numpy")


@compiled
def aligned(rows, like):
    """Return an empty array (rows, 32) of the type of another, at the start of a cache line."""
    size = like.itemsize
    flat = np.empty(rows * LANES + 64 // size, like.dtype)
    shift = (-flat.ctypes.data % 64) // size
    return flat[shift : shift + rows * LANES].reshape((rows, LANES))


@compiled
def own_noise(noise, odds, heat, spread, first, quads, step, parity):
    """Fill the rows of noise of a block, from the streams of each replica. Position k is row k."""
    for half in range(LANES // HALF):
        log_odds(
            odds, HALF * half, HALF * LANES, first // 4, quads, spread, heat.tails, half, step, heat.key
        )  # fmt: skip
    for k in range(4 * quads):
        place = ((k & 3) * HALF + (k >> 2)) * LANES
        noise_row(noise, k, odds, place, heat.scales, parity)


@compiled
def common_odds(odds, heat, spread, quads, step):
    """Fill odds (4, 16 ⌈quads/16⌉) for all sites of a sweep, from the one stream of all replicas."""
    stride = odds.size // 4
    for q in range(0, quads, HALF):
        log_odds(odds, q, stride, q, 1, spread, heat.tails, 0, step, heat.key)


@compiled
def common_noise(noise, odds, heat, first, sites, parity):
    """Fill the rows of noise of a block from `common_odds`."""
    stride = odds.size // 4
    for k in range(sites):
        position = first + k
        place = (position & 3) * stride + (position >> 2)
        noise_row_shared(noise, k, odds, place, heat.scales, parity)


@compiled
def block_fields(fields, tables, sites, patterns, overlaps):
    """Fill the half fields of the sites of a block as they are before any of these is updated."""
    words, stride = overlaps.shape[0] // WORD, 2 * patterns.sites.shape[1]
    for k in range(sites.size):
        fill_row(fields, k, patterns.offsets[sites[k]])
    for w in range(0, words, WORDS_PER_TABLE):
        many = min(WORDS_PER_TABLE, words - w)
        sign_tables(tables, overlaps, w * WORD, many * WORD // GROUP)
        for k in range(sites.size):
            add_signed(fields, k, tables, patterns.sites, sites[k] * stride + w, many)


@compiled
def block_bits(bits, square, columns):
    """Fill bits[mu] with the sites of a block, from the words of each: for an order that is new."""
    for v in range(columns.shape[0]):
        square[:] = columns[v]
        transpose(square)
        for mu in range(v * BLOCK, min((v + 1) * BLOCK, bits.size)):
            bits[mu] = square[mu - v * BLOCK]


@compiled
def list_groups(groups, active, count):
    """List the groups of four sites in which some site changed; return how many there are."""
    found = 0
    for i in range(count):
        if found == 0 or groups[found - 1] != active[i] // GROUP:
            groups[found] = active[i] // GROUP
            found += 1
    return found


@compiled
def update_overlaps(overlaps, tables, changes, bits, place, count, groups, active, changed):
    """Add the changes of a block to the overlaps: M'_mu += sum_k xi_k^mu S'_k, over the changed sites."""
    many = list_groups(groups, active, changed)
    if many > FEW:
        sign_tables(tables, changes, 0, GROUPS)
        for mu in range(count):
            add_signed(overlaps, mu, tables, bits, 2 * (place + mu), BLOCK // WORD)
    elif many > 0:
        for g in range(many):
            sign_tables(tables[2**GROUP * groups[g] :], changes, GROUP * groups[g], 1)
        for mu in range(count):
            add_listed(overlaps, mu, tables, bits, 2 * (place + mu), groups, many)


@compiled
def lane_overlaps(blocks, rows):
    """Return sum_i xi_i^mu rows[i] of each pattern and lane: (P, 32).

    blocks  # (⌈N/64⌉, P) uint64; rows  # (64 ⌈N/64⌉, 32) int32, zeros beyond N; no sum may reach 2^31
    """
    count = blocks.shape[1]
    tables, out = aligned(2**GROUP * GROUPS, rows), aligned(count, rows)
    out[:] = 0
    for b in range(blocks.shape[0]):
        sign_tables(tables, rows, b * BLOCK, GROUPS)
        for mu in range(count):
            add_signed(out, mu, tables, blocks, 2 * (b * count + mu), BLOCK // WORD)
    return out


@compiled
def write_down(record, t, patterns, lanes):
    """Fill in the overlap with each target and the aligned fields: sum_i S_i N h_i = sum_mu M_mu^2 - N P."""
    size, count = lanes.spins.shape[0], patterns.blocks.shape[1]
    odd = np.int64(size % 2)
    for r in range(LANES):
        record.trace[0, t, r] = 2 * np.int64(lanes.overlaps[lanes.targets[r], r]) + odd
        record.trace[1, t, r] = -size * count
    for mu in range(count):
        for r in range(LANES):
            overlap = 2 * np.int64(lanes.overlaps[mu, r]) + odd
            record.trace[1, t, r] += overlap * overlap


@compiled
def take_sums(sums, half, partial, sweeps):
    """Add the spins of some sweeps, S = 1 + 2 S', and start again."""
    for i in range(partial.shape[0]):
        for r in range(LANES):
            sums[half, i, r] += sweeps + 2 * np.int32(partial[i, r])
            partial[i, r] = 0


@compiled
def repeat_state(record, lanes, t):
    """Fill in what the sweeps after a fixed point of all replicas would record: the same, no flips."""
    total, warm = record.trace.shape[1], record.warm
    middle = warm + (total - warm) // 2
    for later in range(t + 1, total):
        record.trace[:2, later] = record.trace[:2, t]
        record.trace[2, later] = 0
    first, second = max(0, middle - max(t + 1, warm)), total - max(t + 1, middle)
    for i in range(lanes.spins.shape[0]):
        for r in range(LANES):
            spin = np.int32(1 + 2 * lanes.spins[i, r])
            record.sums[0, i, r] += np.int32(first) * spin
            record.sums[1, i, r] += np.int32(second) * spin


@compiled
def replica_sweeps(patterns, lanes, heat, order_stream, record):
    """Run the sweeps of 32 replicas; return how many were run before nothing moved.

    order_stream  # (4,) uint32 for a random order in each sweep, which the replicas share; (0,) for 0 … N-1
    Position k of a sweep takes word k of a replica's stream, whichever site it visits.
    """
    spins, overlaps = lanes.spins, lanes.overlaps
    size, (blocks, count) = spins.shape[0], patterns.blocks.shape
    total, warm = record.trace.shape[1], record.warm
    middle = warm + (total - warm) // 2
    fresh, quads = order_stream.size > 0, (size + 3) // 4
    tables, fields = aligned(2**GROUP * GROUPS, spins), aligned(BLOCK, spins)
    changes, noise = aligned(BLOCK, spins), aligned(BLOCK, spins)
    partial, flips = aligned(size, spins), aligned(1, spins)
    partial[:], noise[:] = 0, 0
    per_sweep = (quads + HALF - 1) // HALF * 4 if heat.shared else 0
    odds = aligned(max(BLOCK, (per_sweep * HALF + LANES - 1) // LANES), heat.scales)
    if heat.shared:
        odds = odds.ravel()[: per_sweep * HALF].reshape((1, per_sweep * HALF))
    spread = np.arange(LANES).astype(np.uint32) if heat.shared else np.zeros(LANES, np.uint32)
    order, words = np.arange(size), np.empty((4, quads), np.uint32)
    active, groups = np.empty(BLOCK, np.int32), np.empty(GROUPS, np.int32)
    columns = np.zeros((patterns.sites.shape[1], BLOCK), np.uint64)
    square = np.empty(BLOCK, np.uint64)
    near = np.empty((1 if fresh else 0, BLOCK, BLOCK), patterns.near.dtype)
    bits = np.empty((1 if fresh else 0, count), np.uint64)
    summed = 0
    for t in range(total):
        if fresh:
            fresh_order(order, words, order_stream, t)
        if heat.shared and not heat.cold:
            common_odds(odds, heat, spread, quads, t)
        record.trace[2, t] = 0
        for b in range(blocks):
            first = b * BLOCK
            sites = order[first : min(first + BLOCK, size)]
            if not heat.cold:
                if heat.shared:
                    common_noise(noise, odds, heat, first, sites.size, patterns.parity)
                else:
                    own_noise(
                        noise, odds, heat, spread, first, (sites.size + 3) // 4, t, patterns.parity
                    )
            if fresh:
                columns_of(columns, patterns.sites, sites)
            block_fields(fields, tables, sites, patterns, overlaps)
            couplings, place = (near, 0) if fresh else (patterns.near, b * BLOCK * BLOCK)
            fill_row(flips, 0, 0)
            changed = 0
            for k in range(sites.size):
                add_products(fields, k, couplings, place + k, active, changed, changes)
                if settle(spins, sites[k], fields, k, noise, k, heat.ties, count, changes, flips):
                    active[changed] = k
                    changed += 1
                    if fresh:
                        couple(near, k * BLOCK, columns, patterns.sites, sites[k], count)
                if t >= warm:
                    add_row(partial, sites[k], spins, sites[k])
            if changed == 0:
                continue
            for k in range(sites.size, BLOCK):
                fill_row(changes, k, 0)
            for r in range(LANES):
                record.trace[2, t, r] += flips[0, r]
            if fresh:
                block_bits(bits[0], square, columns)
                update_overlaps(overlaps, tables, changes, bits, 0, count, groups, active, changed)
            else:
                update_overlaps(
                    overlaps, tables, changes, patterns.blocks, b * count, count, groups, active, changed
                )  # fmt: skip
        write_down(record, t, patterns, lanes)
        if t >= warm:
            summed += 1
        if summed == LONGEST_SUM or t + 1 == middle or t + 1 == total:
            take_sums(record.sums, 0 if t < middle else 1, partial, summed)
            summed = 0
        if heat.cold and not record.trace[2, t].any():
            take_sums(record.sums, 0 if t < middle else 1, partial, summed)
            repeat_state(record, lanes, t)
            return t
    return total
