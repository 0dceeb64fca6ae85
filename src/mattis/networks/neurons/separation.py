"""Fast hidden neurons: the distance of the full system from quasi-equilibrium, and its loss of energy.

tau_v dv/dt = I - v + Xiᵀf(h), tau_h dh/dt = b - h + Xi g(v): as tau_h/tau_v -> 0 the distance of v from its
quasi-equilibrium trajectory falls like tau_h/tau_v, and dE/dt = -tau_v v'ᵀH_v v' - tau_h h'ᵀH_h h'. The
energy (19) is never below (3), its minimum over f: at the same v it comes down to it like (tau_h/tau_v)².
Lotito, Neurocomputing 636, 129865 (2025), eqs. (3), (10), (11), (17)-(19).
"""

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from mattis.exact.arrays import FloatArray
from mattis.kernels import cpu
from mattis.networks.neurons import network
from mattis.networks.neurons.descent import SLOW_AT_REST, slope_along
from mattis.networks.neurons.network import NeuronNetwork, full_energy, integrate, power_lost, velocities
from mattis.networks.neurons.recipe import NeuronPoint, Recipe, single, stored
from mattis.networks.neurons.relaxation import NeuronCell, mean_of
from mattis.study.model import PatternSet

TIMES = 101
"""Times at which trajectories are compared."""

ACCURACY = 1e-10
"""Of the trajectories: far below the distances that are measured."""


def separation(patterns: PatternSet, places: Sequence[NeuronPoint], recipe: Recipe) -> list[NeuronCell]:
    """Follow the full system from every cue, and beside it the system at quasi-equilibrium."""
    xi = stored(patterns, recipe)
    order = sorted(range(len(places)), key=lambda k: places[k]._replace(separation=0.0))
    rows: list[NeuronCell] = [{} for _ in places]
    for _, same in groupby(order, key=lambda k: places[k]._replace(separation=0.0)):
        members = list(same)
        separations = [places[k] for k in members]
        by_cue = [_follow(patterns, xi, separations, mu, recipe) for mu in range(recipe.cues)]
        for k, over_cues in zip(members, zip(*by_cue, strict=True), strict=True):
            rows[k] = mean_of(over_cues)
    return rows


def _follow(
    patterns: PatternSet, xi: FloatArray, places: Sequence[NeuronPoint], mu: int, recipe: Recipe
) -> list[NeuronCell]:
    """Compare the full system with quasi-equilibrium, for several separations of one replica."""
    times = np.linspace(0.0, recipe.duration * recipe.tau_v, TIMES)
    rows = []
    with cpu.euler.one_thread():
        for k, place in enumerate(places):
            net, start = single(patterns, xi, recipe, place, mu)
            if k == 0:
                slow = integrate(net, start, times, accuracy=ACCURACY)
            full = integrate(net, start, times, network.latent(net, start[:, None])[:, 0], ACCURACY)
            rows.append(_compare(net, slow, full))
    return rows


def _compare(net: NeuronNetwork, slow: FloatArray, full: FloatArray) -> NeuronCell:
    """Return the distance of two trajectories, and what the energy (19) does along the full one."""
    size = slow.shape[1]
    v, h = np.ascontiguousarray(full[:, :size].T), np.ascontiguousarray(full[:, size:].T)
    distance = np.sqrt(np.mean((full[:, :size] - slow) ** 2, axis=1))
    energies = full_energy(net, v, h)
    lost, slope = power(net, v, h), measured_slope(net, v, h)
    rises = np.diff(energies) / max(float(np.ptp(energies)), 1e-300)
    above = (energies - network.energy(net, v)) / size
    return {
        "distance": distance.max(),
        "energy_above": above.max(),
        "energy_below": max(float(-above.min()), 0.0),
        "energy_mismatch": (np.abs(slope + lost) / (lost + SLOW_AT_REST * lost.max())).max(),
        "energy_rise": max(float(rises.max()), 0.0),
        "energy_fall": (energies[0] - energies[-1]) / size,
        "converged": 1.0,
    }


def power(net: NeuronNetwork, v: FloatArray, h: FloatArray) -> FloatArray:
    """Return tau_v v'ᵀH_v v' + tau_h h'ᵀH_h h', (R,): the energy that is lost per unit of time."""
    slow, fast = velocities(net, v, h)
    return power_lost(net.visible, net.tau_v, v, slow) + power_lost(net.hidden, net.tau_h, h, fast)


def measured_slope(net: NeuronNetwork, v: FloatArray, h: FloatArray) -> FloatArray:
    """Return dE/dt along the motion, (R,), by the central difference of the energy (19) itself."""
    slow, fast = velocities(net, v, h)
    speed = np.maximum(np.abs(slow).max(axis=0), np.abs(fast).max(axis=0))
    return slope_along(lambda dt: full_energy(net, v + dt * slow, h + dt * fast), speed)
