"""From a chain of integers to an estimate: mean, thermal error, autocorrelation time, or a refusal.

All sums are exact integers, so the numbers do not depend on vector width, library or machine. In sweeps,

    C(k) = sum_t (x_t - x̄)(x_{t+k} - x̄) / (n - k),  tau = 1 + 2 sum_{k=1}^W C(k)/C(0),  sqrt(tau C(0)/n)

is the error, with one rounding of each mean and each C(k). W is the first lag with W ≥ 5 tau(W): A. Sokal,
"Monte Carlo methods in statistical mechanics" (1989/1996), section 3. A constant chain has tau = 1. A chain
is too short if n < 50 tau, which is known as soon as no window exists up to lag n/10.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isnan, nan, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mattis import exact

Series = NDArray[np.integer[Any]]

DRIFT = 4.0
"""The two halves of a chain may differ by this many standard errors of their difference."""

LARGEST_EXACT = 2**53
"""Integers up to it are float64 as they are."""


@dataclass(frozen=True)
class Estimate:
    """Mean of a chain with its thermal error; both are in the units of the chain."""

    mean: float
    error: float
    autocorrelation_time: float
    short: bool
    drifts: bool


def estimate(series: Series) -> Estimate:
    """Return the estimate of a chain; error and time are NaN, and `short` is set, if it is too short."""
    return estimates(series[None])[0]


def estimates(series: Series) -> list[Estimate]:
    """Return the estimate of each chain, series (R, n): those of `estimate`, row by row."""
    rows = np.ascontiguousarray(series, np.int64)
    (count, n), middle = rows.shape, rows.shape[1] // 2
    found, halves = np.empty((count, 2)), np.empty((count, 2), np.int64)
    exact.sums.fluctuations(rows, np.empty(n, np.int32), found, halves)
    return [
        in_python(row)
        if isnan(variance)
        else _estimate(first * middle + head, first * (n - middle) + tail, n, variance, tau)
        for row, first, (variance, tau), (head, tail) in zip(
            rows, rows[:, 0].tolist(), found.tolist(), halves.tolist(), strict=True
        )
    ]


def _estimate(head: int, tail: int, n: int, variance: float, tau: float) -> Estimate:
    """Return the estimate of a chain from the sums of its halves: their difference has twice its error."""
    middle, error = n // 2, sqrt(tau * variance / n)
    apart = abs(head / middle - tail / (n - middle))
    return Estimate((head + tail) / n, error, tau, isnan(tau), apart > DRIFT * 2.0 * error)


def in_python(series: Series) -> Estimate:
    """Return the estimate in Python's integers, of a chain whose sums int64 does not hold: much slower."""
    x, n = series.astype(object), series.size
    head, tail = int(x[: n // 2].sum()), int(x[n // 2 :].sum())
    total = head + tail

    def covariance(lag: int) -> float:
        start, end, left = x[: n - lag], x[lag:], n - lag
        product, edges = int(np.dot(start, end)), int(start.sum()) + int(end.sum())
        return (n * (n * product - total * edges) + left * total * total) / (n * n * left)

    return _estimate(head, tail, n, *_variance_and_time(covariance, n))


def _variance_and_time(covariance: Callable[[int], float], n: int) -> tuple[float, float]:
    """Return C(0) and tau, NaN of a short chain, as `sums.variance_and_time` does."""
    variance, tau = covariance(0), 1.0
    if variance == 0.0:
        return variance, tau
    for lag in range(1, n * exact.sums.WINDOW // exact.sums.ENOUGH + 1):
        tau += 2.0 * covariance(lag) / variance
        if lag >= exact.sums.WINDOW * tau:
            tau = max(tau, 1.0)
            return variance, tau if n >= exact.sums.ENOUGH * tau else nan
    return variance, nan


def exact_dot(a: Series, b: Series) -> int:
    """Return the sum of products as an exact integer, in Python's integers where int64 might wrap."""
    bound = a.size * _largest(a) * _largest(b)
    kind = object if bound >= 2**63 else np.int64
    return int(np.dot(a.astype(kind, copy=False), b.astype(kind, copy=False)))


def _largest(values: Series) -> int:
    """Return max |x|: not by `np.abs`, which leaves -2^63 negative."""
    return max(int(values.max(initial=0)), -int(values.min(initial=0)))


def mean_squares(series: Series) -> list[float]:
    """Return the mean of x² of each chain, series (R, n), from integers."""
    rows, n = np.ascontiguousarray(series, np.int64), series.shape[1]
    if n * _largest(rows) ** 2 > LARGEST_EXACT:
        return [exact_dot(row, row) / n for row in rows]
    squares: list[float] = (np.einsum("rt,rt->r", rows, rows) / n).tolist()
    return squares


def mean_square(series: Series) -> float:
    """Return the mean of x², from integers."""
    return mean_squares(series[None])[0]
