"""Replica-symmetric theory of the Hopfield model near saturation (AGS).

H = -1/2 sum_{i != j} J_ij S_i S_j, J_ij = (1/N) sum_mu xi_i^mu xi_j^mu, load alpha = P/N and
T = 1/beta in units of J. With w = sqrt(alpha r) the width of the noise field, E the average over a
normal z and t = tanh((m + w z)/T), every state solves

    m = E t,   q = E t^2,   C = (1 - q)/T,   r = q/(1 - C)^2.

At given (w, T) the equation for m is concave, so its root m > 0 is unique and has C < 1; the load
follows explicitly, sqrt(alpha) = w (1 - C)/sqrt(q). It rises from 0 at w = 0 to its maximum
alpha_M(T) and falls back to 0 where m = 0: the rising side is the retrieval state, the falling
side its barrier. Nothing here iterates the saddle-point equations, so no branch can be lost.
Residuals are below 1e-12 and lines good to 1e-9; m(alpha) has its square-root end at alpha_M.

Sources: D. J. Amit, H. Gutfreund & H. Sompolinsky, Phys. Rev. Lett. 55, 1530 (1985) [AGS 1985] and
Ann. Phys. 173, 30 (1987) [AGS 1987]. A state that does not exist is NaN. Arguments are scalars;
`mattis.theory.evaluate` checks them and accepts lists.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar

from mattis.theory.arrays import NAN, TINY
from mattis.theory.quadrature import SpinAverages, fourth_power, log_two_cosh, spin_averages

NODES = 48  # widths that stand for a branch: m is good to 1e-11, and to 1e-7 at its very end
GROUND_SLOPE = 2.595876  # the limit of (1 - T_c)/sqrt(alpha) at small load
NEAR_ONE = 1e-7  # within this of T = 1 the retrieval state (load < 1e-14) is not resolved


@dataclass(frozen=True)
class Saddle:
    """One state of the Hopfield model at (load, temperature); all NaN where it does not exist."""

    overlap: float
    """m, with the retrieved pattern."""
    edwards_anderson: float
    """q, the mean of the squared local magnetisations."""
    noise: float
    """r = sum m_mu^2/alpha over the other patterns."""
    susceptibility: float
    """C = (1 - q)/T."""
    width: float
    """sqrt(alpha r), of the noise in the local field."""
    energy: float
    """Per spin, in J."""
    free_energy: float
    """Per spin, in J."""


NO_STATE = Saddle(NAN, NAN, NAN, NAN, NAN, NAN, NAN)


@dataclass(frozen=True)
class Spinodal:
    """The end of the retrieval state at one temperature, where d alpha/d width = 0."""

    load: float
    width: float
    overlap: float


def retrieval(load: float, temperature: float) -> Saddle:
    """Return the retrieval state: the locally stable, large-m solution of the AGS equations.

    m = E t, q = E t^2, r = q/(1 - C)^2, C = (1 - q)/T, t = tanh((m + sqrt(alpha r) z)/T).
    AGS 1987. NaN where load > alpha_M(T) or T > 1 - 1e-7.
    """
    width = _retrieval_width(load, temperature)
    if math.isnan(width):
        return NO_STATE
    m, averages = solve_overlap(width, temperature)
    return _saddle(load, temperature, m, width, averages)


def spin_glass(load: float, temperature: float) -> Saddle:
    """Return the m = 0 state: the spin glass below T_g = 1 + sqrt(alpha), the paramagnet above.

    q = E tanh^2(sqrt(alpha r) z/T), r = q/(1 - C)^2, C = (1 - q)/T. AGS 1985, 1987.
    """
    if not (load > 0 and temperature >= 0):
        return NO_STATE
    low, high = 1e-8, math.sqrt(load) + math.sqrt(2 / math.pi)  # high is exact at T = 0

    def excess(width: float) -> float:
        averages = spin_averages(0.0, width, temperature)
        return width * averages.gap / math.sqrt(averages.square) - math.sqrt(load)

    if excess(low) >= 0:  # T >= T_g, to the accuracy of the bracket
        return _paramagnet(load, temperature)
    width = _root(excess, low, high * (1 + 1e-12))
    averages = spin_averages(0.0, width, temperature)
    return _saddle(load, temperature, 0.0, width, averages)


def overlap(load: float, temperature: float) -> float:
    """Return the overlap m of the retrieval state with its pattern.

    m = E tanh((m + sqrt(alpha r) z)/T). AGS 1987. Range (0, 1]; NaN beyond T_M.
    """
    return retrieval(load, temperature).overlap


def overlaps(loads: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Return `overlap` at many loads of one temperature, in the time of about 25 of them.

    Along the branch m and sqrt(alpha) are smooth functions of the width w (see above), here Chebyshev
    series over 0 <= w <= w_M; the load is inverted by bisection. AGS 1987. NaN beyond T_M.
    """
    end = spinodal(temperature)
    out = np.full(len(loads), NAN)
    there = (loads > 0) & (loads <= end.load)
    if there.sum() < NODES // 2:
        out[there] = [overlap(float(load), temperature) for load in loads[there]]
        return out
    places = chebyshev.chebpts1(NODES)
    branch = [_branch_point(end.width * (1 + x) / 2, temperature) for x in places.tolist()]
    m, root = np.linalg.solve(chebyshev.chebvander(places, NODES - 1), np.array(branch)).T
    low, high = np.full(there.sum(), -1.0), np.ones(there.sum())
    for _ in range(53):
        middle = (low + high) / 2
        below = chebyshev.chebval(middle, root) < np.sqrt(loads[there])
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    out[there] = chebyshev.chebval(high, m)
    return out


