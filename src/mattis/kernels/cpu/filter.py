"""Spins decided without a logarithm: by 16 bits of a word where these tell, by the exact recipe elsewhere.

The recipe of `mattis.exact.rng` makes a spin +1 iff N h + ⌊scale ln(u/(1-u))⌋ ≥ 0. With s the sign of N h,
E = exp(-|N h| / scale), and w = u where s = +1, w = 1 - u where s = -1, that is: the new spin is s unless

    D = w - E (1 - w) < 0.

Of D, in units of 2⁻¹⁶, an integer d is computed in 16 bits, by additions and upper halves of products.
Where |d| ≥ `BOUND` it has the sign of D, and decides; elsewhere the recipe does. So the bits are the same.
A level z = |N h| / (scale ln 2) counts halvings, E = 2^-z, and Z is z in units of 2⁻¹¹:

    Z = ⌊min(|N h|, limit) power slope / 2¹⁶⌋      power = 2^k, as large as fits; Z ≤ 32767
    F = C0 - ⌊f (C1 - ⌊f (C2 - ⌊f C3⌋)⌋)⌋          ≈ 2¹⁶ 2^-(f + 2⁻¹²), f = (Z mod 2¹¹) / 2¹¹
    G = ⌊F / 2^⌊Z / 2¹¹⌋⌋                          ≈ 2¹⁶ E
    d = W - ⌊G (2¹⁶ - 1 - W) / 2¹⁶⌋                W = ⌊2¹⁶ w⌋: the upper half of the word, or its complement

So the lower half of a word is drawn only where d does not decide.

Lanes of 32 bits take Z from float32, ⌊min(|N h| gain, 32767)⌋, which is nearer to the truth.

The error. 2¹⁶ w = W + a, 0 < a < 1. In units of 2⁻¹⁶, D - d = a - E (1 - a) + e q - b with e = G - 2¹⁶ E,
q = 1 - (W + 1) / 2¹⁶, and b < 1 what the last product cuts: |D - d| < 2 + |e| q. Both D and d rise with W, so
it is enough to look where D changes its sign, and there q ≤ 1/(1 + E). In e there are
(1) Z: `slope` is rounded, by half a unit of Z at most as min(|N h|, limit) power < 2¹⁶, and the product is
    cut, by one. F puts half a unit back. One unit of Z is 11.1 in |e|/(1 + E), at most (ln 2 2⁻¹¹ 2¹⁶ / 2).
(2) The polynomial, what its products cut, and ⌊ ⌋ of G.
(3) Fields above `limit`, for which Z stays below 2¹⁵: neither 2¹⁶ E nor G is above 2.
`tests/kernels/cpu/test_filter.py` goes through all Z: |e|/(1 + E) ≤ 12.3. The recipe's own rounding adds 0.2:
its logarithm is off by 2e-6, its product with the scale by 2⁻²⁴ of at most 16.7, and D moves by half of
that. Together |D - d| < 14.5, and `BOUND` is 16.

At T = 0 there is no noise: such lanes have Z = 32767 for every field but 0, and fields of 2 x + 1 instead of
2 x, which are never 0. There E is so small that d < 0 never decides.
"""

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from mattis.kernels.cpu.lanes import LANES, aligned_rows
from mattis.kernels.cpu.vectors import FLOAT, I16, I32, I64, Emitter, constant, resized

BOUND = 16
"""Below that |d| does not decide: above 14.5, the largest error."""

CUBIC = (65523, 45335, 15220, 2653)
"""C0 … C3, in units of 2⁻¹⁶: searched for the smallest |e| / (1 + E) over all Z."""

FRACTION = 11
"""Bits of Z behind the point; 4 are before it."""

LARGEST = 2**15 - 1
"""The largest Z."""

FEWEST = 16
"""The smallest `limit` of a lane that is filtered: so (3) holds, for the level of `limit` is above 15."""

FULL = 2**16 - 1
"""The largest number of 16 bits."""

PARITY_BIT, LIMIT, POWER, SLOPE, UNSURE = range(5)
"""Rows of `Filter.levels`."""

SHORT_ROW, LONG_ROW = ir.VectorType(I16, LANES), ir.VectorType(I32, LANES)


class Filter(NamedTuple):
    """What the filter knows of the temperatures of 32 lanes."""

    levels: NDArray[np.uint16]
    """(5, 32) uint16: N h mod 2, limit, power, slope, and 2 BOUND - 2, or 2¹⁶ - 1 where d never decides."""
    gains: NDArray[np.float32]
    """(1, 32) float32: Z of a field of one, for lanes of 32 bits."""


