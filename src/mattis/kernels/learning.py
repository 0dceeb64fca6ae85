"""Saturating learning: couplings of bounded integers, one pattern after the other."""

import numpy as np
from numba import njit

compiled = njit(cache=True, nogil=True, error_model="numpy")


@compiled
def saturating(couplings, patterns, bound):
    """Learn patterns in their order: T_ij <- clip(T_ij + xi_i xi_j, -bound, bound), J_ii as well.

    couplings  # (N, N) int16, changed in place; patterns  # (P, N) int8, the oldest first
    Row by row, so that a row stays in the cache while it learns all patterns.
    """
    size, low, high = couplings.shape[0], np.int16(-bound), np.int16(bound)
    for i in range(size):
        row = couplings[i]
        for mu in range(patterns.shape[0]):
            own = np.int16(patterns[mu, i])
            for j in range(size):
                new = row[j] + own * np.int16(patterns[mu, j])
                row[j] = min(max(new, low), high)