def edwards_anderson(load: float, temperature: float) -> float:
    """Return the Edwards-Anderson order parameter q of the retrieval state.

    q = E tanh^2((m + sqrt(alpha r) z)/T). AGS 1987. Range (0, 1]; NaN beyond T_M.
    """
    return retrieval(load, temperature).edwards_anderson


def energy(load: float, temperature: float) -> float:
    """Return the energy per spin of the retrieval state, in J.

    e = d(beta f)/d beta = -m^2/2 + (alpha/2) [1 - 1/(1 - C) - C r]; -(m^2 + alpha (r - 1))/2 at
    T = 0. From the free energy of AGS 1987; J_ii = 0. NaN beyond T_M.
    """
    return retrieval(load, temperature).energy


def energy_finite(load: float, temperature: float, size: float) -> float:
    """Return the energy per spin of the retrieval state with the 1/N that J_ii = 0 takes from its pattern.

    e + 1/(2N): the pattern gives -(m^2 - 1/N)/2, the others, load = (P - 1)/N, as at N -> infinity.
    From H = -(N/2) sum_mu (m_mu^2 - 1/N). NaN beyond T_M.
    """
    return energy(load, temperature) + 1 / (2 * size)


def free_energy(load: float, temperature: float) -> float:
    """Return the free energy per spin of the retrieval state, in J.

    f = m^2/2 + (alpha/2) [1 + T ln(1 - C) - q/(1 - C) + C r]
        - T E ln 2cosh((m + sqrt(alpha r) z)/T).
    AGS 1987; the 1 in the bracket is J_ii = 0. NaN beyond T_M.
    """
    return retrieval(load, temperature).free_energy


def spin_glass_q(load: float, temperature: float) -> float:
    """Return the Edwards-Anderson order parameter q of the spin glass; 0 above T_g.

    q = E tanh^2(sqrt(alpha r) z/T), r = q/(1 - C)^2, C = (1 - q)/T. AGS 1985, 1987.
    """
    return spin_glass(load, temperature).edwards_anderson


def spin_glass_energy(load: float, temperature: float) -> float:
    """Return the energy per spin of the spin glass, or of the paramagnet above T_g, in J.

    e = (alpha/2) [1 - 1/(1 - C) - C r]; -1/pi - sqrt(2 alpha/pi) at T = 0. AGS 1985, 1987; J_ii = 0.
    """
    return spin_glass(load, temperature).energy


def spin_glass_free_energy(load: float, temperature: float) -> float:
    """Return the free energy per spin of the spin glass, or of the paramagnet above T_g, in J.

    f of `free_energy` at m = 0. AGS 1985, 1987; J_ii = 0.
    """
    return spin_glass(load, temperature).free_energy


