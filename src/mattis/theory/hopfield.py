"""Theory of the Hopfield model near saturation (AGS): replica symmetric, and with one step of breaking.

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
Ann. Phys. 173, 30 (1987) [AGS 1987]. What takes `rsb` is known with one step of replica symmetry breaking
too (`mattis.theory.one_step`), each state at that level. A state that does not exist is NaN. Arguments are
scalars; `mattis.theory.evaluate` checks them and accepts lists.
"""

import math
from functools import lru_cache

import numpy as np
from scipy.special import erf

from mattis.theory import saddles
from mattis.theory.numerics.arrays import NAN, Array, Elementwise
from mattis.theory.numerics.levels import at_levels
from mattis.theory.numerics.quadrature import SpinAverages, averages, fourth_power
from mattis.theory.numerics.roots import Indices, roots, top
from mattis.theory.one_step.ground import equal_loads, equal_temperatures, highest_equal_load
from mattis.theory.one_step.retrieval import barrier_at, largest_loads
from mattis.theory.one_step.states import LEAST_BROKEN_LOAD, glasses
from mattis.theory.saddles import NEAR_ONE, Spinodals, entropies, glass_states, retrieval_states, spinodals

GROUND_SLOPE = 2.595876  # the limit of (1 - T_c)/sqrt(alpha) at small load
PATTERN_ENERGY = -0.5
"""Energy per spin of a pattern itself at any load: the others and J_ii = 0 cancel."""
LINE_TEMPERATURES = 24
"""Places of the line of T_c with one step of breaking, between which it is looked for."""
LEAST_ROOT_LOAD = 1e-5  # sqrt(alpha) below which the two free energies differ by less than 1e-10


@Elementwise
def overlap(load: Array, temperature: Array) -> Array:
    """Return the overlap m of the retrieval state with its pattern.

    m = E tanh((m + sqrt(alpha r) z)/T). AGS 1987. Range (0, 1]; NaN beyond T_M.
    """
    return retrieval_states(load, temperature).overlap


@Elementwise
def edwards_anderson(load: Array, temperature: Array) -> Array:
    """Return the Edwards-Anderson order parameter q of the retrieval state.

    q = E tanh^2((m + sqrt(alpha r) z)/T). AGS 1987. Range (0, 1]; NaN beyond T_M.
    """
    return retrieval_states(load, temperature).edwards_anderson


@Elementwise
def energy(load: Array, temperature: Array) -> Array:
    """Return the energy per spin of the retrieval state, in J.

    e = d(beta f)/d beta = -m^2/2 + (alpha/2) [1 - 1/(1 - C) - C r]; -(m^2 + alpha (r - 1))/2 at
    T = 0. From the free energy of AGS 1987; J_ii = 0. NaN beyond T_M.
    """
    return retrieval_states(load, temperature).energy


@Elementwise
def energy_finite(load: Array, temperature: Array, size: Array) -> Array:
    """Return the energy per spin of the retrieval state with the 1/N that J_ii = 0 takes from its pattern.

    e + 1/(2N): the pattern gives -(m^2 - 1/N)/2, the others, load = (P - 1)/N, as at N -> infinity.
    From H = -(N/2) sum_mu (m_mu^2 - 1/N). NaN beyond T_M.
    """
    return energy.over(load, temperature) + 1 / (2 * size)


@Elementwise
def free_energy(load: Array, temperature: Array) -> Array:
    """Return the free energy per spin of the retrieval state, in J.

    f = m^2/2 + (alpha/2) [1 + T ln(1 - C) - q/(1 - C) + C r]
        - T E ln 2cosh((m + sqrt(alpha r) z)/T).
    AGS 1987; the 1 in the bracket is J_ii = 0. NaN beyond T_M.
    """
    return retrieval_states(load, temperature).free_energy


