"""Descent of the energy: along the flow, by its derivative, and along Euler's steps, up to which it falls.

dE/dt = g'·(v - B) = -tau_v v'ᵀH_v v' (D. Lotito, Neurocomputing 636, 129865 (2025), eqs. (3) to (8)). Of an
Euler step dt, with D the divergence of L_v, D(x, y) = L_v(x) - L_v(y) - g(y)·(x - y), and L_h convex,

    E(after) - E(before) <= -(tau_v/dt - 1) D(before, after) - (tau_v/dt) D(after, before):

it is a mirror step of g. So E falls at each dt <= tau_v, whatever L_v and L_h are, and at each dt <= 2 tau_v
where D is symmetric, as of quadratic forms. Derived for this project; not where `diagonal` is zero.
"""

from collections.abc import Callable, Sequence
from math import inf, nan
from typing import NamedTuple

import numpy as np

from mattis.exact.arrays import FloatArray
from mattis.kernels import cpu
from mattis.networks.neurons.network import NeuronNetwork, energy, power_lost, target
from mattis.networks.neurons.recipe import NeuronPoint, Recipe, single, stored
from mattis.networks.neurons.relaxation import NeuronCell, mean_of
from mattis.study.model import PatternSet

SLOW_AT_REST = 1e-6
"""Share of the largest loss of energy below which a relative difference says nothing."""

FLAT = 1e-9
"""Curvature of L_v along a motion below which a relative difference says nothing."""

NO_RISE = 1e-12
"""Rise of the energy, over its largest size, that is rounding."""

LARGEST_STATE = 1e3
"""Largest |v_i| of a state that has not run away."""

LONGEST_STEP = 32.0
"""Largest dt/tau_v that is tried."""

HALVINGS = 24
"""Bisections of the step at which descent breaks: to 2^-24 of it."""


def descent(patterns: PatternSet, places: Sequence[NeuronPoint], recipe: Recipe) -> list[NeuronCell]:
    """Follow every cue by Euler steps for `duration`; return means over the cues of each place."""
    xi = stored(patterns, recipe)
    with cpu.euler.one_thread(), np.errstate(over="ignore", invalid="ignore"):
        return [
            mean_of([_descend(patterns, xi, place, mu, recipe) for mu in range(recipe.cues)])
            for place in places
        ]


def _descend(patterns: PatternSet, xi: FloatArray, place: NeuronPoint, mu: int, recipe: Recipe) -> NeuronCell:
    """Follow one cue; return how its energy falls, and at which step it no longer does."""
    net, start = single(patterns, xi, recipe, place, mu)
    count, rate = steps_of(recipe), recipe.dt / recipe.tau_v
    states = before_flight(net, course_of(net, start, rate, count))
    energies = energy(net, states)
    rise = max(float(np.diff(energies).max(initial=0.0)), 0.0)
    span = max(float(np.ptp(energies)), NO_RISE * float(np.abs(energies).max()), 1e-300)
    lost = lost_along(net, states)
    return {
        "energy_fall": (energies[0] - energies[-1]) / len(start),
        "energy_rise": rise / span,
        "energy_mismatch": lost.mismatch(lost.power),
        "activation_mismatch": lost.mismatch(lost.work),
        "gradient_error": gradient_error(net, start),
        "least_curvature": float(lost.curvature.min(initial=inf)),
        "breaking_step": breaking_step(net, start, count),
        "converged": states.shape[1] > count,
    }


def steps_of(recipe: Recipe) -> int:
    """Return the Euler steps of a trajectory."""
    return max(round(recipe.duration * recipe.tau_v / recipe.dt), 1)


def course_of(net: NeuronNetwork, start: FloatArray, rate: float, count: int) -> FloatArray:
    """Return the states of Euler steps dt = rate × tau_v, and the start, (N_v, count + 1)."""
    v, states = start[:, None], [start]
    for _ in range(count):
        v = v + rate * (target(net, v) - v)
        states.append(v[:, 0])
    return np.ascontiguousarray(np.array(states).T)


def before_flight(net: NeuronNetwork, states: FloatArray) -> FloatArray:
    """Return the states (N_v, R) before the first that ran away, for want of a least energy."""
    near = (np.abs(states).max(axis=0) <= LARGEST_STATE) & np.isfinite(energy(net, states))
    near[0] = True
    return states if near.all() else states[:, : int(np.argmin(near))]


