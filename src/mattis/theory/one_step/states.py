"""States of the Hopfield model with one step of replica symmetry breaking: spin glasses, retrieval, barriers.

States come in groups: q1 is the overlap of a state with itself, q0 < q1 that of states of different groups,
and of all pairs of states the share x = mu T is in different groups. With l1 = 1 - C, C = (1 - q1)/T,
l2 = l1 - mu (q1 - q0), r0 = q0/l2^2, r1 = r0 + (q1 - q0)/(l1 l2), and a field of mean m and widths
w0^2 = alpha r0 between groups, w1^2 = alpha (r1 - r0) within one,

    f = m^2/2 + alpha/2 + (alpha/2) [T ln l1 + ln(l2/l1)/mu - q0/l2 + r1 C + mu (r1 q1 - r0 q0)] - E ln Z/mu

is stationary in m, q0, q1, r0, r1 and mu, the last of which says

    E [ln Z - mu d ln Z/d mu] + (mu w1)^2 q1/2 = (alpha/2) [ln(l2/l1) + l1/l2 - 1].

At T = 0 mu and C stay finite. The saddle of D. J. Amit, H. Gutfreund & H. Sompolinsky, Phys. Rev. Lett. 55,
1530 (1985), with blocks of size x; as K. Steffan & R. Kuehn, Z. Phys. B 95, 249 (1994). Where m = 0 it is
stationary at q0 = 0 too, with a lower f: one step is the state whose f is largest.
"""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from mattis.theory.numerics.arrays import NAN, Array
from mattis.theory.numerics.newton import solutions
from mattis.theory.numerics.roots import Indices
from mattis.theory.one_step.fields import FieldAverages, Fields, field_averages
from mattis.theory.saddles import Saddle, entropies, glass_states

HIDDEN = 0.01
"""Within this of T_g, over T_g, rounding hides df/dx, which falls as the fourth power: q0 cannot be told."""

LEAST_BROKEN_LOAD = 1e-3
"""Smallest load of a glass that is solved: below, Newton's method would have to start nearer to it."""


@dataclass(frozen=True, eq=False)
class BrokenStates:
    """States at many places, NaN where there is none: arrays (K,)."""

    overlap: Array
    """m, with the retrieved pattern."""
    between: Array
    """q0, of states of different groups."""
    edwards_anderson: Array
    """q1, of a state with itself."""
    break_: Array
    """mu = x/T."""
    energy: Array
    """Per spin, in J."""
    free_energy: Array
    """Per spin, in J."""
    entropy: Array
    """Per spin: (e - f)/T, and its limit at T = 0, which is below 0."""


def glasses(load: Array, temperature: Array) -> BrokenStates:
    """Return the states m = 0: spin glasses below T_g = 1 + sqrt(alpha), paramagnets above.

    Close to T_g, where rounding hides the step, the symmetric state stands: f is the same, q 0.6 % smaller.
    NaN for loads below `LEAST_BROKEN_LOAD`.
    """
    symmetric = glass_states(load, temperature)
    state = glass_fields(glass_unknowns(load, temperature, symmetric.width), temperature)
    found = states(load, state, field_averages(state))
    return _chosen(_cold(load, temperature) < HIDDEN, _unbroken(symmetric, load, temperature), found)


def glass_unknowns(load: Array, temperature: Array, width: Array) -> Array:
    """Return w0, w1 and mu w1 of glasses; NaN where none is found. width  # of the symmetric ones"""

    def residuals(unknown: Array, at: Indices) -> Array:
        state = glass_fields(unknown, temperature[at])
        return np.array(mismatches(load[at], state, field_averages(state)))

    cold = _cold(load, temperature)
    known = (load >= LEAST_BROKEN_LOAD) & (cold >= HIDDEN)
    return solutions(residuals, glass_start(load, cold, np.where(known, width, NAN)))


