"""Synchronous dynamics of 32 replicas of one pattern set, side by side in vector lanes.

S_i(t+1) = sign(N h_i(t) + th_i) for all sites at once, with the fields of S(t) and the noise of decision i of
step t: W. A. Little, Math. Biosci. 19, 101 (1974). Signs, halves and lanes are those of `asynchronous.py`.

One step is  h = xi^T M - P S,  then  M = xi S.  (1) The fields come from tables of the sums of ± five or six
overlaps (the Four Russians), built once for a tile of sites: three additions for 16 patterns. (2) The new
spins of 64 sites are turned into one word of bits per lane. (3) The overlaps are counted anew from these
bits, M_mu = N - 2 popcount(xi^mu XOR S), 64 sites at once; taking up the changes, as `asynchronous.py` does,
would cost more as soon as two of the 16 groups of sites of a block have one.
"""

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from mattis.exact.compiler import compiled
from mattis.kernels.cpu.asynchronous import block_halves, end_sweep
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
from mattis.kernels.cpu.settling import settle, settle_heated, settle_in_doubt
from mattis.kernels.cpu.vectors import I8, I16, I32, I64, Emitter, add_row, constant, fill_row, row_bits

INLINED = "fa8537cf81e3f74c"
"""Fingerprint of the files that are compiled into this one: Numba's disk cache watches this file only."""

TILE = 1024
"""Sites for which tables are built: enough to pay for them, and few enough to count flips in 16 bits."""

PIECE = 16
"""Patterns whose signs are read at once."""

TABLE_BITS = (6, 5, 5)
"""Patterns of each table: a larger table would fill more cache than it saves additions."""

TABLE_ENTRIES = sum(2**width for width in TABLE_BITS)
PIECES_PER_TABLE = 3
"""Pieces whose tables stay in the nearest cache, 24 KB of 16-bit lanes."""

WIDE_ROW = ir.VectorType(I64, LANES)


