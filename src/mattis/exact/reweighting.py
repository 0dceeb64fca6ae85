"""Free energies of some temperatures, from energies that were met at all of them; the same bits everywhere.

M. R. Shirts and J. D. Chodera, J. Chem. Phys. 129, 124105 (2008); of energies that are counted by levels it
is the method of A. M. Ferrenberg and R. H. Swendsen, Phys. Rev. Lett. 63, 1195 (1989). By Newton's steps on a
convex function of one number for each temperature.
"""

import numpy as np
from numpy.typing import NDArray

from mattis.exact.arrays import Reals
from mattis.exact.compiler import compiled
from mattis.exact.functions import exponential, logarithm

INLINED = "db0357ad66eba934"
"""Fingerprint of the files that are compiled into this one: Numba's disk cache watches this file only."""

LevelCounts = NDArray[np.int64]
"""How often levels were met."""

NEWTON_STEPS, NEWTON_TOLERANCE = 200, 1e-7
"""Steps at most, and the largest change of a ln Z after which no more are needed: the next is its square."""

ROUNDED = 1e-12
"""Share of a sum over all draws that rounding may be."""

LARGEST_CHANGE = 4.0
"""Change of a ln Z that one step may make: far from the end Newton's may be much too long."""


def log_weights(
    betas: Reals, draws: Reals | LevelCounts, means: Reals, levels: Reals, counts: Reals | LevelCounts
) -> tuple[Reals, Reals]:
    """Return ln(Z_k/Z_0) of some temperatures, and the weight at each of one draw of each level.

    Z_k = sum_b H_b e^(-beta_k E_b) / sum_j n_j e^(-beta_j E_b)/Z_j; w_kb is the summand, less H_b, over Z_k.

    betas   # (K,) rising; draws  # (K,) n_k > 0, of each; means  # (K,) of their energies, for a first guess
    levels  # (L,) E_b, in units of temperature; counts  # (L,) H_b, draws of all temperatures

    Returns (K,) and (K, L); NaN where draws do not tie all temperatures to each other.
    """
    arrays = (np.ascontiguousarray(x, np.float64) for x in (betas, draws, means, levels, counts))
    found: tuple[Reals, Reals] = solve_weights(*arrays)
    return found


def shared(one: Reals, other: Reals, counts: Reals | LevelCounts) -> float:
    """Return what two laws have in common, 2 sum_b p_b q_b/(p_b + q_b): 1 of equal ones, 0 of those apart.

    one, other  # (L,) weights of one draw of each level; counts  # (L,) draws. NaN where a weight is
    """
    return float(common_share(one, other, np.ascontiguousarray(counts, np.float64)))


def masses(weights: Reals, counts: LevelCounts) -> Reals:
    """Return the weight of each kind of draws: sum_b w_b C_bc.  weights  # (L,); counts  # (L, C)"""
    found: Reals = sum_kinds(np.ascontiguousarray(weights), np.ascontiguousarray(counts))
    return found


@compiled
def common_share(one, other, counts):
    """Return 2 sum_b p_b q_b/(p_b + q_b) of p = H w and q = H w'."""
    total = 0.0
    for b in range(counts.size):
        both = one[b] + other[b]
        if counts[b] > 0.0 and both != 0.0:
            total += 2.0 * counts[b] * one[b] * other[b] / both
    return total


@compiled
def sum_kinds(weights, counts):
    """Return sum_b w_b C_bc for each c."""
    out = np.zeros(counts.shape[1])
    for b in range(counts.shape[0]):
        for c in range(counts.shape[1]):
            out[c] += weights[b] * np.float64(counts[b, c])
    return out


@compiled
def spread_levels(shares, logs, betas, energy):
    """Fill the shares of the temperatures in a level, p_k ~ e^(logs_k - beta_k E); return ln of their sum."""
    top = -np.inf
    for k in range(betas.size):
        shares[k] = logs[k] - betas[k] * energy
        top = max(top, shares[k])
    total = 0.0
    for k in range(betas.size):
        shares[k] = exponential(shares[k] - top)
        total += shares[k]
    for k in range(betas.size):
        shares[k] /= total
    return top + logarithm(total)


