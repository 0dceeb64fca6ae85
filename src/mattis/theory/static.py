"""Retrieval at T = 0 where the couplings carry static noise, or patterns are weighted by their age.

All of these obey m = erf y, y = s m/sqrt(2 R), C sqrt(R) = sqrt(2/pi) exp(-y^2), with the signal s of the
cued pattern and the noise R of all others, which depend on the rule. y is the parameter: m, C and the
load follow explicitly, and the retrieval state is the branch of large y. Nothing is iterated.

H. Sompolinsky, Phys. Rev. A 34, 2571 (1986): clipped, dead zone, dilution; B. Derrida, E. Gardner and
A. Zippelius, Europhys. Lett. 4, 167 (1987); A. Duering, A. C. C. Coolen and D. Sherrington, J. Phys. A 31,
8607 (1998): sequences; M. Mezard, J.-P. Nadal and G. Toulouse, J. Physique 47, 1457 (1986): weights by age.
"""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from mattis.theory import hopfield
from mattis.theory.numerics.arrays import NAN
from mattis.theory.numerics.quadrature import spin_averages
from mattis.theory.numerics.roots import peak

SIGNAL_YOUNG = 0.01
"""Below this tau no walk has met a second wall, to e^{-50}; above it 30 modes are all."""

STATIC_LOWEST, STATIC_HIGHEST = 0.05, 6.0
"""Between these y lies the end of every branch."""


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    return float(brentq(function, low, high, xtol=1e-300, rtol=1e-14, maxiter=1000))


def _susceptibility(y: float) -> float:
    """Return C sqrt(R) = sqrt(2/pi) exp(-y^2)."""
    return math.sqrt(2 / math.pi) * math.exp(-y * y)


def _overlap(load_of: Callable[[float], float], load: float) -> float:
    """Return m = erf y on the branch of large y, where the load falls with y; NaN beyond its end."""
    end = _end(load_of)
    top = load_of(end)
    if not 0 < load <= top:
        return NAN
    if load == top:
        return math.erf(end)
    high = max(1 / math.sqrt(2 * load), end) * 1.01
    return math.erf(_root(lambda y: load_of(y) / load - 1, end, high))


@lru_cache(maxsize=256)
def _end(load_of: Callable[[float], float]) -> float:
    """Return the y where a load is largest: the best of a grid, then golden section."""
    grid = np.linspace(STATIC_LOWEST, STATIC_HIGHEST, 120)
    best = int(np.argmax([load_of(float(y)) for y in grid]))
    return peak(load_of, float(grid[max(best - 1, 0)]), float(grid[min(best + 1, 119)]))


@lru_cache(maxsize=256)
def _noisy(kappa: float) -> Callable[[float], float]:
    """Return the load as a function of y with static noise of variance kappa alpha/N in every coupling.

    rho = erf y/(sqrt(2) y), C = sqrt(2/pi) exp(-y^2)/rho, alpha = rho^2/(1/(1 - C)^2 + kappa).
    """

    def load_of(y: float) -> float:
        rho = math.erf(y) / (math.sqrt(2) * y)
        gap = 1 - _susceptibility(y) / rho
        return rho**2 / (1 / gap**2 + kappa)

    return load_of


CLIPPED = math.pi / 2 - 1


def clipped_overlap(load: float) -> float:
    """Return m for couplings clipped to their signs: static noise kappa = pi/2 - 1. T = 0."""
    return _overlap(_noisy(CLIPPED), load)


def clipped_overlap_finite(load: float, patterns: float) -> float:
    """Return m for couplings clipped to their signs, of P patterns: static noise as P has it. T = 0.

    kappa = P (1 - p)/E|S|² - 1, S the sum of P signs, p = P(S = 0): where P is even, a share sqrt(2/(pi P))
    of the bonds is 0, which is a dead zone. Derived for this project.
    """
    return _overlap(_noisy(_signs(patterns)), load)


MANY_SIGNS = 1000
"""Signs from which on the probability that their sum is 0 is that of Stirling's series."""