class LossAlong(NamedTuple):
    """How fast energy is lost at some states, (R,) each: as measured, and as (5) and (6) say."""

    slope: FloatArray
    """dE/dt, by central differences along the flow."""
    power: FloatArray
    """tau_v v'ᵀH_v v', eq. (6)."""
    work: FloatArray
    """g'·(B - v), g' by central differences, eq. (5)."""
    curvature: FloatArray
    """v'ᵀH_v v'/|v'|²: 0 where a state moves and loses no energy."""
    floor: float
    """Loss of energy that is rounding."""

    def mismatch(self, lost: FloatArray) -> float:
        """Return the largest relative difference of dE/dt and what is lost."""
        small = SLOW_AT_REST * float(np.abs(lost).max(initial=0.0)) + self.floor
        return float((np.abs(self.slope + lost) / (np.abs(lost) + small)).max(initial=0.0))


def lost_along(net: NeuronNetwork, states: FloatArray) -> LossAlong:
    """Return how fast energy is lost at those of some states (N_v, R) that are not at rest to rounding."""
    velocity = (target(net, states) - states) / net.tau_v
    speed = np.abs(velocity).max(axis=0)
    speed[~(speed * net.tau_v <= LARGEST_STATE)] = 0.0  # in flight
    moving = speed > 1e-6 * speed.max()
    v, velocity, speed = states[:, moving], velocity[:, moving], speed[moving]
    slope = slope_along(lambda dt: energy(net, v + dt * velocity), speed)
    g = slope_along(lambda dt: net.visible.activation(v + dt * velocity), speed)
    power = power_lost(net.visible, net.tau_v, v, velocity)
    square = np.sum(velocity * velocity, axis=0)
    work = net.tau_v * np.sum(g * velocity, axis=0)
    floor = FLAT * float(net.tau_v * square.max(initial=0.0)) + 1e-300
    return LossAlong(slope, power, work, power / (net.tau_v * square), floor)


def slope_along(value: Callable[[FloatArray], FloatArray], speed: FloatArray) -> FloatArray:
    """Return a derivative by time by central differences, over times in which no neuron moves by more.

    value  # of the time ahead, (R,) -> (…, R); speed  # of the fastest neuron, (R,)
    """
    dt = 1e-5 / np.maximum(speed, 1e-12)
    return np.asarray((value(dt) - value(-dt)) / (2 * dt))


def gradient_error(net: NeuronNetwork, v: FloatArray) -> float:
    """Return the largest |dE/dv - H_v (v - B)| of a state (N_v,), over the largest |dE/dv|.

    dE/dv by central differences: tau_v v' = -dE/dg, eq. (18); where H_v = 1, gradient flow in v itself.
    """
    step = 1e-5 * max(float(np.abs(v).max()), 1.0)
    ahead, behind = (v[:, None] + sign * step * np.eye(len(v)) for sign in (1, -1))
    slopes = (energy(net, ahead) - energy(net, behind)) / (2 * step)
    away = v[:, None] - target(net, v[:, None])
    said = net.visible.curved(v[:, None], away)[:, 0]
    least = FLAT * float(np.abs(away).max()) + 1e-300
    return float(np.abs(slopes - said).max() / max(float(np.abs(slopes).max()), least))


def breaking_step(net: NeuronNetwork, start: FloatArray, count: int) -> float:
    """Return the dt/tau_v from which on one of so many Euler steps raises the energy, NaN if none does.

    The first power of two at which it does, from 1/64 to 32, and bisection between it and the one before.
    """
    low, high = 0.0, 2.0**-6
    while falls(net, start, high, count):
        low, high = high, 2 * high
        if high > LONGEST_STEP:
            return nan
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if falls(net, start, middle, count) else (low, middle)
    return high


def falls(net: NeuronNetwork, start: FloatArray, rate: float, count: int) -> bool:
    """Tell whether the energy rises in none of so many Euler steps, or in none before the state runs away."""
    energies = energy(net, before_flight(net, course_of(net, start, rate, count)))
    return bool(np.diff(energies).max(initial=0.0) <= NO_RISE * np.abs(energies).max())