@compiled
def slopes_of(logs, betas, draws, levels, counts, slope, curve):
    """Return F = sum_b H_b ln sum_k e^(logs_k - beta_k E_b) - sum_k n_k logs_k; fill slope and curvature."""
    shares, value = np.zeros(betas.size), 0.0
    slope[:] = 0.0
    curve[:] = 0.0
    for b in range(levels.size):
        if counts[b] > 0.0:
            value += counts[b] * spread_levels(shares, logs, betas, levels[b])
            for k in range(betas.size):
                part = counts[b] * shares[k]
                slope[k] += part
                curve[k, k] += part
                for j in range(k + 1):
                    curve[k, j] -= part * shares[j]
    for k in range(betas.size):
        value -= draws[k] * logs[k]
        slope[k] -= draws[k]
    return value


@compiled
def solve_positive(matrix, right):
    """Solve A x = b, of a positive definite A in its lower half (Cholesky): b becomes x. False if A is none.

    The first row and column are left out: x_0 = 0.
    """
    size = right.size
    for k in range(1, size):
        for j in range(1, k + 1):
            total = matrix[k, j]
            for i in range(1, j):
                total -= matrix[k, i] * matrix[j, i]
            if j < k:
                matrix[k, j] = total / matrix[j, j]
            elif not total > 0.0:
                return False
            else:
                matrix[k, k] = np.sqrt(total)
    right[0] = 0.0
    for k in range(1, size):
        for i in range(1, k):
            right[k] -= matrix[k, i] * right[i]
        right[k] /= matrix[k, k]
    for k in range(size - 1, 0, -1):
        for i in range(k + 1, size):
            right[k] -= matrix[i, k] * right[i]
        right[k] /= matrix[k, k]
    return True


@compiled
def descend(logs, betas, draws, levels, counts):
    """Change ln(n_k/Z_k) until all temperatures have their draws, by Newton's steps; tell whether they do."""
    size = betas.size
    slope, curve, tried = np.zeros(size), np.zeros((size, size)), np.zeros(size)
    value = slopes_of(logs, betas, draws, levels, counts, slope, curve)
    for _ in range(NEWTON_STEPS):
        step = slope.copy()
        if not solve_positive(curve, step):
            return False
        largest = np.abs(step).max()
        share = min(1.0, LARGEST_CHANGE / max(largest, LARGEST_CHANGE))
        found = np.inf
        while not found <= value + ROUNDED * abs(value) and share > ROUNDED:
            for k in range(size):
                tried[k] = logs[k] - share * step[k]
            found = slopes_of(tried, betas, draws, levels, counts, slope, curve)
            share /= 2.0
        logs[:], value = tried, found
        if largest <= NEWTON_TOLERANCE:
            return True
    return False


@compiled
def solve_weights(betas, draws, means, levels, counts):
    """Return ln(Z_k/Z_0) and the weights of draws, see `log_weights`."""
    size = betas.size
    logs, guess, shares = np.zeros(size), 0.0, np.zeros(size)
    for k in range(size):
        if k > 0:
            guess -= (betas[k] - betas[k - 1]) * (means[k] + means[k - 1]) / 2.0
        logs[k] = logarithm(draws[k]) - guess
    out, weights = np.full(size, np.nan), np.full((size, levels.size), np.nan)
    if not descend(logs, betas, draws, levels, counts):
        return out, weights
    for k in range(size):
        out[k] = (logarithm(draws[k]) - logs[k]) - (logarithm(draws[0]) - logs[0])
    for b in range(levels.size):
        spread_levels(shares, logs, betas, levels[b])
        for k in range(size):
            weights[k, b] = shares[k] / draws[k]
    return out, weights