@lru_cache(maxsize=4096)
def _signs(patterns: float) -> float:
    """Return kappa of the signs of sums of P signs.

    E|S| = P C(P, P/2)/2^P of an even P, which is that of P - 1.
    """
    odd = patterns % 2 == 1
    even = patterns + 1 if odd else patterns
    if even > MANY_SIGNS:  # Stirling's series, whose next term is of order P^-3
        none = math.sqrt(2 / (math.pi * even)) * (1 - 1 / (4 * even) + 1 / (32 * even**2))
    else:
        none = math.comb(round(even), round(even / 2)) / 2 ** round(even)
    mean = even * none  # E|S| of `even` and of one less
    return patterns / mean**2 - 1 if odd else even * (1 - none) / mean**2 - 1


def clipped_alpha_c() -> float:
    """Return the capacity of couplings clipped to their signs: 0.101839."""
    return _noisy(CLIPPED)(_end(_noisy(CLIPPED)))


def _zone(threshold: float) -> float:
    """Return kappa = erfc(t/sqrt(2))/(2 phi(t))^2 - 1 of couplings that are 0 in |x| <= t."""
    density = math.exp(-threshold * threshold / 2) / math.sqrt(2 * math.pi)
    return math.erfc(threshold / math.sqrt(2)) / (2 * density) ** 2 - 1


def dead_zone_overlap(load: float, threshold: float) -> float:
    """Return m for couplings -1, 0, 1 that are 0 where |sum xi xi| <= threshold sqrt(P). T = 0."""
    return _overlap(_noisy(_zone(threshold)), load)


def dead_zone_alpha_c(threshold: float) -> float:
    """Return the capacity with a dead zone: largest, 0.119687, at threshold 0.612."""
    load_of = _noisy(_zone(threshold))
    return load_of(_end(load_of))


@lru_cache(maxsize=1)
def dead_zone_best() -> tuple[float, float]:
    """Return the dead zone over sqrt(P) that stores most, and that load: (0.612, 0.119687).

    The maximum over t of `dead_zone_alpha_c`.
    """
    threshold = peak(dead_zone_alpha_c, 0.3, 1.0)
    return threshold, dead_zone_alpha_c(threshold)


def dilution_overlap(load: float, connectivity: float) -> float:
    """Return m where a share c of the bonds is left, symmetrically: kappa = (1 - c)/c; load = P/N. T = 0."""
    return _overlap(_noisy((1 - connectivity) / connectivity), load)


def dilution_alpha_c(connectivity: float) -> float:
    """Return the capacity P/N with symmetric dilution: 0.086542 at c = 1/2."""
    load_of = _noisy((1 - connectivity) / connectivity)
    return load_of(_end(load_of))


def zero_one_overlap(load: float) -> float:
    """Return m for neurons 0, 1 with thresholds 0: the mean activity doubles the noise, m_AGS(2 alpha)."""
    return hopfield.overlap(2 * load, 0.0)


def zero_one_alpha_c() -> float:
    """Return the capacity of neurons 0, 1 with thresholds 0: half of AGS, 0.0689528."""
    return hopfield.alpha_c() / 2


def _sequence(y: float) -> float:
    """Return alpha = (m^2/2 y^2)(1 - C^2), C = 2 y exp(-y^2)/(sqrt(pi) m), m = erf y."""
    m = math.erf(y)
    c = 2 * y * math.exp(-y * y) / (math.sqrt(math.pi) * m)
    return (m / y) ** 2 / 2 * (1 - c * c)


def sequence_overlap(load: float) -> float:
    """Return m with the pattern that is due, purely asymmetric couplings, all sites at once. T = 0."""
    return _overlap(_sequence, load)


def sequence_alpha_c() -> float:
    """Return the capacity for a sequence: 0.269062."""
    return _sequence(_end(_sequence))


