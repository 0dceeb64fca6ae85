"""Asynchronous Glauber dynamics of 32 replicas of one pattern set, side by side in vector lanes.

The same trajectories as in `glauber.py`, bit by bit, without couplings: fields come from the overlaps, by the
method of the Four Russians (V. L. Arlazarov et al., Dokl. Akad. Nauk SSSR 194, 487 (1970)). Per block of 64
sites: (1) for each four patterns, a table of the 16 sums ± M_1 ± M_2 ± M_3 ± M_4, so that
sum_mu xi_i^mu M_mu is one addition for four patterns; (2) site after site, exactly, with the changes in the
block before it; (3) the overlaps take up the changes of the block, by tables over its sites, or by
popcounts where many of them changed.

Overlaps, spins and fields are stored as halves: see `lanes.py`.
"""

import numpy as np
from numpy.typing import NDArray

from mattis.exact.compiler import borrowing, compiled, inlined
from mattis.exact.philox import fresh_order, philox_words
from mattis.kernels.cpu.bits import columns_of, couple, largest_row, products, transpose
from mattis.kernels.cpu.filter import filter_of
from mattis.kernels.cpu.lanes import (
    BLOCK,
    LANES,
    Heat,
    LaneRecord,
    Lanes,
    Patterns,
    aligned_rows,
    repeat_state,
    scratch,
)
from mattis.kernels.cpu.noise import draw_halves, spread_half
from mattis.kernels.cpu.settling import settle, settle_in_doubt, settle_until, spread_change
from mattis.kernels.cpu.vectors import (
    GROUP,
    LISTED,
    QUARTER,
    add_counted,
    add_fields,
    add_listed,
    add_signed,
    fill_row,
    has_short_popcounts,
    set_fields,
    sign_tables,
    sum_rows,
    take_row,
    take_sum,
)

__all__ = ["lane_overlaps", "largest_row", "products", "replica_sweeps"]

INLINED = "742221682394c651"
"""Fingerprint of the files that are compiled into this one: Numba's disk cache watches this file only."""

GROUPS = BLOCK // GROUP
FEW_GROUPS = 12
"""Up to so many groups of changed sites are listed; more are all taken."""

FEW_GROUPS_TO_COUNT = 7
"""The same where bits can be counted instead of taking all."""

LONGEST_SUM = 2**15 - 1
"""Sweeps whose spins 0 and -1 can be added in 16 bits."""