@lru_cache(maxsize=4096)
def spinodal(temperature: float) -> Spinodal:
    """Return where the retrieval state ends: the largest load along the branch m > 0.

    d alpha/d w = 0 at fixed T, with alpha = w^2 (1 - C)^2/q. NaN for T > 1 - 1e-7.
    """
    if not 0 <= temperature < 1 - NEAR_ONE:
        return Spinodal(NAN, NAN, NAN)

    def slope(width: float) -> float:
        """Return d ln sqrt(alpha)/d ln width, from d E t/d width = width d^2 E t/d mean^2."""
        _, a = solve_overlap(width, temperature)
        d_slope = a.curve**2 / a.gap + a.third  # width dC/d width along the branch
        return 1 + d_slope * (temperature / (2 * a.square) - 1 / a.gap)

    edge = branch_end(temperature)
    width = _root(slope, 0.3 * edge, 0.95 * edge)
    m, _ = solve_overlap(width, temperature)
    return Spinodal(_branch_load(width, temperature) ** 2, width, m)


def alpha_M(temperature: float) -> float:
    """Return the largest load with a retrieval state at this temperature.

    alpha_M(T) = max over w of w^2 (1 - C)^2/q. AGS 1987. NaN for T > 1 - 1e-7.
    """
    return spinodal(temperature).load


def m_c(temperature: float) -> float:
    """Return the overlap of the retrieval state where it ends, at load alpha_M(T): 0.9674171 at T = 0.

    m = E t where w^2 (1 - C)^2/q is largest over w. AGS 1987. NaN for T > 1 - 1e-7.
    """
    return spinodal(temperature).overlap


def alpha_c() -> float:
    """Return the storage capacity alpha_M(0) = 0.1379055665.

    The maximum over y of (1/2) (erf(y)/y - (2/sqrt(pi)) exp(-y^2))^2. AGS 1985, 1987.
    """
    return alpha_M(0.0)


def T_M(load: float) -> float:
    """Return the largest temperature with a retrieval state, in J.

    alpha_M(T_M) = alpha on the falling side of alpha_M(T), whose maximum 0.1381885 is at T = 0.0229
    (replica-symmetric re-entrance). AGS 1985, 1987. NaN for loads above that maximum.
    """
    top = _reentrance_temperature()
    if not 0 < load <= alpha_M(top):
        return NAN
    root_load = math.sqrt(load)
    if root_load < NEAR_ONE:
        return 1 - 1.954084 * root_load  # the limit of (1 - T_M)/sqrt(alpha)
    low, high = max(top, 1 - 3 * root_load), 1 - 1.9 * root_load
    return _root(lambda t: math.sqrt(alpha_M(t)) / root_load - 1, low, high)


def T_g(load: float) -> float:
    """Return the temperature at which the spin glass freezes, in J.

    T_g = 1 + sqrt(alpha). AGS 1985. NaN for load <= 0.
    """
    return 1 + math.sqrt(load) if load > 0 else NAN


def T_c(load: float) -> float:
    """Return the highest temperature at which the retrieval state is the global minimum, in J.

    f(retrieval) = f(spin glass) on the falling side of alpha_1(T), whose maximum 0.0531321 is at T = 0.0851:
    for loads from alpha_1(0) = 0.0518543 to it, the spin glass is lower again at the lowest temperatures.
    AGS 1985, 1987. NaN for loads above that maximum.
    """
    top = _ground_temperature()
    if not 0 < load <= alpha_1(top):
        return NAN
    root_load = math.sqrt(load)
    if root_load < 1e-5:  # the two free energies differ by less than 1e-10
        return 1 - GROUND_SLOPE * root_load
    low, high = max(top, 1 - 4.5 * root_load), 1 - 2.25 * root_load
    return (
        top
        if _free_energy_gap(load, low) >= 0
        else _root(lambda t: _free_energy_gap(load, t), low, high)
    )


