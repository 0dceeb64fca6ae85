"""Asynchronous Glauber dynamics on the CPU: two kernels, one trajectory.

Both visit the sites in typewriter order, 0 … N-1 (for random patterns any fixed order is the same in
law), or in a fresh random order in each sweep, and set  S_i = sign(N h_i + th),
N h_i = sum_{j≠i} N J_ij S_j  an integer and th the integer thermal noise of `mattis.exact.rng.thermal_noise`.
At T = 0 (`scale` = 0) there is no noise and a tie, h_i = 0, keeps the spin. The two differ only in how
they know h_i:

`field_sweeps`    keeps every field up to date: 64 proposals are looked at together (`blocks`), a flip reads a
                  row of N J;
`overlap_sweeps`  sums N h_i = sum_mu xi_i^mu M_mu - P S_i from the overlaps M_mu = sum_j xi_j^mu S_j, for 64
                  sites side by side, one bit of a pattern for each; a flip reads the couplings to these 64
                  only: for replicas that flip often, or N too large for an N x N matrix. In a random
                  order it goes from site to site.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from mattis.exact.compiler import compiled
from mattis.exact.philox import fresh_order, thermal_noise
from mattis.exact.rng import LOWER_QUADS
from mattis.kernels.cpu.bits import LOWEST_BIT, first_bits, lowest, popcount, up_spins
from mattis.kernels.cpu.blocks import (
    FEW_FLIPS,
    VISITS,
    add_near,
    block_room,
    by_blocks,
    chosen,
    copy_spins,
    draw_sweep,
    flips_exactly,
    is_sure,
    magnetisation,
    margin_of,
    may_flip,
    quads_of,
    scalar_product,
    set_levels,
    sweep_blocks,
)
from mattis.kernels.cpu.matrix import visit_in_turn
from mattis.kernels.cpu.noise import draw_quads
from mattis.kernels.cpu.vectors import I64, Emitter, constant

INLINED = "2295631c9d907c2d"
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
def changes(nj, fields, parity, spins, target, sites):
    """Return what flips added to sum_i xi_i S_i and sum_i S_i N h_i; sites  # those that flipped, once each

    With S the new state and S_F its part at these sites, the old state is S - 2 S_F, and
    S J S - (S - 2 S_F) J (S - 2 S_F) = 4 S_F J S - 4 S_F J S_F, for J is symmetric.
    """
    overlap, aligned = np.int64(0), np.int64(0)
    for a in range(sites.size):
        i = sites[a]
        spin = np.int64(spins[i])
        overlap += 2 * spin * target[i]
        aligned += 4 * spin * (2 * np.int64(fields[i]) + parity)
        for b in range(a):
            aligned -= 8 * spin * spins[sites[b]] * nj[i, sites[b]]
    return overlap, aligned


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
    latest = flips[2 * VISITS :]
    count = np.int64(0)  # 0 is a type of its own, for which all is compiled again
    for t in range(total):
        if fresh:
            fresh_order(order, words, order_stream, t)
        blocks = by_blocks(fields, scale, fresh, count)
        if blocks:
            count = sweep_blocks(
                nj, fields, fields, spins, order, fresh, False, words, stream, t, scale,
                0, parity, False, count, block, signs, flips, flipped,
            )  # fmt: skip
        else:
            count = visit_in_turn(nj, fields, spins, order, fresh, words, stream, t, scale, 0, parity)
        if blocks and t > 0 and count <= FEW_FLIPS:
            more = changes(nj, fields, parity, spins, target, latest[:count])
            trace[0, t], trace[1, t] = trace[0, t - 1] + more[0], trace[1, t - 1] + more[1]
        else:
            trace[0, t] = scalar_product(target, spins)
            trace[1, t] = 2 * scalar_product(fields, spins) + parity * magnetisation(spins)
        trace[2, t] = count
        if t >= warm:
            add_state(sums[0 if t < middle else 1], spins)
        if cold and count == 0:
            repeat_state(trace, sums, spins, t, warm, middle)
            return t
    return total


@intrinsic
def sum_fields(_typing, block, overlaps, bits, place, offsets, first, up):
    """Set the half fields of 64 visits: sum_mu ± M'_mu + offset, and P more where the spin is down.

    block  # (128,), whose first half are the fields; overlaps  # (P,) M' of the type of the fields
    bits  # read flat: bit k of word `place` + mu is set where xi^mu of visit k is +1
    offsets  # those of the visits from `first` on; up  # 64 bits: the spins that are up
    """

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        overlaps, bits, element = e.pointer(1), e.pointer(2), e.pointer(0).type.pointee
        row = ir.VectorType(element, VISITS)

        def add(mu, totals):
            overlap = e.load(e.at(overlaps, mu, element))
            plus = e.load(e.at(bits, builder.add(args[3], mu), I64))
            part = chosen(builder, plus, e.splat(overlap, VISITS), constant(row, 0))
            return [builder.add(totals[0], part), builder.add(totals[1], overlap)]

        count = e.size(1)
        plus, whole = e.loop(count, [constant(row, 0), ir.Constant(element, 0)], add)
        total = builder.sub(
            builder.add(plus, plus), e.splat(whole, VISITS)
        )  # 2 sum over + less the sum over all
        total = builder.add(total, e.load(e.at(e.pointer(4), args[5], row)))
        own = e.splat(builder.trunc(count, element), VISITS)
        total = builder.add(total, chosen(builder, args[6], constant(row, 0), own))
        e.store(total, e.at(e.pointer(0), I64(0), row))
        return context.get_dummy_value()

    intp = types.intp
    return types.void(block, overlaps, bits, intp, offsets, intp, types.uint64), emit


@compiled
def add_changes(overlaps, bits, raised, lowered):
    """Add the flips of a block: M'_mu += sum_{k raised} xi_k^mu - sum_{k lowered} xi_k^mu. bits  # (P,)"""
    net = np.int64(popcount(raised)) - np.int64(popcount(lowered))
    for mu in range(overlaps.size):
        word = bits[mu]
        more = np.int64(popcount(word & raised)) - np.int64(popcount(word & lowered))
        overlaps[mu] += 2 * more - net


