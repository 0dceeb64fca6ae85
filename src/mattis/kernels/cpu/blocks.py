"""One replica, 64 visits at a time: fields against the levels at which spins may flip, all at once.

A rejected proposal changes nothing, so that 64 proposals in a row are looked at together, and those are
found that may flip: where none may, which is usual when it is cold, the block is done. Else the first of
them is decided as a loop over sites would decide it; if it flips, the fields of the block change, and the
visits after it are looked at again. What flipped in a block is added to all fields at its end, row by row
of the couplings side by side. The trajectory is that of the loop, bit by bit.

No logarithm is needed to find them. For words read as u = a / 2¹⁶,

    ln(u/(1-u)) = ln 2 (log2 a - log2(2¹⁶ - a)),   log2 v = bits(v) / 2²³ - 127 + d(v),   0 <= d < 0.0861,

where bits(v) are those of a float32, read as an integer: their difference is the logarithm of odds up to
± `ODDS_ERROR`. Of a word only the upper half is drawn: a spin that is up is looked at with the smallest a
that the word may have, the half itself, a spin that is down with the largest, the half and one. Only a field
within twice the error of its level, and what the lower half may add, needs the noise itself: then the lower
halves are drawn as well.

By Metropolis' rate a spin flips where S N h < -⌊scale ln u⌋: 2¹⁶ stands for 2¹⁶ - a, levels of spins that
are down are turned, and the smallest a is the one that flips most. In terms of the noise th = ⌊scale ln u⌋ a
spin that is up stays so where N h + th >= 0, as by heat bath, and one that is down rises where
N h + ~th >= 0.

Fields f are integers of 16 or 32 bits, with N h = 2 f + parity (half fields) or N h = f (whole fields).
"""

import sys

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.extending import intrinsic

from mattis.exact.compiler import compiled
from mattis.exact.philox import decision_word, noise_of, philox_words
from mattis.exact.rng import LN2, LOWER_QUADS
from mattis.kernels.cpu.bits import LOWEST_BIT, first_bits, lowest, up_spins
from mattis.kernels.cpu.noise import QUADS, draw_quads
from mattis.kernels.cpu.vectors import FLOAT, I16, I32, I64, Emitter, constant, resized

INLINED = "5d1b1bcf3edbeb01"
"""Fingerprint of the files that are compiled into this one: Numba's disk cache watches this file only."""

VISITS = 64
"""Visits that are looked at together: the bits of a word."""

ROW_PART = 128
"""Fields that stay in registers while rows are added to them."""

CACHE_LINE = 64
"""Bytes that memory is read by."""

ODDS_ERROR = 0.0625
"""What the difference of bits may differ from ln(u/(1-u)): ln 2 × 0.0861 = 0.0597, and roundings."""

EDGE = 64
"""Upper halves this near to 0 or 2¹⁶ tell too little of ln(u/(1-u)); from others it is known to 1/EDGE."""

LEVEL_ROUNDING = 4
"""The same in units of fields: roundings down of the noise, of half fields, and of levels."""

LARGEST_SCALES = (5e5, 1e8)
"""The widest noise whose margins are integers of 16 bits, and whose levels are integers of 32."""

MANY_FLIPS = 16
"""In a random order, sweeps in which one visit in so many flips are done in turn."""

FEW_FLIPS = 8
"""Flips of a sweep, a power of two, of which a list is left behind the flips of a block."""

HAS_VECTORS = sys.byteorder == "little" and not getattr(config, "DISABLE_JIT", 0)
"""Whether vector instructions can be compiled, and bits are numbered as here."""


@intrinsic
def copy_fields(_typing, block, fields, at):
    """Copy 64 fields from `at` on to the fields of a block."""

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        row = ir.VectorType(e.pointer(0).type.pointee, VISITS)
        e.store(e.load(e.at(e.pointer(1), args[2], row)), e.at(e.pointer(0), I64(0), row))
        return context.get_dummy_value()

    return types.void(block, fields, types.intp), emit


@intrinsic
def copy_spins(_typing, signs, spins, at):
    """Copy 64 spins from `at` on to those of a block."""

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        row = ir.VectorType(ir.IntType(8), VISITS)
        e.store(e.load(e.at(e.pointer(1), args[2], row)), e.at(e.pointer(0), I64(0), row))
        return context.get_dummy_value()

    return types.void(signs, spins, types.intp), emit