@intrinsic
def turn_bits(_typing, state, b, masks):
    """Turn bits of lanes into bits of sites: bit k of state[b, r] is bit r of masks[k].

    state  # (⌈N/64⌉, 32) uint64; masks  # (64,) uint32
    Two squares of 32 × 32 bits, sites 0 … 31 in the low halves of 32 words: exchanges ever smaller
    blocks, in all words at once; H. S. Warren, Hacker's Delight (2012), section 7-3.
    """

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        state, masks = e.pointer(0), e.pointer(2)
        halves = [builder.zext(e.load(e.row(masks, I64(half))), WIDE_ROW) for half in range(BLOCK // LANES)]
        words = builder.or_(halves[0], builder.shl(halves[1], constant(WIDE_ROW, LANES)))
        for width in (16, 8, 4, 2, 1):
            words = _exchanged(e, words, width)
        e.store(words, e.row(state, args[1]))
        return context.get_dummy_value()

    return types.void(state, types.intp, masks), emit


def _exchanged(e, words, width):
    """Emit one step of the transposition: words k and k + width exchange half of their bits.

    A rotation moves the partner's half into place; the bits that it wraps around are masked out.
    """
    masks = [sum(1 << bit for bit in range(BLOCK) if bit & width == k & width) for k in range(LANES)]
    turns = [BLOCK - width if k & width else width for k in range(LANES)]
    partners = ir.Constant(ir.VectorType(I32, LANES), [k ^ width for k in range(LANES)])
    partner = e.b.shuffle_vector(words, ir.Constant(WIDE_ROW, ir.Undefined), partners)
    name = f"llvm.fshl.v{LANES}i64"
    moved = e.call(name, [partner, partner, ir.Constant(WIDE_ROW, turns)], WIDE_ROW)
    keep = ir.Constant(WIDE_ROW, masks)
    return e.b.xor(moved, e.b.and_(e.b.xor(words, moved), keep))


@intrinsic
def count_overlaps(_typing, overlaps, mu, state, blocks, half):
    """Set overlaps[mu] = ⌊N/2⌋ - sum_b popcount(state[b] ^ blocks[b, mu]), M' of one pattern in all lanes.

    state  # (⌈N/64⌉, 32) uint64; blocks  # (⌈N/64⌉, P) uint64; half  # ⌊N/2⌋
    """

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        array = context.make_array(signature.args[3])(context, builder, args[3])
        words, count = (builder.extract_value(array.shape, k) for k in (0, 1))
        state, blocks, lanes = e.pointer(2), e.pointer(3), e.lanes(0)

        def word(b, values):
            one = e.load(builder.gep(blocks, [builder.add(builder.mul(b, count), args[1])]))
            different = builder.xor(e.load(e.row(state, b)), e.splat(one))
            return [builder.add(values[0], e.call(f"llvm.ctpop.v{LANES}i64", [different], WIDE_ROW))]

        (total,) = e.loop(words, [constant(WIDE_ROW, 0)], word)
        overlap = builder.sub(e.splat(args[4]), total)
        e.store(builder.trunc(overlap, lanes), e.row(e.pointer(0), args[1]))
        return context.get_dummy_value()

    return types.void(overlaps, types.intp, state, blocks, types.intp), emit


@intrinsic
def sum_tables(_typing, tables, rows, first, pieces):
    """Fill, for each 16 rows from `first` on, tables of the sums of ± 6, ± 5 and ± 5 of them.

    tables  # (128 pieces, 32): 64, 32 and 32 entries; bit k of an entry's number is a plus for row k
    """

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        table, rows = e.pointer(0), e.pointer(1)

        def piece(p, _):
            at, row = (builder.mul(p, I64(TABLE_ENTRIES)), builder.add(args[2], builder.mul(p, I64(PIECE))))
            for width in TABLE_BITS:
                _fill_table(e, table, at, rows, row, width)
                at, row = builder.add(at, I64(2**width)), builder.add(row, I64(width))
            return []

        e.loop(args[3], [], piece)
        return context.get_dummy_value()

    return types.void(tables, rows, types.intp, types.intp), emit


def _fill_table(e, table, at, rows, row, width):
    """Emit the sums of ± a few rows, each from one with a plus less."""
    signed = [e.load(e.row(rows, e.b.add(row, I64(k)))) for k in range(width)]
    total = signed[0]
    for one in signed[1:]:
        total = e.b.add(total, one)
    e.store(e.b.neg(total), e.row(table, at))
    for k, one in enumerate(signed):
        twice = e.b.add(one, one)
        for number in range(2**k):
            less = e.load(e.row(table, e.b.add(at, I64(number))))
            e.store(e.b.add(less, twice), e.row(table, e.b.add(at, I64(number + 2**k))))


@intrinsic
def add_sums(_typing, out, k, tables, bits, place, pieces):
    """Add to row k of `out` the rows behind `tables`, each with the sign that its bit gives.

    bits  # uint64, little-endian; place and pieces count its quarters of 16 bits
    """

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        address, lanes = e.row(e.pointer(0), args[1]), e.lanes(0)
        table, bits = e.pointer(2), builder.bitcast(e.pointer(3), I16.as_pointer())
        size = LANES * lanes.element.width // 8

        def piece(p, totals):
            word = e.load(builder.gep(bits, [builder.add(args[4], p)]))
            first = e.at(table, builder.mul(p, I64(TABLE_ENTRIES * LANES)), I8)
            bit, at = 0, 0
            for width in TABLE_BITS:
                # Two sums, so that an addition does not wait for the one before.
                entry = builder.add(_entry(e, word, bit, width, size), I64(at))
                row = e.load(e.at(first, entry, lanes))
                totals = [totals[1], builder.add(totals[0], row)]
                bit, at = bit + width, at + 2**width * size
            return totals

        totals = e.loop(args[5], [e.load(address), constant(lanes, 0)], piece)
        e.store(builder.add(*totals), address)
        return context.get_dummy_value()

    return types.void(out, types.intp, tables, bits, types.intp, types.intp), emit


def _entry(e, word, bit, width, size):
    """Emit the number that some bits of a word are, counting rows of `size` bytes in bytes."""
    left = size.bit_length() - 1 - bit
    wide = e.b.zext(word, I64)
    moved = e.b.shl(wide, I64(left)) if left > 0 else e.b.lshr(wide, I64(-left))
    return e.b.and_(moved, I64((2**width - 1) * size))


@compiled
def tile_fields(fields, tables, first, sites, patterns, overlaps):
    """Fill the half fields of some sites from `first` on, without the term -P S' of their own spins."""
    pieces, stride = (patterns.blocks.shape[1] + PIECE - 1) // PIECE, 4 * patterns.sites.shape[1]
    for k in range(sites):
        fill_row(fields, k, patterns.offsets[first + k])
    for piece in range(0, pieces, PIECES_PER_TABLE):
        many = min(PIECES_PER_TABLE, pieces - piece)
        sum_tables(tables, overlaps, piece * PIECE, many)
        for k in range(sites):
            add_sums(fields, k, tables, patterns.sites, (first + k) * stride + piece, many)


@compiled
def settle_block(spins, fields, own, flips, first, sites, masks):
    """Give the sites of a block their new spins at T = 0, and store these as bits of lanes in `masks`.

    The changes overwrite the fields, which are not needed any more.
    """
    for k in range(sites):
        settle(spins, first + k, fields, k, own, fields, flips)
        masks[k] = row_bits(spins, first + k)
    masks[sites:] = 0


@compiled
def settle_heated_block(
    spins, fields, own, flips, upper, lower, levels, gains, tails, key, scales, parity, first, t, sites, masks
):
    """Give the sites of a block their new spins in step t at T > 0, as `settle_block` does."""
    for k in range(sites):
        i = first + k
        if settle_heated(spins, i, fields, k, own, fields, flips, upper, levels, gains) < 0:
            settle_in_doubt(
                spins, i, fields, k, own, fields, flips, upper, lower, i >> 3, t, tails, key, scales, parity
            )
        masks[k] = row_bits(spins, i)
    masks[sites:] = 0


@compiled
def step(patterns, lanes, heat, work, masks, state, t, summing):
    """Update all sites at once, then the overlaps; return the flips of each replica."""
    size, count = lanes.spins.shape[0], patterns.blocks.shape[1]
    flips = np.zeros(LANES, np.int64)
    spins, own, scales = lanes.spins, work.own, heat.scales
    levels, gains = work.filter.levels, work.filter.gains
    for begin in range(0, size, TILE):
        end = min(begin + TILE, size)
        tile_fields(work.fields, work.tables, begin, end - begin, patterns, lanes.overlaps)
        fill_row(work.flips, 0, 0)
        for first in range(begin, end, BLOCK):
            sites, fields = min(BLOCK, end - first), work.fields[first - begin :]
            if heat.cold:
                settle_block(spins, fields, own, work.flips, first, sites, masks)
            else:
                block_halves(work, heat, first, sites, t)
                settle_heated_block(
                    spins, fields, own, work.flips, work.upper, work.lower, levels, gains,
                    heat.tails, heat.key, scales, patterns.parity, first, t, sites, masks,
                )  # fmt: skip
            turn_bits(state, first // BLOCK, masks)
            if summing:
                for i in range(first, first + sites):
                    add_row(work.partial, i, lanes.spins, i)
        for r in range(LANES):
            flips[r] += work.flips[0, r]
    for mu in range(count):
        count_overlaps(lanes.overlaps, mu, state, patterns.blocks, size // 2)
    return flips


@compiled
def run_steps(patterns, lanes, heat, record, work, masks, state):
    """Run steps up to a fixed point of all replicas; return their number."""
    total, summed = record.trace.shape[1], 0
    for t in range(total):
        flips = step(patterns, lanes, heat, work, masks, state, t, t >= record.warm)
        for r in range(LANES):
            record.trace[2, t, r] = flips[r]
        still = heat.cold and not flips.any()
        summed = end_sweep(record, t, patterns, lanes, work.partial, summed, still, False)
        if still:
            return t
    return total


def little_sweeps(patterns: Patterns, lanes: Lanes, heat: Heat, record: LaneRecord) -> int:
    """Run synchronous steps of 32 replicas; return the number of steps before nothing moved.

    `near` of the patterns is not read but for its type; one step is one sweep of the record.
    """
    kind, chosen = lanes.spins.dtype, filter_of(heat.scales, patterns.parity)
    work = scratch(patterns, lanes, heat, chosen)._replace(
        tables=aligned_rows(TABLE_ENTRIES * PIECES_PER_TABLE, kind), fields=aligned_rows(TILE, kind)
    )
    masks, state = np.zeros(BLOCK, np.uint32), aligned_rows(len(patterns.blocks), np.uint64)
    used = int(run_steps(patterns, lanes, heat, record, work, masks, state))
    repeat_state(record, lanes, used)
    return used
