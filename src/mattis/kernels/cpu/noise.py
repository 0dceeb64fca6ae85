"""Thermal noise in lanes: the recipe of `mattis.exact.rng`, operation by operation, for 16 streams at once.

Philox4x32-10 and the logarithm of odds stay in registers from the counter to the noise; IEEE float32
additions, multiplications and divisions in the order of `rng.log_odds`, never contracted.
"""

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from mattis.exact.rng import LN2, LOG_POLYNOMIAL, MULTIPLIERS, ROUNDS, WEYL
from mattis.kernels.cpu.lanes import LANES
from mattis.kernels.cpu.vectors import FLOAT, I32, I64, Emitter, constant

HALF_LANES = 16
"""Streams that are computed at once: their words fit the registers of AVX-512, and of AVX2 nearly."""

WIDE, NARROW, REAL = (ir.VectorType(kind, HALF_LANES) for kind in (I64, I32, FLOAT))


@intrinsic
def log_odds(_typing, odds, place, stride, leap, quad, pace, count, spread, tails, half, step, key):
    """Write ln(u/(1-u)) of 4 words of some quads, for 16 lanes side by side.

    odds  # flat float32: word j of the q-th quad at place + q leap + j stride + lane
    tails  # flat uint32 (2 × 32), of which lanes 16 half … are used; key  # (2,) uint32
    The counter of a lane is (quad + q pace + spread[lane], step, its tail), q < count.
    """

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        odds, spread, tails, key = (e.pointer(k) for k in (0, 7, 8, 11))
        lane = builder.mul(args[9], I64(HALF_LANES))
        counter = [
            e.load(e.at(spread, I64(0), NARROW)),
            e.splat(builder.trunc(args[10], I32), HALF_LANES),
            e.load(e.at(tails, lane, NARROW)),
            e.load(e.at(tails, builder.add(lane, I64(LANES)), NARROW)),
        ]
        keys = _round_keys(e, [e.load(e.at(key, I64(k), I32)) for k in (0, 1)])

        def quad(q, _):
            number = builder.trunc(builder.add(args[4], builder.mul(q, args[5])), I32)
            quads = builder.add(counter[0], e.splat(number, HALF_LANES))
            at = builder.add(args[1], builder.mul(q, args[3]))
            for j, word in enumerate(_philox(e, [quads, *counter[1:]], keys)):
                place = builder.add(at, builder.mul(args[2], I64(j)))
                e.store(_logarithm(e, _odds(e, word)), e.at(odds, place, REAL))
            return []

        e.loop(args[6], [], quad)
        return context.get_dummy_value()

    intp = types.intp
    signature = types.void(odds, intp, intp, intp, intp, intp, intp, spread, tails, intp, intp, key)
    return signature, emit


def _round_keys(e, key):
    """Emit the two keys of each round, in the lower halves of 64-bit lanes."""
    return [
        [e.splat(e.b.zext(e.b.add(word, I32(weyl * turn % 2**32)), I64), HALF_LANES)
         for word, weyl in zip(key, WEYL, strict=True)]
        for turn in range(ROUNDS)
    ]  # fmt: skip


def _philox(e, counter, keys):
    """Emit Philox4x32-10; 64-bit lanes whose upper halves are ignored, and not always zero."""
    b = e.b
    c0, c1, c2, c3 = (b.zext(word, WIDE) for word in counter)
    mask, half = constant(WIDE, 2**32 - 1), constant(WIDE, 32)
    for k0, k1 in keys:
        left = b.mul(constant(WIDE, MULTIPLIERS[0]), b.and_(c0, mask))
        right = b.mul(constant(WIDE, MULTIPLIERS[1]), b.and_(c2, mask))
        c0, c1 = b.xor(b.xor(b.lshr(right, half), c1), k0), right
        c2, c3 = b.xor(b.xor(b.lshr(left, half), c3), k1), left
    return [b.trunc(word, NARROW) for word in (c0, c1, c2, c3)]


def _odds(e, word):
    """Emit u / (1 - u) = a / (2^23 - a),  a = ⌊word / 2⁹⌋ + 1/2."""
    b = e.b
    a = b.fadd(b.sitofp(b.lshr(word, constant(NARROW, 9)), REAL), constant(REAL, 0.5))
    return b.fdiv(a, b.fsub(constant(REAL, 8388608.0), a))


def _logarithm(e, odds):
    """Emit the logarithm of `mattis.exact.rng.log_odds`."""
    b = e.b
    bits = b.bitcast(odds, NARROW)
    exponent = b.ashr(b.sub(bits, constant(NARROW, 0x3F3504F3)), constant(NARROW, 23))
    mantissa = b.sub(bits, b.shl(exponent, constant(NARROW, 23)))
    f = b.fsub(b.bitcast(mantissa, REAL), constant(REAL, 1.0))
    coefficients = [constant(REAL, float(c)) for c in LOG_POLYNOMIAL]
    p = coefficients[0]
    for coefficient in coefficients[1:]:
        p = b.fadd(b.fmul(p, f), coefficient)
    z = b.fmul(f, f)
    y = b.fsub(b.fmul(b.fmul(f, z), p), b.fmul(constant(REAL, 0.5), z))
    last = b.fmul(b.sitofp(exponent, REAL), constant(REAL, float(LN2)))
    return b.fadd(b.fadd(y, f), last)


@intrinsic
def noise_row(_typing, noise, n, odds, place, scales, parity):
    """Write a row of noise in half units: noise[n] = ⌊(⌊scale ln(u/(1-u))⌋ + parity) / 2⌋.

    Lane r reads odds[place + r]. Clipped to the type of the lanes, which changes no decision: half
    fields never reach the lowest value of the type.
    """

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        odds = e.load(e.at(e.pointer(2), args[3], ir.VectorType(FLOAT, LANES)))
        _scaled(e, odds, args)
        return context.get_dummy_value()

    intp = types.intp
    return types.void(noise, intp, odds, intp, scales, intp), emit


@intrinsic
def noise_row_shared(_typing, noise, n, odds, place, scales, parity):
    """Write a row of noise as `noise_row` does, of one number for all lanes: odds[place]."""

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        _scaled(e, e.splat(e.load(e.at(e.pointer(2), args[3], FLOAT))), args)
        return context.get_dummy_value()

    intp = types.intp
    return types.void(noise, intp, odds, intp, scales, intp), emit


def _scaled(e, odds, args):
    b, lanes = e.b, e.lanes(0)
    real, integer = odds.type, ir.VectorType(I32, LANES)
    scales = e.load(e.at(e.pointer(4), I64(0), real))
    floor = e.call(f"llvm.floor.v{LANES}f32", [b.fmul(odds, scales)], real)
    whole = b.add(b.fptosi(floor, integer), e.splat(b.trunc(args[5], I32)))
    half = b.ashr(whole, constant(integer, 1))
    if lanes.element.width == 16:
        for name, bound in (("smax", -(2**15)), ("smin", 2**15 - 1)):
            half = e.call(f"llvm.{name}.v{LANES}i32", [half, constant(integer, bound)], integer)
        half = b.trunc(half, lanes)
    e.store(half, e.row(e.pointer(0), args[1]))
