"""States of the Hopfield model at many places at once: retrieval, its end, and the spin glass.

The equations are those of `mattis.theory.hopfield`. Along the branch m > 0 of one temperature the overlap
falls as the width w grows, and sqrt(alpha) is a concave function of w as far as its maximum: Newton's method
from w = sqrt(alpha) rises to the retrieval state, and the overlap, from that of the last width, falls
onto its own. Neither can pass the state. Every place is solved by itself: its bits depend on no other.
"""

import math
from dataclasses import dataclass

import numpy as np

from mattis.theory.numerics.arrays import NAN, Array
from mattis.theory.numerics.quadrature import SpinAverages, averages, log_two_cosh, spin_entropy
from mattis.theory.numerics.roots import Indices, roots

NEAR_ONE = 1e-7
"""Within this of T = 1 the retrieval state (load < 1e-14) is not resolved."""

RESOLVED = 1e-15
"""Relative step of Newton's method below which nothing moves."""

LEAST_WIDTH = 1e-8
"""The narrowest spin glass: a place where it is narrower is a paramagnet."""

MOST_RISES = 200
"""Steps to a retrieval state at most: at the very end of the branch each only halves the way."""


@dataclass(frozen=True, eq=False)
class Saddle:
    """States of the Hopfield model at many (load, temperature): arrays (K,), NaN where there is none."""

    overlap: Array
    """m, with the retrieved pattern."""
    edwards_anderson: Array
    """q, the mean of the squared local magnetisations."""
    noise: Array
    """r = sum m_mu^2/alpha over the other patterns."""
    susceptibility: Array
    """C = (1 - q)/T."""
    width: Array
    """sqrt(alpha r), of the noise in the local field."""
    energy: Array
    """Per spin, in J."""
    free_energy: Array
    """Per spin, in J."""


@dataclass(frozen=True, eq=False)
class Spinodals:
    """The ends of the retrieval states at many temperatures: load, width and overlap, (K,) each."""

    load: Array
    width: Array
    overlap: Array

    def some(self, at: Indices) -> "Spinodals":
        """Return those of some temperatures."""
        return Spinodals(self.load[at], self.width[at], self.overlap[at])


def solve_overlaps(
    width: Array, temperature: Array, start: Array | None = None
) -> tuple[Array, SpinAverages[Array]]:
    """Return the roots m > 0 of m = E tanh((m + width z)/T), and the averages there.

    E tanh is concave in m, so Newton's method started above the root falls onto it monotonically.

    start  # overlaps above the roots; 1 if None
    """
    m = np.ones_like(width) if start is None else start.copy()
    out = np.full((len(SpinAverages._fields), m.size), NAN)
    at = np.arange(m.size)
    while at.size:
        found = averages(m[at], width[at], temperature[at])
        out[:, at] = found
        step = (m[at] - found.mean) / found.gap
        more = step > RESOLVED * m[at]
        at = at[more]
        m[at] -= step[more]
    return m, SpinAverages(*out)


def root_loads(width: Array, a: SpinAverages[Array]) -> Array:
    """Return sqrt(alpha) = width (1 - C)/sqrt(q) of states with these averages."""
    return np.asarray(width * a.gap / np.sqrt(a.square))


def growth(temperature: Array, a: SpinAverages[Array]) -> Array:
    """Return d ln sqrt(alpha)/d ln width along the branch, from d E t/d width = width d^2 E t/d mean^2."""
    d_slope = a.curve**2 / a.gap + a.third  # width dC/d width along the branch
    return np.asarray(1 + d_slope * (temperature / (2 * a.square) - 1 / a.gap))


def branch_ends(temperature: Array) -> Array:
    """Return the width where C = 1 at m = 0: the branch m > 0 ends there; NaN for T >= 1."""
    heat = np.where(temperature < 1, temperature, NAN)
    high = np.full_like(heat, math.sqrt(2 / math.pi) * (1 + 1e-12))  # exact at T = 0, a bound above

    def gap(width: Array, at: Indices) -> Array:
        return averages(np.zeros_like(width), width, heat[at]).gap

    return roots(gap, np.sqrt(1 - heat) / 2, high)


def spinodals(temperature: Array) -> Spinodals:
    """Return where the retrieval state ends at each temperature: the largest load along the branch m > 0."""
    known = (temperature >= 0) & (temperature < 1 - NEAR_ONE)
    heat, where = np.unique(temperature[known], return_inverse=True)
    edge = branch_ends(heat)
    start, _ = solve_overlaps(0.3 * edge, heat)

    def slope(width: Array, at: Indices) -> Array:
        return growth(heat[at], solve_overlaps(width, heat[at], start[at])[1])

    width = roots(slope, 0.3 * edge, 0.95 * edge)
    m, a = solve_overlaps(width, heat, start)
    out = np.full((3, temperature.size), NAN)
    out[:, known] = np.array([root_loads(width, a) ** 2, width, m])[:, where.ravel()]
    return Spinodals(*out)


