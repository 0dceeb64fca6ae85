"""Edges of the spectrum of XiᵀXi for Gaussian memories: Marchenko-Pastur, and how finite sizes shift them.

Xi is (N_h, N_v) with entries N(0, 1/N_h), load alpha = N_h/N_v. XiᵀXi has min(N_h, N_v) eigenvalues that are
not 0 by its rank; as N grows they fill [(1/sqrt(alpha) - 1)^2, (1/sqrt(alpha) + 1)^2].

V. A. Marchenko and L. A. Pastur, Math. USSR Sb. 1, 457 (1967). At finite N: I. M. Johnstone, Ann. Stat. 29,
295 (2001); Z. Ma, Bernoulli 18, 322 (2012); A. Edelman, SIAM J. Matrix Anal. Appl. 9, 543 (1988).
"""

import math

from mattis.theory.numerics.arrays import NAN

TW1_MEAN, TW1_SD = -1.2065335745, 1.2679830
"""Of the Tracy-Widom law of real matrices; F. Bornemann, Math. Comp. 79, 871 (2010)."""

WIDEST = 0.25
"""Largest scale of the logarithm of the least eigenvalue where its law is still Tracy-Widom."""


def edges(load: float) -> tuple[float, float]:
    """Return the least and the largest eigenvalue that are not 0, in the limit of large N.

    (1/sqrt(alpha) -+ 1)^2; 0 at alpha = 1. Marchenko & Pastur (1967).
    """
    root = 1 / math.sqrt(load)
    return (root - 1) ** 2, (root + 1) ** 2


def finite_edges(memories: float, size: float) -> tuple[float, float]:
    """Return the means of the least and the largest eigenvalue that are not 0, N_h = memories, N_v = size.

    N_h lambda_+ = mu + sigma W, ln(N_h lambda_-) = ln nu - tau W, W Tracy-Widom; a, b = sqrt(N - 1/2) of
    each, mu = (a + b)^2, sigma = (a + b)(1/a + 1/b)^{1/3}, nu = (a - b)^2, tau = |1/a - 1/b|^{1/3}/|a - b|,
    E exp(-tau W) from two cumulants. Johnstone (2001), Ma (2012). The edge at 0 is hard for N_h = N_v:
    E lambda_- = 0.68864/N^2 (Edelman 1988). NaN for lambda_- in between, where tau > 1/4. Simulated means
    are within 2 % for N_h, N_v >= 10 (for N_h = N_v: lambda_- from N = 100 on).
    """
    a, b = math.sqrt(memories - 0.5), math.sqrt(size - 0.5)
    high = (a + b) ** 2 + TW1_MEAN * (a + b) * (1 / a + 1 / b) ** (1 / 3)
    return _least(memories, size, a, b) / memories, high / memories


def _least(memories: float, size: float, a: float, b: float) -> float:
    """Return the mean of the least eigenvalue of N_h XiᵀXi (see `finite_edges`)."""
    if memories == size:
        tail = math.erfc(1 / math.sqrt(2)) / 2
        return 2 * (1 - math.sqrt(2 * math.pi * math.e) * tail) / size
    tau = abs(1 / a - 1 / b) ** (1 / 3) / abs(a - b)
    return NAN if tau > WIDEST else (a - b) ** 2 * math.exp(-TW1_MEAN * tau + (TW1_SD * tau) ** 2 / 2)
