"""Estimates of chains of integers, for `mattis.exact.measure`: exact sums, and quotients rounded once.

Sums are in int64, none of which may wrap: they do not depend on their order, so the compiler may use vectors
of any width. What is divided has up to 128 bits, in two words. Everything that the kernels inline lives in
this file: Numba's disk cache watches no other.
"""

from math import ldexp, nan, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mattis.exact.compiler import compiled

SAFE = 2.0**62
"""Bound on n (max x - min x)² that is met well below 2^63, whichever way its factors are rounded."""

WINDOW = 5
"""Sokal's c: the autocorrelation function is summed up to the first lag W ≥ c tau(W)."""

ENOUGH = 50
"""A chain of n sweeps is long enough for its tau if n ≥ 50 tau."""

NO_BITS, BIT, TOP = np.uint64(0), np.uint64(1), np.uint64(2**62)
"""Words, and the least quotient of 63 bits: 53 that are rounded, and ten more."""

HALF_WORD, LOW_WORD, LAST_BIT = np.uint64(32), np.uint64(2**32 - 1), np.uint64(63)
"""Half the bits of a word, a word with these set, and how far its highest bit is from its lowest."""


@compiled
def estimates(series: NDArray[np.int64], out: NDArray[np.float64]) -> None:
    """Fill out, (R, 4), with the mean of each chain, its error, its tau, and how far its halves are apart.

    series  # (R, n), n ≥ 2
    NaN is the tau of a chain that is too short, and the mean of one whose sums 64 bits do not hold.
    """
    n = series.shape[1]
    values, heads = np.empty(n, np.int32), np.empty(n + 1, np.int64)
    for r in range(series.shape[0]):
        out[r, 0] = nan
        if not shift(series[r], values, heads):
            continue
        first, middle = series[r, 0], n // 2
        variance, tau = variance_and_time(values, heads)
        out[r, 0] = mean(heads, 0, n, first)
        out[r, 1], out[r, 2] = sqrt(tau * variance / n), tau
        out[r, 3] = abs(mean(heads, 0, middle, first) - mean(heads, middle, n, first))


@compiled
def shift(series: NDArray[np.int64], values: NDArray[np.int32], heads: NDArray[np.int64]) -> bool:
    """Fill values with x_t - x_0 and heads with their sums over s < t, if all sums of products fit.

    series, values  # (n,), n ≥ 1; heads  # (n+1,). Returns False, with nothing filled, if they do not
    fit. Where they do, |x_t - x_0| < 2^31: two values or more of 2^31 would break the bound.
    """
    low, high = series[0], series[0]
    for t in range(series.size):
        low, high = min(low, series[t]), max(high, series[t])
    spread = np.float64(high) - np.float64(low)  # high - low might wrap
    if series.size * spread * spread > SAFE:
        return False
    total = np.int64(0)
    for t in range(series.size):
        x = series[t] - series[0]
        values[t], heads[t] = x, total
        total += x
    heads[series.size] = total
    return True


@compiled
def variance_and_time(values: NDArray[np.int32], heads: NDArray[np.int64]) -> tuple[float, float]:
    """Return C(0) and the integrated autocorrelation time, NaN of a short chain: see `measure`."""
    n = values.size
    variance, tau = covariance(values, heads, 0), 1.0
    if variance == 0.0:
        return variance, tau
    for lag in range(1, n * WINDOW // ENOUGH + 1):
        tau += 2.0 * covariance(values, heads, lag) / variance
        if lag >= WINDOW * tau:
            tau = max(tau, 1.0)  # which anticorrelated noise can push below: an error would look too small
            return variance, tau if n >= ENOUGH * tau else nan
    return variance, nan


@compiled
def mean(heads: NDArray[np.int64], start: int, stop: int, first: np.int64) -> Any:
    """Return the mean of x_t over start ≤ t < stop, from the sums of x_t - x_0; first  # x_0"""
    length = np.int64(stop - start)
    total = plus(wide(heads[stop] - heads[start]), times(wide(first), length))
    return quotient(total, wide(length))


@compiled
def covariance(values: NDArray[np.int32], heads: NDArray[np.int64], lag: int) -> Any:
    """Return C(k) = sum_t (x_t - x̄)(x_{t+k} - x̄) / (n - k), t < n - k, of values and heads from `shift`.

    = [n (n sum_t x_t x_{t+k} - X sum_t (x_t + x_{t+k})) + (n - k) X²] / (n² (n - k)), X the sum of all.
    """
    n, tail, products = np.int64(values.size), values[lag:], np.int64(0)
    for t in range(tail.size):
        products += np.int64(values[t]) * np.int64(tail[t])
    left, total = np.int64(tail.size), heads[n]
    edges = heads[left] + total - heads[lag]
    apart = plus(times(wide(products), n), negative(times(wide(total), edges)))
    over = plus(times(apart, n), times(times(wide(total), total), left))
    return quotient(over, times(times(wide(n), n), left))


@compiled
def quotient(over, under):
    """Return the quotient, 2^63 at most, of two numbers in two words, under > 0: rounded once, as in Python.

    One bit after the other, as on paper, until there are 63 and one that tells whether more would follow.
    """
    below = over[0] >> LAST_BIT == BIT
    over = negative(over) if below else over
    if over[0] == NO_BITS and over[1] == NO_BITS:
        return 0.0
    high, low, found = NO_BITS, NO_BITS, NO_BITS
    bits = 64 if over[0] == NO_BITS else 0
    while found < TOP:
        word = over[0] if bits < 64 else over[1] if bits < 128 else NO_BITS
        high = high << BIT | low >> LAST_BIT
        low = low << BIT | (word >> np.uint64(63 - bits % 64) & BIT)
        found = found << BIT
        if high > under[0] or (high == under[0] and low >= under[1]):
            high, low = plus((high, low), negative(under))
            found = found | BIT
        bits += 1
    if high != NO_BITS or low != NO_BITS:
        found = found | BIT
    value = ldexp(np.float64(found), 128 - bits)
    return -value if below else value


# Numbers of 128 bits, modulo 2^128, in two words of 64: the higher one is first


@compiled
def wide(x):
    """Return a number of 64 bits with its sign."""
    return (~NO_BITS if x < 0 else NO_BITS), np.uint64(x)


@compiled
def plus(a, b):
    """Return a + b."""
    low = a[1] + b[1]
    return a[0] + b[0] + np.uint64(low < a[1]), low


@compiled
def negative(a):
    """Return -a."""
    return plus((~a[0], ~a[1]), (NO_BITS, BIT))


@compiled
def times(a, x):
    """Return a x, x of 64 bits with its sign."""
    y = np.uint64(x)
    p, q, r, s = a[1] & LOW_WORD, a[1] >> HALF_WORD, y & LOW_WORD, y >> HALF_WORD
    middle = q * r + (p * r >> HALF_WORD)
    high = q * s + (middle >> HALF_WORD) + ((p * s + (middle & LOW_WORD)) >> HALF_WORD)
    return high + a[0] * y - (a[1] if x < 0 else NO_BITS), a[1] * y