def _cold(load: Array, temperature: Array) -> Array:
    """Return 1 - T/T_g, 0 above T_g."""
    return np.asarray(np.maximum(1 - temperature / (1 + np.sqrt(load)), 0))


def glass_fields(unknown: Array, temperature: Array) -> Fields:
    """Return the fields of glasses. unknown  # w0, w1, mu w1"""
    between, within, lift = unknown
    return Fields(np.zeros_like(between), between, within, lift / within, temperature)


def glass_start(load: Array, cold: Array, width: Array) -> Array:
    """Return w0, w1 and mu w1 of glasses, to a few percent: fitted to them.

    load   # infinite in the limit of Sherrington and Kirkpatrick
    cold   # 1 - T/T_g
    width  # of the symmetric state
    """
    inverse, coldest = 1 / np.sqrt(load), np.exp(-10 * (1 - cold))
    share = 1 / 3 + (0.144 + 0.31 * inverse / (1 + inverse)) * cold**2.6
    square = 1 + 0.16 / (1 + 1.6 * inverse) * (4 * cold * (1 - cold) - 0.35 * coldest)
    within = width * np.sqrt(square * (1 - share))
    bend = 0.79 + 0.35 * (0.45 - cold) ** 2 + (0.51 - 0.52 / (1 + 0.55 * inverse)) * coldest
    lift = 1.2 / (1 + 1.06 * inverse) * cold**1.5 * bend
    return np.array([width * np.sqrt(square * share), within, lift])


def mismatches(load: Array, state: Fields, a: FieldAverages) -> tuple[Array, Array, Array]:
    """Return what vanishes in a state: of w0, of w1, and of mu, over what vanishes towards symmetry."""
    gap = 1 - a.slope
    low = gap - state.break_ * a.spread
    between, spread = a.between, a.spread
    fall = state.break_ * spread / gap  # 1 - l2/l1
    unit = state.between / np.sqrt(load * between)  # 1/l2
    ratio = state.within**2 * between / (state.between**2 * spread)  # l2/l1
    step = a.legendre + (state.break_ * state.within) ** 2 * (between + spread) / 2
    step -= load / 2 * (np.log1p(-fall) + fall / (1 - fall))
    return (low * unit - 1, (ratio * gap - low) * unit, step / ((state.break_ * state.within) ** 2 * spread))


def states(load: Array, state: Fields, a: FieldAverages) -> BrokenStates:
    """Return states in these fields with their energies, each written so that T = 0 needs no limit."""
    m, mu, T, C = state.mean, state.break_, state.temperature, a.slope
    gap, q0, q1 = 1 - C, a.between, a.between + a.spread
    low = gap - mu * a.spread
    r0 = q0 / low**2
    r1 = r0 + a.spread / (gap * low)
    bracket = 1 + T * np.log(gap) + np.log1p(-mu * a.spread / gap) / mu - q0 / low + r1 * C  # log(low/gap)/mu
    f = m * m / 2 + load / 2 * (bracket + mu * (r1 * q1 - r0 * q0)) - a.log / mu
    e = -m * m / 2 + load / 2 * (1 - T * C / gap - r1)
    s = a.entropy - load / 2 * (np.log(gap) + C / gap)
    return BrokenStates(m, q0, q1, mu, e, f, s)


def _unbroken(states: Saddle, load: Array, temperature: Array) -> BrokenStates:
    """Return symmetric states as what one step makes of them: q0 = q1, at any x."""
    q, s = states.edwards_anderson, entropies(states, load, temperature)
    return BrokenStates(states.overlap, q, q, np.full_like(q, NAN), states.energy, states.free_energy, s)


def _chosen(first: NDArray[np.bool_], one: BrokenStates, other: BrokenStates) -> BrokenStates:
    """Return the states of one where `first` is true, and of the other elsewhere."""
    names = (field.name for field in fields(BrokenStates))
    return BrokenStates(*(np.where(first, getattr(one, n), getattr(other, n)) for n in names))
