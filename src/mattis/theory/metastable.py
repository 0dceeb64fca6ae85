"""Stable states of the glass of Sherrington and Kirkpatrick, couplings normal of variance 1/N.

The fields S_i h_i of any state are normal, of variance (N - 1)/N and covariance 1/N: as sqrt((N - 2)/N) z_i +
sqrt(1/N) z of independent z. So the mean number of states with none below 0 is one integral, at any N.
F. Tanaka & S. F. Edwards, J. Phys. F 10, 2769 (1980); A. J. Bray & M. A. Moore, J. Phys. C 13, L469 (1980).
"""

import math

import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import log_ndtr

GROUND_ENERGY = -0.76317
"""N -> infinity: A. Crisanti & T. Rizzo, Phys. Rev. E 65, 046137 (2002)."""

FINITE_SLOPE = 0.70
"""Of N^(-2/3): S. Boettcher, Eur. Phys. J. B 46, 501 (2005)."""

LARGEST_LOGARITHM = 700.0
"""Of a number that floats hold."""


def _density(x: float) -> float:
    """Return exp(-x²/2)/sqrt(2 pi)."""
    return math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def _saddle() -> float:
    """Return the x of the largest ln 2 Phi(x) - x²/2, where x Phi(x) = phi(x)."""
    root: float = brentq(lambda x: x * math.exp(log_ndtr(x)) - _density(x), 0.1, 1.0, xtol=1e-15)
    return root


def sk_complexity() -> float:
    """Return (1/N) ln of the mean number of stable states: the largest ln 2 Phi(x) - x²/2."""
    x = _saddle()
    return float(math.log(2) + log_ndtr(x) - x * x / 2)


def sk_energy_minima() -> float:
    """Return the energy per spin of most stable states: -x where ln 2 Phi(x) - x²/2 is largest."""
    return -_saddle()


def _log_weight(z: float, size: float) -> float:
    """Return ln of phi(z) [2 Phi(z/sqrt(N - 2))]^N."""
    inside = size * (math.log(2) + float(log_ndtr(z / math.sqrt(size - 2))))
    return inside - z * z / 2 - math.log(2 * math.pi) / 2


def sk_minima(size: float) -> float:
    """Return the mean number of stable states of N spins: 2^N E Phi(z/sqrt(N - 2))^N; NaN above 1e308."""
    if size == 2:
        return 2.0
    if sk_complexity() * size > LARGEST_LOGARITHM:
        return math.nan
    places = np.linspace(-8, 2 * math.sqrt(size) + 8, 4001)
    weights = np.array([_log_weight(z, size) for z in places.tolist()])
    top, middle = float(weights.max()), float(places[weights.argmax()])
    area, _ = quad(
        lambda z: math.exp(_log_weight(z, size) - top), middle - 12, middle + 12, epsabs=0, epsrel=1e-12
    )
    return math.exp(top + math.log(area))


def sk_ground_energy(size: float = math.inf) -> float:
    """Return the lowest energy per spin of N spins, its mean: E + a N^(-2/3)."""
    slope: float = FINITE_SLOPE * size ** (-2 / 3)
    return GROUND_ENERGY + slope