def dilute_overlap(load: float, temperature: float) -> float:
    """Return m of few directed bonds: m = E tanh((m + sqrt(alpha) z)/T), load = P/C. 0 beyond T_c.

    At T = 0, m = erf(m/sqrt(2 alpha)), which vanishes continuously at 2/pi.
    """
    width = math.sqrt(load)
    if spin_averages(0.0, width, temperature).gap >= 0:
        return 0.0
    return hopfield.solve_overlap(width, temperature)[0]


def dilute_alpha_c() -> float:
    """Return the largest load P/C of few directed bonds: 2/pi, where m = erf(m/sqrt(2 alpha)) vanishes."""
    return 2 / math.pi


def dilute_T_c(load: float) -> float:
    """Return the temperature where m vanishes: 1 = E sech^2(sqrt(alpha) z/T)/T. NaN for load >= 2/pi."""
    if not 0 < load < 2 / math.pi:
        return NAN
    width = math.sqrt(load)
    return _root(lambda t: spin_averages(0.0, width, t).gap, 1e-9, 1.0)


def _excess(x: float) -> float:
    """Return 2 [x/(1 - x) + ln(1 - x)]/x^2, 1 at x = 0, without the cancellation."""
    if x < 1e-3:
        return sum(2 * (k - 1) / k * x ** (k - 2) for k in range(2, 9))
    return 2 * (x / (1 - x) + math.log1p(-x)) / x**2


def _response(noise: Callable[[float], float], value: float, most: float) -> float:
    """Return the root x of x sqrt(noise(x)) = wanted, noise rising; `most` where there is none below it."""
    if most * math.sqrt(noise(most)) <= value:
        return most
    high = min(most, 1.0001 * value / math.sqrt(noise(0.0)))
    low = 0.9999 * value / math.sqrt(noise(high))
    return _root(lambda x: x * math.sqrt(noise(x)) / value - 1, low, high) if high > 0 else 0.0


@lru_cache(maxsize=256)
def _fading(epsilon: float) -> Callable[[float], float]:
    """Return the age over N, u, as a function of y with the weights epsilon exp(-epsilon^2 u/2).

    R = (2/(epsilon C)^2) [1/(1 - C epsilon) - 1 + ln(1 - C epsilon)], Lambda_u = y sqrt(2 R)/erf y.
    """

    def age_of(y: float) -> float:
        x = _response(_excess, _susceptibility(y) * epsilon, 1 - 1e-15)
        weight = y * math.sqrt(2 * _excess(x)) / math.erf(y)
        return 2 / epsilon**2 * math.log(epsilon / weight)

    return age_of


def palimpsest_overlap(load: float, epsilon: float) -> float:
    """Return m with the pattern of age load N under marginalist learning. T = 0; NaN beyond alpha_c."""
    return _aged(_fading(epsilon), load)


def palimpsest_alpha_c(epsilon: float) -> float:
    """Return the age over N of the oldest retrieved pattern: largest, 0.048958, at epsilon = 4.108."""
    return _oldest(_fading(epsilon))


@lru_cache(maxsize=1)
def palimpsest_best() -> tuple[float, float]:
    """Return the epsilon that keeps the oldest pattern, and its age over N: (4.108, 0.048958).

    The maximum over epsilon of `palimpsest_alpha_c`.
    """
    epsilon = peak(palimpsest_alpha_c, 3.0, 6.0)
    return epsilon, palimpsest_alpha_c(epsilon)


def _oldest(age_of: Callable[[float], float]) -> float:
    """Return the largest age of a branch; NaN where no pattern is retrieved."""
    top = age_of(_end(age_of))
    return top if top > 0 else NAN


def _aged(age_of: Callable[[float], float], load: float) -> float:
    """Return m = erf y at an age, on the branch where older patterns have a smaller y."""
    end = _end(age_of)
    if not 0 < load <= age_of(end):
        return NAN
    high = end
    while age_of(high) > load:
        high += 1.0
    return math.erf(_root(lambda y: age_of(y) - load, end, high)) if high > end else math.erf(end)


