"""Arithmetic that rounds once: fused multiplication and addition, conversions, flushed subnormals.

NumPy rounds + − × ÷ √ of both widths correctly; this is what it has not. Modes are PTX's: `rn` to nearest
even, `rz` to zero, `rm` down, `rp` up, and with an i behind to integral values.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpu.ptx.kinds import DTYPES, Values

SMALLEST_NORMAL = np.finfo(np.float32).smallest_normal

INTEGRAL = {"rni": np.rint, "rzi": np.trunc, "rmi": np.floor, "rpi": np.ceil}


def flushed(values: Values) -> Values:
    """Return float32 values with subnormals replaced by zeros of their sign."""
    small = np.abs(values) < SMALLEST_NORMAL
    if not np.count_nonzero(small):
        return values
    return np.where(small, np.copysign(np.float32(0), values), values)


def narrowed(values: NDArray[np.float64], mode: str) -> NDArray[np.float32]:
    """Return float64 values rounded to float32."""
    near = values.astype(np.float32)
    back = near.astype(np.float64)
    down, up, zero = np.float32(-np.inf), np.float32(np.inf), np.float32(0)
    if mode == "rm":
        return np.where(back > values, np.nextafter(near, down), near)
    if mode == "rp":
        return np.where(back < values, np.nextafter(near, up), near)
    if mode == "rz":
        return np.where(np.abs(back) > np.abs(values), np.nextafter(near, zero), near)
    return near


def fused(a: Values, b: Values, c: Values, mode: str) -> Values:
    """Return a b + c, rounded once."""
    if a.dtype == np.float64:
        assert mode == "rn"
        every = np.nditer(np.broadcast_arrays(a, b, c))
        return np.array([_fused_double(*map(float, numbers)) for numbers in every])
    product = a.astype(np.float64) * b.astype(np.float64)  # exact: 48 bits of 53
    return narrowed(_odd_sum(product, c.astype(np.float64), mode), mode)


def _odd_sum(x: NDArray[Any], y: NDArray[Any], mode: str) -> NDArray[Any]:
    """Return x + y, or where that is not exact, the neighbour whose last bit is set.

    The odd neighbour keeps the side on which the exact sum lies, so that rounding it to fewer bits is as
    rounding the exact sum: Boldo and Melquiond, IEEE Trans. Comput. 57, 462 (2008).
    """
    total = x + y
    part = total - x
    error = (x - (total - part)) + (y - part)  # exact: Knuth's two-sum
    even = total.view(np.int64) & 1 == 0
    inexact = np.isfinite(total) & (error != 0)
    odd = np.nextafter(total, np.copysign(np.inf, error))
    total = np.where(inexact & even, odd, total)
    if mode == "rm":  # an exact zero of two signs is −0 where one rounds down
        total = np.where((total == 0) & (np.signbit(x) != np.signbit(y)), -0.0, total)
    return np.asarray(total)


def _fused_double(a: float, b: float, c: float) -> float:
    """Return a b + c of float64, by integers."""
    if not (math.isfinite(a) and math.isfinite(b)):
        return float(np.multiply(a, b) + c)
    if not math.isfinite(c):
        return c
    (na, da), (nb, db), (nc, dc) = (number.as_integer_ratio() for number in (a, b, c))
    top, bottom = na * nb * dc + nc * da * db, da * db * dc
    if not top:
        return a * b + c  # exact, and zero has the right sign
    try:
        return top / bottom  # of integers, Python rounds the quotient correctly
    except OverflowError:
        return math.inf if top > 0 else -math.inf


def to_integers(values: Values, mode: str, kind: str) -> Values:
    """Return floats rounded to integral values and clamped to an integer type.

    NaN is 0, but 2^(w-1) from float64 or to 64 bits.
    """
    dtype = DTYPES[kind]
    whole = INTEGRAL[mode](values)
    least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
    high, low = whole >= 2.0 ** (8 * dtype.itemsize - (dtype.kind == "i")), whole < least
    nan = np.isnan(whole)
    result = np.where(high | low | nan, 0, whole).astype(dtype)
    result = np.where(high, dtype.type(most), np.where(low, dtype.type(least), result))
    wide = values.dtype == np.float64 or dtype.itemsize == 8
    odd = 1 << (8 * dtype.itemsize - 1) if wide else 0
    return np.where(nan, np.array(odd).astype(dtype), result)


def to_floats(values: Values, mode: str, kind: str) -> Values:
    """Return integers as floats; other modes than rn are for 32 bits at most."""
    if mode == "rn" or kind == "f64":
        return np.asarray(values.astype(DTYPES[kind]))
    assert values.itemsize <= 4
    return narrowed(values.astype(np.float64), mode)


def saturated(values: Values) -> Values:
    """Return floats clamped to [+0, 1]; NaN is 0."""
    zero, one = values.dtype.type(0), values.dtype.type(1)
    return np.asarray(np.where(values > 0, np.fmin(values, one), zero))


def clamped(values: Values, kind: str) -> Values:
    """Return integers clamped to another integer type."""
    limits = np.iinfo(DTYPES[kind])
    least = max(int(limits.min), int(np.iinfo(values.dtype).min))
    most = min(int(limits.max), int(np.iinfo(values.dtype).max))
    kept = np.clip(values, values.dtype.type(least), values.dtype.type(most))
    return kept.astype(DTYPES[kind])
