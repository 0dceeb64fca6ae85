"""The Ising model on a square lattice without end, J = 1 for each bond: H = -sum_<ij> S_i S_j.

L. Onsager, Phys. Rev. 65, 117 (1944); C. N. Yang, Phys. Rev. 85, 808 (1952).
"""

import math

from scipy.special import ellipkm1


def critical_temperature() -> float:
    """Return T_c = 2/ln(1 + sqrt(2)): sinh(2/T_c) = 1."""
    return 2 / math.log1p(math.sqrt(2))


def magnetisation(temperature: float) -> float:
    """Return |M| = (1 - sinh(2/T)^-4)^(1/8), 0 above T_c."""
    if temperature >= critical_temperature():
        return 0.0
    twice = 2 / temperature if temperature > 0 else math.inf
    return 1.0 if twice > 300 else float((1 - math.sinh(twice) ** -4) ** 0.125)


def correlation_length(temperature: float) -> float:
    """Return xi along an axis, in bonds; infinite at T_c, 0 at T = 0.

    1/xi = -ln tanh(1/T) - 2/T above T_c, 2 (2/T + ln tanh(1/T)) below. M. E. Fisher & R. J. Burford, Phys.
    Rev. 156, 583 (1967).
    """
    if temperature == 0:
        return 0.0
    rate = -math.log(math.tanh(1 / temperature)) - 2 / temperature
    rate = rate if rate > 0 else -2 * rate
    return 1 / rate if rate else math.nan


def energy(temperature: float) -> float:
    """Return u = -coth(2 b) [1 + (2/pi) (2 tanh(2 b)^2 - 1) K(k)], k = 2 sinh(2 b)/cosh(2 b)^2, b = 1/T.

    1 - k² = (2 tanh(2 b)² - 1)²; at T_c, where K diverges, its factor is 0: u = -sqrt(2).
    """
    twice = 2 / temperature if temperature > 0 else math.inf
    if twice > 300:
        return -2.0
    slope = 2 * math.tanh(twice) ** 2 - 1
    singular = slope * float(ellipkm1(slope * slope)) if slope else 0.0
    return -(1 + 2 / math.pi * singular) / math.tanh(twice)
