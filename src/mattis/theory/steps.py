"""The first steps from a pattern: how many bits err, and two steps of all sites at once. T = 0.

J. J. Hopfield, PNAS 79, 2554 (1982); E. Gardner, B. Derrida and P. Mottishaw, J. Physique 48, 741 (1987).
"""

import math

COUNTED = 500  # up to this many pairs binomials are exact, beyond good to 1e-6 of their 1/sqrt(P)


def error(x: float) -> float:
    """Return Q(x), the probability that a normal deviate is above x."""
    return math.erfc(x / math.sqrt(2)) / 2


def bit_error(size: float, patterns: float, neurons: str) -> float:
    """Return the probability that a bit of a stored pattern is not stable, sums taken as normal.

    Q(sqrt(N/(P - 1))) of ±1 neurons; Q(sqrt(N/(2(P - 1)))) of 0/1 neurons with thresholds 0 (Hopfield's own:
    x = (N/2)/sqrt((P - 1) N/2)).
    """
    twice = 2 if neurons == "zero_one" else 1
    return error(math.sqrt(size / (twice * (patterns - 1))))


def familiarity(load: float, neurons: str, size: float = math.inf) -> float:
    """Return the fraction of neurons that want to flip at a stored pattern; 1/2 at a new one.

    Q(1/sqrt(a)), or Q(1/sqrt(2 a)) of 0/1 neurons with thresholds 0, a = (P - 1)/N = alpha - 1/N of the other
    patterns: also far above capacity. It is `bit_error` at finite N. NaN where alpha N < 1: no pattern.
    """
    others = load - 1 / size
    if others < -1e-12 * load:
        return math.nan
    noise = (2 if neurons == "zero_one" else 1) * max(others, 0.0)
    return error(1 / math.sqrt(noise)) if noise > 0 else 0.0


def frustration(patterns: float) -> float:
    """Return the fraction of bonds that are frustrated, J_ij S_i S_j < 0, at a stored pattern of random ones.

    N J_ij xi_i xi_j = 1 + B, B a sum of P - 1 random signs: Pr(B <= -2), exact at any N. With h = P div 2 and
    c = C(2h, h)/4^h it is (1 - c)/2 for odd P, 1/2 - c for even P: 0 for P = 2, 1/2 - O(1/sqrt(P)) for many.
    Derived for this project.
    """
    half = int(patterns) // 2
    if half <= COUNTED:
        even = float(math.comb(2 * half, half) / 4**half)
    else:
        even = math.exp(math.lgamma(half + 0.5) - math.lgamma(half + 1)) / math.sqrt(math.pi)
    return (1 - even) / 2 if patterns % 2 else 0.5 - even


def one_step(load: float, overlap: float) -> float:
    """Return the overlap after one step of all sites: m1 = erf(m0/sqrt(2 alpha))."""
    return math.erf(overlap / math.sqrt(2 * load))


def two_steps(load: float, overlap: float) -> float:
    """Return the overlap after two steps of all sites, exact for J_ii = 0.

    m2 = sum_{e=±1} (1 + e m0)/2 erf((m1 + alpha U e)/(s sqrt(2))), U = 2 phi(m0/sqrt(alpha))/sqrt(alpha),
    s^2 = alpha (1 + U^2 + 2 U m0 m1).
    """
    first = one_step(load, overlap)
    density = math.exp(-overlap * overlap / (2 * load)) / math.sqrt(2 * math.pi)
    u = 2 * density / math.sqrt(load)
    spread = math.sqrt(2 * load * (1 + u * u + 2 * u * overlap * first))
    return sum((1 + e * overlap) / 2 * math.erf((first + load * u * e) / spread) for e in (-1, 1))