@Elementwise
def spin_glass_q(load: Array, temperature: Array, rsb: Array | float = 0.0) -> Array:
    """Return the Edwards-Anderson order parameter q of the spin glass; 0 above T_g.

    q = E tanh^2(sqrt(alpha r) z/T), r = q/(1 - C)^2, C = (1 - q)/T; q1 with one step of breaking. AGS 1985,
    1987.
    """
    return _of_glass("edwards_anderson", rsb, load, temperature)


@Elementwise
def spin_glass_energy(load: Array, temperature: Array, rsb: Array | float = 0.0) -> Array:
    """Return the energy per spin of the spin glass, or of the paramagnet above T_g, in J.

    e = (alpha/2) [1 - 1/(1 - C) - C r]; -1/pi - sqrt(2 alpha/pi) at T = 0. With one step of breaking
    e = (alpha/2) [1 - T C/(1 - C) - r1]. AGS 1985, 1987; J_ii = 0.
    """
    return _of_glass("energy", rsb, load, temperature)


@Elementwise
def spin_glass_free_energy(load: Array, temperature: Array, rsb: Array | float = 0.0) -> Array:
    """Return the free energy per spin of the spin glass, or of the paramagnet above T_g, in J.

    f of `free_energy` at m = 0; with one step of breaking, that of `mattis.theory.one_step.states`.
    AGS 1985, 1987; J_ii = 0.
    """
    return _of_glass("free_energy", rsb, load, temperature)


@Elementwise
def spin_glass_entropy(load: Array, temperature: Array, rsb: Array | float = 0.0) -> Array:
    """Return the entropy per spin of the spin glass, or of the paramagnet above T_g, in nats.

    s = -(alpha/2) [ln(1 - C) + C/(1 - C)] + E S(h/T), S(u) = ln 2cosh u - u tanh u. AGS 1987. Below 0 at
    T = 0, where no true entropy is, and less so with one step of breaking.
    """
    return _of_glass("entropy", rsb, load, temperature)


def _of_glass(column: str, rsb: Array | float, load: Array, temperature: Array) -> Array:
    """Return a column of the spin glass at the levels that are asked."""

    def symmetric(load: Array, temperature: Array) -> Array:
        states = glass_states(load, temperature)
        return entropies(states, load, temperature) if (column == "entropy") else getattr(states, column)

    def broken(load: Array, temperature: Array) -> Array:
        return np.asarray(getattr(glasses(load, temperature), column))

    return at_levels(rsb, symmetric, broken, load, temperature)


@Elementwise
def alpha_M(temperature: Array, rsb: Array | float = 0.0) -> Array:
    """Return the largest load with a retrieval state at this temperature.

    alpha_M(T) = max over w of w^2 (1 - C)^2/q. AGS 1987. One step of breaking raises it below T = 0.0248.
    NaN for T > 1 - 1e-7.
    """

    def symmetric(temperature: Array) -> Array:
        return spinodals(temperature).load

    def broken(temperature: Array) -> Array:
        last = largest_loads(temperature)
        return np.where(np.isnan(last), symmetric(temperature), last)

    return at_levels(rsb, symmetric, broken, temperature)


@Elementwise
def m_c(temperature: Array) -> Array:
    """Return the overlap of the retrieval state where it ends, at load alpha_M(T): 0.9674171 at T = 0.

    m = E t where w^2 (1 - C)^2/q is largest over w. AGS 1987. NaN for T > 1 - 1e-7.
    """
    return spinodals(temperature).overlap


def alpha_c(rsb: float = 0.0) -> float:
    """Return the storage capacity alpha_M(0): 0.1379055665, and 0.138186 with one step of breaking.

    The maximum over y of (1/2) (erf(y)/y - (2/sqrt(pi)) exp(-y^2))^2. AGS 1985, 1987; K. Steffan & R. Kuehn,
    Z. Phys. B 95, 249 (1994).
    """
    return alpha_M(0.0, rsb)


