"""Saturating learning: couplings of bounded integers, one pattern after the other."""

import numpy as np

from mattis.exact.compiler import compiled


@compiled
def learn(row, pattern, xi_i, low, high):
    """Learn one pattern in one row: T_j <- clip(T_j + xi_i xi_j); 16 bits throughout, the width of lanes."""
    if xi_i > 0:
        for j in range(row.size):
            row[j] = min(max(np.int16(row[j] + pattern[j]), low), high)
    else:
        for j in range(row.size):
            row[j] = min(max(np.int16(row[j] - pattern[j]), low), high)


@compiled
def saturating(couplings, patterns, bound):
    """Learn patterns in their order: T_ij <- clip(T_ij + xi_i xi_j, -bound, bound), J_ii as well.

    couplings  # (N, N) int16, symmetric, changed in place; patterns  # (P, N) int16, the oldest first
    Row by row, so that a row stays in the cache while it learns all patterns; from the diagonal on, for the
    rest is the same.
    """
    low, high = np.int16(-bound), np.int16(bound)
    for i in range(couplings.shape[0]):
        row = couplings[i, i:]
        for mu in range(patterns.shape[0]):
            learn(row, patterns[mu, i:], patterns[mu, i], low, high)
        for j in range(row.size):
            couplings[i + j, i] = row[j]