@intrinsic
def may_flip(_typing, fields, at, block, up):
    """Return as 64 bits which visits may flip: f < level where the spin is up, f >= level where it is down.

    fields  # 64 of them from `at` on; block  # (128,) with the levels; up  # 64 bits
    """

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        fields = e.pointer(0)
        row = ir.VectorType(fields.type.pointee, VISITS)
        level = e.load(e.at(e.pointer(2), I64(VISITS), row))
        above = builder.icmp_signed(">=", e.load(e.at(fields, args[1], row)), level)
        return builder.xor(builder.bitcast(above, I64), args[3])

    return types.uint64(fields, types.intp, block, types.uint64), emit


@intrinsic
def cold_levels(_typing, block, up, tie):
    """Set the levels of 64 visits without noise: 0 where the spin is up, `tie` where it is down."""

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        row = ir.VectorType(e.pointer(0).type.pointee, VISITS)
        tie = e.splat(builder.trunc(args[2], row.element), VISITS)
        level = chosen(builder, args[1], constant(row, 0), tie)
        e.store(level, e.at(e.pointer(0), I64(VISITS), row))
        return context.get_dummy_value()

    return types.void(block, types.uint64, types.intp), emit


@intrinsic
def warm_levels(_typing, block, words, place, stride, signs, slope, margin):
    """Set the levels of 64 visits: slope × (bits(a) - bits(2¹⁶ - a)) ± margin, with the sign of the spin.

    words  # flat uint32: half h of word q from `place` + j `stride` on belongs to visit 8 q + 2 j + h
    signs  # (64,) int8: the spins
    """
    return types.void(block, words, place, stride, signs, slope, margin), _levels(False)


@intrinsic
def metropolis_levels(_typing, block, words, place, stride, signs, slope, margin):
    """Set the levels of Metropolis' rate: ± (slope × (bits(a) - bits(2¹⁶)) + margin). See `warm_levels`."""
    return types.void(block, words, place, stride, signs, slope, margin), _levels(True)


def _levels(metropolis):
    """Return what emits the levels of 64 visits.

    By heat bath a spin that is down rises as one that is up falls, with 2¹⁶ - a for a: then a level turns.
    """

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        element = e.pointer(0).type.pointee
        narrow, real = ir.VectorType(I32, VISITS), ir.VectorType(FLOAT, VISITS)
        halves, stride = ir.VectorType(I16, 2 * QUADS), args[3]
        places = [builder.add(args[2], builder.mul(stride, I64(j))) for j in range(4)]
        upper = _woven(builder, [e.load(e.at(e.pointer(1), at, halves)) for at in places])
        spins = e.load(e.at(e.pointer(4), I64(0), ir.VectorType(ir.IntType(8), VISITS)))
        down = resized(builder, spins, upper.type)
        down = builder.ashr(down, constant(down.type, 15))
        smallest = upper if metropolis else builder.xor(upper, down)
        smallest = builder.sitofp(builder.zext(smallest, narrow), real)
        if element.width > 16:
            # the smallest word is above its half by so much; without it the level of a = 0 would not fit
            smallest = builder.fadd(smallest, constant(real, 2.0**-8))
        odds = _odds_bits(e, smallest, metropolis)
        level = builder.fmul(e.splat(args[5], VISITS), builder.sitofp(odds, real))
        level = _saturated(e, builder.fptosi(level, narrow), element.width)
        margin = e.splat(builder.trunc(args[6], element), VISITS)
        level = e.call(f"llvm.sadd.sat.v{VISITS}i{element.width}", [level, margin], level.type)
        level = builder.xor(level, resized(builder, down, level.type))
        e.store(level, e.at(e.pointer(0), I64(VISITS), level.type))
        return context.get_dummy_value()

    return emit


def _odds_bits(e, a, metropolis):
    """Emit bits(a) - bits(2¹⁶ - a), or - bits(2¹⁶), of floats: all are exact."""
    b, narrow, whole = e.b, ir.VectorType(I32, a.type.count), constant(a.type, 2.0**16)
    rest = whole if metropolis else b.fsub(whole, a)
    return b.sub(b.bitcast(a, narrow), b.bitcast(rest, narrow))