@compiled
def sweep_overlaps(patterns, overlaps, spins, offsets, words, stream, t, scale, foreseen, block, signs):
    """Run one sweep in typewriter order, 64 visits at a time as in `blocks`; return the flips.

    patterns  # a `lanes.Patterns`; offsets  # (64 ⌈N/64⌉,) its offsets, zeros beyond N
    overlaps  # (P,) M', of the type of its couplings, as the offsets are; changed in place
    words, stream, t, scale, foreseen, block, signs  # as for `sweep_blocks`
    """
    slope, margin, reach = margin_of(scale, 0)
    quads, flat, count, total = words.shape[1], words.ravel(), overlaps.size, np.int64(0)
    drawn = foreseen * VISITS > spins.size
    draw_sweep(words, stream, t, scale, drawn)
    for base in range(0, spins.size, VISITS):
        visits, b, lower = min(VISITS, spins.size - base), base // VISITS, (quads >> 1) + (base >> 3)
        if visits == VISITS:
            copy_spins(signs, spins, base)
        else:
            signs[:visits] = spins[base:]
        up: int = up_spins(signs, 0)
        sum_fields(block, overlaps, patterns.blocks, b * count, offsets, base, up)
        set_levels(block, flat, base, quads, signs, up, slope, margin, scale, patterns.parity, False)
        may, at_hand = may_flip(block, 0, block, up) & first_bits(visits), drawn
        inside, raised, lowered = first_bits(visits), np.uint64(0), np.uint64(0)
        while may != 0:
            k: int = lowest(may)
            bit, left = LOWEST_BIT << np.uint64(k), inside & ~first_bits(k + 1)
            down = up & bit == 0
            if not is_sure(block, k, down, words, base + k, reach):
                if not at_hand:
                    draw_quads(words, lower, quads, LOWER_QUADS + (base >> 3), t, stream)
                    at_hand = True
                x = 2 * np.int64(block[k]) + patterns.parity
                if not flips_exactly(x, words, base + k, lower + (k >> 3), scale, down, False):
                    may &= left
                    continue
            spins[base + k] = 1 if down else -1
            raised, lowered = (raised | bit, lowered) if down else (raised, lowered | bit)
            add_near(block, patterns.near, (base + k) * VISITS, 0, down)
            may = may_flip(block, 0, block, up) & left
        if raised | lowered != 0:
            total += popcount(raised | lowered)
            add_changes(overlaps, patterns.blocks[b], raised, lowered)
    return total


