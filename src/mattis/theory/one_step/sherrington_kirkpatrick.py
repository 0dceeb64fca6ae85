"""The glass of Sherrington and Kirkpatrick with one step of replica symmetry breaking.

With fields of widths w0^2 = q0 between groups of states and w1^2 = q1 - q0 within one, and C = (1 - q1)/T,

    f = mu (q1^2 - q0^2)/4 - T C^2/4 - E ln Z/mu,   mu = x/T,

is stationary in q0, q1 and mu: E [ln Z - mu d ln Z/d mu] + mu^2 (q1^2 - q0^2)/4 = 0. G. Parisi, J. Phys. A
13, L115 and 1101 (1980). It is what glasses of `mattis.theory.one_step.states` become as alpha grows, over
sqrt(alpha).
"""

import numpy as np

from mattis.theory.numerics.arrays import Array
from mattis.theory.numerics.newton import solutions
from mattis.theory.numerics.roots import Indices
from mattis.theory.one_step.fields import field_averages
from mattis.theory.one_step.states import HIDDEN, BrokenStates, glass_fields, glass_start


def sherrington_kirkpatrick_glasses(temperature: Array, symmetric: Array) -> BrokenStates:
    """Return the glasses at these temperatures; NaN above T = 0.99, where rounding hides the step.

    symmetric  # q without breaking
    """
    cold = 1 - temperature
    width = np.sqrt(np.where(cold >= HIDDEN, symmetric, np.nan))

    def residuals(unknown: Array, at: Indices) -> Array:
        between, within, lift = unknown
        a = field_averages(glass_fields(unknown, temperature[at]))
        step = a.legendre + (lift / within) ** 2 * a.spread * (a.spread + 2 * a.between) / 4
        mismatch = (between**2 / a.between - 1, within**2 / a.spread - 1)
        return np.array([*mismatch, step / (lift**2 * a.spread)])

    endless = np.full_like(cold, np.inf)
    found = solutions(residuals, glass_start(endless, np.maximum(cold, 0), width))
    state = glass_fields(found, temperature)
    a = field_averages(state)
    mu, q0, q1 = state.break_, a.between, a.between + a.spread
    square = mu * a.spread * (q0 + q1)
    f = square / 4 - temperature * a.slope**2 / 4 - a.log / mu
    e = -((1 + q1) * a.slope + square) / 2
    return BrokenStates(state.mean, q0, q1, mu, e, f, a.entropy - a.slope**2 / 4)
