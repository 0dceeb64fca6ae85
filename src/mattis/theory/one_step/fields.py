"""Averages over groups of states, whose fields are normal: A = m + w0 z, h = A + w1 y within a group.

Functions of A are what they tend to as |A| grows, whose average is known (erf), and the rest, which decays
within a few w1, mu w1^2 and T of A = 0: a Gauss rule on that stretch alone resolves it, however wide A is.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import erf

from mattis.theory.numerics.arrays import GAUSS_RANGE, NAN, Array
from mattis.theory.numerics.quadrature import normal
from mattis.theory.one_step.averages import group_averages

FIELD_NODES = 32
"""Nodes of the rule over |A|: twice as many change energies by less than 1e-12."""

THERMAL_RANGE = 20.0
"""What T makes of a function of A has decayed at this, over T: exp(-40)."""


class Fields(NamedTuple):
    """Where fields lie, at many places: arrays (K,)."""

    mean: Array
    """m, of all groups."""
    between: Array
    """w0, the width between groups."""
    within: Array
    """w1 > 0, the width within a group."""
    break_: Array
    """mu = x/T > 0."""
    temperature: Array


class FieldAverages(NamedTuple):
    """Averages of a spin in such fields: arrays (K,)."""

    overlap: Array
    """E <tanh(h/T)>."""
    between: Array
    """q0 = E <tanh>^2, the overlap of states of different groups."""
    spread: Array
    """q1 - q0 = E [<tanh^2> - <tanh>^2]."""
    slope: Array
    """C = (1 - q1)/T = E <sech^2>/T."""
    log: Array
    """E ln Z."""
    legendre: Array
    """E [ln Z - mu d ln Z/d mu]."""
    entropy: Array
    """E <S>."""


@lru_cache(maxsize=1)
def _unit_rule() -> tuple[Array, Array]:
    """Return nodes and weights of Gauss's rule on (0, 1)."""
    nodes, weights = np.polynomial.legendre.leggauss(FIELD_NODES)
    return (nodes + 1) / 2, weights / 2


def field_averages(at: Fields) -> FieldAverages:
    """Return averages of spins in fields; NaN where a field is NaN."""
    out = np.full((len(FieldAverages._fields), at.mean.size), NAN)
    known = np.flatnonzero(np.isfinite(np.array(at)).all(axis=0))
    out[:, known] = _averages(Fields(*(column[known] for column in at)))
    return FieldAverages(*out)


def _averages(at: Fields) -> tuple[Array, ...]:
    mean, between, within, break_, temperature = at
    nodes, weights = _unit_rule()
    decayed = (GAUSS_RANGE + break_ * within) * within + THERMAL_RANGE * temperature
    reach = np.minimum(decayed, np.abs(mean) + GAUSS_RANGE * between)[:, None]
    field = reach * nodes
    group = group_averages(field, within, break_, temperature)
    up, down = (normal((field + s * mean[:, None]) / between[:, None]) for s in (-1, 1))
    density = reach * weights / between[:, None]
    either, excess = density * (up + down), density * (up - down)
    lost = group.short * (2 - group.short)  # 1 - <tanh>^2
    place, lift = mean / between / math.sqrt(2), (break_ * within) ** 2 / 2
    size = mean * erf(place) + 2 * between * normal(mean / between)  # E |A|
    return (
        erf(place) - _sum(excess * group.short),
        1 - _sum(either * lost),
        _sum(either * (lost - temperature[:, None] * group.slope)),
        _sum(either * group.slope),
        break_ * size + lift + _sum(either * group.log),
        _sum(either * group.legendre) - lift,
        _sum(either * group.entropy),
    )


def _sum(values: Array) -> Array:
    """Return the sum over the nodes: in the same order, whatever the number of places."""
    return np.asarray(np.einsum("ka->k", values))