def alpha_basin(rsb: float = 0.0) -> float:
    """Return the load up to which a barrier above a pattern's own energy surrounds it: 0.129490, or 0.129793.

    e(m), the lowest energy per spin at overlap m and T = 0, is largest on the barrier of the retrieval state.
    The load at which that is -1/2, the energy of the pattern itself, is the largest over y of
    ((1 - m^2 - k^2)/(2 k))^2, m = erf y, k = sqrt(2/pi) exp(-y^2). The basins of Newman, Loukianova and
    Talagrand; M. Stojnic, arXiv 2403.01907 (2024).
    """
    if rsb:
        return barrier_at(PATTERN_ENERGY)[0]
    return float(_barrier_loads(np.array([top(_barrier_loads, 0.5, 3.0)]))[0])


def _barrier_loads(y: Array) -> Array:
    """Return the loads at which e(erf y) = -m^2/2 - sqrt(alpha) k - k^2/2 is that of the pattern, -1/2."""
    m, k = erf(y), math.sqrt(2 / math.pi) * np.exp(-y * y)
    return np.asarray(((1 - m * m - k * k) / (2 * k)) ** 2)


@Elementwise
def T_M(load: Array) -> Array:
    """Return the largest temperature with a retrieval state, in J.

    alpha_M(T_M) = alpha on the falling side of alpha_M(T), whose maximum 0.1381885 is at T = 0.0229
    (replica-symmetric re-entrance). AGS 1985, 1987. NaN for loads above that maximum.
    """
    top_at = _reentrance_temperature()
    root_load = np.sqrt(np.where((load > 0) & (load <= alpha_M(top_at)), load, NAN))
    small = root_load < NEAR_ONE
    low = np.where(small, NAN, np.maximum(top_at, 1 - 3 * root_load))

    def excess(temperature: Array, at: Indices) -> Array:
        return np.asarray(np.sqrt(spinodals(temperature).load) / root_load[at] - 1)

    found = roots(excess, low, 1 - 1.9 * root_load)
    return np.where(small, 1 - 1.954084 * root_load, found)  # the limit of (1 - T_M)/sqrt(alpha)


@Elementwise
def T_g(load: Array) -> Array:
    """Return the temperature at which the spin glass freezes, in J.

    T_g = 1 + sqrt(alpha). AGS 1985. NaN for load <= 0.
    """
    return 1 + np.sqrt(np.where(load > 0, load, NAN))


@Elementwise
def T_c(load: Array, rsb: Array | float = 0.0) -> Array:
    """Return the highest temperature at which the retrieval state is the global minimum, in J.

    f(retrieval) = f(spin glass) on the falling side of alpha_1(T), whose maximum 0.0531321 is at T = 0.0851:
    for loads from alpha_1(0) = 0.0518543 to it, the spin glass is lower again at the lowest temperatures.
    With one step of breaking: 0.0562886 at T = 0.0339, 0.0561416 at T = 0. AGS 1985, 1987. NaN beyond.
    """
    return at_levels(rsb, _symmetric_T_c, _broken_T_c, load)


def _symmetric_T_c(load: Array) -> Array:
    """Return T_c where nothing breaks."""
    top_at = _ground_temperature()
    known = np.where((load > 0) & (load <= alpha_1(top_at)), load, NAN)
    root_load = np.sqrt(known)
    small = root_load < LEAST_ROOT_LOAD
    low = np.where(small, NAN, np.maximum(top_at, 1 - 4.5 * root_load))
    at_top = _free_energy_gaps(known, low) >= 0

    def gap(temperature: Array, at: Indices) -> Array:
        return _free_energy_gaps(known[at], temperature)

    found = roots(gap, np.where(at_top, NAN, low), 1 - 2.25 * root_load)
    return np.select([small, at_top], [1 - GROUND_SLOPE * root_load, top_at], found)


def _broken_T_c(load: Array) -> Array:
    """Return T_c with one step of breaking: at the smallest loads the symmetric one, which it tends to."""
    highest, coolest = highest_equal_load()
    large = (load >= LEAST_BROKEN_LOAD) & (load < highest)
    heat, loads = _broken_line()
    start = np.interp(np.sqrt(highest - load[large]), np.sqrt(highest - loads), heat)
    out = np.where(load == highest, coolest, NAN)
    out[large] = equal_temperatures(load[large], start)
    small = load < LEAST_BROKEN_LOAD
    out[small] = _symmetric_T_c(load[small])
    return out


