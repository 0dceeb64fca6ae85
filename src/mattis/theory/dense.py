"""Networks that store more patterns than neurons, at T = 0: polynomial and exponential energies.

Polynomial, P = alpha N^{n-1} patterns, E = -sum_mu F(sum_i xi_i^mu S_i): F(x) = x^n (`full`), or the same
with products of n different spins only (`distinct`). For n >= 3 the noise of the other patterns is normal,
as if the state did not act on it: m = erf u, u = m^{n-1}/sqrt(2 k alpha), k = (2n - 3)!! (full) or (n - 1)!
(distinct). u is the parameter, alpha = erf(u)^{2n-2}/(2 k u^2); the stable state is the branch of large u.
At n = 2 the state does act on its noise (r > 1 in AGS), and the same equation would give
m = erf(m/sqrt(2 alpha)), which ends at 2/pi: both conventions are then the Hopfield network without
self-coupling, theory/hopfield.py.

Exponential, P = e^{alpha N}: pattern mu has the weight e^{N lambda m_mu}. The weights of the others are
those of a random energy model: a pattern is retrieved where its own is greater than their sum.

E. Gardner, J. Phys. A 20, 3453 (1987); D. Krotov and J. J. Hopfield, NIPS 29 (2016); M. Demircigil et al.,
J. Stat. Phys. 168, 288 (2017); C. Lucibello and M. Mezard, Phys. Rev. Lett. 132, 077301 (2024).
"""

import math
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import erf

from mattis.theory import hopfield, steps
from mattis.theory.numerics.arrays import NAN, Array, Elementwise
from mattis.theory.numerics.roots import Indices, roots

DENSE_LOWEST, DENSE_HIGHEST = 0.1, 4.0
"""Between these u lies the end of the branch: 0.99 at n = 3, 1.92 at n = 20."""


def _noise(degree: int, indices: str) -> float:
    """Return k, the variance of the noise over alpha: (2n - 3)!!, or (n - 1)! of different indices."""
    if indices == "distinct":
        return float(math.factorial(degree - 1))
    return float(math.prod(range(1, 2 * degree - 2, 2)))


@lru_cache(maxsize=64)
def _end(degree: int) -> float:
    """Return u where the branch ends, d alpha/du = 0: erf u = (n - 1) u (2/sqrt(pi)) exp(-u^2)."""

    def slope(u: float) -> float:
        return math.erf(u) - (degree - 1) * u * 2 / math.sqrt(math.pi) * math.exp(-u * u)

    return float(brentq(slope, DENSE_LOWEST, DENSE_HIGHEST, xtol=1e-300, rtol=1e-14))


@Elementwise
def overlap(degree: Array, load: Array, indices: str) -> Array:
    """Return the overlap m = erf u of the retrieval state, u sqrt(2 k alpha) = erf(u)^{n-1}, the largest u.

    alpha = P/N^{n-1}. Krotov & Hopfield (2016) for `full`, Gardner (1987) for `distinct`; the Hopfield
    network (AGS 1987, T = 0) at n = 2. NaN beyond alpha_c, near which simulations from the pattern lie above.
    """
    out = np.full(load.size, NAN)
    for n in np.unique(degree).astype(int).tolist():
        some = degree == n
        if n == 2:
            out[some] = hopfield.overlap.over(load[some], np.zeros(some.sum()))
        else:
            out[some] = _overlaps(n, load[some], indices)
    return out


def _overlaps(n: int, load: Array, indices: str) -> Array:
    """Return `overlap` at one degree above 2."""
    out = np.full(load.size, NAN)
    at = np.flatnonzero((load > 0) & (load <= alpha_c(n, indices)))
    scale = math.sqrt(2 * _noise(n, indices)) * np.sqrt(load[at])
    end = np.full(at.size, _end(n))

    def excess(u: Array, which: Indices) -> Array:
        return np.asarray(erf(u) ** (n - 1) / (u * scale[which]) - 1)

    beyond = excess(end, np.arange(at.size)) <= 0  # the end itself, to rounding
    u = roots(excess, end, np.where(beyond, NAN, 1.01 / scale))  # erf u <= 1
    out[at] = erf(np.where(beyond, end, u))
    return out


