"""Retrieval states with one step of replica symmetry breaking: where they end, and how high their barrier is.

Retrieval breaks symmetry below T_AT only, of use near the end of the branch. There the load has a maximum
in m, as without breaking: at a given m and T the fields are found, and the load follows,
alpha = (w0 l2)^2/q0.
K. Steffan & R. Kuehn, Z. Phys. B 95, 249 (1994).
"""

import math

import numpy as np
from scipy.special import erfinv

from mattis.theory.numerics.arrays import Array
from mattis.theory.numerics.newton import solutions
from mattis.theory.numerics.roots import Indices
from mattis.theory.one_step.fields import FieldAverages, Fields, field_averages
from mattis.theory.one_step.states import BrokenStates, mismatches, states

BREAKS_BELOW = 0.0248
"""Temperature from which the state at the end of the branch is symmetric."""

END_OVERLAP, OVERLAP_STEP, PARABOLAS = 0.9668, 3e-4, 3
"""Where the branch ends, the step of the parabola that finds the end, and how often it is drawn anew."""

BARRIER_START = 0.93, 0.05, 0.82
"""m, w1 and mu w1 of the barrier at which basins end."""


def largest_loads(temperature: Array) -> Array:
    """Return the largest load with a retrieval state that breaks symmetry; NaN where that one does not."""
    m = np.where(temperature < BREAKS_BELOW, END_OVERLAP, math.nan)
    top = m
    for _ in range(PARABOLAS):
        below, top, above = (_loads(m + k * OVERLAP_STEP, temperature) for k in (-1, 0, 1))
        m = m - OVERLAP_STEP * (above - below) / (2 * (above - 2 * top + below))
    return _loads(m, temperature)


def _loads(m: Array, temperature: Array) -> Array:
    """Return the loads at which the state near the end of the branch has the overlap m."""
    start = _end_start(m, temperature)

    def residuals(unknown: Array, at: Indices) -> Array:
        state = _fields(m[at], unknown, temperature[at])
        a = field_averages(state)
        return np.array([a.overlap / m[at] - 1, *mismatches(_load(state, a), state, a)[1:]])

    state = _fields(m, solutions(residuals, start), temperature)
    return _load(state, field_averages(state))


def _end_start(m: Array, temperature: Array) -> Array:
    """Return w0, w1 and mu w1 near the end of the branch, to a few percent: fitted to them."""
    between = _symmetric_width(m) * (0.9993 - 0.0225 * temperature)
    square = 6.27e-4 * (1 - ((temperature - 0.0028) / 0.0222) ** 2) - 0.0355 * (m - 0.967)
    within = np.sqrt(np.maximum(square, 1e-5))
    return np.array([between, within, within / (0.027 + 1.29 * temperature)])


def _symmetric_width(m: Array) -> Array:
    """Return w of m = erf(m/(sqrt(2) w)), which w0 is near at low temperature."""
    return np.asarray(m / math.sqrt(2) / erfinv(m))


def _fields(m: Array, unknown: Array, temperature: Array) -> Fields:
    """Return the fields of states. unknown  # w0, w1, mu w1"""
    between, within, lift = unknown
    return Fields(m, between, within, lift / within, temperature)


def _load(state: Fields, a: FieldAverages) -> Array:
    """Return alpha = (w0 l2)^2/q0."""
    low = 1 - a.slope - state.break_ * a.spread
    return np.asarray((state.between * low) ** 2 / a.between)


def barrier_at(energy: float) -> tuple[float, BrokenStates]:
    """Return the load at which the barrier around a pattern has this energy at T = 0, and the barrier."""
    m, *rest = BARRIER_START
    zero = np.zeros(1)

    def both(unknown: Array) -> tuple[Fields, FieldAverages, Array]:
        state = _fields(unknown[0], unknown[1:], zero)
        a = field_averages(state)
        return state, a, _load(state, a)

    def residuals(unknown: Array, _: Indices) -> Array:
        state, a, load = both(unknown)
        excess = states(load, state, a).energy - energy
        return np.array([a.overlap / unknown[0] - 1, *mismatches(load, state, a)[1:], excess])

    start = np.array([[m], _symmetric_width(np.array([m])), *([each] for each in rest)])
    state, a, load = both(solutions(residuals, start))
    return float(load[0]), states(load, state, a)