@lru_cache(maxsize=1)
def _broken_line() -> tuple[Array, Array]:
    """Return temperatures from the highest load of alpha_1(T) on, with one step of breaking, and loads."""
    highest, coolest = highest_equal_load()
    heat = coolest + (0.92 - coolest) * np.linspace(0, 1, LINE_TEMPERATURES) ** 1.5
    return heat, np.array([highest, *_broken_alpha_1(heat[1:])])


@Elementwise
def alpha_1(temperature: Array, rsb: Array | float = 0.0) -> Array:
    """Return the load below which the retrieval state is the global minimum: 0.0518543 at T = 0.

    f(retrieval) = f(spin glass), both at the level of rsb. AGS 1985, 1987 (the literature prints 0.051 at
    T = 0). Re-entrant: 0.0531321 at most, at T = 0.0851. With one step of breaking 0.0561416 at T = 0, at
    most 0.0562886, at T = 0.0339. NaN for T > 1 - 1e-7.
    """
    return at_levels(rsb, _symmetric_alpha_1, _broken_alpha_1, temperature)


def _symmetric_alpha_1(temperature: Array) -> Array:
    """Return alpha_1 where nothing breaks."""
    ends = spinodals(temperature)
    small = 1 - temperature < LEAST_ROOT_LOAD * GROUND_SLOPE

    def gap(load: Array, at: Indices) -> Array:
        return _free_energy_gaps(load, temperature[at], ends.some(at))

    found = roots(gap, np.where(small, NAN, 0.2 * ends.load), ends.load * (1 - 1e-12))
    limit = np.where(np.isnan(ends.load), NAN, ((1 - temperature) / GROUND_SLOPE) ** 2)
    return np.where(small, limit, found)


def _broken_alpha_1(temperature: Array) -> Array:
    """Return alpha_1 with one step of breaking: at the smallest loads the symmetric one, 1e-5 of it lower."""
    out = _symmetric_alpha_1(temperature)
    large = out >= LEAST_BROKEN_LOAD
    out[large] = equal_loads(temperature[large], out[large])
    return out


@Elementwise
def T_AT(load: Array) -> Array:
    """Return the temperature below which the retrieval state breaks replica symmetry, in J.

    alpha E sech^4((m + sqrt(alpha r) z)/T)/T^2 = (1 - C)^2 (de Almeida-Thouless line); about
    sqrt(8 alpha/(9 pi)) exp(-1/(2 alpha)) at small load. AGS 1985. NaN where that line has left the
    retrieval phase; 0.0 where T_AT is below the smallest float (load < 6.7e-4).
    """
    low = _lowest_temperatures(load)
    floor = _almeida_thouless(load, low)
    high = 2 * floor
    with np.errstate(invalid="ignore"):
        beyond = ~(load <= spinodals(high).load) & (floor > low)  # beyond T_M
        high[beyond] = T_M.over(load[beyond]) * (1 - 1e-9)
        known = (floor > low) & (_almeida_thouless(load, high) < high)

    def excess(temperature: Array, at: Indices) -> Array:
        return _almeida_thouless(load[at], temperature) / temperature - 1

    found = roots(excess, np.where(known, np.maximum(low, floor / 2), NAN), high)
    return np.where(floor == 0, 0.0, found)


def alpha_hysteresis() -> float:
    """Return the load at which the T = 0 dynamics from the pattern loses it: 0.153835, a heuristic.

    The largest over y of (erf y - sqrt(2) y k)^2/(sqrt(2) y - k)^2, k = sqrt(2/pi) exp(-y^2). Derived for
    this project (see `hysteresis_overlap`).
    """
    return _hysteresis_end()[1]