def alpha_c(degree: float, indices: str) -> float:
    """Return the largest P/N^{n-1} with a retrieval state: the maximum over u of erf(u)^{2n-2}/(2 k u^2).

    0.0840635 at n = 3, 0.0131907 at n = 4 (full); 0.1379056 at n = 2, AGS 1987.
    """
    n = int(degree)
    if n == 2:
        return hopfield.alpha_c()
    u = _end(n)
    return math.erf(u) ** (2 * n - 2) / (2 * _noise(n, indices) * u * u)


def bit_error(degree: float, size: float, patterns: float, indices: str) -> float:
    """Return the probability that a bit of a stored pattern is not stable, sums taken as normal.

    Q(sqrt(N^{n-1}/(k (P - 1)))) = erfc(sqrt(N^{n-1}/(2 k (P - 1))))/2, k = (2n - 3)!! (full), (n - 1)!
    (distinct). Krotov & Hopfield (2016), whose K counts the other patterns; steps.bit_error at n = 2.
    """
    n = int(degree)
    return steps.error(math.sqrt(size ** (n - 1) / _noise(n, indices) / (patterns - 1)))


def _dominant(lambda_: float) -> float:
    """Return x, the overlap of the patterns on the sphere that weigh most: x/(1 - x^2) = lambda.

    It maximises ln(1 - x^2)/2 + lambda x, and 1/(1 - x^2) = 1 + lambda x.
    """
    return lambda_ / (0.5 + math.hypot(0.5, lambda_))


def alpha_sphere(lambda_: float) -> float:
    """Return ln(P)/N below which a pattern on the sphere outweighs all others in the softmax at the pattern.

    alpha_1 = lambda (1 - x) - ln(1 - x^2)/2, x = (-1 + sqrt(1 + 4 lambda^2))/(2 lambda).
    Lucibello & Mezard (2024).
    """
    x, half = _dominant(lambda_), math.hypot(0.5, lambda_)
    rest = (0.5 + 0.25 / (half + lambda_)) / (0.5 + half)  # 1 - x without the cancellation
    return lambda_ * rest + math.log1p(lambda_ * x) / 2


def alpha_sign(lambda_: float) -> float:
    """Return ln(P)/N below which a stored pattern of signs is stable when one spin is updated.

    2 lambda - ln cosh 2 lambda, which tends to ln 2: the signal e^{lambda N} squared exceeds the variance
    P cosh(2 lambda)^N of the others. The rule is that of Demircigil et al. (2017); here for a typical spin.
    """
    return -math.log1p(math.expm1(-4 * lambda_) / 2)


def cue_sphere(lambda_: float, load: float) -> float:
    """Return the least overlap of a cue on the sphere from which one softmax step retrieves, load = ln(P)/N.

    Of e^{N alpha} others, e^{N [alpha + ln(1 - q^2)/2]} have overlap q with the cue: a random energy model.
    Their weight is e^{N Phi}, Phi = max over q of alpha + ln(1 - q^2)/2 + lambda q, which is at q = x if
    patterns are so near, else (frozen) at the nearest, Phi = lambda q, q = sqrt(1 - e^{-2 alpha}). The
    pattern's own weight e^{N lambda m0} exceeds it for m0 > Phi/lambda; 1, which no cue exceeds, from
    alpha_sphere on. Lucibello & Mezard (2024).
    """
    gain = lambda_ * _dominant(lambda_)
    entropy = load - math.log1p(gain) / 2
    if entropy < 0:
        return math.sqrt(-math.expm1(-2 * load))
    return min(1.0, (entropy + gain) / lambda_)
