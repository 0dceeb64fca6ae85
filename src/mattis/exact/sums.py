"""Variances and times of chains of integers, for `mattis.exact.measure`: exact sums, quotients rounded once.

Sums are in int64, none of which may wrap: they do not depend on their order, so the compiler may use vectors
of any width. Everything that is inlined lives in this file: Numba's disk cache watches no other. No `min` or
`max`, which Numba compiles apart, and one call of each function: that compiles in a second.
"""

from math import nan

import numpy as np

from mattis.exact.compiler import borrowing, inlined

SAFE = 2.0**61
"""Bound on n d² and n² d, d = max x - min x, that is met well below 2^62, however its factors are rounded."""

WINDOW = 5
"""Sokal's c: the autocorrelation function is summed up to the first lag W ≥ c tau(W)."""

ENOUGH = 50
"""A chain of n sweeps is long enough for its tau if n ≥ 50 tau."""

TOP = 2**62
"""From it on an integer has 63 bits: 53 that are rounded, and ten more."""


@borrowing
def fluctuations(series, values, out, halves):
    """Fill out, (R, 2), with C(0) and tau of each chain, and halves, (R, 2), with the sums of x_t - x_0.

    series  # (R, n) int64, n ≥ 2; values  # (n,) int32, to work in; halves  # int64
    NaN is the tau of a chain that is too short, and both of one whose sums 64 bits do not hold.
    """
    for r in range(series.shape[0]):
        total = centre(series[r], values, halves[r])
        if total < 0:
            out[r, 0], out[r, 1] = nan, nan
        else:
            variance_and_time(values, total, out[r])


@inlined
def centre(x, values, halves):
    """Fill halves with the sums of x_t - x_0, values with x_t - c; return the sum of these, in 0 … n - 1.

    Returns -1 where a sum may wrap. Else |x_t - c| < 2^31, for two values of 2^31 would break the bound.
    """
    n, first, low, high = x.size, x[0], x[0], x[0]
    for half in range(2):
        part, total = x[half * (n // 2) : n if half else n // 2], 0
        for t in range(part.size):
            value = part[t]
            low, high = value if value < low else low, value if value > high else high
            total += value - first
        halves[half] = total
    spread = np.float64(high) - np.float64(low)  # high - low might wrap
    if n * spread * (spread if spread > n else n) > SAFE:
        return -1
    total = halves[0] + halves[1]
    shift = first + total // n
    for t in range(n):
        values[t] = x[t] - shift
    return total % n


@inlined
def variance_and_time(values, total, out):
    """Fill out with C(0) and the integrated autocorrelation time, NaN of a short chain: see `measure`."""
    n, ends, tau, out[1] = values.size, np.int64(0), 1.0, nan
    for lag in range(n * WINDOW // ENOUGH + 1):
        found = covariance(values, lag, total, ends)
        if lag > 0:
            tau += 2.0 * found / out[0]
        else:
            out[0] = found
        if lag >= WINDOW * tau or out[0] == 0.0:
            if tau < 1.0:  # anticorrelated noise can push it below: an error would look too small
                tau = 1.0
            if n >= ENOUGH * tau or out[0] == 0.0:
                out[1] = tau
            return
        ends += values[lag] + values[n - 1 - lag]


@inlined
def covariance(values, lag, total, ends):
    """Return C(k) = sum_t (x_t - x̄)(x_{t+k} - x̄) / (n - k), t < n - k, of values whose sum X is in 0 … n-1.

    = [sum_t x_t x_{t+k} + X ((n - k) X - n sum_t (x_t + x_{t+k})) / n²] / (n - k)
    ends  # the sum of the first k and the last k values: what the sum over t lacks of 2 X
    """
    n, tail, products = values.size, values[lag:], np.int64(0)
    for t in range(tail.size):
        products += np.int64(values[t]) * np.int64(tail[t])
    left = tail.size
    ratio = left * total - n * (2 * total - ends)
    more, rest = total * (ratio // n), total * (ratio % n)
    more, rest = more + rest // n, rest % n
    whole = products + more // n
    return quotient(whole // left, whole % left, left, more % n * n + rest, n * n)


@inlined
def quotient(whole, over, under, part, parts):
    """Return whole + (over + part / parts) / under, rounded once; 0 ≤ over < under, 0 ≤ part < parts < 2^62.

    One bit after the other, as on paper, until there are 63 and one that tells whether more would follow.
    """
    unit = 1.0
    if whole == 0 and over == 0 and part == 0:
        return 0.0
    while -TOP < whole < TOP:
        whole, over, part, unit = 2 * whole, 2 * over, 2 * part, 0.5 * unit
        if part >= parts:
            over, part = over + 1, part - parts
        if over >= under:
            whole, over = whole + 1, over - under
    if over != 0 or part != 0:
        whole |= 1
    return np.float64(whole) * unit
