"""Pavlovian matrices: the mean of Xi^T Xi under its own rule, and under consolidation.

    G <- G + (N_h xi' xi'^T - G)/(tau N_h),   xi' shown with probability p     (the Pavlovian rule)

The rule is linear, so its mean is explicit. Matrices in the span of old memories and shown patterns are
Y^T M Y with Y = [Xi(0); xi'] and 2 N_h x 2 N_h weights M: norms then follow from the Gram matrix Y Y^T.

Sources: D. Lotito, "Neural Learning Rules from Associative Networks Theory", Neurocomputing 636, 129865
(2025) [Lotito], eqs. (23) to (25); (23) is printed there without tau, and (24), the matrix of consolidated
memories, does not solve it: at equal e it lies e (1 - e) (Xi(0) - xi')^T (Xi(0) - xi') below.
"""

import math

import numpy as np

from mattis.theory.numerics.arrays import Array


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


def pavlovian_old_share(steps: float, tau: float, memories: int) -> float:
    """Return the share e of the old Pavlovian matrix after so many presentations of any pattern.

    e = (1 - 1/(tau N_h))^t; the rate of one pattern is that of its own memory. Derived for this project.
    """
    return float((1 - 1 / (tau * memories)) ** steps)


def pavlovian(old: Array, targets: Array, probabilities: Array, old_share: float) -> Array:
    """Return the mean Pavlovian matrix, from old memories and patterns (rows).

    G = e Xi(0)^T Xi(0) + (1 - e) N_h xi'^T diag(p) xi'. Lotito eq. (23), with tau in e.
    """
    return _matrix(np.concatenate([old, targets]), pavlovian_weights(probabilities, old_share))


def hebbian(old: Array, targets: Array, old_shares: Array) -> Array:
    """Return Xi^T Xi of memories with shares c_mu of the old ones, from old memories and patterns (rows).

    Xi_mu = c_mu Xi_mu(0) + (1 - c_mu) xi'_mu: one-hot softmax. Lotito eq. (24), with tau.
    """
    return _matrix(np.concatenate([old, targets]), hebbian_weights(old_shares))


def pavlovian_weights(probabilities: Array, old_share: float) -> Array:
    """Return the weights M of the mean Pavlovian matrix, Y^T M Y with Y = [Xi(0); xi'].

    M = diag(e, ..., e, (1 - e) N_h p). Lotito eq. (23), with tau in e.
    """
    rows = len(probabilities)
    shares = np.concatenate([np.full(rows, old_share), (1 - old_share) * rows * probabilities])
    return np.asarray(np.diag(shares), np.float64)


def hebbian_weights(old_shares: Array) -> Array:
    """Return the weights M of Xi^T Xi = Y^T M Y with Y = [Xi(0); xi'], one-hot softmax.

    M = U^T U, U = [diag(c), 1 - diag(c)]. Lotito eq. (24), with tau.
    """
    shares = np.concatenate([np.diag(old_shares), np.diag(1 - old_shares)], axis=1)
    return np.asarray(shares.T @ shares)


def relative_distance(gram: Array, weights: Array, target: Array) -> float:
    """Return |Y^T (M - M') Y|/|Y^T M' Y| (Frobenius), from the Gram matrix C = Y Y^T.

    |Y^T M Y|^2 = tr(M C M C) for symmetric M. Derived for this project.
    """
    return math.sqrt(_square(gram, weights - target) / _square(gram, target))


def _square(gram: Array, weights: Array) -> float:
    product = weights @ gram
    return max(float(np.sum(product * product.T)), 0.0)


def _matrix(rows: Array, weights: Array) -> Array:
    return np.asarray(rows.T @ weights @ rows)


def _distance(square: float, overlap: float, inverse: float) -> float:
    """Return sqrt(d^2 + 2 (1 - a^2)/s^2), d a difference of squared norms over s^2."""
    return math.hypot(square, math.sqrt(2 * (1 - overlap) * (1 + overlap)) * inverse)