def filter_of(scales: NDArray[np.float32], parity: int) -> Filter:
    """Return the filter for noise widths N T / 2 of 32 lanes, (1, 32), and the parity of every N h."""
    levels, gains = aligned_rows(5, np.uint16), aligned_rows(1, np.float32)
    cold = scales[0] == 0
    if cold.all():
        return Filter(levels, gains)  # nobody asks it
    unit = 2**FRACTION / np.log(2) / np.where(cold, 1.0, scales[0].astype(float))
    limit = np.where(cold, 1, np.minimum(LARGEST // unit, FULL).astype(np.int64))
    power = 2 ** (np.frexp(FULL // np.maximum(limit, 1))[1] - 1)
    # At T = 0 a field of 2 x + 1 has the sign of x ≥ 0, is never 0, and reaches the largest Z.
    levels[PARITY_BIT], levels[LIMIT], levels[POWER] = parity | cold, limit, power
    levels[SLOPE] = np.where(cold, FULL, np.minimum(np.rint(2**16 / power * unit), FULL))
    levels[UNSURE] = np.where(cold | (limit >= FEWEST), 2 * BOUND - 2, FULL)
    gains[0] = np.where(cold, LARGEST, np.minimum(unit, 2 * LARGEST))
    return Filter(levels, gains)


def emit_decision(e: Emitter, field: Any, upper: Any, levels: Any, gains: Any) -> tuple[Any, Any]:
    """Emit the filter for a row of half fields (16 or 32 bits) and the upper halves of its words.

    levels, gains  # addresses of the arrays of a `Filter`
    Returns new spins in the type of the fields, 0 (up) and -1 (down); and, as bits, where d does not decide.
    """
    b, lanes = e.b, field.type
    sign = b.ashr(field, constant(lanes, lanes.element.width - 1))
    odd = resized(b, _level(e, levels, PARITY_BIT), lanes)
    double = b.add(b.add(field, field), odd)
    size = b.sub(b.xor(double, sign), sign)
    short = lanes.element.width == 16
    level = _level_of_short(e, size, levels) if short else _level_of_wide(e, size, gains)
    short_sign = resized(b, sign, SHORT_ROW)
    toward = b.xor(upper, short_sign)
    away = b.xor(toward, constant(SHORT_ROW, FULL))
    product = _high(e, _exponential(e, level), away)
    against = b.icmp_unsigned("<", toward, product)
    new = b.xor(sign, b.sext(against, lanes))
    # d + BOUND - 1, wrapped; where the sum would be above 2¹⁶ - 1, d is far above BOUND.
    above = e.call(f"llvm.uadd.sat.v{LANES}i16", [toward, constant(SHORT_ROW, BOUND - 1)], SHORT_ROW)
    near = b.sub(above, product)
    return new, b.icmp_unsigned("<=", near, _level(e, levels, UNSURE))


def _level(e: Emitter, levels: Any, row: int) -> Any:
    return e.constant_row(e.row(levels, I64(row)))


def _level_of_short(e: Emitter, size: Any, levels: Any) -> Any:
    """Emit Z of 16-bit fields |N h|."""
    limit, power = (_level(e, levels, row) for row in (LIMIT, POWER))
    # Loaded where it is used: LLVM would widen what it keeps, and then not see the upper half of a product.
    slope = e.load(e.row(levels, I64(SLOPE)))
    least = e.call(f"llvm.umin.v{LANES}i16", [size, limit], SHORT_ROW)
    return _high(e, e.b.mul(least, power), slope)


def _level_of_wide(e: Emitter, size: Any, gains: Any) -> Any:
    """Emit Z of 32-bit fields |N h|."""
    real = ir.VectorType(FLOAT, LANES)
    level = e.b.fmul(e.b.uitofp(size, real), e.constant_row(e.row(gains, I64(0))))
    below = e.b.fcmp_ordered("<", level, constant(real, float(LARGEST)))
    level = e.b.select(below, level, constant(real, float(LARGEST)))
    return e.b.trunc(e.b.fptosi(level, LONG_ROW), SHORT_ROW)


def _exponential(e: Emitter, level: Any) -> Any:
    """Emit G = 2¹⁶ 2^-z of a level Z."""
    b = e.b
    fraction = b.shl(level, constant(SHORT_ROW, 16 - FRACTION))
    value = constant(SHORT_ROW, CUBIC[-1])
    for coefficient in CUBIC[-2::-1]:
        value = b.sub(constant(SHORT_ROW, coefficient), _high(e, fraction, value))
    return b.lshr(value, b.lshr(level, constant(SHORT_ROW, FRACTION)))


def _high(e: Emitter, one: Any, other: Any) -> Any:
    """Emit the upper halves of the products of 16-bit numbers."""
    b = e.b
    product = b.mul(b.zext(one, LONG_ROW), b.zext(other, LONG_ROW))
    return b.trunc(b.lshr(product, constant(LONG_ROW, 16)), SHORT_ROW)


@intrinsic
def filter_row(_typing, fields, k, upper, n, levels, gains):
    """Decide row k of half fields (16 or 32 bits) by row n of upper halves; return two masks of 32 bits.

    The lower half of what is returned has the lanes that are up; the upper half those that are not decided.
    """

    def emit(context, builder, signature, args):
        e = Emitter(context, builder, signature, args)
        field = e.load(e.row(e.pointer(0), args[1]))
        half = e.load(e.row(e.pointer(2), args[3]))
        new, unsure = emit_decision(e, field, half, e.pointer(4), e.pointer(5))
        up = builder.icmp_signed(">=", new, constant(new.type, 0))
        masks = [builder.zext(builder.bitcast(mask, I32), I64) for mask in (up, unsure)]
        return builder.or_(masks[0], builder.shl(masks[1], I64(LANES)))

    intp = types.intp
    return types.uint64(fields, intp, upper, intp, levels, gains), emit
