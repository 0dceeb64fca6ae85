"""Pavlovian matrices: the mean of Xi^T Xi under its own rule, and under consolidation.

    G <- G + (N_h xi' xi'^T - G)/(tau N_h),   xi' shown with probability p     (the Pavlovian rule)

The rule is linear, so its mean is explicit: e Xi(0)^T Xi(0) + (1 - e) N_h xi'^T diag(p) xi' with the share
e = (1 - 1/(tau N_h))^t of the old one after t presentations of any pattern.

Sources: D. Lotito, "Neural Learning Rules from Associative Networks Theory", Neurocomputing 636, 129865
(2025) [Lotito], eqs. (23) to (25); (23) is printed there without tau, and (24), the matrix of consolidated
memories, does not solve it: at equal e it lies e (1 - e) (Xi(0) - xi')^T (Xi(0) - xi') below.
"""

import math


def pavlovian_error(presentations: float, tau: float, overlap: float, norm_ratio: float) -> float:
    """Return how far the mean Pavlovian matrix is from its target, relative to the target.

    |G - G'|/|G'| = e sqrt((1 - s^2)^2 + 2 s^2 (1 - a^2))/s^2 (Frobenius), e = e^{-k/tau} for the exact
    (1 - 1/(tau N_h))^(k N_h); orthogonal memories and patterns, uniform p. Lotito eqs. (23), (25), with tau.
    """
    inverse = 1 / norm_ratio
    return math.exp(-presentations / tau) * _distance(inverse * inverse - 1, overlap, inverse)


def hebbian_error(presentations: float, tau: float, overlap: float, norm_ratio: float) -> float:
    """Return the distance of Xi^T Xi of consolidated memories from the Pavlovian target, relative to it.

    sqrt((n^2 - s^2)^2 + 2 c^2 s^2 (1 - a^2))/s^2, n^2 = c^2 + (1 - c)^2 s^2 + 2 c (1 - c) a s,
    c = (1 - 1/tau)^k; one-hot softmax, orthogonal memories and patterns. Lotito eqs. (24), (25), with tau.
    """
    old_share = 1.0 if presentations == 0 else (1 - 1 / tau) ** presentations
    inverse = 1 / norm_ratio
    square = old_share * inverse * inverse + old_share - 2 + 2 * (1 - old_share) * overlap * inverse
    return old_share * _distance(square, overlap, inverse)


def _distance(square: float, overlap: float, inverse: float) -> float:
    """Return sqrt(d^2 + 2 (1 - a^2)/s^2), d a difference of squared norms over s^2."""
    return math.hypot(square, math.sqrt(2 * (1 - overlap) * (1 + overlap)) * inverse)
