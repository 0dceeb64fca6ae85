"""Replica exchange: walkers of one network on a ladder of temperatures, which neighbours swap.

Each walker is a state with a stream of thermal noise of its own; each rung of a ladder is a temperature, and
has one walker. After every so many sweeps neighbours on rungs r and r + 1 swap their temperatures with
probability

    min(1, exp((beta_r - beta_{r+1}) (E_r - E_{r+1}))),

even and odd r in turn: R. H. Swendsen and J.-S. Wang, Phys. Rev. Lett. 57, 2607 (1986); K. Hukushima and
K. Nemoto, J. Phys. Soc. Jpn. 65, 1604 (1996). Energies are integers, and the decision is IEEE arithmetic in a
fixed order. Two ladders of one network run side by side, and are never swapped with each other.

What is measured is written down by rung, after each sweep and before the swap.

`matrix_ladders` takes any couplings, walker by walker; `lane_ladders` Hebb's, 32 walkers side by side: to the
same bits.
"""

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic
from numpy.typing import NDArray

from mattis.exact.compiler import borrowing, compiled
from mattis.exact.functions import exponential, uniform
from mattis.exact.philox import fresh_order, philox_words
from mattis.kernels.cpu.asynchronous import record_sweep
from mattis.kernels.cpu.asynchronous import sweep_blocks as sweep_lanes
from mattis.kernels.cpu.bits import popcount
from mattis.kernels.cpu.blocks import block_room, by_blocks, quads_of, scalar_product, sweep_blocks
from mattis.kernels.cpu.filter import Filter, filter_of
from mattis.kernels.cpu.lanes import BLOCK, LANES, Heat, Lanes, Scratch, aligned_rows
from mattis.kernels.cpu.matrix import accept_in_turn, visit_in_turn

INLINED = "94aef44216d2e5e6"
"""Fingerprint of the files that are compiled into this one: Numba's disk cache watches this file only."""

NOWHERE, FROM_HOT, FROM_COLD, BACK = range(4)
"""At which end a walker was last: none, the hottest, the coldest; the coldest, and before at the hottest."""

LADDERS = 2
"""Ladders of one network: each rung has two independent replicas, whose overlap is observed."""


@compiled
def is_accepted(x, high, low):
    """Tell whether a swap is made: u < e^x, u = (⌊(2^32 high + low) / 2^11⌋ + 1/2) / 2^53."""
    centred, _ = uniform(high, low)
    return x >= 0.0 or 0.5 + centred < exponential(x)


@compiled
def swap_rungs(walkers, aligned, gaps, words, stream, number, accepted):
    """Let neighbours of one ladder swap their temperatures, those of one parity; mark what is accepted.

    walkers  # (R,) who is on each rung, changed in place; aligned  # (R,) integers, -E in units of 1/gaps
    gaps     # (R - 1,) float64: the exponent of pair r is gaps[r] (aligned[r] - aligned[r + 1])
    stream   # (4,) uint32; pair r of round `number` is decided by the words at 2 r and 2 r + 1 of that step
    """
    philox_words(words, stream, number, words.shape[1])
    for r in range(gaps.size):
        accepted[r] = 0
    for r in range(number & 1, gaps.size, 2):
        high, low = words[(2 * r) & 3, r >> 1], words[(2 * r + 1) & 3, r >> 1]
        if is_accepted(gaps[r] * np.float64(aligned[r] - aligned[r + 1]), high, low):
            walkers[r], walkers[r + 1] = walkers[r + 1], walkers[r]
            accepted[r] = 1


@compiled
def follow_walkers(walkers, seen, trips, flow):
    """Note who is at an end of the ladder, count round trips, and who comes from which end on each rung.

    walkers  # (R,), the hottest rung first; seen  # (R,) NOWHERE … BACK of each walker
    trips    # (R,) round trips of each walker: hottest, coldest, hottest
    flow     # (2, R) how often the walker on a rung came from the hottest end, from the coldest
    """
    hot, cold = walkers[0], walkers[walkers.size - 1]
    trips[hot] += seen[hot] == BACK
    seen[hot] = FROM_HOT
    seen[cold] = BACK if seen[cold] == FROM_HOT or seen[cold] == BACK else FROM_COLD
    for r in range(walkers.size):
        before = seen[walkers[r]]
        if before != NOWHERE:
            flow[0 if before == FROM_HOT else 1, r] += 1