@lru_cache(maxsize=1)
def _ages() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return weights of an integral over tau = u/A^2 and the signal s(tau) there: Gauss rule in sqrt(tau)."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    root = 2.2 * (1 + nodes)
    return 2.2 * weights * 2 * root, np.array([_signal(t * t) for t in root])


def _signal(tau: float) -> float:
    """Return s = (8/pi^2) sum_{k odd} exp(-k^2 pi^2 tau/8)/k^2, 1 - sqrt(2 tau/pi) for young patterns.

    The signal of a pattern after u = A^2 tau N others, in couplings that diffuse between walls at
    -A sqrt(N) and A sqrt(N).
    """
    if tau < SIGNAL_YOUNG:
        return 1 - math.sqrt(2 * tau / math.pi)
    return 8 / math.pi**2 * sum(math.exp(-k * k * math.pi**2 * tau / 8) / k**2 for k in range(1, 60, 2))


@lru_cache(maxsize=256)
def _bounded(bound: float) -> Callable[[float], float]:
    """Return the age over N as a function of y where couplings saturate at A sqrt(N)/N.

    R = A^2 [int s^2/(1 - C s)^2 dtau + 1/3 - int s^2 dtau], s_u = y sqrt(2 R)/erf y.
    """
    weights, signal = _ages()
    # int s^2 is 0.281154: its modes are not orthogonal in time, and their squares alone would be 4/15.
    rest = 1 / 3 - float(weights @ signal**2)

    def noise(c: float) -> float:
        return bound**2 * (float(weights @ (signal / (1 - c * signal)) ** 2) + rest)

    def age_of(y: float) -> float:
        c = _response(noise, _susceptibility(y), 1 - 1e-9)
        s = y * math.sqrt(2 * noise(c)) / math.erf(y)
        # Beyond the youngest pattern the signal is continued, so that ages stay monotonous.
        return bound**2 * (_age(s) if s < 1 else 1 - s)

    return age_of


def _age(signal: float) -> float:
    """Return tau where the signal is s < 1."""
    if signal > 1 - math.sqrt(2 * SIGNAL_YOUNG / math.pi):
        return math.pi / 2 * (1 - signal) ** 2
    return _root(lambda t: _signal(t * t) - signal, 0.0, 8.0) ** 2


def bounded_overlap(load: float, bound: float) -> float:
    """Return m with the pattern of age load N where |N J_ij| <= bound sqrt(N). T = 0; NaN beyond alpha_c.

    Derived for this project from the above with Hebbian parts s(u) and the rest of the variance A^2/3 as
    static noise. Simulations of 2500 neurons from the pattern lie up to 0.0015 above it for load <= 0.03.
    """
    return _aged(_bounded(bound), load)


def bounded_alpha_c(bound: float) -> float:
    """Return the age over N of the oldest retrieved pattern: largest, 0.040473, at bound 0.3546."""
    return _oldest(_bounded(bound))


@lru_cache(maxsize=1)
def bounded_best() -> tuple[float, float]:
    """Return the bound A that keeps the oldest pattern, and its age over N: (0.354612, 0.0404733).

    The maximum over A of `bounded_alpha_c`.
    """
    bound = peak(bounded_alpha_c, 0.25, 0.5)
    return bound, bounded_alpha_c(bound)


def bounded_signal(levels: float, age: float) -> float:
    """Return E[T_ij xi_i xi_j] of the age-th newest pattern where T <- clip(T + xi xi, -b, b).

    A Markov chain on -b ... b, exact: 6/7, 5/7, 9/14 ... for b = 3; J. J. Hopfield, PNAS 79, 2554 (1982).
    """
    b = int(levels)
    values = np.arange(-b, b + 1)
    weight = np.bincount(np.minimum(values + 1, b) + b, minlength=2 * b + 1) / (2 * b + 1)
    for _ in range(int(age) - 1):
        up, down = np.roll(weight, 1), np.roll(weight, -1)
        up[0], down[-1] = 0.0, 0.0
        up[-1] += weight[-1]
        down[0] += weight[0]
        weight = (up + down) / 2
    return float(weight @ values)