def _saturated(e, value, width):
    """Emit integers of 32 bits in fewer, those that do not fit as the ends of the range."""
    if width >= 32:
        return e.b.sext(value, ir.VectorType(ir.IntType(width), value.type.count))
    for name, bound in (("smax", -(2 ** (width - 1))), ("smin", 2 ** (width - 1) - 1)):
        name = f"llvm.{name}.v{value.type.count}i32"
        value = e.call(name, [value, constant(value.type, bound)], value.type)
    return e.b.trunc(value, ir.VectorType(ir.IntType(width), value.type.count))


def _woven(builder, quarters):
    """Emit the row whose element 8 q + 2 j + h is element 2 q + h of quarter j."""
    count = quarters[0].type.count
    pairs = [
        builder.shuffle_vector(low, high, _order(range(2 * count)))
        for low, high in (quarters[:2], quarters[2:])
    ]
    places = [count * j + 2 * q + h for q in range(count // 2) for j in range(4) for h in (0, 1)]
    return builder.shuffle_vector(*pairs, _order(places))


def _order(places):
    return ir.Constant(ir.VectorType(I32, len(places)), [*places])


def chosen(builder, bits, where_set, where_not):
    """Emit a row that is one of two, as 64 bits tell."""
    mask = builder.bitcast(bits, ir.VectorType(ir.IntType(1), VISITS))
    return builder.select(mask, where_set, where_not)


@intrinsic
def add_near(_typing, block, columns, place, twice, up):
    """Add 64 couplings from `place` on to the fields of a block, or subtract them: ± nj 2^twice.

    block  # (128,), whose first half are the fields; columns  # read flat; up  # whether the spin went up
    """

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        row = ir.VectorType(e.pointer(0).type.pointee, VISITS)
        address = e.at(e.pointer(0), I64(0), row)
        twice = e.splat(builder.trunc(args[3], row.element), VISITS)
        change = builder.shl(_couplings(e, 1, args[2], row), twice)
        minus = e.splat(builder.sext(builder.not_(args[4]), row.element), VISITS)
        change = builder.sub(builder.xor(change, minus), minus)
        e.store(builder.add(e.load(address), change), address)
        return context.get_dummy_value()

    intp = types.intp
    return types.void(block, columns, intp, intp, types.boolean), emit


@intrinsic
def fetch_ahead(_typing, columns, place):
    """Ask for the couplings from `place` to `place` + 63 before they are needed."""

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        kinds = [ir.IntType(8).as_pointer(), I32, I32, I32]
        name, module = "llvm.prefetch.p0", builder.module
        ask = module.globals.get(name) or ir.Function(module, ir.FunctionType(ir.VoidType(), kinds), name)
        line = CACHE_LINE * 8 // e.pointer(0).type.pointee.width
        for first in (*range(0, VISITS, line), VISITS - 1):  # rows begin anywhere in a line
            address = e.at(e.pointer(0), builder.add(args[1], I64(first)), ir.IntType(8))
            builder.call(ask, [address, I32(0), I32(3), I32(1)])  # read, keep close, data
        return context.get_dummy_value()

    return types.void(columns, types.intp), emit


@intrinsic
def products(_typing, a, b):
    """Return sum_i a_i b_i of at least 64 integers, exactly. a  # of at most 32 bits; b  # int8"""

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        return _total(e, lambda at, wide: builder.mul(*(_widened(e, k, at, wide) for k in (0, 1))))

    return types.int64(a, b), emit


@intrinsic
def magnitudes(_typing, a):
    """Return sum_i |a_i| of at least 64 integers of at most 32 bits, exactly."""

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)

        def term(at, wide):
            value = _widened(e, 0, at, wide)
            negative = builder.icmp_signed("<", value, constant(wide, 0))
            return builder.select(negative, builder.neg(value), value)

        return _total(e, term)

    return types.int64(a), emit


def _widened(e, index, at, wide):
    """Emit a part of an array in wider integers."""
    kind = e.pointer(index).type.pointee
    return resized(e.b, e.load(e.at(e.pointer(index), at, ir.VectorType(kind, VISITS))), wide)


def _total(e, term):
    """Emit the sum of terms over the first array, in lanes that hold those of 2^22 integers of 16 bits."""
    b, long = e.b, ir.VectorType(I64, VISITS)
    size = e.size(0)
    wide = ir.VectorType(I32 if e.pointer(0).type.pointee.width < 32 else I64, VISITS)

    def part(c, totals):
        return [b.add(totals[0], term(b.mul(c, I64(VISITS)), wide))]

    (total,) = e.loop(b.udiv(size, I64(VISITS)), [constant(wide, 0)], part)
    last = term(b.sub(size, I64(VISITS)), wide)
    total = b.add(total, b.select(_behind(e, size, VISITS), last, constant(wide, 0)))
    return e.call(f"llvm.vector.reduce.add.v{VISITS}i64", [resized(b, total, long)], I64)


def _behind(e, size, count):
    """Emit which of the last `count` elements are behind the last whole group of so many."""
    done = e.b.sub(I64(count), e.b.urem(size, I64(count)))
    places = ir.Constant(ir.VectorType(I32, count), [*range(count)])
    return e.b.icmp_signed(">=", places, e.splat(e.b.trunc(done, I32), count))


@intrinsic
def add_rows(_typing, fields, columns, twice, flips, ups, downs):
    """Add the rows of spins that went up to fields, and subtract those of spins that went down.

    fields[i] += 2^twice (sum_{j raised} columns[j, i] - sum_{j lowered} columns[j, i])
    fields  # (N,), N >= 128; flips  # int64: sites that went up, and from 64 on those that went down
    """

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        size, row = e.size(0), ir.VectorType(e.pointer(0).type.pointee, ROW_PART)

        def part(at, kept=None):
            def listed(sign):
                def one(k, values):
                    k = k if sign > 0 else builder.add(k, I64(VISITS))
                    j = e.load(e.at(e.pointer(3), k, I64))
                    place = builder.add(builder.mul(j, size), at)
                    change = _couplings(e, 1, place, row)
                    return [(builder.add if sign > 0 else builder.sub)(values[0], change)]

                return one

            (total,) = e.loop(args[4], [constant(row, 0)], listed(1))
            (total,) = e.loop(args[5], [total], listed(-1))
            total = builder.shl(total, e.splat(builder.trunc(args[2], row.element), ROW_PART))
            if kept is not None:
                total = builder.select(kept, total, constant(row, 0))
            address = e.at(e.pointer(0), at, row)
            e.store(builder.add(e.load(address), total), address)

        def whole(c, _):
            part(builder.mul(c, I64(ROW_PART)))
            return []

        e.loop(builder.udiv(size, I64(ROW_PART)), [], whole)
        part(builder.sub(size, I64(ROW_PART)), _behind(e, size, ROW_PART))
        return context.get_dummy_value()

    intp = types.intp
    return types.void(fields, columns, intp, flips, intp, intp), emit


def _couplings(e, index, place, row):
    """Emit a part of a row of couplings, in the type of the fields."""
    pointer = e.pointer(index)
    part = e.load(e.at(pointer, place, ir.VectorType(pointer.type.pointee, row.count)))
    return resized(e.b, part, row)


@compiled
def add_row(fields, columns, j, up, twice):
    """Bring all fields up to date with a flip of S_j."""
    step = (1 if up else -1) << twice
    for i in range(fields.size):
        fields[i] += step * columns[j, i]


@compiled
def quads_of(size):
    """Return the quads of words that blocks of 64 visits read in a sweep, for both halves."""
    return (size + VISITS - 1) // VISITS * 2 * QUADS


@compiled
def block_room(fields):
    """Return what `sweep_blocks` needs to work.

    block    # (128,): the fields of 64 visits, and their levels; signs  # (64,) int8: their spins
    flips    # (136,) int64: sites that went up in a block, sites that went down, and the latest 8 of a sweep
    flipped  # (N,) bool
    """
    block, signs = np.zeros(2 * VISITS, fields.dtype), np.ones(VISITS, np.int8)
    return block, signs, np.zeros(2 * VISITS + FEW_FLIPS, np.int64), np.zeros(fields.size, np.bool_)


@compiled
def scalar_product(a, b):
    """Return sum_i a_i b_i, exactly. a  # integers of at most 32 bits; b  # int8"""
    if HAS_VECTORS and a.size >= VISITS:
        return products(a, b)
    total = np.int64(0)
    for i in range(a.size):
        total += np.int64(a[i]) * np.int64(b[i])
    return total


@compiled
def magnitude(a):
    """Return sum_i |a_i|, exactly. a  # integers of at most 32 bits"""
    if HAS_VECTORS and a.size >= VISITS:
        return magnitudes(a)
    total = np.int64(0)
    for i in range(a.size):
        total += abs(np.int64(a[i]))
    return total


@compiled
def magnetisation(spins):
    """Return sum_i S_i."""
    total = 0
    for spin in spins:
        total += spin
    return total


@compiled
def add_flips(fields, columns, twice, flips, ups, downs):
    """Bring all fields up to date with the flips of a block."""
    if fields.size >= ROW_PART:
        add_rows(fields, columns, twice, flips, ups, downs)
        return
    for k in range(ups):
        add_row(fields, columns, flips[k], True, twice)
    for k in range(VISITS, VISITS + downs):
        add_row(fields, columns, flips[k], False, twice)


@compiled
def is_sure(block, k, down, words, visit, reach):
    """Tell whether a spin that may flip does so whatever its noise exactly is."""
    beyond = np.int64(block[k]) - np.int64(block[VISITS + k])
    visit = np.uint64(visit)  # not negative: else Numba asks
    word = words[(visit >> np.uint64(1)) & np.uint64(3), visit >> np.uint64(3)]
    inward = np.uint32(((word >> np.uint32(16 * (visit & LOWEST_BIT))) & np.uint32(0xFFFF)) - np.uint32(EDGE))
    return ((beyond if down else -beyond) > reach) & ((inward < np.uint32(2**16 - 2 * EDGE)) | (reach < 0))


@compiled
def flips_exactly(x, words, visit, lower, scale, down, metropolis):
    """Tell whether a spin flips, from all bits of its word. x  # N h; lower  # the quad of its lower half"""
    j = (visit >> 1) & 3
    noise = noise_of(decision_word(words[j, visit >> 3], words[j, lower], visit), scale, metropolis)
    return (x + (~noise if metropolis and down else noise) >= 0) == down


@compiled
def visit_block(
    columns, fields, after, spins, order, fresh, together, words, stream, t, scale, twice, parity, metropolis,
    base, may, up, reach, drawn, block, flips, flipped, before,
):  # fmt: skip
    """Update the visits base … base + 63, of which `may` tells who may flip; return the flips.

    before  # flips of the sweep so far
    """
    count, size, quads = min(VISITS, spins.size - base), spins.size, words.shape[1]
    place = (quads >> 1) + (base >> 3)  # of the lower halves
    whole = not fresh and count == VISITS
    if whole:
        copy_fields(block, fields, base)
    if whole and not together:
        others = may & (may - LOWEST_BIT)
        while others != 0:
            fetch_ahead(columns, (base + lowest(others)) * size + base)
            others &= others - LOWEST_BIT
    ups, downs, inside = 0, 0, first_bits(count)
    while may != 0:
        k: int = lowest(may)
        left, down = ~first_bits(k + 1), (up >> np.uint64(k)) & LOWEST_BIT == 0
        i = order[base + k] if fresh else np.uint64(base + k)
        if not is_sure(block, k, down, words, base + k, reach):
            if not drawn:
                draw_quads(words, place, quads, LOWER_QUADS + (base >> 3), t, stream)
                drawn = True
            x = np.int64(block[k]) if twice else 2 * np.int64(block[k]) + parity
            if not flips_exactly(x, words, base + k, place + (k >> 3), scale, down, metropolis):
                may &= left
                continue
        spins[i], flipped[i] = 1 if down else -1, True
        flips[ups], flips[VISITS + downs] = i, i  # without a branch, which nobody could foretell
        flips[2 * VISITS + ((before + ups + downs) & (FEW_FLIPS - 1))] = i
        ups, downs = ups + down, downs + (not down)
        if together:
            may &= left
            continue
        if whole:
            add_near(block, columns, (base + k) * size + base, twice, down)
        else:
            step = np.int64(spins[i]) << twice
            for other in range(k + 1, count):
                to = order[base + other] if fresh else np.uint64(base + other)
                block[other] += step * columns[i, to]
        may = may_flip(block, 0, block, up) & left & inside
    add_flips(after, columns, twice, flips, ups, downs)
    return ups + downs


@compiled
def margin_of(scale, twice):
    """Return the slope of levels, their margin, and how far beyond them nothing is in doubt."""
    if scale == 0:
        return np.float32(0), 0, -1
    part = np.float32(twice + 1) * np.float32(0.5)
    margin = np.int64(ODDS_ERROR * scale * part) + LEVEL_ROUNDING
    slope = -np.float32(scale * part * LN2 / np.float32(8388608.0))
    return slope, margin, 2 * margin + np.int64(scale * part / EDGE) + 1


@compiled
def by_blocks(fields, scale, fresh, flips):
    """Tell whether a sweep goes by blocks: where vectors can be compiled, and levels fit.

    In a random order a flip reads its couplings to a block one by one: not where many, `flips`, are foreseen.
    """
    if not HAS_VECTORS or fields.itemsize > 4 or scale > LARGEST_SCALES[fields.itemsize // 4]:
        return False
    return not fresh or flips * MANY_FLIPS < fields.size


@compiled
def draw_sweep(words, stream, t, scale, drawn):
    """Draw the upper halves of the words of a sweep, and the lower ones where all are wanted: `drawn`."""
    half = words.shape[1] // 2
    if scale > 0:
        philox_words(words, stream, t, half)
    if scale > 0 and drawn:
        philox_words(words, stream, t, half, LOWER_QUADS, half)


@compiled
def set_levels(block, flat, base, quads, signs, up, slope, margin, scale, parity, metropolis):
    """Set the levels of the visits from `base` on, to spins `signs`; up  # 64 bits: those that are up"""
    if scale > 0 and metropolis:
        metropolis_levels(block, flat, base >> 3, quads, signs, slope, margin)
    elif scale > 0:
        warm_levels(block, flat, base >> 3, quads, signs, slope, margin)
    else:
        # a field of zero keeps the spin, or turns it
        cold_levels(block, ~up if metropolis else up, 1 - parity)


@compiled
def sweep_blocks(
    columns, fields, after, spins, order, fresh, together, words, stream, t, scale, twice, parity,
    metropolis, foreseen, block, signs, flips, flipped,
):  # fmt: skip
    """Run one sweep of one replica; return the flips.

    columns   # (N, N) integers: columns[j, i] = nj_ij, the coupling from site j to site i
    fields    # (N,) integers f; spins  # (N,) int8; after  # where flips are added: `fields` one site
              # after the other; (N,) equal to them all at once, where no flip feels another: `together`
    order     # (N,) the sites in the order of their visits, if `fresh`; else it is 0 … N-1
    words     # (4, `quads_of` N) uint32, to work in: the upper halves of the visits, then the lower ones
    stream, t  # (4,) uint32, of the thermal noise; the number of the sweep
    scale     # float32 width of the thermal noise, 0 at T = 0, such that `by_blocks`
    twice     # 0: N h = 2 f + parity; 1: N h = f; a flip of S_j changes f_i by ± nj_ij 2^twice
    metropolis  # whether Metropolis' rate decides; else heat bath
    foreseen  # flips: where every block has one, the lower halves are `drawn` at once, which is faster
    block, signs, flips  # what `block_room` returns; flipped  # (N,) bool: set where a spin flips
    """
    slope, margin, reach = margin_of(scale, twice)
    quads, total, flat, drawn = words.shape[1], np.int64(0), words.ravel(), foreseen * VISITS > spins.size
    draw_sweep(words, stream, t, scale, drawn)
    for base in range(0, spins.size, VISITS):
        count = min(VISITS, spins.size - base)
        whole = not fresh and count == VISITS
        if whole:
            copy_spins(signs, spins, base)
        else:
            for k in range(count):
                i = order[base + k] if fresh else np.uint64(base + k)
                block[k], signs[k] = fields[i], spins[i]
        up: int = up_spins(signs, 0)
        set_levels(block, flat, base, quads, signs, up, slope, margin, scale, parity, metropolis)
        may: int = may_flip(fields, base, block, up) if whole else may_flip(block, 0, block, up)
        may &= first_bits(count)
        if may != 0:
            total += visit_block(
                columns, fields, after, spins, order, fresh, together, words, stream, t, scale,
                twice, parity, metropolis, base, may, up, reach, drawn, block, flips, flipped, total,
            )  # fmt: skip
    return total
