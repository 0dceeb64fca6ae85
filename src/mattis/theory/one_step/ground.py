"""Where retrieval and the glass with one step of replica symmetry breaking have the same free energy.

There retrieval is symmetric: it breaks below T_AT only, which is 2e-5 at most at these loads, and breaking
moves f by less than 1e-12 at T = 0.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from mattis.theory.numerics.arrays import Array
from mattis.theory.numerics.newton import solutions
from mattis.theory.numerics.roots import Indices
from mattis.theory.one_step.fields import field_averages
from mattis.theory.one_step.states import glass_fields, glass_unknowns, mismatches, states
from mattis.theory.saddles import Saddle, entropies, glass_states, retrieval_states, spinodals

HIGHEST_START = 0.0563, 0.03
"""Load and temperature near the highest load of the line."""


def equal_loads(temperature: Array, symmetric: Array) -> Array:
    """Return the loads at which the two free energies are equal, at these temperatures.

    symmetric  # the loads where nothing breaks
    """
    start = symmetric * (1 + 0.08 * (1 - temperature) ** 5)
    ends = spinodals(temperature)

    def residuals(unknown: Array, at: Indices) -> Array:
        load, heat = unknown[3], temperature[at]
        both = _compared(unknown[:3], load, heat, retrieval_states(load, heat, ends.some(at)))
        return np.array([*both.mismatches, both.free_energy])

    return np.asarray(solutions(residuals, np.array([*_start(start, temperature), start]))[3])


def equal_temperatures(load: Array, start: Array) -> Array:
    """Return the temperatures at which the two free energies are equal, at these loads. start  # near them"""

    def residuals(unknown: Array, at: Indices) -> Array:
        alpha, heat = load[at], unknown[3]
        both = _compared(unknown[:3], alpha, heat, retrieval_states(alpha, heat))
        return np.array([*both.mismatches, both.free_energy])

    return np.asarray(solutions(residuals, np.array([*_start(load, start), start]))[3])


@lru_cache(maxsize=1)
def highest_equal_load() -> tuple[float, float]:
    """Return the highest load of the line, and its temperature: the entropies are equal there too."""
    start = np.array([[each] for each in HIGHEST_START])

    def residuals(unknown: Array, _: Indices) -> Array:
        load, heat = unknown[3:]
        retrieval = retrieval_states(load, heat)
        both = _compared(unknown[:3], load, heat, retrieval)
        return np.array([*both.mismatches, both.free_energy, both.entropy - entropies(retrieval, load, heat)])

    found = solutions(residuals, np.array([*_start(*start), *start]))
    return float(found[3, 0]), float(found[4, 0])


class _Compared(NamedTuple):
    """A glass beside retrieval: what vanishes in it, its free energy less that of retrieval, its entropy."""

    mismatches: tuple[Array, Array, Array]
    free_energy: Array
    entropy: Array


def _compared(unknown: Array, load: Array, temperature: Array, retrieval: Saddle) -> _Compared:
    """Compare glasses with retrieval. unknown  # w0, w1, mu w1"""
    state = glass_fields(unknown, temperature)
    a = field_averages(state)
    glass = states(load, state, a)
    return _Compared(mismatches(load, state, a), glass.free_energy - retrieval.free_energy, glass.entropy)


def _start(load: Array, temperature: Array) -> Array:
    """Return w0, w1 and mu w1 of the glasses at the places where a search begins."""
    return glass_unknowns(load, temperature, glass_states(load, temperature).width)
