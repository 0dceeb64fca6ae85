"""Thermal noise in lanes: the recipe of `mattis.exact.rng`, operation by operation, for 32 streams at once.

Philox4x32-10 draws the upper halves of the words of a block. The lower halves are drawn, and noise is made of
whole words, only where `filter.py` cannot tell a spin without: by IEEE float32 additions, multiplications and
divisions in the order of `rng.log_odds`, never contracted.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from mattis.exact.rng import LN2, LOG_POLYNOMIAL, MULTIPLIERS, ROUNDS, WEYL
from mattis.kernels.cpu.lanes import LANES
from mattis.kernels.cpu.vectors import FLOAT, I16, I32, I64, Emitter, constant

WIDE, NARROW = (ir.VectorType(kind, LANES) for kind in (I64, I32))

QUADS = 8
"""Quads of one stream that are drawn at once: a vector of 512 bits."""


@intrinsic
def draw_halves(_typing, halves, quad, count, step, tails, key):
    """Draw the 8 halves of `count` quads from `quad` on, in all lanes: half h of word j in row 8 q + 2 j + h.

    halves  # (≥ 8 count, 32) uint16; tails  # (2, 32) uint32; key  # (2,) uint32
    The counter of a lane is (quad + q, step, its tail); the lower half of a word comes first.
    """

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        halves, tails, key = (e.pointer(k) for k in (0, 4, 5))
        step = e.splat(builder.and_(args[3], I64(2**32 - 1)))
        tail = [builder.zext(e.load(e.row(tails, I64(k))), WIDE) for k in (0, 1)]
        keys = _round_keys(e, [e.load(e.at(key, I64(k), I32)) for k in (0, 1)])

        def one(q, _):
            number = builder.and_(builder.add(args[1], q), I64(2**32 - 1))
            for j, word in enumerate(_philox(e, [e.splat(number), step, *tail], keys)):
                for h, half in enumerate(_halves(e, word)):
                    row = builder.add(builder.mul(q, I64(8)), I64(2 * j + h))
                    e.store(half, e.row(halves, row))
            return []

        e.loop(args[2], [], one)
        return context.get_dummy_value()

    intp = types.intp
    return types.void(halves, intp, intp, intp, tails, key), emit


@intrinsic
def draw_quads(_typing, words, place, stride, quad, step, stream):
    """Draw the words of eight quads of a stream: word j of quad + q to place + j stride + q of flat words.

    words  # uint32, read flat; stream  # (4,) uint32
    """

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        wide = ir.VectorType(I64, QUADS)
        own = [e.load(e.at(e.pointer(5), I64(k), I32)) for k in range(4)]
        tail = [e.splat(builder.zext(word, I64), QUADS) for word in own[2:]]
        step = e.splat(builder.and_(args[4], I64(2**32 - 1)), QUADS)
        number = builder.add(e.splat(args[3], QUADS), ir.Constant(wide, [*range(QUADS)]))
        keys = _round_keys(e, own[:2], QUADS)
        for j, word in enumerate(_philox(e, [number, step, *tail], keys)):
            at = builder.add(args[1], builder.mul(args[2], I64(j)))
            word = _lower(e, word)
            e.store(word, e.at(e.pointer(0), at, word.type))
        return context.get_dummy_value()

    intp = types.intp
    return types.void(words, intp, intp, intp, intp, stream), emit


def _round_keys(e, key, count=LANES):
    """Emit the two keys of each round, in the lower halves of 64-bit lanes."""
    return [
        [e.splat(e.b.zext(e.b.add(word, I32(weyl * turn % 2**32)), I64), count)
         for word, weyl in zip(key, WEYL, strict=True)]
        for turn in range(ROUNDS)
    ]  # fmt: skip


def _philox(e, counter, keys):
    """Emit Philox4x32-10; 64-bit lanes whose upper halves are ignored, and not always zero."""
    b = e.b
    c0, c1, c2, c3 = counter
    wide = c0.type
    mask, half = constant(wide, 2**32 - 1), constant(wide, 32)
    for k0, k1 in keys:
        left = b.mul(constant(wide, MULTIPLIERS[0]), b.and_(c0, mask))
        right = b.mul(constant(wide, MULTIPLIERS[1]), b.and_(c2, mask))
        c0, c1 = b.xor(b.xor(b.lshr(right, half), c1), k0), right
        c2, c3 = b.xor(b.xor(b.lshr(left, half), c3), k1), left
    return [c0, c1, c2, c3]


def _lower(e, row):
    """Emit the lower halves of 64-bit lanes: LLVM's own way takes more instructions."""
    return _picked(e, row, I32, range(0, 2 * row.type.count, 2))


