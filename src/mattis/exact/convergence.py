"""Do chains that started apart sample the same? By ranks of integers and IEEE sums in a fixed order.

A. Vehtari, A. Gelman, D. Simpson, B. Carpenter & P.-C. Buerkner, Bayesian Analysis 16, 667 (2021).
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mattis.exact.arrays import Reals
from mattis.exact.compiler import compiled
from mattis.exact.functions import logarithm, quantile

INLINED = "db0357ad66eba934"
"""Fingerprint of the files that are compiled into this one: Numba's disk cache watches this file only."""

FEWEST_DRAWS = 4
"""Draws of half a chain below which nothing is said of it."""


def r_hat(chains: NDArray[np.integer[Any]]) -> float:
    """Return the rank-normalised split R-hat of chains: 1 where all of them sample the same distribution.

    R = sqrt(((n-1)/n W + B)/W) of the normal scores of all draws, with W the mean of the variances of the
    half chains of n draws and B the variance of their means; the larger one of that of the draws (do the
    places agree?) and that of their distance from the median (do the widths?). Vehtari et al. (2021).

    chains  # (chains, draws) integers below 2^62; NaN of below 8 draws, or where no half varies
    """
    halves = split(chains)
    if not _tells(halves):
        return math.nan
    pooled = np.sort(halves, axis=None)
    middle = pooled[(pooled.size - 1) // 2] + pooled[pooled.size // 2]
    return float(max(_r_hat(scores(halves)), _r_hat(scores(abs(2 * halves - middle)))))


def sample_size(chains: NDArray[np.integer[Any]]) -> float:
    """Return the effective number of independent draws of chains, of the bulk of their distribution.

    S = mn/(1 + 2 sum_t rho_t) of the normal scores of m half chains of n draws, with rho_t from all of them
    and summed as long as pairs of it are positive, and made to fall. Vehtari et al. (2021); C. J. Geyer,
    Statist. Sci. 7, 473 (1992). At most mn log10(mn). NaN where r_hat is.
    """
    halves = split(chains)
    if not _tells(halves):
        return math.nan
    return float(_sample_size(scores(halves)))


def _tells(halves: NDArray[np.int64]) -> bool:
    """Tell whether half chains are long enough, and one of them varies."""
    return halves.shape[1] >= FEWEST_DRAWS and bool((halves != halves[:, :1]).any())


def split(chains: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
    """Return each chain as two, its first and its last half, without the draw between them."""
    half = chains.shape[1] // 2
    halves = np.concatenate([chains[:, :half], chains[:, chains.shape[1] - half :]])
    return np.ascontiguousarray(halves, np.int64)


def scores(values: NDArray[np.int64]) -> Reals:
    """Return normal scores: the quantiles at (rank - 3/8)/(S + 1/4), equal values at their mean rank."""
    flat = values.ravel()
    return np.asarray(_scores(flat, np.argsort(flat, kind="stable"))).reshape(values.shape)


@compiled
def _scores(values, order):
    """Return the normal scores of values (S,) that `order` sorts."""
    count, out, first = values.size, np.empty(values.size), 0
    while first < count:
        last = first
        while last + 1 < count and values[order[last + 1]] == values[order[first]]:
            last += 1
        rank = 0.5 * (first + last) + 1.0
        centred = (rank - 0.5 * (count + 1)) / (count + 0.25)
        score = quantile(centred, 0.5 - abs(centred))
        for k in range(first, last + 1):
            out[order[k]] = score
        first = last + 1
    return out


@compiled
def _moments(z):
    """Return the mean of each row and its variance of n - 1 degrees of freedom."""
    rows, draws = z.shape
    means, variances = np.zeros(rows), np.zeros(rows)
    for i in range(rows):
        for t in range(draws):
            means[i] += z[i, t]
        means[i] /= draws
        for t in range(draws):
            variances[i] += (z[i, t] - means[i]) ** 2
        variances[i] /= draws - 1
    return means, variances


@compiled
def _within_and_all(z):
    """Return W and the variance of all, ((n-1)/n) W + B, B the variance of the means."""
    rows, draws = z.shape
    means, variances = _moments(z)
    middle, within, between = 0.0, 0.0, 0.0
    for i in range(rows):
        middle += means[i] / rows
        within += variances[i] / rows
    for i in range(rows):
        between += (means[i] - middle) ** 2 / (rows - 1)
    return within, within * (draws - 1) / draws + between


@compiled
def _r_hat(z):
    """Return R-hat of scores (half chains, draws)."""
    within, total = _within_and_all(z)
    return math.sqrt(total / within) if within > 0.0 else np.nan


@compiled
def _correlation(z, means, lag, within, total):
    """Return rho at a lag: 1 - (W - mean covariance)/var of all; covariances are divided by n."""
    rows, draws = z.shape
    mean = 0.0
    for i in range(rows):
        covariance = 0.0
        for t in range(draws - lag):
            covariance += (z[i, t] - means[i]) * (z[i, t + lag] - means[i])
        mean += covariance / draws / rows
    return 1.0 - (within - mean) / total


@compiled
def _sample_size(z):
    """Return the effective sample size of scores (half chains, draws): Geyer's initial monotone sequence."""
    rows, draws = z.shape
    means, _ = _moments(z)
    within, total = _within_and_all(z)
    if not total > 0.0:
        return np.nan
    before = 1.0 + _correlation(z, means, 1, within, total)
    tau, lag = -1.0, 2
    while before > 0.0:
        tau += 2.0 * before
        if lag + 1 >= draws:
            break
        pair = _correlation(z, means, lag, within, total)
        pair += _correlation(z, means, lag + 1, within, total)
        before, lag = min(before, pair), lag + 2
    count = float(rows * draws)
    least = logarithm(10.0) / logarithm(count)  # the sum is noise where draws repel each other
    return count / max(tau, least)
