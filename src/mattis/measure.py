"""From a chain of integers to an estimate: mean, thermal error, autocorrelation time, or a refusal.

All sums are exact integers, so the numbers do not depend on vector width, library or machine.
"""

from dataclasses import dataclass
from math import isnan, nan, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Series = NDArray[np.integer[Any]]

WINDOW = 5
"""Sokal's c: the autocorrelation function is summed up to the first lag W ≥ c tau(W)."""

ENOUGH = 50
"""A chain of n sweeps is long enough for its tau if n ≥ 50 tau."""

DRIFT = 4.0
"""The two halves of a chain may differ by this many standard errors of their difference."""


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


def autocovariance(series: Series, lag: int) -> float:
    """Return C(k) = sum_t (x_t - x̄)(x_{t+k} - x̄) / (n - k), correctly rounded from integers."""
    n, series = series.size, series - series[0]  # C does not see the shift, int64 does
    head, tail = series[: n - lag], series[lag:]
    total, products = int(series.sum()), exact_dot(head, tail)
    edges = int(head.sum()) + int(tail.sum())
    return (n * n * products - n * total * edges + (n - lag) * total * total) / (n * n * (n - lag))


def exact_dot(a: Series, b: Series) -> int:
    """Return the sum of products as an exact integer, in Python's own where int64 might wrap."""
    bound = a.size * int(np.abs(a).max(initial=0)) * int(np.abs(b).max(initial=0))
    if bound >= 2**63:
        a, b = a.astype(object), b.astype(object)
    return int(np.dot(a, b))


def autocorrelation_time(series: Series) -> float:
    """Return the integrated autocorrelation time, in sweeps: tau = 1 + 2 sum_{k=1}^W C(k)/C(0).

    W is the first lag with W ≥ 5 tau(W): A. Sokal, "Monte Carlo methods in statistical mechanics"
    (1989/1996), section 3. A constant chain has tau = 1. The error of the mean is sqrt(tau C(0)/n).
    Raises TooShort if n < 50 tau, which is known as soon as no window is found up to lag n/10.
    """
    series = np.ascontiguousarray(series, np.int64)
    n, variance = series.size, autocovariance(series, 0)
    if variance == 0.0:
        return 1.0
    tau = 1.0
    for lag in range(1, n * WINDOW // ENOUGH + 1):
        tau += 2.0 * autocovariance(series, lag) / variance
        if lag >= WINDOW * tau:
            # Anticorrelated noise can push a short sum below zero; tau ≥ 1 keeps the error honest.
            tau = max(tau, 1.0)
            if n < ENOUGH * tau:
                break
            return tau
    raise TooShort(n, max(tau, n / ENOUGH))


def estimate(series: Series) -> Estimate:
    """Return the estimate of a chain; error and time are NaN, and `short` is set, if it is too short."""
    series = np.ascontiguousarray(series, np.int64)
    mean = int(series.sum()) / series.size
    try:
        tau = autocorrelation_time(series)
    except TooShort:
        return Estimate(mean, nan, nan, short=True, drifts=False)
    error = sqrt(tau * max(autocovariance(series, 0), 0.0) / series.size)
    return Estimate(mean, error, tau, short=False, drifts=_drifts(series, error))


def _drifts(series: Series, error: float) -> bool:
    """Tell whether the halves differ: each has the error √2 of the whole, their difference twice."""
    middle = series.size // 2
    first = int(series[:middle].sum()) / middle
    second = int(series[middle:].sum()) / (series.size - middle)
    return not isnan(error) and abs(first - second) > DRIFT * 2.0 * error


def mean_square(series: Series) -> float:
    """Return the mean of x², from integers."""
    values = np.ascontiguousarray(series, np.int64)
    return exact_dot(values, values) / values.size