@compiled
def turn_overlaps(xi, patterns, overlaps, spins, order, words, noise, stream, t, scale):
    """Do the same in any order, site after site; or where no vectors are compiled, or levels do not fit."""
    flips, count = 0, overlaps.size
    if scale > 0:
        thermal_noise(noise, words, stream, t, scale)
    for k in range(spins.size):
        i = order[k]
        half = np.int32(patterns.offsets[i]) + (np.int32(count) if spins[i] < 0 else np.int32(0))
        for mu in range(count):
            half += np.int32(xi[i, mu]) * np.int32(overlaps[mu])
        x = 2 * half + patterns.parity
        if scale == 0:
            new = spins[i] if x == 0 else np.int8(1 if x > 0 else -1)
        else:
            new = np.int8(1 if x + noise[k & 7, k >> 3] >= 0 else -1)
        if new != spins[i]:
            spins[i] = new
            flips += 1
            for mu in range(count):
                overlaps[mu] += new * xi[i, mu]
    return flips


@compiled
def overlap_sweeps(xi, patterns, spins, overlaps, target, stream, scale, order_stream, trace, sums, warm):
    """Run the sweeps of one replica from its overlaps; return the number of sweeps before a fixed point.

    xi  # (N, P) int8, site-major patterns; patterns  # a `lanes.Patterns`: the same in bits
    spins  # (N,) int8, changed in place
    overlaps  # (P,) of the type of its couplings, changed: M'_mu = (sum_i xi_i^mu S_i - N mod 2) / 2
    target  # index of the cued pattern
    stream, scale, order_stream, trace, sums, warm  # as for `field_sweeps`
    sum_i S_i N h_i = sum_mu M_mu^2 - N P
    """
    size, total, odd = spins.size, trace.shape[1], spins.size % 2
    middle = warm + (total - warm) // 2
    words, noise = np.zeros((4, quads_of(size)), np.uint32), np.zeros((8, (size + 7) // 8), np.int32)
    cold, fresh, order = scale == 0, order_stream.size > 0, np.arange(size)
    offsets, flips = np.zeros(patterns.near.shape[0] * VISITS, overlaps.dtype), np.int64(0)
    offsets[:size] = patterns.offsets
    block, signs, _, _ = block_room(offsets)
    blocks = not fresh and by_blocks(block, scale, fresh, 0)
    for t in range(total):
        if fresh:
            fresh_order(order, words, order_stream, t)
        if blocks:
            flips = sweep_overlaps(
                patterns, overlaps, spins, offsets, words, stream, t, scale, flips, block, signs
            )
        else:
            flips = turn_overlaps(xi, patterns, overlaps, spins, order, words, noise, stream, t, scale)
        aligned = -np.int64(size) * overlaps.size
        for mu in range(overlaps.size):
            aligned += (2 * np.int64(overlaps[mu]) + odd) ** 2
        trace[0, t], trace[1, t], trace[2, t] = 2 * np.int64(overlaps[target]) + odd, aligned, flips
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
