"""Couplings of a network, as exact integers N J."""

import numpy as np
from numpy.typing import NDArray

from mattis.patterns import Signs


def hebb(xi: Signs) -> NDArray[np.signedinteger]:
    """Return N J of the Hebb rule: N J_ij = sum_mu xi_i^mu xi_j^mu, J_ii = 0.

    Hopfield, PNAS 79, 2554 (1982), eq. (2). The product is a float32 matrix product, exact because
    every partial sum is an integer below 2^24; the result has the narrowest integer type that holds it.
    xi  # (P, N) int8; returns (N, N), symmetric, zero diagonal
    """
    assert xi.shape[0] < 2**24, "sums of P signs must be exact in float32"
    signs = xi.astype(np.float32)
    product = signs.T @ signs
    np.fill_diagonal(product, 0.0)
    return product.astype(narrowest(int(max(product.max(), -product.min()))))


def narrowest(bound: int) -> type[np.signedinteger]:
    """Return the narrowest signed integer type that holds -bound … bound."""
    for kind in (np.int8, np.int16, np.int32):
        if bound <= np.iinfo(kind).max:
            return kind
    return np.int64


def row_bound(nj: NDArray[np.signedinteger]) -> int:
    """Return max_i sum_j |N J_ij|: no state of the network has a field |N h| above it."""
    return int(np.abs(nj).sum(axis=1, dtype=np.int64).max(initial=0))