@lru_cache(maxsize=4096)
def alpha_1(temperature: float) -> float:
    """Return the load below which the retrieval state is the global minimum: 0.0518543 at T = 0.

    f(retrieval) = f(spin glass), both replica symmetric. AGS 1985, 1987 (the literature prints 0.051 at
    T = 0). Re-entrant: 0.0531321 at most, at T = 0.0851. NaN for T > 1 - 1e-7.
    """
    end = alpha_M(temperature)
    if math.isnan(end):
        return NAN
    if 1 - temperature < 1e-5 * GROUND_SLOPE:
        return ((1 - temperature) / GROUND_SLOPE) ** 2
    return _root(lambda load: _free_energy_gap(load, temperature), 0.2 * end, end * (1 - 1e-12))


def T_AT(load: float) -> float:
    """Return the temperature below which the retrieval state breaks replica symmetry, in J.

    alpha E sech^4((m + sqrt(alpha r) z)/T)/T^2 = (1 - C)^2 (de Almeida-Thouless line); about
    sqrt(8 alpha/(9 pi)) exp(-1/(2 alpha)) at small load. AGS 1985. NaN where that line has left the
    retrieval phase; 0.0 where T_AT is below the smallest float (load < 6.7e-4).
    """
    low = _lowest_temperature(load)
    floor = _almeida_thouless(load, low)
    if not floor > low:
        return 0.0 if floor == 0 else NAN
    high = 2 * floor
    if not load <= spinodal(high).load:  # beyond T_M
        high = T_M(load) * (1 - 1e-9)
    if not _almeida_thouless(load, high) < high:
        return NAN
    return _root(lambda t: _almeida_thouless(load, t) / t - 1, max(low, floor / 2), high)


def alpha_hysteresis() -> float:
    """Return the load at which the T = 0 dynamics from the pattern loses it: 0.153835, a heuristic.

    The largest over y of (erf y - sqrt(2) y k)^2/(sqrt(2) y - k)^2, k = sqrt(2/pi) exp(-y^2). Derived for
    this project (see `hysteresis_overlap`).
    """
    return _hysteresis_end()[1]


