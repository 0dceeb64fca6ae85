"""Exact sums over a chain of integers, for `mattis.exact.measure`: all in int64, none of which may wrap.

Sums of integers do not depend on their order, so the compiler may use vectors of any width. Everything
that the kernels inline lives in this file: Numba's disk cache watches no other.
"""

import numpy as np
from numpy.typing import NDArray

from mattis.exact.compiler import compiled

SAFE = 2.0**62
"""Bound on n (max x - min x)² that is met well below 2^63, whichever way its factors are rounded."""


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
def lagged_sums(
    values: NDArray[np.int32], heads: NDArray[np.int64], start: int, out: NDArray[np.int64]
) -> None:
    """Fill out with sum_t x_t x_{t+k} and sum_t (x_t + x_{t+k}) over t < n - k, for k = start, ….

    values, heads  # as filled by `shift`; out  # (2, lags), start + lags ≤ n
    """
    for j in range(out.shape[1]):
        count = values.size - start - j
        tail = values[start + j :]
        products = np.int64(0)
        for t in range(count):
            products += np.int64(values[t]) * np.int64(tail[t])
        out[0, j] = products
        out[1, j] = heads[count] + heads[values.size] - heads[start + j]