def _halves(e, row):
    """Emit the lower and the upper halves, of 16 bits, of words in 64-bit lanes.

    Half of the lanes move into the bits that the others do not use: two registers are shuffled, not four.
    """
    b, count = e.b, row.type.count // 2
    first, second = (_picked(e, row, I64, range(k, k + count)) for k in (0, count))
    first = b.and_(first, constant(first.type, 2**32 - 1))
    both = b.or_(first, b.shl(second, constant(second.type, 32)))
    return [
        _picked(e, both, I16, [4 * k + part for part in (h, 2 + h) for k in range(count)]) for h in (0, 1)
    ]


def _picked(e, row, kind, places):
    """Emit some elements of a row that is read as integers of another width."""
    all_of_them = ir.VectorType(kind, row.type.count * row.type.element.width // kind.width)
    order = ir.Constant(ir.VectorType(I32, len(places)), [*places])
    return e.b.shuffle_vector(e.b.bitcast(row, all_of_them), ir.Constant(all_of_them, ir.Undefined), order)


@intrinsic
def spread_half(_typing, halves, k, common, place):
    """Give all lanes one half: halves[k] is number `place` of the halves of `common`, (…,) uint32."""

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        common = builder.bitcast(e.pointer(2), I16.as_pointer())
        e.store(e.splat(e.load(e.at(common, args[3], I16))), e.row(e.pointer(0), args[1]))
        return context.get_dummy_value()

    return types.void(halves, types.intp, common, types.intp), emit


def emit_noise(e: Emitter, words: Any, scales: Any, parity: Any, lanes: Any) -> Any:
    """Emit a row of noise in half units, ⌊(⌊scale ln(u/(1-u))⌋ + parity) / 2⌋, from a row of words.

    Clipped to the type of the lanes, which changes no decision: half fields never reach the lowest value of
    the type.
    """
    b, integer = e.b, words.type
    noise = b.fmul(_logarithm(e, _odds(e, words)), scales)
    floor = e.call(f"llvm.floor.v{LANES}f32", [noise], scales.type)
    whole = b.add(b.fptosi(floor, integer), e.splat(b.trunc(parity, I32)))
    half = b.ashr(whole, constant(integer, 1))
    if lanes.element.width == 32:
        return half
    for name, bound in (("smax", -(2**15)), ("smin", 2**15 - 1)):
        half = e.call(f"llvm.{name}.v{LANES}i32", [half, constant(integer, bound)], integer)
    return b.trunc(half, lanes)


def _odds(e, word):
    """Emit u / (1 - u) = a / (2^23 - a),  a = ⌊word / 2⁹⌋ + 1/2."""
    b, narrow = e.b, word.type
    real = ir.VectorType(FLOAT, narrow.count)
    a = b.fadd(b.sitofp(b.lshr(word, constant(narrow, 9)), real), constant(real, 0.5))
    return b.fdiv(a, b.fsub(constant(real, 8388608.0), a))


def _logarithm(e, odds):
    """Emit the logarithm of `mattis.exact.rng.log_odds`."""
    b, real = e.b, odds.type
    narrow = ir.VectorType(I32, real.count)
    bits = b.bitcast(odds, narrow)
    exponent = b.ashr(b.sub(bits, constant(narrow, 0x3F3504F3)), constant(narrow, 23))
    mantissa = b.sub(bits, b.shl(exponent, constant(narrow, 23)))
    f = b.fsub(b.bitcast(mantissa, real), constant(real, 1.0))
    coefficients = [constant(real, float(c)) for c in LOG_POLYNOMIAL]
    p = coefficients[0]
    for coefficient in coefficients[1:]:
        p = b.fadd(b.fmul(p, f), coefficient)
    z = b.fmul(f, f)
    y = b.fsub(b.fmul(b.fmul(f, z), p), b.fmul(constant(real, 0.5), z))
    last = b.fmul(b.sitofp(exponent, real), constant(real, float(LN2)))
    return b.fadd(b.fadd(y, f), last)
