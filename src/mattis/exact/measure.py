"""From a chain of integers to an estimate: mean, thermal error, autocorrelation time, or a refusal.

All sums are exact integers, so the numbers do not depend on vector width, library or machine.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from math import isnan, nan, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mattis import exact

Series = NDArray[np.integer[Any]]

WINDOW = 5
"""Sokal's c: the autocorrelation function is summed up to the first lag W ≥ c tau(W)."""

ENOUGH = 50
"""A chain of n sweeps is long enough for its tau if n ≥ 50 tau."""

DRIFT = 4.0
"""The two halves of a chain may differ by this many standard errors of their difference."""


BATCH = 8
"""Lags in the first batch: white noise needs five or six."""


class TooShort(ValueError):
    """The chain is too short for its autocorrelation time; `needed` is a lower bound in sweeps."""

    def __init__(self, length: int, at_least: float) -> None:
        self.needed = int(ENOUGH * at_least) + 1
        super().__init__(
            f"a chain of {length} sweeps is too short: its autocorrelation time is at least "
            f"{at_least:.3g}, which needs {self.needed} sweeps"
        )


@dataclass(frozen=True)
class Estimate:
    """Mean of a chain with its thermal error; both are in the units of the chain."""

    mean: float
    error: float
    autocorrelation_time: float
    short: bool
    drifts: bool


@dataclass(frozen=True, eq=False)
class _Chain:
    """A chain less its first element, which C does not see, and the sums of its heads."""

    first: int
    values: NDArray[Any]
    """(n,): x_t - x_0, int32 where every sum of products fits int64, else Python's integers."""
    heads: NDArray[Any]
    """(n+1,): sum_{s<t} (x_s - x_0)."""

    @classmethod
    def of(cls, series: Series) -> "_Chain":
        """Return the chain of a series of integers that fit int64."""
        whole = np.ascontiguousarray(series, np.int64)
        n, first = whole.size, int(whole[0])
        values, heads = np.empty(n, np.int32), np.empty(n + 1, np.int64)
        if exact.sums.shift(whole, values, heads):
            return cls(first, values, heads)
        return cls.in_python(whole)

    @classmethod
    def in_python(cls, series: Series) -> "_Chain":
        """Return the chain in Python's integers: the same numbers, some fifty times slower."""
        values = series.astype(object) - int(series[0])
        return cls(int(series[0]), values, np.array([0, *accumulate(values)], object))

    def mean(self, start: int, stop: int) -> float:
        """Return the mean of x_t over start ≤ t < stop, correctly rounded."""
        length = stop - start
        return (int(self.heads[stop]) - int(self.heads[start]) + length * self.first) / length

    def sums(self, lags: range) -> tuple[list[int], list[int]]:
        """Return sum_t x_t x_{t+k} and sum_t (x_t + x_{t+k}) over t < n - k, for each lag k."""
        n, x, heads = self.values.size, self.values, self.heads
        if x.dtype == object:
            products = [int(np.dot(x[: n - k], x[k:])) for k in lags]
            return products, [heads[n - k] + heads[n] - heads[k] for k in lags]
        out = np.empty((2, len(lags)), np.int64)
        exact.sums.lagged_sums(x, heads, lags.start, out)
        return out[0].tolist(), out[1].tolist()

    def covariances(self, lags: range) -> Iterator[float]:
        """Yield C(k) = sum_t (x_t - x̄)(x_{t+k} - x̄) / (n - k) for each lag, one rounding each."""
        n, total = self.values.size, int(self.heads[-1])
        square, cross, rest = n * n, n * total, total * total
        for batch in _batches(lags):
            for lag, product, edges in zip(batch, *self.sums(batch), strict=True):
                left = n - lag
                yield (square * product - cross * edges + left * rest) / (square * left)


def _batches(lags: range) -> Iterator[range]:
    """Yield the lags in batches, each as long as all before it: few calls, few lags for nothing."""
    done, size = 0, BATCH
    while done < len(lags):
        yield lags[done : done + size]
        done += size
        size = done


def exact_dot(a: Series, b: Series) -> int:
    """Return the sum of products as an exact integer, in Python's integers where int64 might wrap."""
    bound = a.size * _largest(a) * _largest(b)
    kind = object if bound >= 2**63 else np.int64
    return int(np.dot(a.astype(kind, copy=False), b.astype(kind, copy=False)))


def _largest(values: Series) -> int:
    """Return max |x|: not by `np.abs`, which leaves -2^63 negative."""
    return max(int(values.max(initial=0)), -int(values.min(initial=0)))


def _variance_and_time(chain: _Chain) -> tuple[float, float]:
    """Return C(0) and the integrated autocorrelation time: tau = 1 + 2 sum_{k=1}^W C(k)/C(0), in sweeps.

    W is the first lag with W ≥ 5 tau(W): A. Sokal, "Monte Carlo methods in statistical mechanics"
    (1989/1996), section 3. A constant chain has tau = 1. The error of the mean is sqrt(tau C(0)/n).
    Raises TooShort if n < 50 tau, which is known as soon as no window exists up to lag n/10.
    """
    n = chain.values.size
    covariances = chain.covariances(range(n * WINDOW // ENOUGH + 1))
    variance, tau = next(covariances), 1.0
    if variance == 0.0:
        return variance, tau
    for lag, covariance in enumerate(covariances, 1):
        tau += 2.0 * covariance / variance
        if lag >= WINDOW * tau:
            # Anticorrelated noise can push a short sum below zero; tau ≥ 1 keeps the error honest.
            tau = max(tau, 1.0)
            if n < ENOUGH * tau:
                break
            return variance, tau
    raise TooShort(n, max(tau, n / ENOUGH))


def estimate(series: Series) -> Estimate:
    """Return the estimate of a chain; error and time are NaN, and `short` is set, if it is too short."""
    chain = _Chain.of(series)
    n = chain.values.size
    mean = chain.mean(0, n)
    try:
        variance, tau = _variance_and_time(chain)
    except TooShort:
        return Estimate(mean, nan, nan, short=True, drifts=False)
    error = sqrt(tau * max(variance, 0.0) / n)
    return Estimate(mean, error, tau, short=False, drifts=_drifts(chain, error))


def estimates(series: Series) -> list[Estimate]:
    """Return the estimate of each chain, series (R, n): those of `estimate`, row by row."""
    return [estimate(row) for row in np.ascontiguousarray(series, np.int64)]


def _drifts(chain: _Chain, error: float) -> bool:
    """Tell whether the halves differ: each has the error √2 of the whole, their difference twice."""
    n = chain.values.size
    first, second = chain.mean(0, n // 2), chain.mean(n // 2, n)
    return not isnan(error) and abs(first - second) > DRIFT * 2.0 * error


def mean_square(series: Series) -> float:
    """Return the mean of x², from integers."""
    values = np.ascontiguousarray(series, np.int64)
    return exact_dot(values, values) / values.size