@Elementwise
def hysteresis_overlap(load: Array) -> Array:
    """Return m of the T = 0 dynamics started on the pattern: a heuristic upper bracket.

    A spin flips only once its cavity field is below -alpha C/(1 - C): k = sqrt(2/pi) exp(-y^2),
    sqrt(alpha) = (erf y - sqrt(2) y k)/(sqrt(2) y - k), m = erf y, large-y branch. Derived for this
    project, no literature value: simulations lie between `overlap` and this. NaN beyond 0.153835.
    """
    y_end, end = _hysteresis_end()
    root_load = np.sqrt(np.where((load > 0) & (load <= end), load, NAN))

    def excess(y: Array, at: Indices) -> Array:
        return _hysteresis_root_loads(y) - root_load[at]

    high = np.maximum(1 / root_load, 4.0)  # y -> 1/sqrt(2 alpha) at small load
    return np.asarray(erf(roots(excess, np.full_like(load, y_end), high)))


def solve_overlap(width: float, temperature: float) -> tuple[float, SpinAverages[float]]:
    """Return the root m > 0 of m = E tanh((m + width z)/T), and the averages there."""
    m, found = saddles.solve_overlaps(np.array([width]), np.array([temperature]))
    return float(m[0]), SpinAverages(*(float(each[0]) for each in found))


def branch_end(temperature: float) -> float:
    """Return the width where C = 1 at m = 0, T < 1: the branch m > 0 ends there."""
    return float(saddles.branch_ends(np.array([temperature]))[0])


def _free_energy_gaps(load: Array, temperature: Array, ends: Spinodals | None = None) -> Array:
    """Return f(retrieval) - f(spin glass). ends  # the spinodals, if they are known"""
    state, glass = retrieval_states(load, temperature, ends), glass_states(load, temperature)
    return np.asarray(state.free_energy - glass.free_energy)


@lru_cache(maxsize=1)
def _ground_temperature() -> float:
    """Return the temperature 0.0851 where alpha_1(T) has its maximum."""
    return top(alpha_1.over, 0.0, 0.25)


@lru_cache(maxsize=1)
def _reentrance_temperature() -> float:
    """Return the temperature 0.0229 where alpha_M(T) has its maximum."""
    return top(alpha_M.over, 0.0, 0.06)


def _lowest_temperatures(load: Array) -> Array:
    """Return the lowest temperature with a retrieval state: 0 up to alpha_c."""
    top_at = _reentrance_temperature()
    beyond = (load > alpha_c()) & (load <= alpha_M(top_at))

    def excess(temperature: Array, at: Indices) -> Array:
        return np.asarray(spinodals(temperature).load / load[at] - 1)

    found = roots(excess, np.where(beyond, 0.0, NAN), np.full_like(load, top_at))
    return np.where(load <= alpha_c(), 0.0, found * (1 + 1e-12))


def _almeida_thouless(load: Array, temperature: Array) -> Array:
    """Return alpha E sech^4/(T (1 - C)^2) of the retrieval state: T_AT is where this equals T."""
    out = np.full(load.size, NAN)
    state = retrieval_states(load, temperature)
    known = np.isfinite(state.width)
    m, width, heat = state.overlap[known], state.width[known], temperature[known]
    out[known] = load[known] * fourth_power(m, width, heat) / averages(m, width, heat).gap ** 2
    return out


def _hysteresis_root_loads(y: Array) -> Array:
    """Return sqrt(alpha) of the hysteretic branch at y (see `hysteresis_overlap`)."""
    k = math.sqrt(2 / math.pi) * np.exp(-y * y)
    x = math.sqrt(2) * y
    return np.asarray((erf(y) - x * k) / (x - k))


@lru_cache(maxsize=1)
def _hysteresis_end() -> tuple[float, float]:
    """Return (y, load) where the load of the hysteretic branch is largest: (1.2977, 0.153835)."""
    y = top(_hysteresis_root_loads, 1.0, 3.0)
    return y, float(_hysteresis_root_loads(np.array([y]))[0] ** 2)