def retrieval_states(load: Array, temperature: Array, ends: Spinodals | None = None) -> Saddle:
    """Return the retrieval states at many places: the locally stable, large-m solutions.

    ends  # the spinodals at these temperatures, if they are known
    """
    end = ends or spinodals(temperature)
    out = np.full((7, load.size), NAN)
    at = np.flatnonzero((load > 0) & (load <= end.load))
    width, m, a = _risen(np.sqrt(load[at]), temperature[at], end.width[at])
    out[:, at] = _fields(load[at], temperature[at], m, width, a)
    return Saddle(*out)


def _risen(root: Array, temperature: Array, end: Array) -> tuple[Array, Array, SpinAverages[Array]]:
    """Return width, overlap and averages of the states with sqrt(alpha) = root, which exist.

    end  # the widths where the branches end
    """
    width, m = np.minimum(root, end), np.ones_like(root)
    out = np.full((len(SpinAverages._fields), root.size), NAN)
    at = np.arange(root.size)
    for _ in range(MOST_RISES):
        m[at], a = solve_overlaps(width[at], temperature[at], m[at])
        out[:, at] = a
        lacks = root[at] - (reached := root_loads(width[at], a))
        rate = growth(temperature[at], a)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.minimum(lacks * width[at] / (reached * rate), end[at] - width[at])
        more = (rate > 0) & (lacks > RESOLVED * root[at] / 4) & (step > RESOLVED * width[at])
        at = at[more]
        if not at.size:
            break
        width[at] += step[more]
    return width, m, SpinAverages(*out)


def glass_states(load: Array, temperature: Array) -> Saddle:
    """Return the states m = 0 at many places: spin glasses below T_g = 1 + sqrt(alpha), paramagnets above."""
    out = np.full((7, load.size), NAN)
    known = np.flatnonzero((load > 0) & (temperature >= 0))
    alpha, heat = load[known], temperature[known]

    def excess(width: Array, at: Indices) -> Array:
        a = averages(np.zeros_like(width), width, heat[at])
        return np.asarray(root_loads(width, a) - np.sqrt(alpha[at]))

    low = np.full_like(alpha, LEAST_WIDTH)
    warm = excess(low, np.arange(low.size)) >= 0  # T >= T_g, to the accuracy of the bracket
    high = (np.sqrt(alpha) + math.sqrt(2 / math.pi)) * (1 + 1e-12)  # exact at T = 0
    width = roots(excess, np.where(warm, NAN, low), high)
    none = np.zeros_like(alpha)
    out[:, known] = np.where(
        warm,
        _paramagnets(alpha, np.where(warm, heat, NAN)),
        _fields(alpha, heat, none, width, averages(none, width, heat)),
    )
    return Saddle(*out)


def entropies(states: Saddle, load: Array, temperature: Array) -> Array:
    """Return the entropy per spin of states: -(alpha/2) [ln(1 - C) + C/(1 - C)] + E S(h/T)."""
    gap = 1 - states.susceptibility
    spins = spin_entropy(states.overlap, states.width, temperature)
    return np.asarray(spins - load / 2 * (np.log(gap) + states.susceptibility / gap))


def _fields(load: Array, temperature: Array, m: Array, width: Array, a: SpinAverages[Array]) -> Array:
    """Return the fields of states with their energies, each written so that T = 0 needs no limit."""
    noise = a.square / a.gap**2
    e = -m * m / 2 + load / 2 * (1 - 1 / a.gap - a.slope * noise)
    bracket = 1 + temperature * np.log(a.gap) - a.square / a.gap + a.slope * noise
    f = m * m / 2 + load / 2 * bracket - log_two_cosh(m, width, temperature)
    return np.array([m, a.square, noise, a.slope, width, e, f])


def _paramagnets(load: Array, temperature: Array) -> Array:
    """Return the fields of m = q = 0: C = beta, e = -(alpha/2)/(T - 1), which vanishes as T grows."""
    gap, none = 1 - 1 / temperature, np.zeros_like(load)
    e = load / 2 * (1 - 1 / gap)
    f = load / 2 * (1 + temperature * np.log(gap)) - temperature * math.log(2)
    return np.array([none, none, none, 1 / temperature, none, e, f])