@compiled
def end_round(t, every, walkers, aligned, gaps, words, streams, accepted, swaps, seen, trips, flow, warm):
    """Swap temperatures where a round ends with sweep t; follow the walkers, once that is measured."""
    for ladder in range(LADDERS):
        if (t + 1) % every == 0:
            swap_rungs(
                walkers[ladder], aligned[ladder], gaps, words, streams[ladder], (t + 1) // every - 1, accepted
            )
            if t >= warm:
                for r in range(gaps.size):
                    swaps[ladder, r] += accepted[r]
                follow_walkers(walkers[ladder], seen[ladder], trips[ladder], flow[ladder])


@compiled
def sweep_walker(
    columns, spins, fields, order, fresh, words, stream, t, scale, metropolis, foreseen, block, signs, listed,
    flipped,
):  # fmt: skip
    """Run one sweep of one walker, one site after the other; return the flips."""
    if by_blocks(fields, scale, fresh, foreseen):
        return sweep_blocks(
            columns, fields, fields, spins, order, fresh, False, words, stream, t, scale, 1, 0,
            metropolis, foreseen, block, signs, listed, flipped,
        )  # fmt: skip
    if metropolis:
        return accept_in_turn(columns, fields, spins, order, fresh, words, stream, t, scale, 1, 0)
    return visit_in_turn(columns, fields, spins, order, fresh, words, stream, t, scale, 1, 0)


@compiled
def biased_product(fields, bias, spins):
    """Return sum_i S_i (x_i + b_i), exactly."""
    total = scalar_product(fields, spins)
    for i in range(spins.size):
        total += np.int64(spins[i]) * np.int64(bias[i])
    return total


@compiled
def largest_overlap(patterns, spins):
    """Return the largest |sum_i xi_i S_i| with any of the patterns, (P, N); 0 without one."""
    largest = np.int64(0)
    for mu in range(patterns.shape[0]):
        largest = max(largest, abs(scalar_product(patterns[mu], spins)))
    return largest


@compiled
def largest_of_lanes(overlaps, count, odd, largest):
    """Fill (32,) with `largest_overlap` of each lane, from halves of the overlaps with P patterns."""
    largest[:] = 0
    for mu in range(count):
        for lane in range(LANES):
            largest[lane] = max(largest[lane], abs(2 * np.int64(overlaps[mu, lane]) + odd))