@inlined
def block_halves(work, heat, first, sites, step):
    """Fill the rows of upper halves of a block, at T > 0: where it is called costs time even if it returns.

    Replicas have a stream each, whose words are drawn for a block, lane by lane; or one stream for all, whose
    words are drawn for a sweep. Site k of a block takes half k mod 8 of quad k // 8.
    """
    upper, common = work.upper, work.common
    if not heat.shared:
        draw_halves(upper, first // 8, (sites + 7) // 8, step, heat.tails, heat.key)
        return
    if first == 0:
        philox_words(common, work.stream, step, common.shape[1])
    for k in range(sites):
        word = ((k >> 1) & 3) * common.shape[1] + ((first + k) >> 3)
        spread_half(upper, k, common, 2 * word + (k & 1))


@inlined
def block_fields(fields, tables, sites, patterns, overlaps):
    """Fill the half fields of the sites of a block before the first of them is updated."""
    bits, offsets, words = patterns.sites, patterns.offsets, patterns.sites.shape[1]
    quarters = (patterns.blocks.shape[1] + QUARTER - 1) // QUARTER
    for w in range(words):
        many = min(4, quarters - 4 * w)
        sign_tables(tables, 0, overlaps, w * BLOCK, many * QUARTER // GROUP)
        if w == 0:
            set_fields(fields, sites, offsets, tables, bits, words, many)
        else:
            add_fields(fields, sites, tables, bits, words, w, many)


@inlined
def block_bits(work):
    """Fill work.bits with the sites of a block, from the words of each: for an order that is new."""
    bits = work.bits
    for v in range(work.columns.shape[0]):
        for k in range(BLOCK):
            work.square[k] = work.columns[v, k]
        transpose(work.square)
        for mu in range(v * BLOCK, min((v + 1) * BLOCK, bits.shape[1])):
            bits[0, mu] = work.square[mu - v * BLOCK]


@inlined
def list_groups(groups, active, count):
    """List the groups of four sites with a changed site; return their number."""
    number = 0
    for i in range(count):
        if number == 0 or groups[number - 1] != active[i] // GROUP:
            groups[number] = active[i] // GROUP
            number += 1
    return number


@inlined
def update_overlaps(overlaps, work, bits, place, changed):
    """Add the changes of a block to the overlaps: M'_mu += sum_k xi_k^mu S'_k, over the changed sites.

    bits  # the sites of the block for each pattern, from `place` on
    """
    tables, groups, changes, count = work.tables, work.groups, work.changes, bits.shape[1]
    many = list_groups(groups, work.active, changed)
    counting: bool = has_short_popcounts()
    if counting and many > FEW_GROUPS_TO_COUNT:
        add_counted(overlaps, count, changes, bits, place)
        return
    if not counting and many > FEW_GROUPS:
        sign_tables(tables, 0, changes, 0, GROUPS)
        add_signed(overlaps, count, tables, bits, place)
        return
    for g in range(many):
        sign_tables(tables, g, changes, GROUP * groups[g], 1)
    for first in range(0, many, LISTED):
        add_listed(overlaps, count, tables, bits, place, groups, first, min(LISTED, many - first))


def lane_overlaps(blocks: NDArray[np.uint64], rows: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return sum_i xi_i^mu rows[i] of each pattern and lane: (P, 32).

    blocks  # (⌈N/64⌉, P) uint64; rows  # (64 ⌈N/64⌉, 32) int32, zeros beyond N; no sum may reach 2^31
    """
    out = aligned_rows(blocks.shape[1], np.int32)
    add_lane_overlaps(out, aligned_rows(4 * BLOCK, np.int32), blocks, rows)
    return out


@compiled
def add_lane_overlaps(out, tables, blocks, rows):
    """Add sum_i xi_i^mu rows[i] to row mu of out."""
    count = blocks.shape[1]
    for b in range(blocks.shape[0]):
        sign_tables(tables, 0, rows, b * BLOCK, GROUPS)
        add_signed(out, count, tables, blocks, b * count)


@compiled
def record_sweep(record, t, patterns, lanes):
    """Record the overlap with each target and the aligned fields: sum_i S_i N h_i = sum_mu M_mu^2 - N P."""
    size, count = lanes.spins.shape[0], patterns.blocks.shape[1]
    odd = np.int64(size % 2)
    overlaps, fields = record.trace[0, t], record.trace[1, t]
    sum_rows(overlaps, fields, lanes.overlaps, count)
    for r in range(LANES):  # M = 2 half + odd
        fields[r] = 4 * (fields[r] + odd * overlaps[r]) + (odd - size) * count
        overlaps[r] = 2 * np.int64(lanes.overlaps[lanes.targets[r], r]) + odd


@compiled
def take_sums(sums, half, partial, sweeps, spins, still):
    """Add the spins of some sweeps, S = 1 + 2 S', and start again.

    partial  # the sums of S', less what the last `spins` would give if they had been so in `still` sweeps
    """
    for i in range(partial.shape[0]):
        take_sum(sums, half * partial.shape[0] + i, partial, i, sweeps, spins, still)
        fill_row(partial, i, 0)


@inlined
def end_sweep(record, t, patterns, lanes, partial, summed, last, by_changes):
    """Record a sweep, the `last` one or not; return the number of sweeps in the sums of `partial`.

    by_changes  # whether these hold, instead of each S', what each change of S' came too late for
    """
    total, warm = record.trace.shape[1], record.warm
    middle = warm + (total - warm) // 2
    record_sweep(record, t, patterns, lanes)
    waiting = summed + (t >= warm)
    if waiting == LONGEST_SUM or t + 1 == middle or t + 1 == total or last:
        still = waiting if by_changes else 0
        take_sums(record.sums, 0 if t < middle else 1, partial, waiting, lanes.spins, still)
        waiting = 0
    return waiting


@inlined
def settle_block(patterns, lanes, heat, work, near, place, sites, first, t, orders, summed):
    """Update the sites of a block one after the other; return the number that changed in any lane.

    first  # the position of the block in sweep t
    near  # N J between the sites of the block, from `place` on; in a new order, filled where a site changed
    summed  # the sweeps that are summed already: a change comes too late for them
    """
    spins, count, changed, signs = lanes.spins, patterns.blocks.shape[1], 0, patterns.sites
    fields, changes, flips, own, active = (work.fields, work.changes, work.flips, work.own, work.active)
    upper, lower, levels, gains = work.upper, work.lower, work.filter.levels, work.filter.gains
    k, moved = 0, False
    while k < sites.size:
        if heat.cold:
            moved = settle(spins, sites[k], fields, k, own, changes, flips)
        else:
            stop: int = settle_until(spins, sites, fields, k, own, changes, flips, upper, levels, gains)
            if stop == sites.size:
                break
            k, moved = max(stop, ~stop), True
            if stop < 0:
                moved = settle_in_doubt(
                    spins, sites[k], fields, k, own, changes, flips, upper, lower, (first + k) >> 3, t,
                    heat.tails, heat.key, heat.scales, patterns.parity,
                )  # fmt: skip
        if moved:
            active[changed] = k
            changed += 1
            if orders is not None:
                couple(near, k * BLOCK, work.columns, signs, sites[k], count)
            spread_change(fields, k, sites.size, near, place + k * BLOCK, changes)
            if summed > 0:
                take_row(work.partial, sites[k], changes, k, summed)
        k += 1
    return changed


@inlined
def sweep_blocks(patterns, lanes, heat, work, record, t, orders, summed):
    """Update every site once, block by block; return whether any spin of any replica flipped.

    summed  # the sweeps that are summed in `work.partial`
    """
    size, (blocks, count) = lanes.spins.shape[0], patterns.blocks.shape
    moved = False
    for b in range(blocks):
        first = b * BLOCK
        sites = work.order[first : min(first + BLOCK, size)]
        near, near_place, bits, bits_place = patterns.near, b * BLOCK * BLOCK, patterns.blocks, b * count
        if orders is not None:
            near, near_place, bits, bits_place = work.near, 0, work.bits, 0
            columns_of(work.columns, patterns.sites, sites)
        if not heat.cold:
            block_halves(work, heat, first, sites.size, t)
        block_fields(work.fields, work.tables, sites, patterns, lanes.overlaps)
        fill_row(work.flips, 0, 0)
        changed = settle_block(patterns, lanes, heat, work, near, near_place, sites, first, t, orders, summed)
        if changed == 0:
            continue
        moved = True
        for k in range(sites.size, BLOCK):
            fill_row(work.changes, k, 0)
        for r in range(LANES):
            record.trace[2, t, r] += work.flips[0, r]
        if orders is not None:
            block_bits(work)
        update_overlaps(lanes.overlaps, work, bits, bits_place, changed)
    return moved


@borrowing
def run_sweeps(patterns, lanes, heat, orders, record, work):
    """Run sweeps up to a fixed point of all replicas; return their number. record.trace[2] holds zeros.

    orders  # (4,) uint32, a stream; or None, for which Numba leaves out the code of random orders
    """
    total, summed = record.trace.shape[1], 0
    for t in range(total):
        if orders is not None:
            fresh_order(work.order, work.order_words, orders, t)
        moved = sweep_blocks(patterns, lanes, heat, work, record, t, orders, summed)
        still = heat.cold and not moved
        summed = end_sweep(record, t, patterns, lanes, work.partial, summed, still, True)
        if still:
            return t
    return total


def replica_sweeps(
    patterns: Patterns, lanes: Lanes, heat: Heat, order_stream: NDArray[np.uint32], record: LaneRecord
) -> int:
    """Run the sweeps of 32 replicas; return the number of sweeps before nothing moved.

    order_stream  # (4,) uint32 for a random order in each sweep, which the replicas share; (0,) for 0 … N-1
    Position k of a sweep takes decision k of a replica's stream, whichever site it visits.
    """
    work = scratch(patterns, lanes, heat, filter_of(heat.scales, patterns.parity))
    orders = order_stream if order_stream.size else None
    used = int(run_sweeps(patterns, lanes, heat, orders, record, work))
    repeat_state(record, lanes, used)
    return used
