"""Averages of a thermal spin over the states of a group, in which its field is normal: h = A + B y.

One step of replica symmetry breaking weighs the states of a group by (2 cosh(h/T))^x. With the break
mu = x/T, which stays finite as T -> 0,

    Z(A) = int Dy (2 cosh((A + B y)/T))^x,   <o> = int Dy (2 cosh)^x o / Z.

Where B >= T the weight is a kink of width T, at which rules in y fail. It solves
psi'' - mu^2 psi = mu (1/T - mu) sech^2(h/T) psi, which decays on both sides, so that

    (2 cosh(h/T))^x = int dv rho(v) exp(mu |h - T v|),   rho(v) = (1 - x)/2 sech^2(v) (2 cosh v)^x:

the integral over y is done exactly (erf), as at T = 0, and a trapezoidal rule runs over v; x = 0 is the rule
of `mattis.theory.numerics.quadrature`. Else the rule runs over y. Derived for this project.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from mattis.theory.numerics.arrays import Array
from mattis.theory.numerics.quadrature import STEP, ising_entropy, normal

KINK_RANGE = 24.0
"""Bound of the rule over v: rho exp(mu |h - T v|) has fallen to exp(-48 (1 - x)) there."""

WEIGHED_RANGE = 10.5
"""Bound of the rule over y, in widths: the weight moves the mean by less than 1."""

NARROW_FIELD = 1.0
"""B/T below which the rule runs over y, above it over v: both are good to 1e-14 from 0.5 to 1."""


class GroupAverages(NamedTuple):
    """Averages in groups of mean fields A >= 0, less what they tend to as A grows: arrays (K, n)."""

    log: Array
    """ln Z - mu A - (mu B)^2/2."""
    legendre: Array
    """ln Z - mu d ln Z/d mu + (mu B)^2/2, where d ln Z/d mu = <T ln 2cosh(h/T)>."""
    short: Array
    """1 - <tanh(h/T)>."""
    slope: Array
    """<sech^2(h/T)>/T."""
    entropy: Array
    """<S(h/T)>, S(u) = ln 2cosh u - u tanh u."""


@lru_cache(maxsize=2)
def _rule(reach: float) -> tuple[Array, Array, Array]:
    """Nodes, ln 2cosh and S of them."""
    v = np.arange(-reach, reach + STEP / 2, STEP)
    return v, np.abs(v) + np.log1p(np.exp(-2 * np.abs(v))), ising_entropy(v)


def group_averages(field: Array, width: Array, break_: Array, temperature: Array) -> GroupAverages:
    """Return averages in groups with these mean fields. field  # A >= 0, (K, n); others (K,)"""
    out = np.empty((len(GroupAverages._fields), *field.shape))
    narrow, cold = width < NARROW_FIELD * temperature, temperature == 0
    for rule, mask in ((_over_fields, narrow), (_over_kinks, ~narrow & ~cold), (_at_zero, cold)):
        at = np.flatnonzero(mask)
        if at.size:
            columns = (each[at, None, None] for each in (width, break_, temperature))
            out[:, at] = rule(field[at, :, None], *columns)
    return GroupAverages(*out)


def _at_zero(field: Array, width: Array, break_: Array, temperature: Array) -> tuple[Array, ...]:
    """Averages at T = 0, where the weight is exp(mu |h|)."""
    one = np.ones(1)
    log, legendre, short, slope = _kinked(field, width, break_, 0 * temperature, one, 0 * one)
    return log, legendre, short, slope, 0 * log


def _over_kinks(field: Array, width: Array, break_: Array, temperature: Array) -> tuple[Array, ...]:
    """Averages where the weight is a kink as compared with B, over v."""
    v, log_cosh, entropy = _rule(KINK_RANGE)
    x, shift = break_ * temperature, temperature * v
    cosh_x = np.exp(x * log_cosh)
    rho = STEP * (1 - x) / 2 * np.cosh(v) ** -2 * cosh_x
    inner = temperature * (log_cosh - 1 / (1 - x))
    log, legendre, short, slope = _kinked(field, width, break_, shift, rho, inner)
    beside = np.exp(-break_ * field - (break_ * width) ** 2 / 2) / width
    local = STEP * temperature * beside * normal((shift - field) / width) * cosh_x
    return log, legendre, short, slope / (1 - x[..., 0]), _sum(local, entropy) / np.exp(log)


def _kinked(
    field: Array, width: Array, break_: Array, shift: Array, rho: Array, inner: Array
) -> tuple[Array, ...]:
    """Return all but the entropy for weights int rho exp(mu |h - shift|). inner  # d ln rho/d mu"""
    lift, place = break_ * width, (field - shift) / width
    up = rho * np.exp(-break_ * shift) * ndtr(lift + place)
    down = rho * np.exp(-break_ * (2 * field - shift)) * ndtr(lift - place)
    there = 2 * rho * normal(place) * np.exp(-break_ * field - lift**2 / 2)
    change = -2 * field * down - shift * (up - down) + width * there + inner * (up + down)
    whole = _total(up + down)
    log = np.log(whole)
    return (
        log,
        log - break_[..., 0] * _total(change) / whole,
        2 * _total(down) / whole,
        _total(there / width) / whole,
    )


def _over_fields(field: Array, width: Array, break_: Array, temperature: Array) -> tuple[Array, ...]:
    """Averages where the weight is smooth on the scale of B, over y."""
    y, _, _ = _rule(WEIGHED_RANGE)
    x, lift = break_ * temperature, break_ * width
    away, centre = width * y / temperature, field / temperature
    u = centre + away
    # ln cosh u - ln cosh centre, to the last digit where both are small
    beyond = np.log1p(2 * np.sinh(away / 2) ** 2 + np.tanh(centre) * np.sinh(away))
    small = np.exp(-2 * np.abs(u))
    density = STEP * normal(y)
    weight = density * np.exp(x * beyond)
    excess = _total(density * np.expm1(x * beyond))
    whole, log = 1 + excess, np.log1p(excess)
    half = lift[..., 0] ** 2 / 2
    sech2 = 4 * small / (1 + small) ** 2
    short = np.where(u > 0, 2 * small, 2.0) / (1 + small)
    return (
        log + (x * np.log1p(np.exp(-2 * centre)))[..., 0] - half,
        log - x[..., 0] * _total(weight * beyond) / whole + half,
        _total(weight * short) / whole,
        _total(weight * sech2) / (whole * temperature[..., 0]),
        _total(weight * ising_entropy(u)) / whole,
    )


def _total(values: Array) -> Array:
    """Return the sum over the nodes: not in an order that depends on how many places there are."""
    return np.asarray(np.einsum("kav->ka", values))


def _sum(values: Array, weight: Array) -> Array:
    return np.asarray(np.einsum("kav,v->ka", values, weight))