@compiled
def matrix_ladders(
    columns, bias, target, patterns, spins, fields, streams, scales, metropolis, order_stream, every, gaps,
    swap_streams, walkers, warm, trace, nearest, twins, swaps, trips, flow,
):  # fmt: skip
    """Run two ladders of a network with any couplings.

    columns  # (N, N) signed integers: columns[j, i] = nj_ij; bias  # (N,) int64; target  # (N,) int16
    patterns  # (P, N) int16, of which the nearest is looked for
    spins    # (2, R, N) int8 and fields  # (2, R, N), of each walker: changed in place
    streams  # (2, R, 4) uint32, of the thermal noise of each walker; scales  # (R,) float32, of each rung
    metropolis  # whether sites follow Metropolis' rate; else heat bath
    order_stream  # (4,) uint32 for a random order in each sweep, which all share; (0,) for 0 … N-1
    every, gaps, swap_streams  # sweeps of a round; (R - 1,) and (2, 4), see `swap_rungs`
    walkers  # (2, R) int64 who is on each rung, changed in place
    trace    # (2, 2, R, sweeps) int64: sum_i w_i S_i and sum_i S_i (x_i + b_i) of each ladder and rung
    nearest  # (2, R, sweeps) int64, of each ladder and rung: see `largest_overlap`; (2, R, 0) for none
    twins    # (R, sweeps) int64: sum_i S_i S'_i of the two walkers on a rung
    swaps    # (2, R - 1) int64; trips  # (2, R) int64; flow  # (2, 2, R) int64: see `follow_walkers`
    """
    size, rungs, fresh = spins.shape[2], scales.size, order_stream.size > 0
    words, order = np.zeros((4, quads_of(size)), np.uint32), np.arange(size).astype(np.uint64)
    pairs, accepted = np.zeros((4, (rungs + 1) // 2), np.uint32), np.zeros(gaps.size, np.int64)
    block, signs, listed, flipped = block_room(fields[0, 0])
    flips, seen = np.zeros((LADDERS, rungs), np.int64), np.zeros((LADDERS, rungs), np.int64)
    aligned, biased = np.zeros((LADDERS, rungs), np.int64), np.any(bias != 0)
    for t in range(trace.shape[3]):
        if fresh:
            fresh_order(order, words, order_stream, t)
        for ladder in range(LADDERS):
            for r in range(rungs):
                w = walkers[ladder, r]
                state, field = spins[ladder, w], fields[ladder, w]
                flips[ladder, w] = sweep_walker(
                    columns, state, field, order, fresh, words, streams[ladder, w], t, scales[r],
                    metropolis, flips[ladder, w], block, signs, listed, flipped,
                )  # fmt: skip
                product = biased_product(field, bias, state) if biased else scalar_product(field, state)
                aligned[ladder, r] = product
                trace[0, ladder, r, t], trace[1, ladder, r, t] = (scalar_product(target, state), product)
                if nearest.shape[2] > 0:
                    nearest[ladder, r, t] = largest_overlap(patterns, state)
        for r in range(rungs):
            twins[r, t] = scalar_product(spins[0, walkers[0, r]], spins[1, walkers[1, r]])
        end_round(
            t, every, walkers, aligned, gaps, pairs, swap_streams, accepted, swaps, seen, trips, flow, warm
        )


class Rungs(NamedTuple):
    """What the filter and the noise know of the temperature of each rung."""

    scales: NDArray[np.float32]
    """(R,) float32: noise widths N T / 2."""
    levels: NDArray[np.uint16]
    """(5, R) uint16: rows of `Filter.levels`."""
    gains: NDArray[np.float32]
    """(R,) float32: row of `Filter.gains`."""


def rungs_of(scales: NDArray[np.float32], parity: int) -> tuple[Rungs, Filter]:
    """Return what lanes know of the rungs with some noise widths, (R,), and room for a filter of 32 lanes."""
    padded = aligned_rows(-(-scales.size // LANES), np.float32)
    padded[:] = scales[-1]
    padded.ravel()[: scales.size] = scales
    found = [filter_of(row[None], parity) for row in padded]
    levels = np.concatenate([one.levels for one in found], axis=1)[:, : scales.size]
    gains = np.concatenate([one.gains[0] for one in found])[: scales.size]
    room = Filter(aligned_rows(5, np.uint16), aligned_rows(1, np.float32))
    return Rungs(scales, np.ascontiguousarray(levels), gains), room


@intrinsic
def laundered(_typing, array):
    """Return an array of whose content LLVM knows nothing: kernels read rows that nobody writes to meanwhile.

    Temperatures are written between two sweeps, and such rows may be read ahead of that otherwise.
    """

    def emit(context, builder, signature, args):
        view = context.make_array(signature.args[0])(context, builder, args[0])
        view.data = _of_unknown(builder, view.data)
        return impl_ret_borrowed(context, builder, signature.return_type, view._getvalue())

    return array(array), emit


def _of_unknown(builder: Any, pointer: Any) -> Any:
    """Emit an address that LLVM cannot trace; all stores before are done."""
    kind = ir.FunctionType(pointer.type, [pointer.type])
    return builder.asm(kind, "", "=r,0,~{memory}", [pointer], side_effect=True)


@compiled
def set_lanes(heat, chosen, group, rung_of, tails, rungs):
    """Set temperatures and streams of the lanes of a group; lanes without a walker repeat the last one."""
    for lane in range(LANES):
        r = rung_of[min(group * LANES + lane, rung_of.size - 1)]
        heat.scales[0, lane] = rungs.scales[r]
        chosen.gains[0, lane] = rungs.gains[r]
        for row in range(rungs.levels.shape[0]):
            chosen.levels[row, lane] = rungs.levels[row, r]
        for k in range(2):
            heat.tails[k, lane] = tails[k, lane]


@borrowing
def sweep_group(patterns, lanes, heat, work, record, t, orders):
    """Run one sweep of 32 walkers, at the temperatures that were set."""
    now = Heat(heat.key, heat.tails, laundered(heat.scales), heat.ties, heat.shared, heat.cold)
    chosen = Filter(laundered(work.filter.levels), laundered(work.filter.gains))
    room = Scratch(
        work.tables, work.fields, work.changes, work.own, work.upper, work.lower, work.common,
        work.stream, chosen, work.flips, work.partial, work.order, work.order_words, work.active,
        work.groups, work.near, work.bits, work.columns, work.square,
    )  # fmt: skip
    sweep_lanes(patterns, lanes, now, room, record, t, orders, 0)
    record_sweep(record, t, patterns, lanes)


@compiled
def pack_lanes(bits, first, spins):
    """Write the spins of a group, (N, 32), as bits of its walkers, from walker `first` on; 1 is down."""
    size, count = spins.shape[0], min(LANES, bits.shape[0] - first)
    word = np.zeros(LANES, np.uint64)
    for w in range(bits.shape[1]):
        word[:] = 0
        for k in range(min(BLOCK, size - w * BLOCK)):
            for lane in range(LANES):
                word[lane] |= (np.uint64(spins[w * BLOCK + k, lane]) & np.uint64(1)) << np.uint64(k)
        for lane in range(count):
            bits[first + lane, w] = word[lane]


@compiled
def bit_product(a, b, size):
    """Return sum_i S_i S'_i of two states in bits."""
    apart = np.int64(0)
    for w in range(a.size):
        apart += np.int64(popcount(a[w] ^ b[w]))
    return size - 2 * apart


@compiled
def lane_ladders(
    patterns, spins, overlaps, targets, tails, heat, work, record, orders, rungs, every, gaps, swap_streams,
    walkers, warm, trace, nearest, twins, swaps, trips, flow,
):  # fmt: skip
    """Run two ladders of Hopfield's network: walker w of ladder a is lane a R + w, counted over the groups.

    spins     # (groups, N, 32) and overlaps  # (groups, 32 ⌈P/32⌉, 32), as in `Lanes`: changed in place
    targets   # (32,) the cued pattern; tails  # (groups, 2, 32) uint32 of the streams of the walkers
    heat, work, record  # of a group: temperatures are written into them; nothing is summed in `record`
    orders    # (4,) uint32, or None; rungs  # `Rungs`; the others as for `matrix_ladders`
    """
    size, count = spins.shape[1], walkers.shape[1]
    rung_of, bits = (np.zeros(2 * count, np.int64), np.zeros((2 * count, (size + 63) // 64), np.uint64))
    pairs, accepted = np.zeros((4, (count + 1) // 2), np.uint32), np.zeros(gaps.size, np.int64)
    seen, aligned = np.zeros((LADDERS, count), np.int64), np.zeros((LADDERS, count), np.int64)
    largest, odd = np.zeros(LANES, np.int64), np.int64(size % 2)
    for t in range(trace.shape[3]):
        if orders is not None:
            fresh_order(work.order, work.order_words, orders, t)
        for ladder in range(LADDERS):
            for r in range(count):
                rung_of[ladder * count + walkers[ladder, r]] = r
        for g in range(spins.shape[0]):
            set_lanes(heat, work.filter, g, rung_of, tails[g], rungs)
            sweep_group(patterns, Lanes(spins[g], overlaps[g], targets), heat, work, record, t, orders)
            pack_lanes(bits, g * LANES, spins[g])
            largest_of_lanes(overlaps[g], patterns.blocks.shape[1], odd, largest)
            for f in range(g * LANES, min((g + 1) * LANES, rung_of.size)):
                a, rung, lane = f // count, rung_of[f], f - g * LANES
                trace[0, a, rung, t], trace[1, a, rung, t] = (
                    record.trace[0, t, lane],
                    record.trace[1, t, lane],
                )
                aligned[a, rung], nearest[a, rung, t] = trace[1, a, rung, t], largest[lane]
        for r in range(count):
            twins[r, t] = bit_product(bits[walkers[0, r]], bits[count + walkers[1, r]], size)
        end_round(
            t, every, walkers, aligned, gaps, pairs, swap_streams, accepted, swaps, seen, trips, flow, warm
        )