def hysteresis_overlap(load: float) -> float:
    """Return m of the T = 0 dynamics started on the pattern: a heuristic upper bracket.

    A spin flips only once its cavity field is below -alpha C/(1 - C): k = sqrt(2/pi) exp(-y^2),
    sqrt(alpha) = (erf y - sqrt(2) y k)/(sqrt(2) y - k), m = erf y, large-y branch. Derived for this
    project, no literature value: simulations lie between `overlap` and this. NaN beyond 0.153835.
    """
    y_end, end = _hysteresis_end()
    if not 0 < load <= end:
        return NAN
    high = max(1 / math.sqrt(load), 4.0)  # y -> 1/sqrt(2 alpha) at small load
    y = _root(lambda y: _hysteresis_root_load(y) - math.sqrt(load), y_end, high)
    return math.erf(y)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Return the bracketed root of `function` to about 1e-14 relative."""
    return float(brentq(function, low, high, xtol=TINY, rtol=1e-14))


def peak(function: Callable[[float], float], low: float, high: float) -> float:
    """Return where `function` has its one maximum between low and high, to about 1e-8."""
    options = {"xatol": 1e-9}
    optimum = minimize_scalar(
        lambda x: -function(x), (), (low, high), (), "bounded", options=options
    )
    return float(optimum.x)


def solve_overlap(width: float, temperature: float) -> tuple[float, SpinAverages]:
    """Return the root m > 0 of m = E tanh((m + width z)/T), and the averages there.

    E tanh is concave in m, so Newton's method started above the root falls onto it monotonically.
    """
    m = 1.0
    while True:
        averages = spin_averages(m, width, temperature)
        step = (m - averages.mean) / averages.gap
        if not step > 1e-15 * m:
            return m, averages
        m -= step


def _branch_load(width: float, temperature: float) -> float:
    """Return sqrt(alpha) = width (1 - C)/sqrt(q) on the branch m > 0."""
    return _branch_point(width, temperature)[1]


def _branch_point(width: float, temperature: float) -> tuple[float, float]:
    """Return m and sqrt(alpha) = width (1 - C)/sqrt(q) on the branch m > 0."""
    m, averages = solve_overlap(width, temperature)
    return m, width * averages.gap / math.sqrt(averages.square)


def branch_end(temperature: float) -> float:
    """Return the width where C = 1 at m = 0, T < 1: the branch m > 0 ends there."""
    high = math.sqrt(2 / math.pi)  # exact at T = 0, a bound above
    low = math.sqrt(1 - temperature) / 2
    return _root(lambda w: spin_averages(0.0, w, temperature).gap, low, high * (1 + 1e-12))


def _retrieval_width(load: float, temperature: float) -> float:
    """Return sqrt(alpha r) of the retrieval state, on the rising side of the load."""
    end = spinodal(temperature)
    if not 0 < load <= end.load:
        return NAN

    def excess(width: float) -> float:
        return _branch_load(width, temperature) / math.sqrt(load) - 1 if width > 0 else -1.0

    high = end.width * math.sqrt(load / end.load)  # the rising side is concave
    if excess(high) < 0:
        high = end.width
    return high if excess(high) <= 0 else _root(excess, 0.0, high)


def _saddle(load: float, temperature: float, m: float, width: float, a: SpinAverages) -> Saddle:
    """Return the state with its energies, each written so that T = 0 needs no limit."""
    noise = a.square / a.gap**2
    e = -m * m / 2 + load / 2 * (1 - 1 / a.gap - a.slope * noise)
    bracket = 1 + temperature * math.log(a.gap) - a.square / a.gap + a.slope * noise
    f = m * m / 2 + load / 2 * bracket - log_two_cosh(m, width, temperature)
    return Saddle(m, a.square, noise, a.slope, width, e, f)


def _paramagnet(load: float, temperature: float) -> Saddle:
    """Return the state m = q = 0: C = beta, e = -(alpha/2)/(T - 1), which vanishes as T grows."""
    gap = 1 - 1 / temperature
    e = load / 2 * (1 - 1 / gap)
    f = load / 2 * (1 + temperature * math.log(gap)) - temperature * math.log(2)
    return Saddle(0.0, 0.0, 0.0, 1 / temperature, 0.0, e, f)


def _free_energy_gap(load: float, temperature: float) -> float:
    """Return f(retrieval) - f(spin glass)."""
    return free_energy(load, temperature) - spin_glass(load, temperature).free_energy


@lru_cache(maxsize=1)
def _ground_temperature() -> float:
    """Return the temperature 0.0851 where alpha_1(T) has its maximum."""
    return peak(alpha_1, 0.0, 0.25)


@lru_cache(maxsize=1)
def _reentrance_temperature() -> float:
    """Return the temperature 0.0229 where alpha_M(T) has its maximum."""
    return peak(alpha_M, 0.0, 0.06)


def _lowest_temperature(load: float) -> float:
    """Return the lowest temperature with a retrieval state: 0 up to alpha_c."""
    top = _reentrance_temperature()
    if load <= alpha_c():
        return 0.0
    if load > alpha_M(top):
        return NAN
    return _root(lambda t: alpha_M(t) / load - 1, 0.0, top) * (1 + 1e-12)


def _almeida_thouless(load: float, temperature: float) -> float:
    """Return alpha E sech^4/(T (1 - C)^2) of the retrieval state: T_AT is where this equals T."""
    width = _retrieval_width(load, temperature)
    if math.isnan(width):
        return NAN
    m, averages = solve_overlap(width, temperature)
    return load * fourth_power(m, width, temperature) / averages.gap**2


def _hysteresis_root_load(y: float) -> float:
    """Return sqrt(alpha) of the hysteretic branch at y (see `hysteresis_overlap`)."""
    k = math.sqrt(2 / math.pi) * math.exp(-y * y)
    x = math.sqrt(2) * y
    return (math.erf(y) - x * k) / (x - k)


@lru_cache(maxsize=1)
def _hysteresis_end() -> tuple[float, float]:
    """Return (y, load) where the load of the hysteretic branch is largest: (1.2977, 0.153835)."""
    y = peak(_hysteresis_root_load, 1.0, 3.0)
    return y, _hysteresis_root_load(y) ** 2
